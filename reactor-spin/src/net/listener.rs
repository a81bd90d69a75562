//! [`TcpListener`].

use core::fmt;
use core::marker::PhantomData;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

use polliwog_core::sources::{Direction, Operation, Waited, WaiterId};
use polliwog_core::task::budget::poll_proceed;

use super::end::End;
use super::generic::NetError;
use super::memory::MemoryEnd;
use super::network::Network;
use super::stream::TcpStream;
use super::{ToSocketAddrs, table};
use crate::Error;
use crate::io::flow::{Step, leave};

/// A listener in memory.
///
/// Dropping it refuses the connects that still wait, and resets the connections that nobody
/// accepted.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// # fn main() -> Result<(), polliwog::spin::Error> {
/// use polliwog::spin::net::{TcpListener, TcpStream};
///
/// polliwog::spin::block_on(async {
///     let listener = TcpListener::bind("10.0.0.1:7").await?;
///     let _client = TcpStream::connect("10.0.0.1:7").await?;
///     let (stream, peer) = listener.accept().await?;
///     assert_eq!(stream.peer_addr()?, peer);
///     Ok(())
/// })
/// # }
/// ```
pub struct TcpListener<E: NetError> {
    place: Place,
    fails: PhantomData<fn() -> E>,
}

/// Where it listens.
pub(super) enum Place {
    Memory(MemoryListener),
    #[cfg(feature = "sim")]
    Sim(crate::sim::SimListener),
}

/// A row in a network's table of listeners.
pub(super) struct MemoryListener {
    network: Network,
    index: usize,
}

impl<E: NetError> TcpListener<E> {
    pub(super) fn new(place: Place) -> Self {
        Self {
            place,
            fails: PhantomData,
        }
    }

    /// The same listener, for somebody who takes other errors.
    #[cfg(feature = "sim")]
    pub(super) fn into_kind<F: NetError>(self) -> TcpListener<F> {
        TcpListener::new(self.place)
    }

    /// Listens at an address of the [current network](Network::current), with a backlog of 128.
    ///
    /// Port 0 means a free one, from 49152 upwards. An unspecified IP address (`0.0.0.0`, `::`)
    /// means all of them, of both families.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::TcpListener;
    ///
    /// polliwog::spin::block_on(async {
    ///     let listener = TcpListener::bind("10.0.0.1:0").await?;
    ///     assert_ne!(listener.local_addr()?.port(), 0);
    ///     Ok(())
    /// })
    /// # }
    /// ```
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
    pub async fn bind(addr: impl ToSocketAddrs) -> Result<Self, E> {
        Self::bind_with_backlog(addr, super::network::BACKLOG).await
    }

    /// Listens at an address of the [current network](Network::current). At most `backlog` connections (at
    /// least one) wait to be accepted, at a simulated host one more, as on Linux; further connects go on until there is room for them.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::TcpListener;
    ///
    /// polliwog::spin::block_on(async {
    ///     let listener = TcpListener::bind_with_backlog("10.0.0.1:7", 1).await?;
    /// #     drop(listener);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    ///
    /// # Cancel safety
    ///
    /// It never waits.
    pub async fn bind_with_backlog(addr: impl ToSocketAddrs, backlog: u32) -> Result<Self, E> {
        let place = Network::current().listen_at(addr, backlog);
        place.map(Self::new).map_err(E::of)
    }

    /// Waits for a connection; returns its stream and where it comes from. Any number of tasks can wait: a
    /// connection wakes the one that has waited longest.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::{TcpListener, TcpStream};
    ///
    /// polliwog::spin::block_on(async {
    ///     let listener = TcpListener::bind("10.0.0.1:7").await?;
    ///     let client = TcpStream::connect("10.0.0.1:7").await?;
    ///     let (_stream, peer) = listener.accept().await?;
    ///     assert_eq!(client.local_addr()?, peer);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// None in memory; the result is there because a real listener can fail.
    ///
    /// # Cancel safety
    ///
    /// An accept that is dropped has taken no connection; if it was woken for one, the next that waits is.
    pub async fn accept(&self) -> Result<(TcpStream<E>, SocketAddr), E> {
        Operation::read(self, |listener: &Self, cx, id| {
            listener.poll_accept_as(id, cx)
        })
        .await
    }

    /// Takes a connection if one waits.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::TcpListener;
    ///
    /// polliwog::spin::block_on(async {
    ///     let listener = TcpListener::bind("10.0.0.1:7").await?;
    ///     assert!(listener.try_accept().is_err()); // nobody yet
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if none does.
    pub fn try_accept(&self) -> Result<(TcpStream<E>, SocketAddr), E> {
        match &self.place {
            Place::Memory(listener) => listener.try_accept(),
            #[cfg(feature = "sim")]
            Place::Sim(listener) => listener.try_accept().map(from_sim),
        }
        .map(into_stream)
        .map_err(E::of)
    }

    /// [`accept`](Self::accept) as a poll function. Any number of tasks can wait; those of them that
    /// have waited longer than any [`accept`](Self::accept) are woken together.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<(TcpStream<E>, SocketAddr), E>> {
        self.poll_accept_as(WaiterId::ANONYMOUS, cx)
    }

    fn poll_accept_as(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(TcpStream<E>, SocketAddr), E>> {
        match &self.place {
            Place::Memory(listener) => listener.poll_accept(id, cx),
            #[cfg(feature = "sim")]
            Place::Sim(listener) => listener.poll_accept(id, cx).map_ok(from_sim),
        }
        .map_ok(into_stream)
        .map_err(E::of)
    }

    /// Returns a stream of the connections that arrive, without end.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::{TcpListener, TcpStream};
    ///
    /// polliwog::spin::block_on(async {
    ///     let listener = TcpListener::bind("10.0.0.1:7").await?;
    ///     let _client = TcpStream::connect("10.0.0.1:7").await?;
    ///     let stream = listener.incoming().next().await.unwrap()?;
    /// #     drop(stream);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn incoming(&self) -> Incoming<'_, E> {
        Incoming { listener: self }
    }

    /// Returns the address that the listener listens at, with the port that was chosen for it.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::TcpListener;
    ///
    /// polliwog::spin::block_on(async {
    ///     let listener = TcpListener::bind("10.0.0.1:7").await?;
    ///     assert_eq!(listener.local_addr()?.to_string(), "10.0.0.1:7");
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn local_addr(&self) -> Result<SocketAddr, E> {
        Ok(match &self.place {
            Place::Memory(listener) => listener.local_addr(),
            #[cfg(feature = "sim")]
            Place::Sim(listener) => listener.local_addr(),
        })
    }

    /// Returns `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None; it has the mio listener's signature.
    pub fn take_error(&self) -> Result<Option<E>, E> {
        Ok(None)
    }
}

#[cfg(feature = "sim")]
impl<E: NetError> TcpListener<E> {
    fn with_options<T>(&self, f: impl FnOnce(&mut crate::sim::Options) -> T) -> Result<T, E> {
        match &self.place {
            Place::Sim(listener) => listener.with_options(f).map_err(E::of),
            Place::Memory(_) => Err(E::of(Error::Unsupported)),
        }
    }
}

#[cfg(feature = "sim")]
super::options::ttl!(TcpListener);

#[cfg(feature = "sim")]
fn from_sim((end, peer): (crate::sim::SimEnd, SocketAddr)) -> (End, SocketAddr) {
    (End::Sim(end), peer)
}

fn into_stream<E: NetError>((end, peer): (End, SocketAddr)) -> (TcpStream<E>, SocketAddr) {
    (TcpStream::from_end(end), peer)
}

impl MemoryListener {
    pub(super) fn new(network: Network, index: usize) -> Self {
        Self { network, index }
    }

    fn try_accept(&self) -> Result<(End, SocketAddr), Error> {
        let (conn, wakers) = self
            .network
            .with(|tables| table::accept(tables, self.index))
            .ok_or(Error::WouldBlock)?;
        wakers.wake();
        Ok(self.accepted(conn))
    }

    fn poll_accept(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(End, SocketAddr), Error>> {
        let permit = ready!(poll_proceed(cx));
        let mut spare = None;
        loop {
            let step = self
                .network
                .with(|tables| match table::accept(tables, self.index) {
                    Some(accepted) => {
                        let acceptors = tables.listeners()[self.index].acceptors();
                        // It has not waited for this one if it was polled for another reason.
                        Step::Done((accepted, acceptors.forget(Direction::Read, id)))
                    }
                    None => {
                        let acceptors = tables.listeners()[self.index].acceptors();
                        leave(acceptors, (id, Direction::Read), cx, &mut spare)
                    }
                });
            match step.settle(cx, &mut spare) {
                Some(Poll::Ready(((conn, wakers), _mine))) => {
                    permit.charge(0);
                    wakers.wake();
                    return Poll::Ready(Ok(self.accepted(conn)));
                }
                Some(Poll::Pending) => return Poll::Pending,
                None => {}
            }
        }
    }

    fn local_addr(&self) -> SocketAddr {
        self.network
            .with(|tables| tables.listeners()[self.index].addr())
    }

    fn accepted(&self, conn: usize) -> (End, SocketAddr) {
        let end = MemoryEnd::new(self.network.clone(), conn, table::SERVER);
        let peer = end.peer_addr();
        (End::Memory(end), peer)
    }

    fn forget(&self, direction: Direction, id: WaiterId) {
        let (mine, next) = self.network.with(|tables| {
            let listener = &tables.listeners()[self.index];
            let mine = listener.acceptors().forget(direction, id);
            // If it does not wait any more, it may have been woken for a connection.
            let next = mine.is_none().then(|| listener.next_acceptor());
            (mine, next)
        });
        drop(mine);
        next.unwrap_or_default().wake();
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.network.with(|tables| {
            let acceptors = tables.listeners()[self.index].acceptors();
            acceptors.waits(direction, id)
        })
    }
}

impl<E: NetError> Waited for TcpListener<E> {
    fn forget(&self, direction: Direction, id: WaiterId) {
        match &self.place {
            Place::Memory(listener) => listener.forget(direction, id),
            #[cfg(feature = "sim")]
            Place::Sim(listener) => listener.forget(direction, id),
        }
    }

    fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        match &self.place {
            Place::Memory(listener) => listener.waits(direction, id),
            #[cfg(feature = "sim")]
            Place::Sim(listener) => listener.waits(direction, id),
        }
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.network
            .with(|tables| table::stop_listening(tables, self.index))
            .wake();
        // One at a time: there is no memory to keep the wakers of all of them at once.
        while let Some(wakers) = self
            .network
            .with(|tables| table::refuse_next(tables, self.index))
        {
            wakers.wake();
        }
    }
}

impl<E: NetError> fmt::Debug for TcpListener<E> {
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
pub struct Incoming<'a, E: NetError> {
    listener: &'a TcpListener<E>,
}

impl<E: NetError> Incoming<'_, E> {
    /// Returns the next connection; never `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it has taken no connection.
    pub async fn next(&mut self) -> Option<Result<TcpStream<E>, E>> {
        Some(self.listener.accept().await.map(|(stream, _)| stream))
    }
}

impl<E: NetError> futures_core::Stream for Incoming<'_, E> {
    type Item = Result<TcpStream<E>, E>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.listener
            .poll_accept(cx)
            .map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }
}
