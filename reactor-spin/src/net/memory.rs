//! [`MemoryEnd`]: an end of a connection in the memory of one process.

use core::net::SocketAddr;
use core::task::{Context, Poll};

use polliwog_core::sources::{self, WaiterId};

use super::network::Network;
use super::table;
use crate::Error;
use crate::io::flow::{Access, Flow, Step, leave};

/// One handle of one end of a connection in memory.
pub(crate) struct MemoryEnd {
    network: Network,
    conn: usize,
    end: usize,
}

impl MemoryEnd {
    /// Takes over a handle that the tables have counted already.
    pub(crate) fn new(network: Network, conn: usize, end: usize) -> Self {
        Self { network, conn, end }
    }

    /// Another handle of the same end. An end has at most two: those of its halves.
    pub(crate) fn share(&self) -> Self {
        self.network
            .with(|tables| tables.conn(self.conn).0.add_handle(self.end));
        Self::new(self.network.clone(), self.conn, self.end)
    }

    /// Whether both are handles of the same end.
    pub(crate) fn is(&self, other: &MemoryEnd) -> bool {
        self.network.is(&other.network) && self.conn == other.conn && self.end == other.end
    }

    pub(crate) fn incoming(&self) -> Direction<'_> {
        Direction {
            end: self,
            writer: 1 - self.end,
        }
    }

    pub(crate) fn outgoing(&self) -> Direction<'_> {
        Direction {
            end: self,
            writer: self.end,
        }
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.network
            .with(|tables| tables.conn(self.conn).0.addr(self.end))
    }

    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.network
            .with(|tables| tables.conn(self.conn).0.addr(1 - self.end))
    }

    /// Ready once the connect has come to an end.
    pub(crate) fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut spare = None;
        let waiter = (WaiterId::ANONYMOUS, sources::Direction::Write);
        loop {
            let step = self
                .network
                .with(|tables| match table::connected(tables, self.conn) {
                    Ok(true) => Step::Done(Ok(())),
                    Err(error) => Step::Done(Err(error)),
                    Ok(false) => {
                        let (conn, _) = tables.conn(self.conn);
                        leave(conn.flows[self.end].waiters(), waiter, cx, &mut spare)
                    }
                });
            if let Some(poll) = step.settle(cx, &mut spare) {
                return poll;
            }
        }
    }
}

impl Drop for MemoryEnd {
    fn drop(&mut self) {
        self.network
            .with(|tables| table::release(tables, self.conn, self.end))
            .wake();
    }
}

/// One direction of a connection.
pub(crate) struct Direction<'a> {
    end: &'a MemoryEnd,
    /// The end that writes.
    writer: usize,
}

impl Access for Direction<'_> {
    fn with<R>(&self, f: impl FnOnce(&mut Flow, &mut [u8]) -> R) -> R {
        self.end.network.with(|tables| {
            let (conn, [client, server]) = tables.conn(self.end.conn);
            let bytes = if self.writer == table::CLIENT {
                client
            } else {
                server
            };
            f(&mut conn.flows[self.writer], bytes)
        })
    }
}
