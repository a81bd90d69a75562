//! quinn (QUIC): its `Runtime`, which asks for `Send`, on our sockets and timers.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use polliwog::sources::Direction;
use polliwog::time::{Sleep, sleep};
use polliwog::{AsyncFd, SendWrapper, spawn};
use quinn::udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use quinn::{AsyncTimer, AsyncUdpSocket, Runtime, UdpPoller};

use crate::run;

#[derive(Debug)]
struct Polliwog;

impl Runtime for Polliwog {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        let sleep = sleep(at.saturating_duration_since(Instant::now()));
        Box::pin(Timer(SendWrapper::new(Box::pin(sleep))))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        spawn(future).expect("room for a task").detach();
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let state = UdpSocketState::new((&socket).into())?;
        let io = SendWrapper::new(AsyncFd::new(socket)?);
        Ok(Arc::new(Socket { state, io }))
    }
}

#[derive(Debug)]
struct Timer(SendWrapper<Pin<Box<Sleep>>>);

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        let at = polliwog::time::Instant::from_std(at);
        self.0.as_mut().reset(at);
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

struct Socket {
    state: UdpSocketState,
    io: SendWrapper<AsyncFd<std::net::UdpSocket>>,
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Poller(self))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let send = |socket: &_| self.state.send(UdpSockRef::from(socket), transmit);
        self.io.try_with(Direction::Write, send)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let recv = |socket: &_| self.state.recv(UdpSockRef::from(socket), bufs, meta);
        self.io.poll_read_with(cx, recv)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}

/// Any number of tasks wait for one socket.
#[derive(Debug)]
struct Poller(Arc<Socket>);

impl UdpPoller for Poller {
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.io.poll_write_ready(cx).map_ok(drop)
    }
}

fn endpoint(server: Option<quinn::ServerConfig>) -> quinn::Endpoint {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let config = quinn::EndpointConfig::default();
    quinn::Endpoint::new(config, server, socket, Arc::new(Polliwog)).unwrap()
}

#[test]
fn a_megabyte_goes_both_ways_by_many_streams() {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let certificates = || {
        let pem = include_bytes!("keys/cert.pem");
        CertificateDer::pem_slice_iter(pem).map(Result::unwrap)
    };
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("keys/key.pem")).unwrap();
    let server = quinn::ServerConfig::with_single_cert(certificates().collect(), key).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(certificates());
    let client = quinn::ClientConfig::with_root_certificates(Arc::new(roots)).unwrap();
    run(async {
        let server = endpoint(Some(server));
        let addr = server.local_addr().unwrap();
        let echo = spawn(async move {
            let connection = server.accept().await.unwrap().await.unwrap();
            while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                spawn(async move {
                    let all = receive.read_to_end(1 << 20).await.unwrap();
                    send.write_all(&all).await.unwrap();
                    send.finish().unwrap();
                })
                .unwrap()
                .detach();
            }
            server.wait_idle().await;
        })
        .unwrap();
        let mut here = endpoint(None);
        here.set_default_client_config(client);
        let connection = here.connect(addr, "localhost").unwrap().await.unwrap();
        let streams: Vec<_> = (0..4_u8)
            .map(|number| {
                let connection = connection.clone();
                spawn(async move {
                    let (mut send, mut receive) = connection.open_bi().await.unwrap();
                    let sent = vec![number; 1 << 18];
                    send.write_all(&sent).await.unwrap();
                    send.finish().unwrap();
                    assert!(receive.read_to_end(1 << 20).await.unwrap() == sent);
                })
                .unwrap()
            })
            .collect();
        for stream in streams {
            stream.await.unwrap();
        }
        connection.close(0_u8.into(), b"done");
        here.wait_idle().await;
        echo.await.unwrap();
    });
}
