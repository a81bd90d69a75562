//! Whether a seed means the same run: runs each seed twice, compares the traces and the packets to the byte, and prints a hash
//! of all of them, which is the same in a debug and in a release build and on other machines.
//!
//! `cargo run --release -p polliwog-spin --features sim --example repeat -- SEEDS`

use std::env;
use std::time::Duration;

use polliwog_core::spawn;
use polliwog_core::time::{sleep, timeout};
use polliwog_spin::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_spin::sim::{self, Latency, Link, Nemesis, Report, Simulation, Strategy, fs};

/// Counts what comes, in a file, and sends it back.
async fn server() -> std::io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let socket = UdpSocket::bind("0.0.0.0:7").await?;
    let datagrams = spawn(async move {
        let mut buf = [0; 100];
        while let Ok((count, from)) = socket.recv_from(&mut buf).await {
            socket.send_to(&buf[..count], from).await.ok();
        }
    });
    datagrams.unwrap().detach();
    loop {
        let (stream, _) = listener.accept().await?;
        let serving = async move {
            let mut buf = [0; 1000];
            while let Ok(count @ 1..) = stream.read(&mut buf).await {
                let mut file = fs::File::create("log").await?;
                file.write_all(&buf[..count]).await?;
                file.sync_all().await?;
                stream.write_all(&buf[..count]).await?;
            }
            std::io::Result::Ok(())
        };
        spawn(serving).unwrap().detach();
    }
}

async fn client() {
    let datagrams = UdpSocket::bind("0.0.0.0:0").await.unwrap();
    for round in 0..20 {
        let node = sim::random() % 4;
        let to = format!("node-{node}:7");
        datagrams.send_to(b"quak", &*to).await.unwrap();
        let attempt = async {
            let stream = TcpStream::connect(&*to).await?;
            stream.write_all(&vec![round; 3000]).await?;
            stream.read_exact(&mut [0; 3000]).await
        };
        timeout(Duration::from_millis(300), attempt).await.ok();
        sleep(Duration::from_micros(sim::random() % 200_000)).await;
    }
}

fn run(seed: u64) -> Report {
    let millis = Duration::from_millis;
    let link = Link::new(Latency::exponential(millis(1), millis(3)))
        .loss(0.03)
        .duplicate(0.03)
        .reorder(0.05)
        .jitter(millis(1));
    let nemesis = Nemesis::new("node-*")
        .faults(2, 8)
        .within(Duration::from_secs(5))
        .crashes()
        .kills()
        .pauses()
        .partitions()
        .one_way_partitions()
        .losses()
        .slowness()
        .drifts(1000)
        .disk_errors()
        .slow_disks();
    let builder = Simulation::builder(seed).strategy(Strategy::of_seed(seed));
    let builder = builder.link(link).nemesis(nemesis).host_failures_end(false);
    let mut simulation = builder.trace(usize::MAX).capture().build();
    for node in 0..4 {
        simulation.host(&format!("node-{node}"), server);
    }
    for number in 0..3 {
        simulation.client(&format!("client-{number}"), client());
    }
    simulation.run().unwrap()
}

/// Runs so many seeds twice, and says what came of it.
pub(crate) fn compare(seeds: u64) -> String {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut mix = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    };
    let (mut events, mut packets) = (0, 0);
    for seed in 0..seeds {
        let (first, second) = (run(seed), run(seed));
        assert!(
            first.trace == second.trace,
            "seed {seed}: the traces differ"
        );
        assert!(
            first.capture == second.capture,
            "seed {seed}: the packets differ"
        );
        assert_eq!(first.hash, second.hash, "seed {seed}: the hashes differ");
        events += first.trace.len();
        packets += first.capture.len();
        first
            .trace
            .iter()
            .for_each(|event| mix(event.to_string().as_bytes()));
        mix(&first.capture);
        mix(&first.hash.to_le_bytes());
    }
    format!("{seeds} seeds twice: {events} events, {packets} bytes of packets, hash {hash:016x}")
}

#[allow(dead_code, reason = "a test has this file as a module")]
fn main() {
    let seeds = env::args()
        .nth(1)
        .map(|word| word.parse().expect("a number"));
    println!("{}", compare(seeds.unwrap_or(1000)));
}
