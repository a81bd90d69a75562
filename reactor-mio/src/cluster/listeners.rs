//! [`Listeners`].

use std::io;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

use super::per_worker::NotOnWorker;
use super::{ClusterHandle, Worker};
use crate::net::TcpListener;

/// How many connections wait at each socket at most, or as many as the system grants.
const BACKLOG: i32 = 4096;

/// Whether the system spreads connections over the sockets of one address.
pub(super) const SPREADS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A listening socket for each worker of a cluster, all on one address; made by
/// [`ClusterHandle::listen`].
///
/// On Linux and Android each worker has a socket of its own (`SO_REUSEPORT`), and the system spreads the
/// connections over them by a hash of the addresses: evenly if there are many, by chance if there are few.
/// Every worker has to accept, for a connection waits for the worker that it was given to. On other Unix
/// systems the workers share one socket, and whoever comes first has the connection.
///
/// The sockets are open from the start, and until the last clone of this and all that was made of it is
/// gone: a worker that is restarted finds the connections that came meanwhile.
///
/// ```no_run
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::Cluster;
///
/// let cluster = Cluster::builder().build()?;
/// let listeners = cluster.listen("127.0.0.1:7878")?;
/// cluster.run(move |_worker| {
///     let listener = listeners.here();
///     async move {
///         let listener = listener.expect("a listener for each worker");
///         while let Ok((stream, _peer)) = listener.accept().await {
///             let hello = async move { stream.write_all(b"quak").await };
///             polliwog::spawn(hello).map(drop).ok();
///         }
///     }
/// })?;
/// cluster.join();
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Debug)]
pub struct Listeners {
    cluster: ClusterHandle,
    sockets: Arc<[net::TcpListener]>,
}

impl ClusterHandle {
    /// Listens on the first address of `addr` that works, with a socket for each worker. With port 0 all
    /// have the same free port. Names are looked up on this thread, which blocks it.
    ///
    /// # Errors
    ///
    /// The error of the last address tried; [`io::ErrorKind::Unsupported`] where the system is no Unix.
    pub fn listen(&self, addr: impl ToSocketAddrs) -> io::Result<Listeners> {
        if cfg!(not(unix)) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let sockets = first_that_works(addr, |addr| sockets(addr, self.workers()))?;
        Ok(Listeners {
            cluster: self.clone(),
            sockets: sockets.into(),
        })
    }
}

/// What `bind` makes of the first address with which it does not fail.
pub(super) fn first_that_works<T>(
    addr: impl ToSocketAddrs,
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on");
    for addr in addr.to_socket_addrs()? {
        match bind(addr) {
            Ok(bound) => return Ok(bound),
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Listeners {
    /// Returns the address that all workers listen on.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.sockets[0].local_addr()
    }

    /// Returns the listener of the worker on whose thread this is.
    ///
    /// # Errors
    ///
    /// One that wraps [`NotOnWorker`] if this is no worker of the cluster; or when the process has no file
    /// descriptor left.
    pub fn here(&self) -> io::Result<TcpListener> {
        let worker = Worker::current().filter(|worker| worker.cluster().is(&self.cluster));
        let worker = worker.ok_or_else(|| io::Error::other(NotOnWorker::new()))?;
        TcpListener::from_std(self.sockets[worker.index()].try_clone()?)
    }
}

fn sockets(addr: SocketAddr, workers: usize) -> io::Result<Vec<net::TcpListener>> {
    let bind = |addr| if SPREADS { reusing(addr) } else { socket(addr) };
    let first = bind(addr)?;
    // Of port 0 the first one has made a port.
    let addr = first.local_addr()?;
    let mut sockets = Vec::with_capacity(workers);
    for _ in 1..workers {
        sockets.push(match SPREADS {
            true => bind(addr)?,
            false => first.try_clone()?,
        });
    }
    sockets.push(first);
    Ok(sockets)
}

/// A listening socket.
pub(super) fn socket(addr: SocketAddr) -> io::Result<net::TcpListener> {
    listening(addr, false)
}

/// A listening socket beside others of the same address.
fn reusing(addr: SocketAddr) -> io::Result<net::TcpListener> {
    listening(addr, true)
}

fn listening(addr: SocketAddr, shares: bool) -> io::Result<net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if shares {
        socket.set_reuse_port(true)?;
    }
    let _ = shares;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
