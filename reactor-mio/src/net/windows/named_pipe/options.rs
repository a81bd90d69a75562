//! [`ServerOptions`], [`ClientOptions`].

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io;
use std::os::windows::fs::OpenOptionsExt;

use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, PIPE_ACCESS_INBOUND, PIPE_ACCESS_OUTBOUND,
    SECURITY_IDENTIFICATION,
};
use windows_sys::Win32::System::Pipes::{
    PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES,
};

use super::{NamedPipeClient, NamedPipeServer, Pipe};
use crate::reactor::MioReactor;
use crate::sys::windows::{Instance, create_pipe, open_pipe};

/// How large the system is asked to make the buffers of a pipe, if nothing else is said.
const BUFFER: u32 = 64 << 10;

/// How an instance of a pipe is made: a server, for one client at a time.
///
/// ```no_run
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::net::windows::named_pipe::ServerOptions;
///
/// polliwog::block_on(async {
///     let server = ServerOptions::new()
///         .first_pipe_instance(true)
///         .max_instances(8)
///         .create(r"\\.\pipe\pond")?;
///     server.connect().await
/// })
/// # .unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct ServerOptions {
    inbound: bool,
    outbound: bool,
    first: bool,
    reject_remote: bool,
    instances: Option<usize>,
    out_buffer: u32,
    in_buffer: u32,
}

impl ServerOptions {
    /// Returns options for a pipe of bytes in both directions, to programs of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inbound: true,
            outbound: true,
            first: false,
            reject_remote: true,
            instances: None,
            out_buffer: BUFFER,
            in_buffer: BUFFER,
        }
    }

    /// Sets whether clients may write. They may if nothing is said.
    pub fn access_inbound(&mut self, allowed: bool) -> &mut Self {
        self.inbound = allowed;
        self
    }

    /// Sets whether clients may read. They may if nothing is said.
    pub fn access_outbound(&mut self, allowed: bool) -> &mut Self {
        self.outbound = allowed;
        self
    }

    /// Sets whether this has to be the first instance of that name. A server that begins with such a one
    /// knows that no other program has taken the name before it, in order to hear what is meant for it.
    pub fn first_pipe_instance(&mut self, first: bool) -> &mut Self {
        self.first = first;
        self
    }

    /// Sets whether programs on other machines are refused. They are if nothing is said.
    pub fn reject_remote_clients(&mut self, reject: bool) -> &mut Self {
        self.reject_remote = reject;
        self
    }

    /// Sets how many instances there may be, from 1 to 254; without it, as many as the system can make. All of a name
    /// have to say the same.
    pub fn max_instances(&mut self, instances: usize) -> &mut Self {
        self.instances = Some(instances);
        self
    }

    /// Sets how many bytes to clients the system shall keep that these have not read, as far as it heeds that;
    /// 65536 if nothing is said.
    pub fn out_buffer_size(&mut self, bytes: u32) -> &mut Self {
        self.out_buffer = bytes;
        self
    }

    /// Sets how many bytes of clients the system shall keep that have not been read, as far as it heeds that;
    /// 65536 if nothing is said.
    pub fn in_buffer_size(&mut self, bytes: u32) -> &mut Self {
        self.in_buffer = bytes;
        self
    }

    /// Makes an instance. Clients can open it from now on, whether or not it has begun to
    /// [connect](NamedPipeServer::connect).
    ///
    /// The name is `\\.\pipe\` and whatever has no backslash in it, of 256 characters at most.
    ///
    /// # Errors
    ///
    /// * [`io::ErrorKind::PermissionDenied`]: it has to be the first, and there is one; or the one that there is was
    ///   made by somebody else, or for the other direction.
    /// * [`ERROR_PIPE_BUSY`](super::ERROR_PIPE_BUSY): there are as many of them as there may be.
    /// * [`io::ErrorKind::InvalidInput`]: there cannot be so many instances, or the name has a zero in it.
    /// * [`io::ErrorKind::NotConnected`] outside of a runtime.
    /// * The reactor watches as many sources as it may: a wrapped
    ///   [`SourcesFull`](polliwog_core::sources::SourcesFull).
    /// * Whatever else the system reports.
    pub fn create(&self, name: impl AsRef<OsStr>) -> io::Result<NamedPipeServer> {
        let reactor = MioReactor::current()?;
        let max_instances = match self.instances {
            None => PIPE_UNLIMITED_INSTANCES,
            Some(instances) => u32::try_from(instances)
                .ok()
                .filter(|instances| (1..PIPE_UNLIMITED_INSTANCES).contains(instances))
                .ok_or(io::ErrorKind::InvalidInput)?,
        };
        let when = |on: bool, flag: u32| if on { flag } else { 0 };
        let instance = Instance {
            open_mode: when(self.inbound, PIPE_ACCESS_INBOUND)
                | when(self.outbound, PIPE_ACCESS_OUTBOUND)
                | when(self.first, FILE_FLAG_FIRST_PIPE_INSTANCE),
            pipe_mode: PIPE_TYPE_BYTE | when(self.reject_remote, PIPE_REJECT_REMOTE_CLIENTS),
            max_instances,
            out_buffer_size: self.out_buffer,
            in_buffer_size: self.in_buffer,
        };
        let pipe = create_pipe(name.as_ref(), &instance)?;
        let server = NamedPipeServer::attach(&reactor, Pipe::server(pipe))?;
        // Whoever reads without a client finds an error and does not wait, and a connect is tried at once.
        server.io.rouse();
        Ok(server)
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// How a client opens a pipe.
///
/// ```no_run
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// use polliwog::net::windows::named_pipe::{ClientOptions, ERROR_PIPE_BUSY, NamedPipeClient};
/// use polliwog::time::sleep;
/// use std::io;
/// use std::time::Duration;
///
/// /// Tries until an instance is free.
/// async fn open(name: &str) -> io::Result<NamedPipeClient> {
///     loop {
///         match ClientOptions::new().open(name) {
///             Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {
///                 sleep(Duration::from_millis(20)).await;
///             }
///             opened => return opened,
///         }
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ClientOptions {
    read: bool,
    write: bool,
    security_qos: u32,
}

impl ClientOptions {
    /// Returns options for reading and writing. A server may ask who the client is, and do nothing in its name.
    #[must_use]
    pub fn new() -> Self {
        Self {
            read: true,
            write: true,
            security_qos: SECURITY_IDENTIFICATION,
        }
    }

    /// Sets whether the client reads. It does if nothing is said, which a server without
    /// [`access_outbound`](ServerOptions::access_outbound) refuses.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.read = read;
        self
    }

    /// Sets whether the client writes. It does if nothing is said, which a server without
    /// [`access_inbound`](ServerOptions::access_inbound) refuses.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.write = write;
        self
    }

    /// Sets what the server may do in the client's name: one of `SECURITY_ANONYMOUS`, `SECURITY_IDENTIFICATION`,
    /// which is so if nothing is said, `SECURITY_IMPERSONATION` and `SECURITY_DELEGATION`.
    pub fn security_qos_flags(&mut self, flags: u32) -> &mut Self {
        self.security_qos = flags;
        self
    }

    /// Opens a pipe. A server's instance is taken by that, also if it has not begun to
    /// [connect](NamedPipeServer::connect).
    ///
    /// # Errors
    ///
    /// * [`ERROR_PIPE_BUSY`](super::ERROR_PIPE_BUSY), by [`raw_os_error`](io::Error::raw_os_error): all
    ///   instances have clients. Later one may be free: see the example above.
    /// * [`io::ErrorKind::NotFound`]: there is no pipe of that name.
    /// * [`io::ErrorKind::PermissionDenied`]: it is not for this direction, or not for this user.
    /// * [`io::ErrorKind::NotConnected`] outside of a runtime.
    /// * The reactor watches as many sources as it may: a wrapped
    ///   [`SourcesFull`](polliwog_core::sources::SourcesFull).
    /// * Whatever else the system reports.
    pub fn open(&self, name: impl AsRef<OsStr>) -> io::Result<NamedPipeClient> {
        let reactor = MioReactor::current()?;
        let mut options = OpenOptions::new();
        options
            .read(self.read)
            .write(self.write)
            .security_qos_flags(self.security_qos);
        let pipe = open_pipe(name.as_ref(), &mut options)?;
        NamedPipeClient::attach(&reactor, Pipe::client(pipe))
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new()
    }
}
