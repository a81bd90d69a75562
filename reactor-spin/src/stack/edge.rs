//! The traits of `edge-nal`: the `edge-nal` feature.

use core::net::SocketAddr;

use edge_nal::{
    Close, Readable, TcpAccept, TcpBind, TcpConnect, TcpShutdown, TcpSplit, UdpReceive, UdpSend,
    UdpSplit,
};

use super::{ReadHalf, Shutdown, Stack, TcpListener, TcpStream, UdpSocket, WriteHalf};
use crate::Error;

/// How many clients of a listener can connect at the same moment, if nothing else is said.
const BACKLOG: usize = 4;

/// A stack for programs that are written against `edge-nal`, such as those of `edge-net`: connects,
/// listens and, with feature `dns`, looks up names.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use core::net::SocketAddr;
/// use edge_nal::{Readable, TcpAccept, TcpBind};
/// use edge_nal::io::{Read, Write};
/// use polliwog::Error;
/// use polliwog::stack::{EdgeStack, Stack};
///
/// /// Knows nothing of the stack.
/// async fn greet(net: impl TcpBind, addr: SocketAddr) {
///     let Ok(listener) = net.bind(addr).await else { return };
///     while let Ok((_, mut client)) = listener.accept().await {
///         let _ = client.write_all(b"hello\n").await;
///     }
/// }
///
/// async fn serve(stack: &'static Stack) {
///     greet(EdgeStack::new(stack), ([0, 0, 0, 0], 7).into()).await;
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct EdgeStack {
    stack: &'static Stack,
    backlog: usize,
}

impl EdgeStack {
    /// Makes the traits' side of a stack; up to four clients of a listener can connect at the same moment.
    pub const fn new(stack: &'static Stack) -> Self {
        Self {
            stack,
            backlog: BACKLOG,
        }
    }

    /// With another number of clients that can connect to a listener at the same moment: see
    /// [`TcpListener::bind`].
    #[must_use]
    pub const fn with_backlog(mut self, backlog: usize) -> Self {
        self.backlog = backlog;
        self
    }
}

impl TcpConnect for EdgeStack {
    type Error = Error;
    type Socket<'a> = TcpStream;

    async fn connect(&self, remote: SocketAddr) -> Result<TcpStream, Error> {
        TcpStream::connect(self.stack, remote).await
    }
}

impl TcpBind for EdgeStack {
    type Error = Error;
    type Accept<'a> = TcpListener;

    async fn bind(&self, local: SocketAddr) -> Result<TcpListener, Error> {
        TcpListener::bind(self.stack, local, self.backlog).await
    }
}

impl TcpAccept for TcpListener {
    type Error = Error;
    type Socket<'a> = TcpStream;

    async fn accept(&self) -> Result<(SocketAddr, TcpStream), Error> {
        let (stream, peer) = TcpListener::accept(self).await?;
        Ok((peer, stream))
    }
}

#[cfg(feature = "dns")]
impl edge_nal::Dns for EdgeStack {
    type Error = Error;

    async fn get_host_by_name(
        &self,
        host: &str,
        addr_type: edge_nal::AddrType,
    ) -> Result<core::net::IpAddr, Error> {
        use edge_nal::AddrType;
        let mut found = self.stack.resolve(host).await?;
        let fits = |addr: &core::net::IpAddr| match addr_type {
            AddrType::IPv4 => addr.is_ipv4(),
            AddrType::IPv6 => addr.is_ipv6(),
            AddrType::Either => true,
        };
        found.find(fits).ok_or(Error::NameNotFound)
    }

    /// Always [`Error::NameNotFound`]: the stack does not look up addresses.
    async fn get_host_by_address(
        &self,
        _addr: core::net::IpAddr,
        _result: &mut [u8],
    ) -> Result<usize, Error> {
        Err(Error::NameNotFound)
    }
}

impl TcpSplit for TcpStream {
    type Read<'a> = ReadHalf<'a>;
    type Write<'a> = WriteHalf<'a>;

    fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        TcpStream::split(self)
    }
}

impl TcpShutdown for TcpStream {
    /// Ends the directions; for that to write, waits until the peer has acknowledged everything.
    async fn close(&mut self, what: Close) -> Result<(), Error> {
        let how = match what {
            Close::Read => Shutdown::Read,
            Close::Write => Shutdown::Write,
            Close::Both => Shutdown::Both,
        };
        self.shutdown(how)?;
        match what {
            Close::Read => Ok(()),
            Close::Write | Close::Both => self.flush().await,
        }
    }

    async fn abort(&mut self) -> Result<(), Error> {
        TcpStream::abort(self);
        Ok(())
    }
}

impl Readable for TcpStream {
    async fn readable(&mut self) -> Result<(), Error> {
        TcpStream::readable(self).await
    }
}

impl Readable for ReadHalf<'_> {
    async fn readable(&mut self) -> Result<(), Error> {
        ReadHalf::readable(self).await
    }
}

impl embedded_io::ErrorType for UdpSocket {
    type Error = Error;
}

impl embedded_io::ErrorType for &UdpSocket {
    type Error = Error;
}

macro_rules! datagrams {
    ($($type:ty),*) => {$(
        impl UdpReceive for $type {
            async fn receive(&mut self, buffer: &mut [u8]) -> Result<(usize, SocketAddr), Error> {
                self.recv_from(buffer).await
            }
        }

        impl UdpSend for $type {
            async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), Error> {
                self.send_to(data, remote).await.map(drop)
            }
        }

        impl Readable for $type {
            async fn readable(&mut self) -> Result<(), Error> {
                UdpSocket::readable(self).await
            }
        }
    )*};
}

datagrams!(UdpSocket, &UdpSocket);

impl UdpSplit for UdpSocket {
    type Receive<'a> = &'a UdpSocket;
    type Send<'a> = &'a UdpSocket;

    fn split(&mut self) -> (&UdpSocket, &UdpSocket) {
        (self, self)
    }
}
