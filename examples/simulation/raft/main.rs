//! A replicated store (Raft) under a simulation, five mistakes that are easily made in one, and how they are found.
//!
//! ```text
//! cargo run --release --example raft --features sim [SEEDS]
//! cargo run --release --example raft --features sim strategies [RUNS [MISTAKE]]
//! ```
//!
//! Three nodes keep a log of writes, of which each answer is a promise. Clients write and read, and note
//! when they asked, when the answer came and what it was; what they saw must have been possible one after the other
//! (linearizable). Nodes crash, are paused and parted, and datagrams get lost, by the seed. The program looks for a
//! seed that finds each of the five mistakes (`Bug` in `node.rs`), which takes 20 000 at most, and tells the faults
//! that it needs; then it runs so many seeds (1000, unless said) without a mistake, of which none may fail.
//!
//! With `strategies` it compares ways to search (`strategies.rs`).
#![forbid(unsafe_code)]

use std::env;
use std::time::Instant;

use polliwog::sim;

mod cluster;
mod journal;
mod node;
mod strategies;
mod wire;

use node::Bug;

/// After so many seeds each of the mistakes has been found.
const ENOUGH: u64 = 20_000;

fn main() {
    let argument = env::args().nth(1);
    if argument.as_deref() == Some("strategies") {
        return strategies::compare(env::args().nth(2), env::args().nth(3));
    }
    let seeds: u64 = argument.map_or(1000, |seeds| seeds.parse().expect("a number of seeds"));
    for bug in Bug::ALL {
        let start = Instant::now();
        let exploration = sim::explore(0..ENOUGH, 0, |builder| cluster::run(builder, Some(bug)));
        let found = exploration
            .found
            .unwrap_or_else(|| panic!("{bug:?} was not found"));
        let took = start.elapsed();
        println!("{bug:?}: by seed {}, {took:.1?}", found.seed);
        for fault in &found.faults {
            println!("  {fault}");
        }
    }
    let start = Instant::now();
    let exploration = sim::explore(0..seeds, 0, |builder| cluster::run(builder, None));
    println!(
        "without a mistake: nothing in {} seeds, {:.1?}",
        exploration.tried,
        start.elapsed()
    );
    exploration.unwrap();
}
