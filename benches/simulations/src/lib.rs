//! What the three programs have in common: hosts of which each sends a datagram to each other one, once in a period.

use std::env;
use std::fs;
use std::time::Duration;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many hosts.
    pub hosts: u32,
    /// How much virtual time.
    pub time: Duration,
    /// How much of it between two datagrams from one host to another.
    pub period: Duration,
}

impl Plan {
    /// The three numbers that the program was called with: hosts, seconds, seconds.
    ///
    /// # Panics
    ///
    /// If they are none.
    pub fn from_args() -> Self {
        let number = |at: usize| -> u32 {
            let word = env::args().nth(at).unwrap_or_default();
            word.parse().expect("HOSTS SECONDS PERIOD")
        };
        Self {
            hosts: number(1),
            time: Duration::from_secs(number(2).into()),
            period: Duration::from_secs(number(3).into()),
        }
    }
}

/// Tells what it took: messages, milliseconds of a core, KiB at most.
pub fn tell(messages: u64) {
    let cpu = fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos: u64 = cpu
        .split(' ')
        .next()
        .unwrap_or_default()
        .parse()
        .unwrap_or(0);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let most = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib = most
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap_or("0");
    println!("{messages} {} {kib}", nanos / 1_000_000);
}
