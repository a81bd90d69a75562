//! All cores: tasks, wakes and connections on two workers, next to tokio's `multi_thread`, monoio with a thread for each
//! core, and a loop over mio without a runtime; and what a request takes on one worker and on two.

mod connections;
mod counters;
mod neighbour;
mod report;
mod rows;
mod scaling;
mod servers;
mod tasks;
mod traffic;
mod wakes;

use std::time::{Duration, Instant};

use polliwog_mio::cluster::Cluster;

pub use self::neighbour::spin;
pub use self::report::run;
pub use self::scaling::child;
use crate::meter::cpu_nanos;

const WORKERS: usize = 2;

/// What one run has taken, in the order of the columns of its row.
type Taken = Vec<f64>;

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
