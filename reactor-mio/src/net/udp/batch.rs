//! Many datagrams by one system call.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use polliwog_core::sources::{Direction, Operation, WaiterId};

use super::{ToSocketAddrs, UdpSocket, first_that_works};

/// So much goes into one call: what IP leaves for a datagram, header included, and less for its options.
const MOST_BYTES: usize = 65_000;
/// So many segments go into one call: more of them Linux takes since 6.9 only.
const MOST_SEGMENTS: usize = 64;

/// Room for many datagrams, for [`UdpSocket::recv_many`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::net::{RecvBatch, UdpSocket};
///
/// polliwog::block_on(async {
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
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub struct RecvBatch {
    memory: Box<[u8]>,
    /// So much of it is each buffer's.
    room: usize,
    received: Vec<Received>,
}

/// What lies in one buffer: one datagram, or several of the same length from the same peer one after the other,
/// the last of which may be shorter.
struct Received {
    length: usize,
    segment: usize,
    from: SocketAddr,
}

impl Received {
    fn datagrams(&self) -> usize {
        self.length.div_ceil(self.segment).max(1)
    }
}

impl RecvBatch {
    /// Makes room for so many datagrams at a time, of so many bytes each; at least for one.
    ///
    /// Where Linux' `UdpSocket::set_gro` is on, let the buffers have 65 535 bytes: the system puts several datagrams
    /// into one.
    pub fn new(datagrams: usize, bytes: usize) -> Self {
        let datagrams = datagrams.max(1);
        Self {
            memory: vec![0; datagrams * bytes].into(),
            room: bytes,
            received: Vec::with_capacity(datagrams),
        }
    }

    /// Returns how many datagrams were received last.
    pub fn len(&self) -> usize {
        self.received.iter().map(Received::datagrams).sum()
    }

    /// Returns whether nothing has been received.
    pub fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// Returns the datagrams that were received last, and where each came from, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let buffers = (0..).zip(&self.received);
        buffers.flat_map(move |(at, received)| {
            let bytes = &self.memory[at * self.room..][..received.length];
            // Nothing is a datagram, too.
            let nothing = bytes.is_empty().then_some(bytes);
            let datagrams = bytes.chunks(received.segment).chain(nothing);
            datagrams.map(|datagram| (datagram, received.from))
        })
    }

    fn bytes(&self) -> usize {
        self.received.iter().map(|received| received.length).sum()
    }

    /// The buffers. There is one in any case.
    fn buffers(&mut self) -> (std::slice::ChunksMut<'_, u8>, usize) {
        let count = self.received.capacity().max(1);
        // Of a batch without room for bytes each buffer is empty, and so is the memory.
        (self.memory.chunks_mut(self.room.max(1)), count)
    }

    /// Receives one after the other, until there is none.
    #[cfg(any(not(any(target_os = "linux", target_os = "android")), test))]
    fn fill_one_by_one(&mut self, socket: &mio::net::UdpSocket) -> io::Result<()> {
        let mut received = std::mem::take(&mut self.received);
        received.clear();
        let most = received.capacity().max(1);
        let (mut buffers, _) = self.buffers();
        let mut result = Ok(());
        while received.len() < most {
            let buf = buffers.next().unwrap_or_default();
            match socket.recv_from(buf) {
                Ok((length, from)) => received.push(Received {
                    length,
                    segment: length.max(1),
                    from,
                }),
                Err(error) => {
                    if received.is_empty() {
                        result = Err(error);
                    }
                    break;
                }
            }
        }
        self.received = received;
        result
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn fill(&mut self, socket: &mio::net::UdpSocket) -> io::Result<()> {
        self.fill_one_by_one(socket)
    }

    /// Receives all that is there and has room, by one system call.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn fill(&mut self, socket: &mio::net::UdpSocket) -> io::Result<()> {
        use nix::sys::socket::{
            ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg,
        };
        use std::io::IoSliceMut;
        use std::os::fd::AsRawFd;

        let mut received = std::mem::take(&mut self.received);
        received.clear();
        let (buffers, count) = self.buffers();
        let mut slices: Vec<_> = buffers.map(|buf| [IoSliceMut::new(buf)]).collect();
        slices.resize_with(count, || [IoSliceMut::new(&mut [])]);
        // Made anew, since a call leaves in it how much room for control messages it has used.
        let space = nix::cmsg_space!(i32);
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(count, Some(space));
        let flags = MsgFlags::empty();
        let result = recvmmsg(socket.as_raw_fd(), &mut headers, &mut slices, flags, None);
        let result = result.map_err(io::Error::from).and_then(|messages| {
            for message in messages {
                let from = message.address.as_ref().and_then(address);
                let Some(from) = from else {
                    return Err(io::Error::other("a datagram from no address"));
                };
                let mut segment = message.bytes;
                for control in message.cmsgs().map_err(io::Error::from)? {
                    if let ControlMessageOwned::UdpGroSegments(size) = control {
                        segment = usize::try_from(size).unwrap_or(segment);
                    }
                }
                received.push(Received {
                    length: message.bytes,
                    segment: segment.max(1),
                    from,
                });
            }
            Ok(())
        });
        self.received = received;
        result
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn address(storage: &nix::sys::socket::SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::from(*v4));
    }
    storage.as_sockaddr_in6().map(|v6| SocketAddr::from(*v6))
}

impl fmt::Debug for RecvBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvBatch")
            .field("len", &self.len())
            .field("capacity", &self.received.capacity())
            .finish_non_exhaustive()
    }
}

/// Sends one datagram, to the peer if there is no address.
fn send_one(
    socket: &mio::net::UdpSocket,
    buf: &[u8],
    addr: Option<SocketAddr>,
) -> io::Result<usize> {
    match addr {
        Some(addr) => socket.send_to(buf, addr),
        None => socket.send(buf),
    }
}

/// Sends datagrams of `segment` bytes and perhaps a shorter one, and returns how many bytes of `buf` they are.
fn send_segments(
    socket: &mio::net::UdpSocket,
    buf: &[u8],
    segment: usize,
    addr: Option<SocketAddr>,
) -> io::Result<usize> {
    if segment == 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "datagrams of no bytes",
        ));
    }
    if buf.len() <= segment {
        return send_one(socket, buf, addr);
    }
    let most = (MOST_BYTES / segment).clamp(1, MOST_SEGMENTS) * segment;
    let buf = &buf[..buf.len().min(most)];
    if let Some(result) = send_at_once(socket, buf, segment, addr) {
        return result;
    }
    let mut sent = 0;
    for datagram in buf.chunks(segment) {
        match send_one(socket, datagram, addr) {
            Ok(_) => sent += datagram.len(),
            Err(error) if sent == 0 => return Err(error),
            // Told by the next call, if it lasts.
            Err(_) => break,
        }
    }
    Ok(sent)
}

/// The same by one system call. `None` if that cannot be done here: the kernel or the device lacks it, or the
/// datagrams are larger than the network's packets.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn send_at_once(
    socket: &mio::net::UdpSocket,
    buf: &[u8],
    segment: usize,
    addr: Option<SocketAddr>,
) -> Option<io::Result<usize>> {
    use nix::errno::Errno;
    use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
    use std::os::fd::AsRawFd;

    let size = u16::try_from(segment).ok()?;
    let control = [ControlMessage::UdpGsoSegments(&size)];
    let addr = addr.map(SockaddrStorage::from);
    let bufs = [io::IoSlice::new(buf)];
    let fd = socket.as_raw_fd();
    match sendmsg(fd, &bufs, &control, MsgFlags::empty(), addr.as_ref()) {
        Err(
            Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::ENOPROTOOPT | Errno::EOPNOTSUPP,
        ) => None,
        result => Some(result.map_err(io::Error::from)),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn send_at_once(
    _: &mio::net::UdpSocket,
    _: &[u8],
    _: usize,
    _: Option<SocketAddr>,
) -> Option<io::Result<usize>> {
    None
}

impl UdpSocket {
    /// Receives as many datagrams as there are and `batch` has room for, at least one, and returns how many. On Linux
    /// it is one system call, elsewhere one for each.
    ///
    /// What is longer than a buffer of the batch is cut off, as in [`recv_from`](Self::recv_from). Windows drops it
    /// instead and says so by an error, which is returned if nothing has been received before.
    ///
    /// # Errors
    ///
    /// What the system reports. An error behind datagrams that have been received is told by the next call.
    ///
    /// # Cancel safety
    ///
    /// Nothing has been received if the future is dropped before it is done.
    pub async fn recv_many(&self, batch: &mut RecvBatch) -> io::Result<usize> {
        Operation::read(&self.io, |io, cx, id| {
            let fill = |socket: &_| batch.fill(socket).map(|()| (batch.len(), batch.bytes()));
            let filled = io.poll_op(id, Direction::Read, cx, fill, |(_, bytes)| *bytes);
            filled.map_ok(|(count, _)| count)
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
    ) -> Poll<io::Result<usize>> {
        let fill = |socket: &_| batch.fill(socket).map(|()| (batch.len(), batch.bytes()));
        let id = WaiterId::ANONYMOUS;
        let bytes = |(_, bytes): &(usize, usize)| *bytes;
        let filled = self.io.poll_op(id, Direction::Read, cx, fill, bytes);
        filled.map_ok(|(count, _)| count)
    }

    /// Receives as many datagrams as there are and `batch` has room for, and returns how many.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::WouldBlock`] if there is none; see [`readable`](Self::readable).
    pub fn try_recv_many(&self, batch: &mut RecvBatch) -> io::Result<usize> {
        self.io
            .try_with(Direction::Read, |socket| batch.fill(socket))?;
        Ok(batch.len())
    }

    /// Sends datagrams of `segment` bytes each, the last of which may be shorter, to the first address of `addr`, and
    /// returns how many bytes of `buf` they are: a multiple of `segment`, or all.
    ///
    /// On Linux it is one system call for up to 64 of them, which the system splits as late as it can (generic
    /// segmentation offload, `UDP_SEGMENT`), if it can and `segment` fits into the network's packets; otherwise it
    /// is one call for each.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// use polliwog::net::UdpSocket;
    ///
    /// async fn send(socket: &UdpSocket, mut file: &[u8], to: std::net::SocketAddr) -> std::io::Result<()> {
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
    /// What the system reports, also of an earlier datagram; [`io::ErrorKind::InvalidInput`] if `segment` is zero.
    ///
    /// # Cancel safety
    ///
    /// Nothing has been sent if the future is dropped before it is done.
    pub async fn send_segments_to(
        &self,
        buf: &[u8],
        segment: usize,
        addr: impl ToSocketAddrs,
    ) -> io::Result<usize> {
        first_that_works(addr, |addr| {
            self.send_all_segments(buf, segment, Some(addr))
        })
        .await
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
    pub async fn send_segments(&self, buf: &[u8], segment: usize) -> io::Result<usize> {
        self.send_all_segments(buf, segment, None).await
    }

    async fn send_all_segments(
        &self,
        buf: &[u8],
        segment: usize,
        addr: Option<SocketAddr>,
    ) -> io::Result<usize> {
        Operation::write(&self.io, |io, cx, id| {
            let send = |socket: &_| send_segments(socket, buf, segment, addr);
            io.poll_op(id, Direction::Write, cx, send, |n| *n)
        })
        .await
    }

    /// Returns whether the system may put several datagrams together (`UDP_GRO`). Linux only.
    ///
    /// # Errors
    ///
    /// What the system reports.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn gro(&self) -> io::Result<bool> {
        use nix::sys::socket::{getsockopt, sockopt};
        let gro = |socket: &_| Ok(getsockopt(socket, sockopt::UdpGroSegment)?);
        self.io.with(gro)
    }

    /// Sets whether the system may put several datagrams of the same peer and length together, which saves it and the
    /// program work (generic receive offload, `UDP_GRO`). [`recv_many`](Self::recv_many) takes them apart again;
    /// everything else that receives hands them out as one, and the connection between them is lost. Linux only.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// # #[cfg(target_os = "linux")]
    /// polliwog::block_on(async {
    ///     let socket = polliwog::net::UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_gro(true)?;
    ///     assert!(socket.gro()?);
    ///     let mut batch = polliwog::net::RecvBatch::new(8, 65_535);
    /// #   if false {
    ///     socket.recv_many(&mut batch).await?;
    /// #   }
    ///     std::io::Result::Ok(())
    /// })
    /// # .unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports; Linux has it since 5.0.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn set_gro(&self, on: bool) -> io::Result<()> {
        use nix::sys::socket::{setsockopt, sockopt};
        let set = |socket: &_| Ok(setsockopt(socket, sockopt::UdpGroSegment, &on)?);
        self.io.with(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What other systems do is tried here, too.
    #[test]
    fn one_by_one_is_the_same() {
        crate::block_on(async {
            let here = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let there = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let addr = here.local_addr().unwrap();
            for word in ["", "hop", "splash"] {
                there.send_to(word.as_bytes(), addr).await.unwrap();
            }
            here.readable().await.unwrap();
            let mut batch = RecvBatch::new(2, 4);
            let fill = |batch: &mut RecvBatch| here.io.with(|io| batch.fill_one_by_one(io));
            fill(&mut batch).unwrap();
            let from = there.local_addr().unwrap();
            let all: Vec<_> = batch.iter().collect();
            assert_eq!(all, [(&b""[..], from), (b"hop", from)]);
            // Windows does not hand out what it has cut off.
            if cfg!(windows) {
                fill(&mut batch).unwrap_err();
            } else {
                fill(&mut batch).unwrap();
                assert_eq!(batch.iter().next().unwrap(), (&b"spla"[..], from));
            }
            let error = fill(&mut batch).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            assert!(batch.is_empty());
        });
    }
}
