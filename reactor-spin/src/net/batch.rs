//! Many datagrams by one call.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::task::{Context, Poll};

use polliwog_core::sources::{Direction, Operation, WaiterId};
use polliwog_core::task::consume_budget;

use super::ToSocketAddrs;
use super::generic::NetError;
use super::udp::UdpSocket;
use crate::Error;
use crate::sim::Datagrams;

/// So much goes into one call, and so many segments, as on Linux.
const MOST_BYTES: usize = 65_000;
const MOST_SEGMENTS: usize = 64;

/// Room for many datagrams, for [`UdpSocket::recv_many`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::{RecvBatch, UdpSocket};
/// use polliwog::sim::Simulation;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("frog", async {
///     let here = UdpSocket::bind("127.0.0.1:0").await?;
///     let there = UdpSocket::bind("127.0.0.1:0").await?;
///     for word in ["hop", "hop", "splash"] {
///         there.send_to(word.as_bytes(), here.local_addr()?).await?;
///     }
///     let mut batch = RecvBatch::new(32, 1500);
///     let mut count = 0;
///     while count < 3 {
///         count += here.recv_many(&mut batch).await?;
///         for (bytes, from) in batch.iter() {
///             println!("{} bytes from {from}", bytes.len());
///         }
///     }
///     Ok::<_, polliwog::Error>(())
/// });
/// simulation.run().unwrap();
/// ```
pub struct RecvBatch {
    memory: Box<[u8]>,
    /// So much of it is each datagram's.
    room: usize,
    most: usize,
    received: Vec<(usize, SocketAddr)>,
}

impl RecvBatch {
    /// Makes room for so many datagrams at a time, of so many bytes each; at least for one.
    pub fn new(datagrams: usize, bytes: usize) -> Self {
        let most = datagrams.max(1);
        Self {
            memory: vec![0; most * bytes].into(),
            room: bytes,
            most,
            received: Vec::with_capacity(most),
        }
    }

    /// Returns how many datagrams were received last.
    pub fn len(&self) -> usize {
        self.received.len()
    }

    /// Returns whether nothing has been received.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// Returns the datagrams that were received last, and where each came from, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let numbered = (0..).zip(&self.received);
        numbered.map(|(at, (length, from))| (&self.memory[at * self.room..][..*length], *from))
    }

    /// Takes what is there and has room; returns how many bytes that were.
    fn fill(&mut self, socket: &mut Datagrams) -> Result<usize, Error> {
        self.received.clear();
        let mut bytes = 0;
        while self.received.len() < self.most {
            let at = self.received.len() * self.room;
            match socket.take(&mut self.memory[at..at + self.room]) {
                Ok(received) => {
                    bytes += received.0;
                    self.received.push(received);
                }
                Err(error) if self.received.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        Ok(bytes)
    }
}

impl fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvBatch")
            .field("len", &self.len())
            .field("capacity", &self.most)
            .finish_non_exhaustive()
    }
}

impl<E: NetError> UdpSocket<E> {
    /// Receives as many datagrams as there are and `batch` has room for, at least one, and returns how many. What is
    /// longer than a buffer of the batch is cut off, as in [`recv_from`](Self::recv_from).
    ///
    /// # Errors
    ///
    /// As [`recv_from`](Self::recv_from).
    ///
    /// # Cancel safety
    ///
    /// Nothing has been received if the future is dropped before it is done.
    pub async fn recv_many(&self, batch: &mut RecvBatch) -> Result<usize, E> {
        Operation::read(self, |socket: &Self, cx, id| {
            socket.poll_fill(id, cx, batch)
        })
        .await
    }

    /// [`recv_many`](Self::recv_many) as a poll function. Any number of tasks can wait.
    ///
    /// # Errors
    ///
    /// As [`recv_many`](Self::recv_many).
    pub fn poll_recv_many(
        &self,
        cx: &mut Context<'_>,
        batch: &mut RecvBatch,
    ) -> Poll<Result<usize, E>> {
        self.poll_fill(WaiterId::ANONYMOUS, cx, batch)
    }

    fn poll_fill(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        batch: &mut RecvBatch,
    ) -> Poll<Result<usize, E>> {
        let waiter = (id, Direction::Read);
        let filled = self.poll(waiter, cx, |socket| batch.fill(socket), |bytes| *bytes);
        filled.map_ok(|_| batch.len())
    }

    /// Receives as many datagrams as there are and `batch` has room for, and returns how many.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; see [`readable`](Self::readable).
    pub fn try_recv_many(&self, batch: &mut RecvBatch) -> Result<usize, E> {
        self.with(|socket| batch.fill(socket))?;
        Ok(batch.len())
    }

    /// Sends datagrams of `segment` bytes each, the last of which may be shorter, and returns how many bytes of `buf`
    /// they are: a multiple of `segment`, or all. There are 64 of them at most.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::UdpSocket};
    ///
    /// async fn send(socket: &UdpSocket, mut file: &[u8], to: std::net::SocketAddr) -> Result<(), Error> {
    ///     while !file.is_empty() {
    ///         let sent = socket.send_segments_to(file, 1200, to).await?;
    ///         file = &file[sent..];
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to); [`Error::InvalidInput`] if `segment` is zero.
    ///
    /// # Cancel safety
    ///
    /// Nothing has been sent if the future is dropped before it is done.
    pub async fn send_segments_to(
        &self,
        buf: &[u8],
        segment: usize,
        addr: impl ToSocketAddrs,
    ) -> Result<usize, E> {
        let addr = addr.to_socket_addr().map_err(E::of)?;
        self.send_all_segments(buf, segment, Some(addr))
            .await
            .map_err(E::of)
    }

    /// [`send_segments_to`](Self::send_segments_to) to the peer that the socket is connected to.
    ///
    /// # Errors
    ///
    /// As [`send_segments_to`](Self::send_segments_to).
    ///
    /// # Cancel safety
    ///
    /// Nothing has been sent if the future is dropped before it is done.
    pub async fn send_segments(&self, buf: &[u8], segment: usize) -> Result<usize, E> {
        let sending = self.send_all_segments(buf, segment, None);
        sending.await.map_err(E::of)
    }

    async fn send_all_segments(
        &self,
        buf: &[u8],
        segment: usize,
        to: Option<SocketAddr>,
    ) -> Result<usize, Error> {
        consume_budget().await;
        if segment == 0 {
            return Err(Error::InvalidInput);
        }
        if buf.len() <= segment {
            return self.socket.send(buf, to);
        }
        let most = (MOST_BYTES / segment).clamp(1, MOST_SEGMENTS);
        let mut sent = 0;
        for datagram in buf.chunks(segment).take(most) {
            match self.socket.send(datagram, to) {
                Ok(_) => sent += datagram.len(),
                Err(error) if sent == 0 => return Err(error),
                // Told by the next call, if it lasts.
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    /// Returns whether the system may put several datagrams together (`UDP_GRO`).
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the host has crashed.
    pub fn gro(&self) -> Result<bool, E> {
        self.with(|socket| Ok(socket.gro))
    }

    /// Sets whether the system may put several datagrams of the same peer and length together (`UDP_GRO`), which a
    /// simulated one never does.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the host has crashed.
    pub fn set_gro(&self, on: bool) -> Result<(), E> {
        self.with(|socket| {
            socket.gro = on;
            Ok(())
        })
    }

    /// Waits as a poll function until [`try_recv`](Self::try_recv) may have something to return. Any number of tasks can
    /// wait.
    pub fn poll_recv_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        let waiter = (WaiterId::ANONYMOUS, Direction::Read);
        self.poll(waiter, cx, |socket| socket.readable(), |()| 0)
    }

    /// Ready at once: a simulated socket has room for each datagram.
    pub fn poll_send_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        Poll::Ready(Ok(()))
    }

    /// Returns the size of the buffer for datagrams that have come (`SO_RCVBUF`), in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the host has crashed.
    pub fn recv_buffer_size(&self) -> Result<usize, E> {
        self.with(|socket| Ok(socket.receives))
    }

    /// Sets the size of the buffer for datagrams that have come (`SO_RCVBUF`), in bytes. What comes when it is full is
    /// lost. At first it is what [`Builder::datagram_buffer`](crate::sim::Builder::datagram_buffer) says.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::UdpSocket};
    ///
    /// fn take_bursts(socket: &UdpSocket) -> Result<(), Error> {
    ///     socket.set_recv_buffer_size(4 << 20)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the host has crashed.
    pub fn set_recv_buffer_size(&self, size: usize) -> Result<(), E> {
        self.with(|socket| {
            socket.receives = size;
            Ok(())
        })
    }

    /// Returns the size of the buffer for datagrams to be sent (`SO_SNDBUF`), in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the host has crashed.
    pub fn send_buffer_size(&self) -> Result<usize, E> {
        self.with(|socket| Ok(socket.sends))
    }

    /// Sets the size of the buffer for datagrams to be sent (`SO_SNDBUF`), in bytes. It makes no difference: simulated
    /// datagrams leave at once.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the host has crashed.
    pub fn set_send_buffer_size(&self, size: usize) -> Result<(), E> {
        self.with(|socket| {
            socket.sends = size;
            Ok(())
        })
    }
}
