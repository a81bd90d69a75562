//! smol: async-executor's static local executor on async-io, with smol-hyper.

use std::net::TcpListener as StdListener;
use std::rc::Rc;

use async_executor::{LocalExecutor, StaticLocalExecutor};
use async_net::{TcpListener, TcpStream, UdpSocket};
use futures_lite::AsyncReadExt;
use futures_rustls::TlsAcceptor;
use smol_hyper::rt::{FuturesIo, SmolTimer};

use super::{Kind, Socket, http, mini_redis};

type Executor = &'static StaticLocalExecutor;

pub fn serve(socket: Socket, kind: Kind) {
    let executor: Executor = LocalExecutor::new().leak();
    let main = executor.spawn(async move {
        match (kind, socket) {
            (Kind::Http, Socket::Tcp(listener)) => {
                let serve = |stream| http::one(FuturesIo::new(stream));
                accept(executor, listener, serve).await
            }
            (Kind::HttpTimer, Socket::Tcp(listener)) => {
                let serve = |stream| http::one_with_timer(FuturesIo::new(stream), SmolTimer::new());
                accept(executor, listener, serve).await
            }
            (Kind::Http2, Socket::Tcp(listener)) => {
                let serve = |stream| http::two(FuturesIo::new(stream), Local(executor));
                accept(executor, listener, serve).await
            }
            (Kind::Tls, Socket::Tcp(listener)) => {
                let acceptor = TlsAcceptor::from(http::tls());
                let serve = |stream| shake_hands(acceptor.clone(), stream);
                accept(executor, listener, serve).await
            }
            (Kind::Redis, Socket::Tcp(listener)) => {
                let store = Rc::new(mini_redis::store());
                let serve = |stream| mini_redis::serve(mini_redis::Futures(stream), store.clone());
                accept(executor, listener, serve).await
            }
            (_, Socket::Udp(socket)) => {
                let socket = UdpSocket::try_from(socket).unwrap();
                let mut buf = [0; 2048];
                loop {
                    let (n, from) = socket.recv_from(&mut buf).await.unwrap();
                    socket.send_to(&buf[..n], from).await.unwrap();
                }
            }
            _ => {}
        }
    });
    async_io::block_on(executor.run(main))
}

async fn accept<F>(executor: Executor, listener: StdListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let listener = TcpListener::try_from(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        executor.spawn(serve(stream)).detach();
    }
}

async fn shake_hands(acceptor: TlsAcceptor, stream: TcpStream) {
    if let Ok(mut stream) = acceptor.accept(stream).await {
        let _ = stream.read(&mut [0; 1]).await;
    }
}

/// For hyper's tasks of HTTP/2.
#[derive(Clone, Copy)]
struct Local(Executor);

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future<Output: 'static> + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task).detach();
    }
}
