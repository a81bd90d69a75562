//! hickory-resolver: its `RuntimeProvider`, on our sockets, timers and tasks; the server is its protocol crate on our
//! sockets. Asked over UDP, then over TCP, as the answer does not fit. And sntpc, whose socket is ours in ten lines.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite};
use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::{RData, Record};
use hickory_proto::runtime::{RuntimeProvider, Spawn, Time};
use hickory_proto::tcp::DnsTcpStream;
use hickory_proto::udp::DnsUdpSocket;
use hickory_proto::{ProtoError, serialize::binary::BinEncodable};
use hickory_resolver::Resolver;
use hickory_resolver::config::{NameServerConfigGroup, ResolverConfig, ResolverOpts};
use hickory_resolver::name_server::GenericConnector;
use polliwog::net::{TcpListener, TcpStream, UdpSocket};
use polliwog::time::{sleep, timeout};
use polliwog::{SendWrapper, spawn};

use crate::run;

type BoxedFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[derive(Clone)]
struct Polliwog;

impl Spawn for Polliwog {
    fn spawn_bg<F>(&mut self, future: F)
    where
        F: Future<Output = Result<(), ProtoError>> + Send + 'static,
    {
        spawn(future).expect("room for a task").detach();
    }
}

#[async_trait::async_trait]
impl Time for Polliwog {
    async fn delay_for(duration: Duration) {
        SendWrapper::new(sleep(duration)).await;
    }

    async fn timeout<F: 'static + Future + Send>(
        duration: Duration,
        future: F,
    ) -> io::Result<F::Output> {
        let limited = SendWrapper::new(Box::pin(timeout(duration, future)));
        limited.await.map_err(io::Error::from)
    }
}

impl RuntimeProvider for Polliwog {
    type Handle = Self;
    type Timer = Self;
    type Udp = Udp;
    type Tcp = Tcp;

    fn create_handle(&self) -> Self {
        self.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        _: Option<SocketAddr>,
        _: Option<Duration>,
    ) -> BoxedFuture<io::Result<Tcp>> {
        let connecting = async move { TcpStream::connect(server).await.map(SendWrapper::new) };
        let connecting = SendWrapper::new(Box::pin(connecting));
        Box::pin(async { connecting.await.map(Tcp) })
    }

    fn bind_udp(&self, local: SocketAddr, _: SocketAddr) -> BoxedFuture<io::Result<Udp>> {
        let binding = async move { UdpSocket::bind(local).await.map(SendWrapper::new) };
        let binding = SendWrapper::new(Box::pin(binding));
        Box::pin(async { binding.await.map(Udp) })
    }
}

struct Udp(SendWrapper<UdpSocket>);

impl DnsUdpSocket for Udp {
    type Time = Polliwog;

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.0.poll_recv_from(cx, buf)
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        to: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.0.poll_send_to(cx, buf, to)
    }
}

struct Tcp(SendWrapper<TcpStream>);

impl DnsTcpStream for Tcp {
    type Time = Polliwog;
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}

/// The answer to a query: as many addresses as the first digits of its name say.
fn answer(query: &[u8], by_tcp: bool) -> Vec<u8> {
    let query = Message::from_vec(query).unwrap();
    let asked = query.queries()[0].clone();
    let name = asked.name().to_string();
    let count: u8 = name.split('.').next().unwrap().parse().unwrap();
    let mut answer = Message::new();
    answer
        .set_id(query.id())
        .set_message_type(MessageType::Response);
    answer.set_recursion_available(true);
    if count > 10 && !by_tcp {
        answer.set_truncated(true);
    } else {
        for n in 0..count {
            let address = RData::A(Ipv4Addr::new(10, 0, 0, n).into());
            answer.add_answer(Record::from_rdata(asked.name().clone(), 60, address));
        }
    }
    answer.add_query(asked);
    answer.to_bytes().unwrap()
}

#[test]
fn names_are_found_by_udp_and_by_tcp() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let socket = UdpSocket::bind(addr).await.unwrap();
        let by_udp = spawn(async move {
            let mut buf = [0; 512];
            loop {
                let (len, client) = socket.recv_from(&mut buf).await.unwrap();
                socket
                    .send_to(&answer(&buf[..len], false), client)
                    .await
                    .unwrap();
            }
        });
        let by_tcp = spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut len = [0; 2];
            AsyncReadExt::read_exact(&mut stream, &mut len)
                .await
                .unwrap();
            let mut query = vec![0; u16::from_be_bytes(len).into()];
            AsyncReadExt::read_exact(&mut stream, &mut query)
                .await
                .unwrap();
            let answer = answer(&query, true);
            let len = u16::try_from(answer.len()).unwrap().to_be_bytes();
            stream
                .write_all(&[&len[..], &answer].concat())
                .await
                .unwrap();
            // Until the client hangs up.
            AsyncReadExt::read(&mut stream, &mut [0]).await
        });
        let servers = NameServerConfigGroup::from_ips_clear(&[addr.ip()], addr.port(), true);
        let config = ResolverConfig::from_parts(None, vec![], servers);
        let mut builder = Resolver::builder_with_config(config, GenericConnector::new(Polliwog));
        *builder.options_mut() = ResolverOpts::default();
        let resolver = builder.build();
        for count in [3, 40] {
            let found = resolver
                .ipv4_lookup(format!("{count}.example."))
                .await
                .unwrap();
            let mut all: Vec<_> = found.iter().map(|address| address.octets()[3]).collect();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
        drop(resolver);
        by_udp.unwrap().abort();
        by_tcp.unwrap().abort();
    });
}

struct Clock<'a>(&'a UdpSocket);

impl sntpc::NtpUdpSocket for Clock<'_> {
    async fn send_to(&self, buf: &[u8], addr: SocketAddr) -> sntpc::Result<usize> {
        let sent = self.0.send_to(buf, addr).await;
        sent.map_err(|_| sntpc::Error::Network)
    }

    async fn recv_from(&self, buf: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
        let received = self.0.recv_from(buf).await;
        received.map_err(|_| sntpc::Error::Network)
    }
}

#[test]
fn what_time_it_is() {
    run(async {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = server.local_addr().unwrap();
        let serving = spawn(async move {
            let mut packet = [0; 48];
            let (_, client) = server.recv_from(&mut packet).await.unwrap();
            // A server's answer: what the client has sent comes back, and then two times, both those of 2100.
            packet[0] = 0x24;
            packet[1] = 2;
            let sent: [u8; 8] = packet[40..].try_into().unwrap();
            packet[24..32].copy_from_slice(&sent);
            let time = ((4_102_444_800_u64 + 2_208_988_800) as u32).to_be_bytes();
            for place in [32, 40] {
                packet[place..place + 4].copy_from_slice(&time);
                packet[place + 4..place + 8].fill(0);
            }
            server.send_to(&packet, client).await.unwrap();
        });
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let context = sntpc::NtpContext::new(sntpc::StdTimestampGen::default());
        let got = sntpc::get_time(addr, &Clock(&socket), context)
            .await
            .unwrap();
        assert_eq!(got.stratum(), 2);
        serving.unwrap().await.unwrap();
    });
}
