//! [`TcpListener`].

use core::fmt;
use core::future::poll_fn;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};

use polliwog_core::task::wake_quietly;

use super::network::{End, Network};
use super::stream::TcpStream;
use super::{ToSocketAddrs, table};
use crate::Error;
use crate::io::channel;

/// A listener in memory.
///
/// Dropping it refuses the connects that still wait, and resets the connections that nobody
/// accepted.
pub struct TcpListener {
    network: Network,
    index: usize,
}

impl TcpListener {
    pub(crate) fn new(network: Network, index: usize) -> Self {
        Self { network, index }
    }

    /// Listens at an address of the [current network](Network::current), with a backlog of 128.
    ///
    /// Port 0 means a free one, from 49152 upwards. An unspecified IP address (`0.0.0.0`, `::`)
    /// means all of them, of both families.
    ///
    /// # Errors
    ///
    /// [`Error::AddrInUse`]; [`Error::InvalidAddress`]; [`Error::LimitReached`] if the network
    /// has no room for another listener; [`Error::AddrNotAvailable`] if no port is free.
    ///
    /// # Cancel safety
    ///
    /// It never waits. It is `async` as with a reactor for real sockets, which may have to look
    /// a name up.
    pub async fn bind(addr: impl ToSocketAddrs) -> Result<Self, Error> {
        Network::current().listen(addr)
    }

    /// Waits for a connection; returns its stream and where it comes from.
    ///
    /// # Errors
    ///
    /// None in memory; the result is there because a real listener can fail.
    ///
    /// # Cancel safety
    ///
    /// An accept that is dropped has taken no connection.
    pub async fn accept(&self) -> Result<(TcpStream, SocketAddr), Error> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Takes a connection if one waits.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if none does.
    pub fn try_accept(&self) -> Result<(TcpStream, SocketAddr), Error> {
        let (conn, wakers) = self
            .network
            .with(|tables| table::accept(tables, self.index))
            .ok_or(Error::WouldBlock)?;
        wakers.wake();
        Ok(self.accepted(conn))
    }

    /// The `poll` form of [`accept`](Self::accept).
    pub fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(TcpStream, SocketAddr), Error>> {
        let mut spare = None;
        loop {
            let step = self
                .network
                .with(|tables| match table::accept(tables, self.index) {
                    Some(accepted) => Some(Poll::Ready(accepted)),
                    None => {
                        channel::leave(tables.listeners()[self.index].acceptor(), cx, &mut spare)
                    }
                });
            match step {
                Some(Poll::Ready((conn, wakers))) => {
                    wakers.wake();
                    return Poll::Ready(Ok(self.accepted(conn)));
                }
                Some(Poll::Pending) => return Poll::Pending,
                None => spare = Some(cx.waker().clone()),
            }
        }
    }

    /// A stream of the connections that arrive, without end.
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// The address that the listener listens at, with the port that was chosen for it.
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self
            .network
            .with(|tables| tables.listeners()[self.index].addr()))
    }

    fn accepted(&self, conn: usize) -> (TcpStream, SocketAddr) {
        let end = End::new(self.network.clone(), conn, table::SERVER);
        let peer = end.peer_addr();
        (TcpStream::from_end(end), peer)
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        let acceptor = self
            .network
            .with(|tables| table::stop_listening(tables, self.index));
        if let Some(acceptor) = acceptor {
            wake_quietly(acceptor);
        }
        // One at a time: there is no memory to keep the wakers of all of them at once.
        while let Some(wakers) = self
            .network
            .with(|tables| table::refuse_next(tables, self.index))
        {
            wakers.wake();
        }
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("TcpListener");
        if let Ok(addr) = self.local_addr() {
            out.field("addr", &addr);
        }
        out.finish()
    }
}

/// The connections of a [`TcpListener`], one after the other: see [`TcpListener::incoming`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Incoming<'a> {
    listener: &'a TcpListener,
}

impl Incoming<'_> {
    /// The next connection; never `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it has taken no connection.
    pub async fn next(&mut self) -> Option<Result<TcpStream, Error>> {
        Some(self.listener.accept().await.map(|(stream, _)| stream))
    }
}

impl futures_core::Stream for Incoming<'_> {
    type Item = Result<TcpStream, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.listener
            .poll_accept(cx)
            .map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}
