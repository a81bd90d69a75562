//! Ours.

use std::net::TcpListener as StdListener;
use std::rc::Rc;

use polliwog_core::hyper::{PolliwogExecutor, PolliwogTimer};
use polliwog_mio::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_mio::{Runtime, spawn};
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsAcceptor;

use super::{Kind, Socket, http, mini_redis};

pub fn serve(socket: Socket, kind: Kind) {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        match (kind, socket) {
            (Kind::Http, Socket::Tcp(listener)) => accept(listener, http::one).await,
            (Kind::HttpTimer, Socket::Tcp(listener)) => {
                accept(listener, |stream| {
                    http::one_with_timer(stream, PolliwogTimer)
                })
                .await
            }
            (Kind::Http2, Socket::Tcp(listener)) => {
                accept(listener, |stream| http::two(stream, PolliwogExecutor)).await
            }
            (Kind::Tls, Socket::Tcp(listener)) => {
                let acceptor = TlsAcceptor::from(http::tls());
                accept(listener, |stream| shake_hands(acceptor.clone(), stream)).await
            }
            (Kind::Redis, Socket::Tcp(listener)) => {
                let store = Rc::new(mini_redis::store());
                accept(listener, |stream| mini_redis::serve(stream, store.clone())).await
            }
            (_, Socket::Udp(socket)) => {
                let socket = UdpSocket::from_std(socket).unwrap();
                let mut buf = [0; 2048];
                loop {
                    let (n, from) = socket.recv_from(&mut buf).await.unwrap();
                    socket.send_to(&buf[..n], from).await.unwrap();
                }
            }
            _ => {}
        }
    });
}

async fn accept<F>(listener: StdListener, serve: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + 'static,
{
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        spawn(serve(stream)).unwrap().detach();
    }
}

async fn shake_hands(acceptor: TlsAcceptor, stream: TcpStream) {
    if let Ok(mut stream) = acceptor.accept(stream).await {
        let _ = stream.read(&mut [0; 1]).await;
    }
}
