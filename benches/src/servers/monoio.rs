//! monoio with its driver for epoll. Its streams that are polled have tokio's traits.

use std::net::TcpListener as StdListener;
use std::rc::Rc;

use hyper_util::rt::TokioIo;
use monoio::io::IntoPollIo;
use monoio::net::TcpListener;
use monoio::net::tcp::stream_poll::TcpStreamPoll as TcpStream;
use monoio::net::udp::UdpSocket;
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsAcceptor;

use super::{Kind, Socket, http, mini_redis};

pub fn serve(socket: Socket, kind: Kind) {
    let builder = monoio::RuntimeBuilder::<monoio::LegacyDriver>::new();
    let mut runtime = builder.enable_timer().build().unwrap();
    runtime.block_on(async {
        match (kind, socket) {
            (Kind::Http, Socket::Tcp(listener)) => {
                accept(listener, |stream| http::one(TokioIo::new(stream))).await
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
            (_, Socket::Udp(socket)) => monoio::spawn(datagrams(socket)).await,
            _ => {}
        }
    });
}

async fn accept<F>(listener: StdListener, serve: impl Fn(TcpStream) -> F + 'static)
where
    F: Future<Output = ()> + 'static,
{
    let accept = monoio::spawn(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            monoio::spawn(serve(stream.into_poll_io().unwrap()));
        }
    });
    accept.await
}

async fn shake_hands(acceptor: TlsAcceptor, stream: TcpStream) {
    if let Ok(mut stream) = acceptor.accept(stream).await {
        let _ = stream.read(&mut [0; 1]).await;
    }
}

async fn datagrams(socket: std::net::UdpSocket) {
    use monoio::buf::{IoBufMut, SliceMut};
    let socket = UdpSocket::from_std(socket).unwrap();
    let mut buf: Vec<u8> = Vec::with_capacity(2048);
    loop {
        let (read, filled) = socket.recv_from(buf).await;
        let (n, from) = read.unwrap();
        let (sent, rest): (_, SliceMut<Vec<u8>>) =
            socket.send_to(filled.slice_mut(..n), from).await;
        sent.unwrap();
        buf = rest.into_inner();
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
        monoio::spawn(task);
    }
}
