//! How fast a simulation is: hosts that send a message to each other host once in a period.
//!
//! `cargo run --release -p polliwog-spin --features sim --example mesh -- HOSTS SECONDS udp|tcp PERIOD`

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use polliwog_core::spawn;
use polliwog_core::time::sleep;
use polliwog_spin::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_spin::sim::Simulation;

fn addr(host: u32) -> SocketAddr {
    (Ipv4Addr::from_bits((10 << 24) + host + 1), 7).into()
}

async fn datagrams(id: u32, hosts: u32, period: Duration) -> Result<(), polliwog_spin::Error> {
    let socket = Rc::new(UdpSocket::bind("0.0.0.0:7").await?);
    let receiver = socket.clone();
    spawn(async move { while receiver.recv_from(&mut [0; 100]).await.is_ok() {} })
        .unwrap()
        .detach();
    loop {
        for other in (0..hosts).filter(|other| *other != id) {
            socket.send_to(b"hello", addr(other)).await?;
        }
        sleep(period).await;
    }
}

async fn echo(stream: TcpStream) -> Result<(), polliwog_spin::Error> {
    let mut buf = [0; 64];
    while let count @ 1.. = stream.read(&mut buf).await? {
        stream.write_all(&buf[..count]).await?;
    }
    Ok(())
}

async fn ask(other: u32, period: Duration) -> Result<(), polliwog_spin::Error> {
    let stream = TcpStream::connect(addr(other)).await?;
    loop {
        stream.write_all(b"hello").await?;
        stream.read_exact(&mut [0; 5]).await?;
        sleep(period).await;
    }
}

async fn streams(id: u32, hosts: u32, period: Duration) -> Result<(), polliwog_spin::Error> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    spawn(async move {
        sleep(Duration::from_secs(1)).await;
        for other in (0..hosts).filter(|other| *other != id) {
            spawn(ask(other, period)).unwrap().detach();
        }
    })
    .unwrap()
    .detach();
    loop {
        let (stream, _) = listener.accept().await?;
        spawn(echo(stream)).unwrap().detach();
    }
}

fn main() {
    let word = |at, default: &str| env::args().nth(at).unwrap_or_else(|| default.into());
    let hosts: u32 = word(1, "100").parse().expect("a number of hosts");
    let time = Duration::from_secs(word(2, "60").parse().expect("seconds of virtual time"));
    let tcp = word(3, "udp") == "tcp";
    let period = Duration::from_secs(word(4, "10").parse().expect("seconds between two messages"));

    let start = Instant::now();
    let mut simulation = Simulation::builder(1).time_limit(time * 2).build();
    for id in 0..hosts {
        let name = format!("host-{id}");
        match tcp {
            true => simulation.host(&name, move || streams(id, hosts, period)),
            false => simulation.host(&name, move || datagrams(id, hosts, period)),
        }
    }
    simulation.client("clock", sleep(time));
    let report = simulation.run().unwrap();
    let took = start.elapsed();
    println!(
        "{hosts} hosts, {time:?} of virtual time: {took:?}, {} messages, {} turns, {} ns each message",
        report.messages,
        report.turns,
        took.as_nanos() / u128::from(report.messages.max(1)),
    );
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        status
            .lines()
            .filter(|line| line.starts_with("VmHWM"))
            .for_each(|line| println!("{line}"));
    }
}
