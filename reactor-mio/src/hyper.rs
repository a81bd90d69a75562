//! A connector for hyper-util's client (feature `hyper-util`).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ::hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use polliwog_core::SendWrapper;

use crate::net::TcpStream;

/// Connects hyper-util's `Client` to servers, by TCP.
///
/// Its streams stay on their thread, as the [`PolliwogExecutor`](polliwog_core::hyper::PolliwogExecutor) does; used
/// on another one they give errors. It makes plain connections: for `https` put one that adds TLS around it, as
/// hyper-rustls' `HttpsConnector` does.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io};
/// # pub mod hyper { pub use polliwog_core::hyper::*; pub use polliwog_mio::hyper::*; } }
/// use hyper_util::client::legacy::Client;
/// use polliwog::hyper::{PolliwogConnector, PolliwogExecutor, PolliwogTimer};
///
/// polliwog::block_on(async {
///     let client: Client<_, String> = Client::builder(PolliwogExecutor)
///         .pool_timer(PolliwogTimer)
///         .build(PolliwogConnector::new());
/// #   drop(client);
/// });
/// ```
#[derive(Clone, Debug, Default)]
pub struct PolliwogConnector {
    patience: Option<Duration>,
    nodelay: bool,
}

impl PolliwogConnector {
    /// Makes a connector that waits for a connection as long as the system does.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long to wait for a connection, the looking up of the name included. `None`: as long as the system
    /// does.
    pub fn connect_timeout(mut self, patience: Option<Duration>) -> Self {
        self.patience = patience;
        self
    }

    /// Sets whether to send what is written at once (`TCP_NODELAY`). It is off unless set.
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    async fn connect(self, uri: ::hyper::Uri) -> io::Result<PolliwogStream> {
        let host = uri.host().ok_or_else(no_host)?;
        // An IPv6 address has brackets in a URI.
        let name = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
            Some("https" | "wss") => 443,
            _ => 80,
        });
        let stream = match self.patience {
            Some(patience) => TcpStream::connect_timeout((name, port), patience).await?,
            None => TcpStream::connect((name, port)).await?,
        };
        if self.nodelay {
            stream.set_nodelay(true)?;
        }
        Ok(PolliwogStream(SendWrapper::new(stream)))
    }
}

#[cold]
fn no_host() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the URI to connect to names no host",
    )
}

impl tower_service::Service<::hyper::Uri> for PolliwogConnector {
    type Response = PolliwogStream;
    type Error = io::Error;
    type Future = PolliwogConnecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: ::hyper::Uri) -> PolliwogConnecting {
        let connecting = self.clone().connect(uri);
        PolliwogConnecting(Box::pin(SendWrapper::new(connecting)))
    }
}

/// The future that a [`PolliwogConnector`] returns. It panics when it is polled on another thread.
pub struct PolliwogConnecting(Pin<Box<dyn Future<Output = io::Result<PolliwogStream>> + Send>>);

impl Future for PolliwogConnecting {
    type Output = io::Result<PolliwogStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl std::fmt::Debug for PolliwogConnecting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolliwogConnecting").finish_non_exhaustive()
    }
}

/// A connection that a [`PolliwogConnector`] has made: a [`TcpStream`] that may be sent and is used on its own thread.
#[derive(Debug)]
pub struct PolliwogStream(SendWrapper<TcpStream>);

impl PolliwogStream {
    /// Returns the stream.
    ///
    /// # Errors
    ///
    /// This itself, on another thread than its own.
    pub fn into_inner(self) -> Result<TcpStream, PolliwogStream> {
        self.0.into_inner().map_err(PolliwogStream)
    }
}

impl Connection for PolliwogStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for PolliwogStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Read::poll_read(Pin::new(&mut self.0), cx, buf)
    }
}

impl Write for PolliwogStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Write::poll_write(Pin::new(&mut self.0), cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Write::poll_write_vectored(Pin::new(&mut self.0), cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_shutdown(Pin::new(&mut self.0), cx)
    }
}
