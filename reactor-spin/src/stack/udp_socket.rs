//! [`UdpSocket`].

use core::fmt;
use core::net::SocketAddr;
use core::task::{Context, Poll};

use smoltcp::wire::IpEndpoint;

use super::udp::Parts;
use super::waits::{READ, WRITE, wait};
use super::{Inner, Stack, UdpBuffers, endpoint, time};
use crate::Error;
use crate::net::ToSocketAddrs;
use polliwog_core::task::budget::poll_within;

/// Sends and receives datagrams.
///
/// A datagram to a host of which nobody knows where it is waits in the socket's memory while the host
/// is asked for, and is lost if it does not answer within three seconds, or if others need its room;
/// others go past it meanwhile. What comes in while the memory is full is lost.
///
/// Any number of tasks may wait in its methods. Dropping the socket sends what it was given, and gives
/// its place in the stack back, and its memory: see [`Stack::take_buffers`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::{Error, stack::UdpSocket};
///
/// async fn echo(socket: &UdpSocket) -> Result<(), Error> {
///     let mut buf = [0; 512];
///     loop {
///         let (count, from) = socket.recv_from(&mut buf).await?;
///         socket.send_to(&buf[..count], from).await?;
///     }
/// }
/// ```
pub struct UdpSocket {
    stack: &'static Stack,
    index: usize,
    local: SocketAddr,
}

impl UdpSocket {
    /// Binds a socket to an address, with memory of its own. The stack needs a place for a socket
    /// that is not for TCP.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::{Stack, UdpBuffers, UdpSocket}};
    ///
    /// async fn bind(
    ///     stack: &'static Stack,
    ///     memory: &'static mut UdpBuffers<4, 2048>,
    /// ) -> Result<UdpSocket, Error> {
    ///     UdpSocket::bind(stack, "0.0.0.0:7", memory).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::AddrInUse`], [`Error::InvalidAddress`], or [`Error::LimitReached`] if the stack
    /// has no place for another socket. The memory can then be had back by
    /// [`Stack::take_buffers`], if the stack has a place for it.
    pub async fn bind<const PACKETS: usize, const BYTES: usize>(
        stack: &'static Stack,
        addr: impl ToSocketAddrs,
        memory: &'static mut UdpBuffers<PACKETS, BYTES>,
    ) -> Result<Self, Error> {
        let local = addr.to_socket_addr().map(|mut local| {
            if local.port() == 0 {
                local.set_port(stack.any_port());
            }
            local
        });
        let index = stack.with(|inner| {
            let room = inner.need_place();
            inner.udp.open(memory, local.and_then(endpoint), room)
        })?;
        Ok(Self {
            stack,
            index,
            local: local?,
        })
    }

    fn look<T>(&self, f: impl FnOnce(&mut Inner, &mut Parts<'_>) -> T) -> Option<T> {
        self.stack.look(|inner| {
            // Only for as long as `f` runs, so that it can look at the rest, too.
            let mut udp = core::mem::take(&mut inner.udp);
            let result = udp.parts(self.index).map(|mut parts| f(inner, &mut parts));
            inner.udp = udp;
            result
        })
    }

    /// Talks to one peer from now on: [`send`](Self::send) sends to it, and what others send is not
    /// received.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// async fn report(socket: &UdpSocket) -> Result<(), Error> {
    ///     socket.connect("10.0.2.2:514").await?;
    ///     socket.send(b"still here").await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`].
    ///
    /// # Cancel safety
    ///
    /// It is done at once.
    pub async fn connect(&self, addr: impl ToSocketAddrs) -> Result<(), Error> {
        let peer = endpoint(addr.to_socket_addr()?)?;
        if peer.port == 0 || peer.addr.is_unspecified() {
            return Err(Error::InvalidAddress);
        }
        self.look(|_, parts| {
            parts.state.peer = peer;
            parts.incoming.retain(|packet| packet.peer == peer);
        });
        Ok(())
    }

    /// Sends a datagram; waits while there is no room for it.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// async fn report(socket: &UdpSocket) -> Result<(), Error> {
    ///     socket.send_to(b"still here", "10.0.2.2:514").await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::MessageTooLong`] for more bytes than the memory has in all, or than a frame of the
    /// device has; [`Error::NoAddress`] if the stack has none yet; [`Error::NetworkUnreachable`] if
    /// there is no gateway that would lead there; [`Error::HostUnreachable`] for the stack's own
    /// address; [`Error::InvalidAddress`] for one that cannot be sent to.
    ///
    /// # Cancel safety
    ///
    /// Nothing was sent if the wait is given up.
    pub async fn send_to(&self, buf: &[u8], addr: impl ToSocketAddrs) -> Result<usize, Error> {
        let addr = addr.to_socket_addr()?;
        self.wait(WRITE, || self.try_send_to(buf, addr)).await
    }

    /// Sends a datagram to the peer.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// async fn report(connected: &UdpSocket) -> Result<(), Error> {
    ///     connected.send(b"still here").await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to); [`Error::NotConnected`] without a [peer](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Nothing was sent if the wait is given up.
    pub async fn send(&self, buf: &[u8]) -> Result<usize, Error> {
        let peer = self.peer_addr()?;
        self.wait(WRITE, || self.try_send_to(buf, peer)).await
    }

    /// Sends a datagram if there is room.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// fn tell(socket: &UdpSocket, all: &[std::net::SocketAddr]) -> Result<(), Error> {
    ///     for addr in all {
    ///         socket.try_send_to(b"quak", *addr)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; otherwise as [`send_to`](Self::send_to).
    pub fn try_send_to(&self, buf: &[u8], addr: SocketAddr) -> Result<usize, Error> {
        let peer = endpoint(addr)?;
        if peer.port == 0 {
            return Err(Error::InvalidAddress);
        }
        let sent = self.look(|inner, parts| {
            inner.identity.hop(&inner.gateways, peer.addr)?;
            if buf.len() > parts.outgoing.capacity() || buf.len() > inner.most_payload(peer.addr) {
                return Err(Error::MessageTooLong);
            }
            if parts.outgoing.push(buf, peer, time()) {
                Ok(buf.len())
            } else {
                parts.state.crowded = true;
                Err(Error::WouldBlock)
            }
        });
        // There is something to be sent, or somebody wants room.
        self.stack.kick();
        sent.unwrap_or(Err(Error::NotConnected))
    }

    /// Sends a datagram to the peer if there is room.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// fn beat(socket: &UdpSocket) -> Result<usize, Error> {
    ///     socket.try_send(&[0])
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none; otherwise as [`send`](Self::send).
    pub fn try_send(&self, buf: &[u8]) -> Result<usize, Error> {
        self.try_send_to(buf, self.peer_addr()?)
    }

    /// Receives a datagram; what does not fit into the buffer is lost. Returns its length and
    /// where it came from.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// async fn echo(socket: &UdpSocket) -> Result<(), Error> {
    ///     let mut buf = [0; 512];
    ///     let (n, from) = socket.recv_from(&mut buf).await?;
    ///     socket.send_to(&buf[..n], from).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    ///
    /// # Cancel safety
    ///
    /// No datagram is lost if the wait is given up.
    pub async fn recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        self.wait(READ, || self.try_recv_from(buf)).await
    }

    /// Receives a datagram of the peer, of anybody without a [peer](Self::connect); what does not fit
    /// into the buffer is lost.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// async fn next(connected: &UdpSocket, buf: &mut [u8]) -> Result<usize, Error> {
    ///     connected.recv(buf).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    ///
    /// # Cancel safety
    ///
    /// No datagram is lost if the wait is given up.
    pub async fn recv(&self, buf: &mut [u8]) -> Result<usize, Error> {
        self.recv_from(buf).await.map(|(count, _)| count)
    }

    /// Receives a datagram if there is one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// fn forget_what_is_there(socket: &UdpSocket) -> Result<(), Error> {
    ///     loop {
    ///         match socket.try_recv_from(&mut []) {
    ///             Ok(_) => {}
    ///             Err(Error::WouldBlock) => return Ok(()),
    ///             Err(error) => return Err(error),
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        self.receive(buf, true)
    }

    /// Receives a datagram of the peer if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::WouldBlock`] if there is none.
    pub fn try_recv(&self, buf: &mut [u8]) -> Result<usize, Error> {
        self.try_recv_from(buf).map(|(count, _)| count)
    }

    /// Waits for a datagram and copies it, as far as it fits into the buffer; the next receive finds it
    /// again.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// async fn who_is_first(socket: &UdpSocket) -> Result<std::net::SocketAddr, Error> {
    ///     Ok(socket.peek_from(&mut []).await?.1)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    ///
    /// # Cancel safety
    ///
    /// It takes nothing in any case.
    pub async fn peek_from(&self, buf: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
        self.wait(READ, || self.receive(buf, false)).await
    }

    fn receive(&self, buf: &mut [u8], take: bool) -> Result<(usize, SocketAddr), Error> {
        let received = self.look(|_, parts| {
            let (packet, data) = parts.incoming.get(0)?;
            let count = data.len().min(buf.len());
            buf[..count].copy_from_slice(&data[..count]);
            let from = packet.peer;
            if take {
                parts.incoming.remove(0);
            }
            Some((count, from.into()))
        });
        received.flatten().ok_or(Error::WouldBlock)
    }

    /// Waits until there is a datagram. It may be gone when it is asked for.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// async fn drain(socket: &UdpSocket, buf: &mut [u8]) -> Result<usize, Error> {
    ///     socket.readable().await?;
    ///     socket.try_recv(buf)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    ///
    /// # Cancel safety
    ///
    /// It takes nothing in any case.
    pub async fn readable(&self) -> Result<(), Error> {
        self.wait(READ, || self.receive(&mut [], false).map(drop))
            .await
    }

    /// Waits until there is room for a datagram, if it is not too long.
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn writable(&self) -> Result<(), Error> {
        self.wait(WRITE, || {
            let has_room = self.look(|_, parts| {
                // One as long as those that a frame of any network takes.
                let most = parts.outgoing.capacity().min(508);
                let has_room = parts.outgoing.has_room(most);
                parts.state.crowded |= !has_room;
                has_room
            });
            if has_room != Some(false) {
                return Ok(());
            }
            self.stack.kick();
            Err(Error::WouldBlock)
        })
        .await
    }

    async fn wait<T>(
        &self,
        queue: usize,
        mut attempt: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let queue = &self.stack.waits.udp[self.index][queue];
        wait(queue, || match attempt() {
            Err(Error::WouldBlock) => None,
            result => Some(result),
        })
        .await
    }

    /// [`send_to`](Self::send_to) as a poll function. Wakes the last task that polled it, beside those
    /// that wait in `send_to`.
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        addr: SocketAddr,
    ) -> Poll<Result<usize, Error>> {
        self.poll(cx, WRITE, || self.try_send_to(buf, addr))
    }

    /// [`recv_from`](Self::recv_from) as a poll function. Wakes the last task that polled it, beside
    /// those that wait in `recv_from`.
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), Error>> {
        self.poll(cx, READ, || self.try_recv_from(buf))
    }

    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        queue: usize,
        attempt: impl FnOnce() -> Result<T, Error>,
    ) -> Poll<Result<T, Error>> {
        poll_within(cx, |cx| match attempt() {
            Err(Error::WouldBlock) => {
                let register =
                    |inner: &mut Inner| inner.udp.register(self.index, queue, cx.waker());
                self.stack.look(register);
                Poll::Pending
            }
            result => Poll::Ready(result),
        })
    }

    /// Returns the address that the socket is bound to.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// fn port(socket: &UdpSocket) -> Result<u16, Error> {
    ///     Ok(socket.local_addr()?.port())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.local)
    }

    /// Returns the address of the peer that the socket [talks](Self::connect) to.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// fn is_connected(socket: &UdpSocket) -> bool {
    ///     socket.peer_addr().is_ok()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if that is everybody.
    pub fn peer_addr(&self) -> Result<SocketAddr, Error> {
        let peer: Option<IpEndpoint> = self.look(|_, parts| parts.state.peer);
        let peer = peer.filter(|peer| peer.port != 0);
        peer.map(Into::into).ok_or(Error::NotConnected)
    }

    /// Returns how many routers a datagram may pass.
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    pub fn ttl(&self) -> Result<u32, Error> {
        let ttl = self.look(|_, parts| parts.state.ttl).unwrap_or(0);
        Ok(if ttl == 0 { 64 } else { ttl.into() })
    }

    /// Sets how many routers a datagram may pass.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for zero, and for more than 255.
    pub fn set_ttl(&self, ttl: u32) -> Result<(), Error> {
        let ttl = super::ttl(ttl)?;
        self.look(|_, parts| parts.state.ttl = ttl);
        Ok(())
    }

    /// Returns `true`: datagrams may always go to broadcast addresses.
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    pub fn broadcast(&self) -> Result<bool, Error> {
        Ok(true)
    }

    /// Returns `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    pub fn take_error(&self) -> Result<Option<Error>, Error> {
        Ok(None)
    }

    /// Does nothing: datagrams may always go to broadcast addresses.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::UdpSocket};
    ///
    /// async fn call_everybody(socket: &UdpSocket) -> Result<(), Error> {
    ///     socket.set_broadcast(true)?;
    ///     socket.send_to(b"who is there?", "255.255.255.255:7").await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None; it has the mio socket's signature.
    pub fn set_broadcast(&self, _broadcast: bool) -> Result<(), Error> {
        Ok(())
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.stack.with(|inner| inner.udp.close(self.index));
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket")
            .field("local_addr", &self.local)
            .finish_non_exhaustive()
    }
}
