//! What needs `unsafe` on Windows, all of it: handles become values, and values lend them.
#![expect(
    unsafe_code,
    reason = "mio makes pipes of raw handles only, and std makes borrowed ones of raw ones"
)]

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{
    AsHandle, AsRawHandle, AsRawSocket, AsSocket, BorrowedHandle, BorrowedSocket, FromRawHandle,
    HandleOrInvalid, IntoRawHandle, OwnedHandle,
};
use std::ptr;

use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::windows::NamedPipe;
use windows_sys::Win32::Storage::FileSystem::FILE_FLAG_OVERLAPPED;
use windows_sys::Win32::System::Pipes::CreateNamedPipeW;

use crate::net::windows::named_pipe::Pipe;
use crate::source::Attached;

/// What `CreateNamedPipe` wants to know of a pipe, beside its name.
pub(crate) struct Instance {
    pub(crate) open_mode: u32,
    pub(crate) pipe_mode: u32,
    pub(crate) max_instances: u32,
    pub(crate) out_buffer_size: u32,
    pub(crate) in_buffer_size: u32,
}

/// Makes an instance of a pipe, which is a server that nobody is connected to yet.
pub(crate) fn create_pipe(name: &OsStr, instance: &Instance) -> io::Result<NamedPipe> {
    let mut name: Vec<u16> = name.encode_wide().collect();
    if name.contains(&0) {
        let error = "a name with a zero in it";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    name.push(0);
    // SAFETY: The name ends with a zero and lives until the call is over; without attributes there are those that
    // the process has.
    let handle = unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            instance.open_mode | FILE_FLAG_OVERLAPPED,
            instance.pipe_mode,
            instance.max_instances,
            instance.out_buffer_size,
            instance.in_buffer_size,
            // The milliseconds of those who wait for an instance without a time of their own: the system's default.
            0,
            ptr::null(),
        )
    };
    // SAFETY: The call has just made it, for nobody else, or has returned the value that means that it has not.
    let handle = unsafe { HandleOrInvalid::from_raw_handle(handle) };
    match OwnedHandle::try_from(handle) {
        Ok(handle) => Ok(pipe(handle)),
        Err(_invalid) => Err(io::Error::last_os_error()),
    }
}

/// Opens a pipe, which makes a client of it that a server's instance is connected to.
pub(crate) fn open_pipe(name: &OsStr, options: &mut OpenOptions) -> io::Result<NamedPipe> {
    let file = options.custom_flags(FILE_FLAG_OVERLAPPED).open(name)?;
    Ok(pipe(file.into()))
}

/// Gives the handle of a pipe to mio. It was opened for overlapped operations and is in no completion port, as both
/// functions above see to.
fn pipe(handle: OwnedHandle) -> NamedPipe {
    // SAFETY: The handle is open, and its owner has just given it away.
    unsafe { NamedPipe::from_raw_handle(handle.into_raw_handle()) }
}

macro_rules! borrowed {
    ($($source:ty: $as:ident $borrow:ident $borrowed:ident $number:ident;)+) => {$(
        impl $as for Attached<$source> {
            fn $borrow(&self) -> $borrowed<'_> {
                let Ok(raw) = self.with(|source| Ok(source.$number())) else {
                    // Only `take` and what ends the whole make it so.
                    unreachable!("a source that has been taken out");
                };
                // SAFETY: A source is taken out, or dropped, by whoever has the whole for himself, so it stays as
                // long as the whole is borrowed. The selector may change it meanwhile, but these sources, which are
                // mio's, keep what they have opened until their end.
                unsafe { $borrowed::borrow_raw(raw) }
            }
        }
    )+};
}

borrowed! {
    TcpStream: AsSocket as_socket BorrowedSocket as_raw_socket;
    TcpListener: AsSocket as_socket BorrowedSocket as_raw_socket;
    UdpSocket: AsSocket as_socket BorrowedSocket as_raw_socket;
    Pipe: AsHandle as_handle BorrowedHandle as_raw_handle;
}
