//! The same seed, the same run.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use polliwog_core::spawn;
use polliwog_core::time::{sleep, timeout};
use polliwog_spin::net::{TcpStream, UdpSocket};
use polliwog_spin::sim::{
    self, Builder, Failure, Latency, Link, Nemesis, Report, Simulation, Strategy,
};

use crate::{ask, echo, millis, secs};

/// Something of everything.
fn zoo(builder: Builder) -> Result<Report, Failure> {
    let link = Link::new(Latency::exponential(millis(1), millis(3)))
        .loss(0.05)
        .duplicate(0.05)
        .jitter(millis(1));
    let nemesis = Nemesis::new("node-*")
        .faults(3, 6)
        .within(secs(8))
        .crashes()
        .partitions()
        .pauses()
        .drifts(1000);
    let mut simulation = builder.link(link).nemesis(nemesis).build();
    for node in 0..4 {
        simulation.host(&format!("node-{node}"), echo);
    }
    simulation.client("udp", async {
        let socket = UdpSocket::bind("0.0.0.0:9").await.unwrap();
        for _ in 0..50 {
            let node = sim::random() % 4;
            socket
                .send_to(b"?", format!("node-{node}:9"))
                .await
                .unwrap();
            sleep(millis(sim::random() % 300)).await;
        }
    });
    simulation.client("tcp", async {
        let tasks: Vec<_> = (0..4)
            .map(|node| {
                spawn(async move {
                    for round in 0..40_u32 {
                        let attempt = async {
                            let stream = TcpStream::connect(format!("node-{node}:7")).await?;
                            ask(&stream, &round.to_be_bytes()).await
                        };
                        timeout(millis(200), attempt).await.ok();
                        sleep(Duration::from_micros(
                            polliwog_core::executor::random() % 100_000,
                        ))
                        .await;
                    }
                })
                .unwrap()
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    simulation.run()
}

#[test]
fn runs_are_the_same_to_the_byte() {
    for seed in 0..30 {
        if let Err(difference) = sim::check(seed, zoo) {
            panic!("seed {seed}: {difference}");
        }
    }
    for seed in 0..10 {
        let strategy = Strategy::Priorities {
            changes: 3,
            turns: 2000,
        };
        if let Err(difference) = sim::check(seed, |builder| zoo(builder.strategy(strategy))) {
            panic!("seed {seed}: {difference}");
        }
    }
}

/// Whoever changes what a seed means has to change these numbers, and to tell it: files with failures are worth
/// nothing then. They are the same on every machine and with every level of optimisation.
#[test]
fn a_seed_means_the_same_everywhere() {
    let hashes: Vec<u64> = (0..4)
        .map(|seed| zoo(Simulation::builder(seed)).unwrap().hash)
        .collect();
    assert_eq!(
        hashes,
        [
            15605827239318833203,
            3786111298455304281,
            13031271396165704655,
            12551095434500712155
        ]
    );
}

#[test]
fn seeds_differ() {
    let mut hashes: Vec<u64> = (0..50)
        .map(|seed| zoo(Simulation::builder(seed)).unwrap().hash)
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 50);
}

#[test]
fn who_asks_the_system_is_found() {
    let impure = |builder: Builder| {
        let mut simulation = builder.build();
        simulation.host("echo", echo);
        simulation.client("pure", sleep(secs(1)));
        simulation.client("impure", async {
            let stream = TcpStream::connect("echo:7").await?;
            ask(&stream, &[0; 10]).await?;
            let length = RandomState::new().hash_one(7) % 1000;
            ask(&stream, &vec![0; length as usize]).await
        });
        simulation.run()
    };
    let difference = sim::check(1, impure).unwrap_err();
    for event in [difference.first.as_ref(), difference.second.as_ref()] {
        let text = event.unwrap().to_string();
        assert!(text.contains("impure") && text.contains("sends"), "{text}");
    }
    assert!(difference.after > 5);
}

/// What is written down here came from another machine. A change of what a seed means, which a change of the simulation
/// may bring, is to be written down anew, and into the changelog.
#[test]
fn a_seed_is_the_same_run_on_all_machines_and_systems_and_in_all_builds() {
    const SEEDS: u64 = 10;
    let told = include_str!("repeatable.txt").trim_end();
    assert_eq!(crate::repeat::compare(SEEDS), told, "see repeatable.txt");
}
