//! hyper-util's client with its pool of connections: our feature `hyper`, and a connector, because the crate asks
//! for one that is `Send`.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use polliwog::hyper::{PolliwogExecutor, PolliwogTimer};
use polliwog::net::{TcpListener, TcpStream};
use polliwog::{SendWrapper, spawn};

use crate::run;

struct Stream(SendWrapper<TcpStream>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Read::poll_read(Pin::new(&mut self.0), cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Write::poll_write(Pin::new(&mut self.0), cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Write::poll_shutdown(Pin::new(&mut self.0), cx)
    }
}

#[derive(Clone)]
struct Connector;

impl tower::Service<Uri> for Connector {
    type Response = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(SendWrapper::new(async move {
            let host = uri.host().ok_or(io::ErrorKind::InvalidInput)?;
            let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await?;
            Ok(Stream(SendWrapper::new(stream)))
        }))
    }
}

#[test]
fn a_pool_of_connections() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = spawn(async move {
            // One connection for all requests.
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(|request: hyper::Request<_>| async move {
                let answer = Full::new(Bytes::from(request.uri().path().to_owned()));
                Ok::<_, Infallible>(Response::new(answer))
            });
            let connection = hyper::server::conn::http1::Builder::new();
            connection.serve_connection(stream, service).await
        })
        .unwrap();
        let client: Client<_, Empty<Bytes>> = Client::builder(PolliwogExecutor)
            .pool_timer(PolliwogTimer)
            .timer(PolliwogTimer)
            .build(Connector);
        for path in ["/a", "/b", "/c"] {
            let uri = format!("http://{addr}{path}").parse().unwrap();
            let answer = client.get(uri).await.unwrap();
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), path);
        }
        drop(client);
        server.await.unwrap().unwrap();
    });
}
