//! [`TcpListener`].

use core::fmt;
use core::future::{Future, poll_fn};
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::task::{Context, Poll};

use super::{Stack, TcpStream, listen_endpoint, time};
use crate::Error;
use crate::net::ToSocketAddrs;

/// Waits for clients.
///
/// As many can connect at the same moment as the backlog says; further ones are refused.
pub struct TcpListener {
    stack: &'static Stack,
    number: usize,
    local: SocketAddr,
}

impl TcpListener {
    /// Listens at an address; the unspecified one, as in `"0.0.0.0:7"`, means all that the stack
    /// has. Up to `backlog` of the stack's sockets wait for clients.
    ///
    /// # Errors
    ///
    /// [`Error::AddrInUse`], [`Error::InvalidAddress`], or [`Error::LimitReached`] if the stack
    /// has too many listeners.
    pub async fn bind(
        stack: &'static Stack,
        addr: impl ToSocketAddrs,
        backlog: usize,
    ) -> Result<Self, Error> {
        let mut local = addr.to_socket_addr()?;
        if local.port() == 0 {
            local.set_port(stack.any_port());
        }
        let endpoint = listen_endpoint(local)?;
        let number = stack.with(|inner| inner.table.listen(endpoint, backlog))?;
        Ok(Self {
            stack,
            number,
            local,
        })
    }

    /// Waits for a client.
    ///
    /// # Errors
    ///
    /// None; it has the mio listener's signature.
    ///
    /// # Cancel safety
    ///
    /// A client is not lost if the wait is given up.
    pub fn accept(&self) -> impl Future<Output = Result<(TcpStream, SocketAddr), Error>> + '_ {
        poll_fn(|cx| self.poll_accept(cx))
    }

    /// [`accept`](Self::accept) as a poll function. Wakes the last task that polled it.
    pub fn poll_accept(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(TcpStream, SocketAddr), Error>> {
        let handle = self.stack.with(|inner| {
            let accepted = inner.table.accept(self.number, &inner.sockets);
            if accepted.is_none() {
                inner.table.register(self.number, cx.waker());
            }
            accepted
        });
        let Some(handle) = handle else {
            return Poll::Pending;
        };
        let stream = TcpStream::new(self.stack, handle);
        let nobody = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let peer = stream.peer_addr().unwrap_or(nobody);
        Poll::Ready(Ok((stream, peer)))
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// None; it has the mio listener's signature.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        Ok(self.local)
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.stack
            .with(|inner| inner.table.close(self.number, &mut inner.sockets, time()));
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener")
            .field("local_addr", &self.local)
            .finish_non_exhaustive()
    }
}
