//! [`UdpSocket`].

use core::fmt;
use core::future::poll_fn;
use core::net::SocketAddr;
use core::task::{Context, Poll};

use smoltcp::iface::SocketHandle;
use smoltcp::socket::Socket;
use smoltcp::socket::udp::{self, PacketBuffer, PacketMetadata, RecvError, SendError};

use super::{Stack, endpoint, listen_endpoint};
use crate::Error;
use crate::net::ToSocketAddrs;

/// Memory for a [`UdpSocket`]: up to `PACKETS` datagrams, `BYTES` in all, each way.
pub struct UdpBuffers<const PACKETS: usize, const BYTES: usize> {
    packets: [[PacketMetadata; PACKETS]; 2],
    bytes: [[u8; BYTES]; 2],
}

impl<const PACKETS: usize, const BYTES: usize> UdpBuffers<PACKETS, BYTES> {
    /// Unused memory.
    pub const fn new() -> Self {
        Self {
            packets: [[PacketMetadata::EMPTY; PACKETS]; 2],
            bytes: [[0; BYTES]; 2],
        }
    }
}

impl<const PACKETS: usize, const BYTES: usize> Default for UdpBuffers<PACKETS, BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const PACKETS: usize, const BYTES: usize> fmt::Debug for UdpBuffers<PACKETS, BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpBuffers").finish_non_exhaustive()
    }
}

/// Sends and receives datagrams. Dropping it gives its place in the stack back, but not its memory.
pub struct UdpSocket {
    stack: &'static Stack,
    handle: SocketHandle,
    local: SocketAddr,
}

impl UdpSocket {
    /// Binds a socket to an address, with memory of its own. The stack needs a place for a socket
    /// that is not for TCP.
    ///
    /// # Errors
    ///
    /// [`Error::AddrInUse`], [`Error::InvalidAddress`], or [`Error::LimitReached`] if the stack
    /// has no place for another socket.
    pub async fn bind<const PACKETS: usize, const BYTES: usize>(
        stack: &'static Stack,
        addr: impl ToSocketAddrs,
        memory: &'static mut UdpBuffers<PACKETS, BYTES>,
    ) -> Result<Self, Error> {
        let mut local = addr.to_socket_addr()?;
        if local.port() == 0 {
            local.set_port(stack.any_port());
        }
        let [packets_in, packets_out] = &mut memory.packets;
        let [bytes_in, bytes_out] = &mut memory.bytes;
        let mut socket = udp::Socket::new(
            PacketBuffer::new(&mut packets_in[..], &mut bytes_in[..]),
            PacketBuffer::new(&mut packets_out[..], &mut bytes_out[..]),
        );
        let endpoint = listen_endpoint(local)?;
        socket.bind(endpoint).map_err(|_| Error::InvalidAddress)?;
        let handle = stack.with(|inner| {
            let taken = |socket: &Socket<'_>| match socket {
                Socket::Udp(socket) => socket.endpoint().port == endpoint.port,
                _ => false,
            };
            if inner.sockets.iter().any(|(_, socket)| taken(socket)) {
                return Err(Error::AddrInUse);
            }
            inner.need_place()?;
            Ok(inner.sockets.add(socket))
        })?;
        Ok(Self {
            stack,
            handle,
            local,
        })
    }

    /// Sends a datagram; waits while there is no room for it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`] for an address that cannot be sent to,
    /// [`Error::MessageTooLong`] for more bytes than the buffer has in all.
    ///
    /// # Cancel safety
    ///
    /// Nothing was sent if the wait is given up.
    pub async fn send_to(&self, buf: &[u8], addr: impl ToSocketAddrs) -> Result<usize, Error> {
        let addr = addr.to_socket_addr()?;
        poll_fn(|cx| self.poll_send_to(cx, buf, addr)).await
    }

    /// Receives a datagram; what does not fit into the buffer is lost. Returns its length and
    /// where it came from.
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    ///
    /// # Cancel safety
    ///
    /// No datagram is lost if the wait is given up.
    pub async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        poll_fn(|cx| self.poll_recv_from(cx, buf)).await
    }

    /// [`send_to`](Self::send_to) as a poll function. Wakes the last task that polled it.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        addr: SocketAddr,
    ) -> Poll<Result<usize, Error>> {
        let peer = match endpoint(addr) {
            Ok(peer) => peer,
            Err(error) => return Poll::Ready(Err(error)),
        };
        self.stack.with(|inner| {
            let socket = inner.sockets.get_mut::<udp::Socket<'_>>(self.handle);
            if buf.len() > socket.payload_send_capacity() {
                return Poll::Ready(Err(Error::MessageTooLong));
            }
            match socket.send_slice(buf, peer) {
                Ok(()) => Poll::Ready(Ok(buf.len())),
                Err(SendError::BufferFull) => {
                    socket.register_send_waker(cx.waker());
                    Poll::Pending
                }
                Err(SendError::Unaddressable) => Poll::Ready(Err(Error::InvalidAddress)),
            }
        })
    }

    /// [`recv_from`](Self::recv_from) as a poll function. Wakes the last task that polled it.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), Error>> {
        self.stack.look(|inner| {
            let socket = inner.sockets.get_mut::<udp::Socket<'_>>(self.handle);
            match socket.recv() {
                Ok((data, from)) => {
                    let count = data.len().min(buf.len());
                    buf[..count].copy_from_slice(&data[..count]);
                    Poll::Ready(Ok((count, from.endpoint.into())))
                }
                Err(RecvError::Exhausted | RecvError::Truncated) => {
                    socket.register_recv_waker(cx.waker());
                    Poll::Pending
                }
            }
        })
    }

    /// Where it is bound.
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.local)
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.stack.look(|inner| inner.sockets.remove(self.handle));
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket")
            .field("local_addr", &self.local)
            .finish_non_exhaustive()
    }
}
