//! [`UnixListener`].

use alloc::rc::Rc;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::path::Path;

use super::stream::UnixStream;
use super::{SocketAddr, host};
use crate::Error;
use crate::net::generic::sealed::Addr;
use crate::net::generic::{NetError, TcpListener, TcpStream};
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
pub struct UnixListener<E: NetError> {
    inner: TcpListener<E>,
    addr: SocketAddr,
    net: Net,
    /// What its name knows it by.
    token: Rc<()>,
}

impl<E: NetError> UnixListener<E> {
    /// Listens at a path, with a backlog of 128. One that begins with a zero byte is an abstract name.
    ///
    /// # Errors
    ///
    /// [`Error::AddrInUse`] if there is a file of that name already; [`Error::NameNotFound`] without its folder;
    /// [`Error::InvalidInput`] as for [`SocketAddr::from_pathname`]; [`Error::Unsupported`] outside of a simulation.
    pub fn bind(path: impl AsRef<Path>) -> Result<Self, E> {
        let addr = SocketAddr::from_pathname(path);
        addr.and_then(Self::bind_to).map_err(E::of_path)
    }

    /// Listens at an address.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(addr: &E::UnixAddr) -> Result<Self, E> {
        addr.to_own().and_then(Self::bind_to).map_err(E::of_path)
    }

    fn bind_to(addr: SocketAddr) -> Result<Self, Error> {
        let (net, name) = (host()?, addr.name()?);
        let inner = net.unix_network().listen(Net::ANY)?;
        let token = Rc::new(());
        let bound = UnixSocket::Stream(inner.local_addr()?, Rc::downgrade(&token));
        net.bind_unix(name, bound)?;
        Ok(Self {
            inner: inner.into_kind(),
            addr,
            net,
            token,
        })
    }

    fn accepted(&self, inner: TcpStream<E>) -> Result<(UnixStream<E>, E::UnixAddr), E> {
        // Whoever connects has no name.
        let peer = SocketAddr::UNNAMED;
        let addr = E::UnixAddr::of(&peer).map_err(E::of)?;
        Ok((UnixStream::new(inner, self.addr.clone(), peer), addr))
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
    pub async fn accept(&self) -> Result<(UnixStream<E>, E::UnixAddr), E> {
        let (inner, _) = self.inner.accept().await?;
        self.accepted(inner)
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
    pub fn try_accept(&self) -> Result<(UnixStream<E>, E::UnixAddr), E> {
        let (inner, _) = self.inner.try_accept()?;
        self.accepted(inner)
    }

    /// [`accept`](Self::accept) as a poll function.
    // A name for what it returns would be one that no program can write.
    #[allow(clippy::type_complexity)]
    pub fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(UnixStream<E>, E::UnixAddr), E>> {
        let accepting = self.inner.poll_accept(cx);
        accepting.map(|accepted| self.accepted(accepted?.0))
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
    pub fn incoming(&self) -> Incoming<'_, E> {
        Incoming { listener: self }
    }

    /// Returns the address that it listens at.
    ///
    /// # Errors
    ///
    /// None; the system's listener has some.
    pub fn local_addr(&self) -> Result<E::UnixAddr, E> {
        E::UnixAddr::of(&self.addr).map_err(E::of)
    }

    /// Returns `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None.
    pub fn take_error(&self) -> Result<Option<E>, E> {
        Ok(None)
    }
}

impl<E: NetError> Drop for UnixListener<E> {
    fn drop(&mut self) {
        if let Ok(name) = self.addr.name() {
            self.net
                .unbind_unix(name, |bound| bound.is_listener(&self.token));
        }
    }
}

impl<E: NetError> fmt::Debug for UnixListener<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixListener")
            .field("addr", &self.addr)
            .finish()
    }
}

/// The connections of a [`UnixListener`], one after the other: see [`UnixListener::incoming`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a, E: NetError> {
    listener: &'a UnixListener<E>,
}

impl<E: NetError> Incoming<'_, E> {
    /// Returns the next connection; never `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it has taken no connection.
    pub async fn next(&mut self) -> Option<Result<UnixStream<E>, E>> {
        Some(self.listener.accept().await.map(|(stream, _)| stream))
    }
}

impl<E: NetError> futures_core::Stream for Incoming<'_, E> {
    type Item = Result<UnixStream<E>, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let accepting = self.listener.poll_accept(cx);
        accepting.map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}
