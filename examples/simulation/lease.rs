//! A lock service with leases, under a simulation with crashes, pauses, partitions and clocks that drift.
//!
//! `cargo run --release --example lease --features sim [SEEDS]`
//!
//! The server lends the lock for ten seconds of its own clock. A holder believes that it has the lock for as long as its
//! own clock says. `careless` begins to count when the answer arrives, and trusts its clock; `careful` begins when it
//! asks, and ends earlier by what two clocks can differ. Only one of them is right: the program looks for a seed in which
//! two hosts hold the lock at the same time.

use std::cell::RefCell;
use std::env;
use std::rc::Rc;
use std::time::Duration;

use polliwog::sim::{self, Builder, Failure, Nemesis, Report};
use polliwog::spin::Error;
use polliwog::spin::net::UdpSocket;
use polliwog::time::{Instant, sleep, sleep_until, timeout};

const LEASE: Duration = Duration::from_secs(10);
/// How many millionths a clock goes wrong at most.
const DRIFT: u32 = 1_000;

/// Lends the lock. It keeps nothing on a disk, so after a start it waits for as long as a lease can last.
async fn server() -> Result<(), Error> {
    let socket = UdpSocket::bind("0.0.0.0:1").await?;
    let mut free_at = Instant::now() + LEASE + LEASE / 100;
    let mut buf = [0; 8];
    loop {
        let (_, client) = socket.recv_from(&mut buf).await?;
        // Each question has a number, which the answer repeats.
        if Instant::now() >= free_at {
            free_at = Instant::now() + LEASE;
            socket.send_to(&buf, client).await?;
        }
    }
}

/// Who holds the lock, as the world outside sees it.
type Holders = Rc<RefCell<Vec<String>>>;

/// Holds the lock again and again.
async fn worker(careful: bool, holders: Holders) -> Result<(), Error> {
    struct Held(Holders, String);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.borrow_mut().retain(|name| *name != self.1);
        }
    }
    let name = sim::host_name().unwrap_or_default();
    let socket = UdpSocket::bind("0.0.0.0:0").await?;
    socket.connect("lock-server:1").await?;
    loop {
        let asked = Instant::now();
        let number = sim::random().to_be_bytes();
        socket.send(&number).await?;
        let answer = async {
            let mut buf = [0; 8];
            while buf != number {
                socket.recv(&mut buf).await?;
            }
            Ok::<(), Error>(())
        };
        if let Ok(answer) = timeout(Duration::from_secs(1), answer).await {
            answer?;
            let until = match careful {
                // Both clocks may be wrong, in different directions.
                true => asked + LEASE - LEASE * (3 * DRIFT) / 1_000_000,
                false => Instant::now() + LEASE,
            };
            if Instant::now() < until {
                sim::note("holds the lock");
                holders.borrow_mut().push(name.clone());
                let _held = Held(holders.clone(), name.clone());
                let all = holders.borrow().join(" and ");
                assert!(holders.borrow().len() == 1, "{all} hold the lock");
                sleep_until(until).await;
            }
        }
        sleep(Duration::from_millis(sim::random() % 500)).await;
    }
}

fn run(builder: Builder, careful: bool) -> Result<Report, Failure> {
    let nemesis = Nemesis::new("lock-*")
        .faults(0, 6)
        .within(Duration::from_secs(60))
        .crashes()
        .partitions()
        .slowness()
        .drifts(DRIFT);
    let mut simulation = builder.nemesis(nemesis).build();
    let holders = Holders::default();
    simulation.host("lock-server", server);
    for number in 1..=3 {
        let holders = holders.clone();
        simulation.host(&format!("lock-worker-{number}"), move || {
            worker(careful, holders.clone())
        });
    }
    // It takes part in nothing, so that no fault of it ends the run.
    simulation.client("clock", async {
        while sim::control().elapsed() < Duration::from_secs(90) {
            sleep(Duration::from_secs(1)).await;
        }
    });
    simulation.run()
}

fn main() {
    let seeds: u64 = env::args()
        .nth(1)
        .map_or(1000, |seeds| seeds.parse().expect("a number of seeds"));
    let careless = sim::explore(0..200, 0, |builder| run(builder, false));
    let found = careless
        .found
        .expect("the careless one should have been found out");
    println!("careless, after {} seeds:\n{found}", careless.tried);
    let careful = sim::explore(0..seeds, 0, |builder| run(builder, true));
    println!("careful: nothing in {} seeds", careful.tried);
    careful.unwrap();
}
