//! [`End`]: an end of a connection, in memory or between simulated hosts.

use core::net::SocketAddr;
use core::task::{Context, Poll};

use polliwog_core::sources::{Direction, WaiterId};

use super::memory::MemoryEnd;
use crate::Error;
use crate::io::flow::{self, Access};
#[cfg(feature = "sim")]
use crate::sim::SimEnd;

/// One handle of one end of a connection.
pub(crate) enum End {
    Memory(MemoryEnd),
    #[cfg(feature = "sim")]
    Sim(SimEnd),
}

impl End {
    /// Another handle of the same end. An end has at most two: those of its halves.
    pub(crate) fn share(&self) -> Self {
        match self {
            End::Memory(end) => End::Memory(end.share()),
            #[cfg(feature = "sim")]
            End::Sim(end) => End::Sim(end.share()),
        }
    }

    /// Whether both are handles of the same end.
    pub(crate) fn is(&self, other: &End) -> bool {
        match (self, other) {
            (End::Memory(one), End::Memory(other)) => one.is(other),
            #[cfg(feature = "sim")]
            (End::Sim(one), End::Sim(other)) => one.is(other),
            #[cfg(feature = "sim")]
            _ => false,
        }
    }

    /// The address of this side; none once the host of this side has crashed.
    pub(crate) fn local_addr(&self) -> Result<SocketAddr, Error> {
        match self {
            End::Memory(end) => Ok(end.local_addr()),
            #[cfg(feature = "sim")]
            End::Sim(end) => end
                .addrs()
                .map(|(local, _)| local)
                .ok_or(Error::NotConnected),
        }
    }

    /// Whether the connection is one no more.
    pub(crate) fn has_failed(&self) -> bool {
        match self {
            End::Memory(_) => false,
            #[cfg(feature = "sim")]
            End::Sim(end) => end.has_failed(),
        }
    }

    /// The error that nobody was told of.
    pub(crate) fn take_error(&self) -> Option<Error> {
        match self {
            End::Memory(_) => None,
            #[cfg(feature = "sim")]
            End::Sim(end) => end.take_error(),
        }
    }

    /// The address of the other side; none once the connection has failed or the host of this side has crashed.
    pub(crate) fn peer_addr(&self) -> Result<SocketAddr, Error> {
        match self {
            End::Memory(end) => Ok(end.peer_addr()),
            #[cfg(feature = "sim")]
            End::Sim(end) if end.has_failed() => Err(Error::NotConnected),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.addrs().map(|(_, peer)| peer).ok_or(Error::NotConnected),
        }
    }

    /// Ready once the connect has come to an end.
    pub(crate) fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            End::Memory(end) => end.poll_connected(cx),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.poll_connected(cx),
        }
    }

    pub(crate) fn poll_read(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, Error>> {
        match self {
            End::Memory(end) => flow::poll_read(&end.incoming(), id, cx, buf),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.poll_read(id, cx, buf),
        }
    }

    pub(crate) fn poll_peek(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, Error>> {
        match self {
            End::Memory(end) => flow::poll_peek(&end.incoming(), id, cx, buf),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.poll_peek(id, cx, buf),
        }
    }

    pub(crate) fn poll_write(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<Result<usize, Error>> {
        match self {
            End::Memory(end) => flow::poll_write(&end.outgoing(), id, cx, data),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.poll_write(id, cx, data),
        }
    }

    pub(crate) fn poll_readable(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        match self {
            End::Memory(end) => flow::poll_readable(&end.incoming(), id, cx),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.poll_readable(id, cx),
        }
    }

    pub(crate) fn poll_writable(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        match self {
            End::Memory(end) => flow::poll_writable(&end.outgoing(), id, cx),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.poll_writable(id, cx),
        }
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> Result<usize, Error> {
        match self {
            End::Memory(end) => flow::try_with(&end.incoming(), |flow, store, woken| {
                flow.read(store, buf, woken)
            }),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.try_read(buf),
        }
    }

    pub(crate) fn try_write(&self, data: &[u8]) -> Result<usize, Error> {
        match self {
            End::Memory(end) => flow::try_with(&end.outgoing(), |flow, store, woken| {
                flow.write(store, data, woken)
            }),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.try_write(data),
        }
    }

    /// Whether a read or a write would not wait.
    pub(crate) fn is_ready(&self, direction: Direction) -> bool {
        match (self, direction) {
            (End::Memory(end), Direction::Read) => {
                end.incoming().with(|flow, _| flow.is_readable())
            }
            (End::Memory(end), Direction::Write) => {
                end.outgoing().with(|flow, store| flow.is_writable(store))
            }
            #[cfg(feature = "sim")]
            (End::Sim(end), _) => end.is_ready(direction),
        }
    }

    /// Reads find the end of the stream from now on.
    pub(crate) fn stop_reading(&self) {
        match self {
            End::Memory(end) => end.incoming().with(|flow, _| flow.stop_reading()).wake(),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.stop_reading(),
        }
    }

    /// The peer's writes fail from now on.
    #[cfg(feature = "sim")]
    pub(crate) fn refuse(&self) {
        if let End::Memory(end) = self {
            let (_, woken) = end.incoming().with(|flow, _| flow.abandon());
            woken.wake();
        }
    }

    /// The peer's reads find the end of the stream after the last byte.
    pub(crate) fn finish(&self) {
        match self {
            End::Memory(end) => end.outgoing().with(|flow, _| flow.finish()).wake(),
            #[cfg(feature = "sim")]
            End::Sim(end) => end.finish(),
        }
    }

    pub(crate) fn forget(&self, direction: Direction, id: WaiterId) {
        match (self, direction) {
            (End::Memory(end), Direction::Read) => flow::forget(&end.incoming(), direction, id),
            (End::Memory(end), Direction::Write) => {
                flow::forget(&end.outgoing(), direction, id);
            }
            #[cfg(feature = "sim")]
            (End::Sim(end), _) => end.forget(direction, id),
        }
    }

    pub(crate) fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        match (self, direction) {
            (End::Memory(end), Direction::Read) => flow::waits(&end.incoming(), direction, id),
            (End::Memory(end), Direction::Write) => flow::waits(&end.outgoing(), direction, id),
            #[cfg(feature = "sim")]
            (End::Sim(end), _) => end.waits(direction, id),
        }
    }
}
