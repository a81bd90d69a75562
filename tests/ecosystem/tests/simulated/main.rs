//! Other people's crates inside a simulation (`polliwog::sim`): a server and a client on hosts of their own, over a
//! network that delays, loses and parts, and each seed run twice, which has to give the same trace.
//!
//! What is compared is who ran when, and each message with its time and size. What a crate takes from the system in spite
//! of that is named at the top of its module.

mod hyper;
mod keys;
mod quinn;
mod redis;
#[path = "../all/text.rs"]
mod text;
mod tls;
mod tonic;
mod tungstenite;

use std::time::Duration;

use polliwog::sim::{self, Builder, Failure, Latency, Link, Nemesis, Report, Simulation};

/// Runs some seeds on a bad network, with faults that a connection survives; each has to go well, and twice the same.
fn twice(test: impl Fn(&mut Simulation) + Sync) {
    let run = |builder: Builder| -> Result<Report, Failure> {
        let millis = Duration::from_millis;
        let slow = Link::new(Latency::exponential(millis(1), millis(8)));
        let nemesis = Nemesis::new("*")
            .faults(1, 4)
            .within(millis(800))
            .lasting(millis(5), millis(300))
            .partitions()
            .one_way_partitions()
            .slowness()
            .losses()
            .pauses();
        let builder = builder.link(slow.loss(0.03).reorder(0.05).duplicate(0.02));
        let mut simulation = builder.nemesis(nemesis).build();
        test(&mut simulation);
        simulation.run()
    };
    for seed in 0..3 {
        let report = run(Simulation::builder(seed)).unwrap();
        assert!(report.messages > 10, "{} messages", report.messages);
        sim::check(seed, run).unwrap();
    }
}
