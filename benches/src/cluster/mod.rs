//! All cores: tasks, wakes and connections on two workers, next to tokio's `multi_thread`, monoio with a thread for each
//! core, and a loop over mio without a runtime; and what a request takes on one worker and on two.
//!
//! Each row runs with every contender in turn, round after round, so that what else goes on on the machine
//! hits all of them. Times are medians of the rounds. CPU time is that of the process, clients included, unless a row
//! tells them apart.

mod connections;
mod counters;
mod servers;
mod tasks;
mod traffic;
mod wakes;

use std::time::{Duration, Instant};

use polliwog_mio::cluster::{Accepting, Cluster};

use self::connections::{long, short};
use self::servers::{monoio_server, ours, raw, tokio_server};
use self::wakes::wake;
use crate::meter::{cpu_nanos, median};

const WORKERS: usize = 2;
const USAGE: &str =
    "usage: benches/run cluster [--rounds N] [--only PART-OF-NAME] [--contender PART-OF-NAME]";

/// What one run has taken, in the order of the columns of its row.
type Taken = Vec<f64>;
type Contender = (&'static str, fn() -> Taken);

struct Row {
    name: &'static str,
    columns: &'static str,
    contenders: &'static [Contender],
}

/// Of the rows that have one and two workers.
const TRAFFIC: &str = "thousands of requests a second; ns of the servers' CPU for each; ns of the clients'; instructions \
                       of the servers in user mode";

const ROWS: &[Row] = &[
    Row {
        name: "spawn",
        columns: "ns of the spawning thread's CPU; ns of CPU with the task's run and join; ns until all are joined",
        contenders: &[
            ("polliwog, wait", tasks::spawn_and_wait),
            ("polliwog, await", tasks::spawn_ours),
            ("tokio", tasks::spawn_tokio),
        ],
    },
    Row {
        name: "fan-out",
        columns: "ms for 100 000 tasks of 10 us; ms of CPU",
        contenders: &[
            ("polliwog", tasks::fan_out_ours),
            ("tokio", tasks::fan_out_tokio),
        ],
    },
    Row {
        name: "skewed tasks",
        columns: "ms for 10 000 tasks of 10 us and 100 of 1 ms, all by one spawner's worker; ms of CPU",
        contenders: &[
            ("polliwog", tasks::skewed_ours),
            ("tokio", tasks::skewed_tokio),
        ],
    },
    Row {
        name: "wake apart",
        columns: "us there and back, threads pinned apart",
        contenders: &[
            ("polliwog", || wake(true, [0, 1])),
            ("tokio", || wake(false, [0, 1])),
        ],
    },
    Row {
        name: "wake together",
        columns: "us there and back, threads pinned to one processor",
        contenders: &[
            ("polliwog", || wake(true, [0, 0])),
            ("tokio", || wake(false, [0, 0])),
        ],
    },
    Row {
        name: "wake free",
        columns: "us there and back, threads not pinned",
        contenders: &[
            ("polliwog", || wake(true, [])),
            ("tokio", || wake(false, [])),
        ],
    },
    Row {
        name: "few long connections",
        columns: "us for an echo of 8 connections; us of CPU; the busiest worker's share",
        contenders: &[
            ("polliwog, each accepts", || {
                long(ours(WORKERS, Accepting::EachWorker))
            }),
            ("polliwog, one for all", || {
                long(ours(WORKERS, Accepting::OneForAll))
            }),
            ("tokio", || long(tokio_server(WORKERS))),
            ("monoio", || long(monoio_server(WORKERS))),
            ("raw, a socket each", || long(raw(WORKERS))),
        ],
    },
    Row {
        name: "many short connections",
        columns: "us for a connection with one echo; us of CPU; the busiest worker's share",
        contenders: &[
            ("polliwog, each accepts", || {
                short(ours(WORKERS, Accepting::EachWorker))
            }),
            ("polliwog, one for all", || {
                short(ours(WORKERS, Accepting::OneForAll))
            }),
            ("tokio", || short(tokio_server(WORKERS))),
            ("monoio", || short(monoio_server(WORKERS))),
            ("raw, a socket each", || short(raw(WORKERS))),
        ],
    },
    Row {
        name: "skewed connections",
        columns: "us for a request of 20 us, 16 connections, of which one worker's are ten times as busy; us of CPU",
        contenders: &[
            ("polliwog, each accepts", || {
                traffic::skewed(traffic::works_ours(Accepting::EachWorker))
            }),
            ("polliwog, one for all", || {
                traffic::skewed(traffic::works_ours(Accepting::OneForAll))
            }),
            ("tokio", || traffic::skewed(traffic::works_tokio())),
        ],
    },
    Row {
        name: "echo, 50 connections",
        columns: TRAFFIC,
        contenders: &[
            ("polliwog, 1 worker", || {
                traffic::echo(|| traffic::echo_ours(1))
            }),
            ("polliwog, 2 workers", || {
                traffic::echo(|| traffic::echo_ours(2))
            }),
            ("tokio, 1 worker", || traffic::echo(|| tokio_server(1))),
            ("tokio, 2 workers", || traffic::echo(|| tokio_server(2))),
            ("raw, 1 thread", || traffic::echo(|| raw(1))),
            ("raw, 2 threads", || traffic::echo(|| raw(2))),
        ],
    },
    Row {
        name: "http, 50 connections",
        columns: TRAFFIC,
        contenders: &[
            ("polliwog, 1 worker", || {
                traffic::http(|| traffic::http_ours(1))
            }),
            ("polliwog, 2 workers", || {
                traffic::http(|| traffic::http_ours(2))
            }),
            ("tokio, 1 worker", || {
                traffic::http(|| traffic::http_tokio(1))
            }),
            ("tokio, 2 workers", || {
                traffic::http(|| traffic::http_tokio(2))
            }),
        ],
    },
    Row {
        name: "store, 50 connections",
        columns: TRAFFIC,
        contenders: &[
            ("polliwog, 1 worker", || {
                traffic::store(|| traffic::store_by_worker(1))
            }),
            ("polliwog, 2, by worker", || {
                traffic::store(|| traffic::store_by_worker(2))
            }),
            ("polliwog, 2, by locks", || {
                traffic::store(|| traffic::store_locked(2))
            }),
            ("tokio, 1 worker", || {
                traffic::store(|| traffic::store_tokio(1))
            }),
            ("tokio, 2, by locks", || {
                traffic::store(|| traffic::store_tokio(2))
            }),
        ],
    },
];

/// Measures all rows and prints them.
pub fn run(options: &[&str]) -> Result<(), String> {
    let (mut rounds, mut only, mut who) = (5, "", "");
    for option in options.chunks(2) {
        match *option {
            ["--rounds", n] => rounds = n.parse().map_err(|_| USAGE)?,
            ["--only", name] => only = name,
            ["--contender", name] => who = name,
            _ => return Err(USAGE.to_string()),
        }
    }
    for row in ROWS.iter().filter(|row| row.name.contains(only)) {
        println!("{}: {}", row.name, row.columns);
        let contenders = row.contenders.iter();
        let contenders: Vec<_> = contenders.filter(|(name, _)| name.contains(who)).collect();
        let mut taken = vec![Vec::new(); contenders.len()];
        for _ in 0..rounds {
            for ((_, measure), taken) in contenders.iter().zip(&mut taken) {
                taken.push(measure());
            }
        }
        for ((name, _), taken) in contenders.iter().zip(&taken) {
            print!("  {name:24}");
            for column in 0..taken[0].len() {
                let mut values: Vec<f64> = taken.iter().map(|taken| taken[column]).collect();
                values.sort_by(f64::total_cmp);
                match median(&values) {
                    // Nobody has counted.
                    figure if figure.is_nan() => print!(" {:>10}", "-"),
                    figure => print!(" {figure:10.2}"),
                }
            }
            println!();
        }
    }
    Ok(())
}

fn cluster(workers: usize) -> Cluster {
    Cluster::builder()
        .workers(workers)
        .build()
        .expect("threads")
}

fn tokio_runtime(workers: usize) -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(workers)
        .enable_all()
        .build()
        .expect("threads")
}

fn thread_cpu_nanos() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Computes for about so long.
fn compute(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// Milliseconds of wall and of CPU time.
fn timed(f: impl FnOnce()) -> Taken {
    let (wall, cpu) = (Instant::now(), cpu_nanos());
    f();
    vec![
        wall.elapsed().as_secs_f64() * 1e3,
        (cpu_nanos() - cpu) as f64 / 1e6,
    ]
}
