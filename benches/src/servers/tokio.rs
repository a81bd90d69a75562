//! tokio on one thread, and as it is by default.

use std::net::TcpListener as StdListener;
use std::rc::Rc;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::{spawn, spawn_local};
use tokio_rustls::TlsAcceptor;

use super::{Kind, Socket, http, mini_redis};

/// On one thread.
pub fn serve(socket: Socket, kind: Kind) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())
        .unwrap();
    runtime.block_on(async {
        match (kind, socket) {
            (Kind::Http, Socket::Tcp(listener)) => {
                accept(listener, |stream| http::one(TokioIo::new(stream))).await
            }
            (Kind::HttpTimer, Socket::Tcp(listener)) => {
                let serve = |stream| http::one_with_timer(TokioIo::new(stream), TokioTimer::new());
                accept(listener, serve).await
            }
            (Kind::Http2, Socket::Tcp(listener)) => {
                accept(listener, |stream| http::two(TokioIo::new(stream), Local)).await
            }
            (Kind::Tls, Socket::Tcp(listener)) => {
                let acceptor = TlsAcceptor::from(http::tls());
                accept(listener, move |stream| {
                    shake_hands(acceptor.clone(), stream)
                })
                .await
            }
            (Kind::Redis, Socket::Tcp(listener)) => {
                let store = Rc::new(mini_redis::store());
                let serve =
                    move |stream| mini_redis::serve(mini_redis::Tokio(stream), store.clone());
                accept(listener, serve).await
            }
            (_, Socket::Udp(socket)) => spawn_local(datagrams(socket)).await.unwrap(),
            _ => {}
        }
    });
}

/// On as many threads as there are processors, what a program gets that asks for nothing else.
pub fn serve_threads(socket: Socket, kind: Kind) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        match (kind, socket) {
            (Kind::Http, Socket::Tcp(listener)) => {
                accept_threads(listener, |stream| http::one(TokioIo::new(stream))).await
            }
            (Kind::HttpTimer, Socket::Tcp(listener)) => {
                let serve = |stream| http::one_with_timer(TokioIo::new(stream), TokioTimer::new());
                accept_threads(listener, serve).await
            }
            (Kind::Http2, Socket::Tcp(listener)) => {
                let serve = |stream| http::two(TokioIo::new(stream), TokioExecutor::new());
                accept_threads(listener, serve).await
            }
            (Kind::Tls, Socket::Tcp(listener)) => {
                let acceptor = TlsAcceptor::from(http::tls());
                accept_threads(listener, move |stream| {
                    shake_hands(acceptor.clone(), stream)
                })
                .await
            }
            (_, Socket::Udp(socket)) => spawn(datagrams(socket)).await.unwrap(),
            _ => {}
        }
    });
}

async fn accept<F>(listener: StdListener, serve: impl Fn(TcpStream) -> F + 'static)
where
    F: Future<Output = ()> + 'static,
{
    let listener = TcpListener::from_std(listener).unwrap();
    let accept = spawn_local(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            spawn_local(serve(stream));
        }
    });
    accept.await.unwrap()
}

async fn accept_threads<F>(
    listener: StdListener,
    serve: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::from_std(listener).unwrap();
    let accept = spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            spawn(serve(stream));
        }
    });
    accept.await.unwrap()
}

async fn shake_hands(acceptor: TlsAcceptor, stream: TcpStream) {
    if let Ok(mut stream) = acceptor.accept(stream).await {
        let _ = stream.read(&mut [0; 1]).await;
    }
}

async fn datagrams(socket: std::net::UdpSocket) {
    let socket = UdpSocket::from_std(socket).unwrap();
    let mut buf = [0; 2048];
    loop {
        let (n, from) = socket.recv_from(&mut buf).await.unwrap();
        socket.send_to(&buf[..n], from).await.unwrap();
    }
}

/// For hyper's tasks of HTTP/2.
#[derive(Clone, Copy)]
struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future<Output: 'static> + 'static,
{
    fn execute(&self, task: F) {
        spawn_local(task);
    }
}
