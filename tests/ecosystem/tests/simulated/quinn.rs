//! quinn (QUIC) over simulated UDP, with chance by the seed (`rng_seed`, and rustls' provider) and our clock
//! (`Runtime::now`). As with rustls, the secrets of the key exchange are the system's, which shows in no size or time.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use polliwog::spin::net::{ToSocketAddrs, UdpSocket};
use polliwog::time::{Sleep, sleep_until};
use polliwog::{SendWrapper, sim, spawn};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncTimer, AsyncUdpSocket, Endpoint, EndpointConfig, Runtime, UdpPoller};

use crate::{keys, twice};

/// Its clock is the host's, counted from an instant of the system that is never looked at again.
#[derive(Clone, Copy, Debug)]
struct Simulated {
    system: Instant,
    host: polliwog::Instant,
}

impl Simulated {
    fn new() -> Self {
        Self {
            system: Instant::now(),
            host: polliwog::Instant::now(),
        }
    }

    fn on_host(&self, at: Instant) -> polliwog::Instant {
        self.host + at.saturating_duration_since(self.system)
    }
}

impl Runtime for Simulated {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        let sleep = SendWrapper::new(Box::pin(sleep_until(self.on_host(at))));
        Box::pin(Timer {
            clock: *self,
            sleep,
        })
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        spawn(future).expect("room for a task").detach();
    }

    fn wrap_udp_socket(&self, _: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn now(&self) -> Instant {
        self.system + (polliwog::Instant::now() - self.host)
    }
}

#[derive(Debug)]
struct Timer {
    clock: Simulated,
    sleep: SendWrapper<Pin<Box<Sleep>>>,
}

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, at: Instant) {
        let at = self.clock.on_host(at);
        self.sleep.as_mut().reset(at);
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().poll(cx)
    }
}

struct Socket(SendWrapper<UdpSocket>);

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Always)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0
            .try_send_to(transmit.contents, transmit.destination)?;
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (len, addr) = ready!(self.0.poll_recv_from(cx, &mut bufs[0]))?;
        meta[0] = RecvMeta {
            addr,
            len,
            stride: len,
            ..RecvMeta::default()
        };
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr()?)
    }

    fn may_fragment(&self) -> bool {
        false
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}

/// A simulated socket always has room: what is too much gets lost on the way.
#[derive(Debug)]
struct Always;

impl UdpPoller for Always {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

async fn endpoint(port: u16, server: Option<quinn::ServerConfig>) -> Endpoint {
    let mut seed = [0; 32];
    for chunk in seed.chunks_mut(8) {
        chunk.copy_from_slice(&sim::random().to_le_bytes());
    }
    let mut config = EndpointConfig::default();
    config.rng_seed(Some(seed));
    let socket = UdpSocket::bind(("0.0.0.0", port)).await.unwrap();
    let socket = Arc::new(Socket(SendWrapper::new(socket)));
    let runtime = Arc::new(Simulated::new());
    Endpoint::new_with_abstract_socket(config, server, socket, runtime).unwrap()
}

async fn serve() {
    let crypto = QuicServerConfig::try_from(keys::server()).unwrap();
    let server = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let server = endpoint(443, Some(server)).await;
    while let Some(incoming) = server.accept().await {
        let serving = async {
            let connection = incoming.await.unwrap();
            while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                let all = receive.read_to_end(1 << 20).await.unwrap();
                send.write_all(&all).await.unwrap();
                send.finish().unwrap();
            }
        };
        spawn(serving).unwrap().detach();
    }
}

#[test]
fn streams_both_ways() {
    twice(|simulation| {
        simulation.host("server", serve);
        for client in 0..2 {
            simulation.client(&format!("client-{client}"), async {
                let crypto = QuicClientConfig::try_from(keys::client()).unwrap();
                let mut here = endpoint(0, None).await;
                here.set_default_client_config(quinn::ClientConfig::new(Arc::new(crypto)));
                let server = "server:443".to_socket_addr().unwrap();
                let connection = here.connect(server, "localhost").unwrap().await.unwrap();
                for size in [1, 1000, 200_000] {
                    let (mut send, mut receive) = connection.open_bi().await.unwrap();
                    let sent = vec![7; size];
                    send.write_all(&sent).await.unwrap();
                    send.finish().unwrap();
                    assert!(receive.read_to_end(1 << 20).await.unwrap() == sent);
                }
                connection.close(0_u8.into(), b"done");
                here.wait_idle().await;
            });
        }
    });
}
