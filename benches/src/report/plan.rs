//! What a run consists of.

use crate::echo;
use crate::micro::{self, Needs};

/// In the order of the tables' columns.
pub const RUNTIMES: [&str; 11] = [
    "polliwog",
    "polliwog-spin",
    "tokio",
    "smol",
    "monoio",
    "monoio-uring",
    "compio",
    "compio-uring",
    "embassy",
    "futures",
    "raw",
];
/// Those that have an echo server.
pub const SERVERS: [&str; 8] = [
    "polliwog",
    "tokio",
    "smol",
    "monoio",
    "monoio-uring",
    "compio",
    "compio-uring",
    "raw",
];

/// Whether it needs a kernel with io_uring.
pub fn is_uring(runtime: &str) -> bool {
    runtime.ends_with("-uring")
}

/// One benchmark.
pub struct Job {
    pub name: String,
    pub kind: Kind,
}

pub enum Kind {
    Micro(Needs),
    /// User instructions per operation of a micro benchmark.
    Instructions {
        benchmark: &'static str,
        ops: u64,
    },
    Echo,
    /// Counted on an echo server.
    Exact,
    Idle,
}

impl Job {
    fn new(name: impl Into<String>, kind: Kind) -> Self {
        let name = name.into();
        Self { name, kind }
    }

    /// Whether its figures are times, which vary.
    pub fn is_timed(&self) -> bool {
        match self.kind {
            Kind::Micro(_) => self.name != "memory",
            Kind::Echo => true,
            _ => false,
        }
    }

    /// What it needs besides a runtime.
    pub fn tool(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Instructions { .. } => Some("valgrind"),
            Kind::Exact if self.name.starts_with("instructions") => Some("ptrace"),
            Kind::Exact => Some("strace"),
            _ => None,
        }
    }

    pub fn is_offered_by(&self, runtime: &str) -> bool {
        match self.kind {
            // It did not come to an end with compio 0.19.2.
            Kind::Micro(_) if runtime == "compio" && self.name == "remote-wake-1000" => false,
            Kind::Micro(needs) => offers(runtime).is_some_and(|offers| needs <= offers),
            Kind::Instructions { benchmark, .. } => {
                let needs = micro::ALL.iter().find(|micro| micro.name == benchmark);
                needs.is_some_and(|micro| {
                    offers(runtime).is_some_and(|offers| micro.needs <= offers)
                })
            }
            Kind::Echo | Kind::Exact | Kind::Idle => SERVERS.contains(&runtime),
        }
    }
}

/// What a runtime has of what micro benchmarks need; with another driver it is the same runtime.
fn offers(runtime: &str) -> Option<Needs> {
    match runtime {
        _ if is_uring(runtime) => None,
        "embassy" => Some(Needs::Tasks),
        "futures" | "polliwog-spin" => Some(Needs::Join),
        "raw" => Some(Needs::Time),
        _ => Some(Needs::Threads),
    }
}

/// All benchmarks, or those of a quick run.
pub fn jobs(quick: bool) -> Vec<Job> {
    const QUICK: &[&str] = &[
        "spawn-1",
        "spawn-10000",
        "block-on",
        "memory",
        "yield-2",
        "yield-1000",
        "ping-pong",
        "timer",
        "timers-100000",
        "timers-fire",
        "sleep-100us",
        "remote-wake-1000",
    ];
    let mut jobs = Vec::new();
    for micro in micro::ALL {
        if !quick || QUICK.contains(&micro.name) {
            jobs.push(Job::new(micro.name, Kind::Micro(micro.needs)));
        }
    }
    if !quick {
        for (benchmark, ops) in crate::guard::INSTRUCTIONS {
            let name = format!("instructions-{benchmark}");
            jobs.push(Job::new(name, Kind::Instructions { benchmark, ops }));
        }
    }
    let (connections, sizes): (&[usize], &[usize]) = match quick {
        true => (&[1, 50], &[64]),
        false => (&[1, 50, 1000], &[64, 4096, 65536]),
    };
    for size in sizes {
        for connections in connections {
            jobs.push(Job::new(format!("echo-{connections}-{size}"), Kind::Echo));
        }
    }
    jobs.push(Job::new("churn", Kind::Echo));
    if !quick {
        jobs.push(Job::new("idle", Kind::Idle));
    }
    for &name in echo::EXACT {
        // Those of short connections take their time.
        if !quick || name.starts_with("syscalls") && !name.contains("churn") {
            jobs.push(Job::new(name, Kind::Exact));
        }
    }
    jobs
}
