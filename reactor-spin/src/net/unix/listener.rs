//! [`UnixListener`].

use alloc::rc::Rc;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::path::Path;

use super::{SocketAddr, UnixStream, host};
use crate::Error;
use crate::net::{TcpListener, TcpStream};
use crate::sim::{Net, UnixSocket};

/// A Unix socket that listens, on a simulated host.
///
/// Dropping it resets the connections that nobody has accepted. The file of its name stays: see
/// [`net::unix`](crate::net::unix).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::{UnixListener, UnixStream};
/// use polliwog::sim::Simulation;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("frog", async {
///     let listener = UnixListener::bind("/run.sock")?;
///     let client = UnixStream::connect("/run.sock").await?;
///     let (server, _peer) = listener.accept().await?;
///     server.write_all(b"quak").await?;
///     client.read_exact(&mut [0; 4]).await
/// });
/// simulation.run().unwrap();
/// ```
pub struct UnixListener {
    inner: TcpListener,
    addr: SocketAddr,
    net: Net,
    /// What its name knows it by.
    token: Rc<()>,
}

impl UnixListener {
    /// Listens at a path, with a backlog of 128. One that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    ///
    /// [`Error::AddrInUse`] if there is a file of that name already; [`Error::NameNotFound`] without its folder;
    /// [`Error::InvalidInput`] as for [`SocketAddr::from_pathname`]; [`Error::Unsupported`] outside of a simulation.
    pub fn bind(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::bind_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Listens at an address.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(addr: &SocketAddr) -> Result<Self, Error> {
        let (net, name) = (host()?, addr.name()?);
        let inner = net.unix_network().listen(Net::ANY)?;
        let token = Rc::new(());
        let bound = UnixSocket::Stream(inner.local_addr()?, Rc::downgrade(&token));
        net.bind_unix(name, bound)?;
        Ok(Self {
            inner,
            addr: addr.clone(),
            net,
            token,
        })
    }

    fn accepted(&self, inner: TcpStream) -> (UnixStream, SocketAddr) {
        // Whoever connects has no name.
        let peer = SocketAddr::UNNAMED;
        let stream = UnixStream::new(inner, self.addr.clone(), peer.clone());
        (stream, peer)
    }

    /// Waits for a connection. Any number of tasks can wait: a connection wakes the one that has waited longest.
    ///
    /// # Errors
    ///
    /// None; the system's listener has some.
    ///
    /// # Cancel safety
    ///
    /// An accept that is dropped has taken no connection.
    pub async fn accept(&self) -> Result<(UnixStream, SocketAddr), Error> {
        let (inner, _) = self.inner.accept().await?;
        Ok(self.accepted(inner))
    }

    /// Takes a connection if one waits.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::{UnixListener, UnixStream};
    ///
    /// fn all_that_wait(listener: &UnixListener) -> Vec<UnixStream> {
    ///     std::iter::from_fn(|| Some(listener.try_accept().ok()?.0)).collect()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if none does.
    pub fn try_accept(&self) -> Result<(UnixStream, SocketAddr), Error> {
        let (inner, _) = self.inner.try_accept()?;
        Ok(self.accepted(inner))
    }

    /// [`accept`](Self::accept) as a poll function.
    pub fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(UnixStream, SocketAddr), Error>> {
        let accepting = self.inner.poll_accept(cx);
        accepting.map_ok(|(inner, _)| self.accepted(inner))
    }

    /// Returns a stream of the connections that arrive, without end.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::{Error, net::UnixListener};
    ///
    /// async fn greet(listener: &UnixListener) -> Result<(), Error> {
    ///     let mut incoming = listener.incoming();
    ///     while let Some(stream) = incoming.next().await {
    ///         stream?.write_all(b"quak").await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Returns the address that it listens at.
    ///
    /// # Errors
    ///
    /// None; the system's listener has some.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.addr.clone())
    }

    /// Returns `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None.
    pub fn take_error(&self) -> Result<Option<Error>, Error> {
        Ok(None)
    }
}

impl Drop for UnixListener {
    fn drop(&mut self) {
        if let Ok(name) = self.addr.name() {
            self.net
                .unbind_unix(name, |bound| bound.is_listener(&self.token));
        }
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixListener")
            .field("addr", &self.addr)
            .finish()
    }
}

/// The connections of a [`UnixListener`], one after the other: see [`UnixListener::incoming`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a UnixListener,
}

impl Incoming<'_> {
    /// Returns the next connection; never `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it has taken no connection.
    pub async fn next(&mut self) -> Option<Result<UnixStream, Error>> {
        Some(self.listener.accept().await.map(|(stream, _)| stream))
    }
}

impl futures_core::Stream for Incoming<'_> {
    type Item = Result<UnixStream, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepting = self.listener.poll_accept(cx);
        accepting.map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}
