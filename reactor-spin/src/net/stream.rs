//! [`TcpStream`].

use core::fmt;
use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::{Context, Poll};

use polliwog_core::task::wake_quietly;

use super::network::{End, Network};
use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::{Shutdown, ToSocketAddrs, table};
use crate::Error;
use crate::io::channel::{self, Access};

/// A connection in memory.
///
/// Reads and writes take `&self`, so that one task can read while another writes; see
/// [`split`](Self::split) and [`into_split`](Self::into_split).
///
/// Dropping it closes the connection: the peer reads what is left and then the end of the
/// stream, or [`Error::ConnectionReset`] if there were bytes that nobody had read here; its
/// writes fail.
pub struct TcpStream {
    end: End,
}

/// Connects in `network`.
pub(crate) async fn connect(network: &Network, to: SocketAddr) -> Result<TcpStream, Error> {
    let (conn, acceptor) = network.with(|tables| table::connect(tables, to))?;
    let end = End::new(network.clone(), conn, table::CLIENT);
    if let Some(acceptor) = acceptor {
        wake_quietly(acceptor);
    }
    poll_fn(|cx| end.poll_connected(cx)).await?;
    Ok(TcpStream { end })
}

impl TcpStream {
    pub(crate) fn from_end(end: End) -> Self {
        Self { end }
    }

    pub(crate) fn end(&self) -> &End {
        &self.end
    }

    /// Connects to a listener of the [current network](Network::current). Done as soon as the
    /// listener's backlog has room, be the connection accepted or not.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionRefused`] if nobody listens at the address, or the listener goes away
    /// while this waits; [`Error::InvalidAddress`]; [`Error::LimitReached`] if the network has no
    /// room for another connection; [`Error::AddrNotAvailable`] if no port is free.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it leaves no connection behind.
    pub async fn connect(addr: impl ToSocketAddrs) -> Result<Self, Error> {
        Network::current().connect(addr).await
    }

    /// Waits for bytes and moves them into `buf`; `Ok(0)` at the end of the stream, or if `buf`
    /// is empty.
    ///
    /// # Errors
    ///
    /// [`Error::ConnectionReset`] if the peer went away with bytes unread.
    ///
    /// # Cancel safety
    ///
    /// A read that is dropped has taken no bytes.
    pub async fn read(&self, buf: &mut [u8]) -> Result<usize, Error> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    /// Fills `buf`.
    ///
    /// # Errors
    ///
    /// [`Error::UnexpectedEof`] if the stream ends before `buf` is full; else as for
    /// [`read`](Self::read). The bytes that had arrived are lost then.
    ///
    /// # Cancel safety
    ///
    /// None: if it is dropped, the bytes that had arrived are lost.
    pub async fn read_exact(&self, mut buf: &mut [u8]) -> Result<(), Error> {
        while !buf.is_empty() {
            match self.read(buf).await? {
                0 => return Err(Error::UnexpectedEof),
                count => buf = &mut buf[count..],
            }
        }
        Ok(())
    }

    /// Waits for bytes and copies them into `buf`, where the next read finds them again.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Takes no bytes in any case.
    pub async fn peek(&self, buf: &mut [u8]) -> Result<usize, Error> {
        poll_fn(|cx| channel::poll_peek(&self.end.incoming(), cx, buf)).await
    }

    /// Waits for room and writes as much of `data` as fits; returns how much that was.
    ///
    /// # Errors
    ///
    /// [`Error::BrokenPipe`] once the peer is gone, or after a [`shutdown`](Self::shutdown) of
    /// this direction.
    ///
    /// # Cancel safety
    ///
    /// A write that is dropped has written nothing.
    pub async fn write(&self, data: &[u8]) -> Result<usize, Error> {
        poll_fn(|cx| self.poll_write(cx, data)).await
    }

    /// Writes all of `data`.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write); some of the data may have been written then.
    ///
    /// # Cancel safety
    ///
    /// None: if it is dropped, some of the data may have been written.
    pub async fn write_all(&self, mut data: &[u8]) -> Result<(), Error> {
        while !data.is_empty() {
            let count = self.write(data).await?;
            data = &data[count..];
        }
        Ok(())
    }

    /// Moves into `buf` what is there.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if nothing is; else as for [`read`](Self::read).
    pub fn try_read(&self, buf: &mut [u8]) -> Result<usize, Error> {
        channel::try_with(&self.end.incoming(), |channel, store, woken| {
            channel.read(store, buf, woken)
        })
    }

    /// Writes as much as there is room for.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; else as for [`write`](Self::write).
    pub fn try_write(&self, data: &[u8]) -> Result<usize, Error> {
        channel::try_with(&self.end.outgoing(), |channel, store, woken| {
            channel.write(store, data, woken)
        })
    }

    /// Waits until a read would not wait: there are bytes, the end of the stream, or an error.
    ///
    /// # Errors
    ///
    /// None in memory.
    ///
    /// # Cancel safety
    ///
    /// Takes nothing.
    pub async fn readable(&self) -> Result<(), Error> {
        poll_fn(|cx| channel::poll_readable(&self.end.incoming(), cx)).await
    }

    /// Waits until a write would not wait: there is room, or an error.
    ///
    /// # Errors
    ///
    /// None in memory.
    ///
    /// # Cancel safety
    ///
    /// Takes nothing.
    pub async fn writable(&self) -> Result<(), Error> {
        poll_fn(|cx| channel::poll_writable(&self.end.outgoing(), cx)).await
    }

    /// The `poll` form of [`read`](Self::read).
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<Result<usize, Error>> {
        channel::poll_read(&self.end.incoming(), cx, buf)
    }

    /// The `poll` form of [`write`](Self::write).
    pub fn poll_write(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Error>> {
        channel::poll_write(&self.end.outgoing(), cx, data)
    }

    /// Ends one direction or both. A direction that was ended before stays so.
    ///
    /// After [`Shutdown::Read`] reads find the end of the stream, bytes that had arrived are
    /// gone, and what the peer still sends is thrown away. After [`Shutdown::Write`] the peer
    /// finds the end of the stream after the last byte.
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), Error> {
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            self.end
                .incoming()
                .with(|channel, _| channel.stop_reading())
                .wake();
        }
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            self.end
                .outgoing()
                .with(|channel, _| channel.finish())
                .wake();
        }
        Ok(())
    }

    /// Lends a half that reads and one that writes.
    pub fn split(&self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split::borrowed(self)
    }

    /// Turns the stream into a half that reads and one that writes, for two tasks.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split::owned(self)
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.end.local_addr())
    }

    /// The other end's address.
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn peer_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.end.peer_addr())
    }

    /// `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn take_error(&self) -> Result<Option<Error>, Error> {
        Ok(None)
    }

    /// Does nothing: no byte is ever held back in memory.
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn set_nodelay(&self, _nodelay: bool) -> Result<(), Error> {
        Ok(())
    }

    /// `true`: no byte is ever held back in memory.
    ///
    /// # Errors
    ///
    /// None in memory.
    pub fn nodelay(&self) -> Result<bool, Error> {
        Ok(true)
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("local", &self.end.local_addr())
            .field("peer", &self.end.peer_addr())
            .finish()
    }
}

split::embedded_io!(TcpStream, TcpStream: Read Write);
split::embedded_io!(&TcpStream, TcpStream: Read Write);
