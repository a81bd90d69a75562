//! How throughput grows with workers, where each brings its own load: its clients are tasks (or sockets of the same
//! loop) beside the servers that they ask, over sockets of the loopback device. So one worker keeps one processor busy,
//! two keep two busy, and there is nobody else who would need any.

mod ours;
mod peers;
mod processes;
mod redis_runs;
mod tokio_runs;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::Taken;
use super::report::Column;
use crate::meter::cpu_nanos;

pub use self::ours::{echo_ours, fan_out_ours, http_ours, store_by_locks, store_by_worker};
pub use self::peers::{compute_threads, echo_monoio, echo_raw};
pub use self::processes::{child, processes};
pub use self::redis_runs::redis_ours;
pub use self::tokio_runs::{
    echo_tokio, echo_tokio_each, fan_out_tokio, http_tokio, http_tokio_each, store_tokio,
    store_tokio_each,
};

/// Clients of each worker, each of which asks again when it has its answer.
const CLIENTS: usize = 16;
/// How long requests are counted.
const SPAN: Duration = Duration::from_millis(200);

/// The columns of [`scaling`].
pub const COLUMNS: &[Column] = &[
    ("one, thousand/s", 1),
    ("two, thousand/s", 1),
    (THROUGHPUT, 2),
    ("one, ns of CPU", 0),
    ("two, ns of CPU", 0),
    (CPU, 2),
    (BUSY[0], 2),
    (BUSY[1], 2),
];
pub const THROUGHPUT: &str = "throughput, two ÷ one";
pub const CPU: &str = "CPU, two ÷ one";
pub const BUSY: [&str; 2] = ["one, busy", "two, busy"];

/// What the names of such rows begin with.
pub const PREFIX: &str = "scaling: ";

/// What two workers shall do at least of what one does.
pub const LEAST_THROUGHPUT: f64 = 1.9;
/// How busy they have to be for that: with less, others have used their processors, or they have waited.
pub const LEAST_BUSY: f64 = 0.95;
/// What a request may take at most of two workers of what it takes of one.
pub const MOST_CPU: f64 = 1.05;

/// What the clients have been answered, and whether they shall end.
pub struct Gauge {
    counts: Vec<Count>,
    ended: AtomicBool,
}

/// On a cache line of its own, and its neighbour's, which processors fetch as well.
#[derive(Default)]
#[repr(align(128))]
struct Count(AtomicU64);

impl Gauge {
    fn new(clients: usize) -> Arc<Self> {
        Arc::new(Self {
            counts: (0..clients).map(|_| Count::default()).collect(),
            ended: AtomicBool::new(false),
        })
    }

    /// More answers for a client; said by whoever runs that client alone.
    fn count(&self, client: usize, answers: u64) {
        let count = &self.counts[client].0;
        count.store(count.load(Ordering::Relaxed) + answers, Ordering::Relaxed);
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    fn of_each(&self) -> Vec<u64> {
        let counts = self.counts.iter();
        counts
            .map(|count| count.0.load(Ordering::Relaxed))
            .collect()
    }

    /// Waits until every client has got so many answers more.
    fn wait_for(&self, more: u64) {
        let (start, before) = (Instant::now(), self.of_each());
        while !self
            .of_each()
            .iter()
            .zip(&before)
            .all(|(now, before)| *now >= before + more)
        {
            assert!(start.elapsed() < Duration::from_secs(60), "no answers");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Threads that look whether they shall end.
struct Threads(Arc<Gauge>, Vec<JoinHandle<()>>);

impl Threads {
    /// A thread for each worker, on a processor of its own.
    fn start(
        workers: usize,
        gauge: Arc<Gauge>,
        run: impl Fn(usize, &Arc<Gauge>) + Clone + Send + 'static,
    ) -> Self {
        let threads = (0..workers).map(|worker| {
            let (gauge, run) = (Arc::clone(&gauge), run.clone());
            thread::spawn(move || {
                crate::echo::pin(worker);
                run(worker, &gauge);
            })
        });
        let threads = threads.collect();
        Self(gauge, threads)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
        for thread in self.1.drain(..) {
            thread.join().expect("no panic");
        }
    }
}

/// Starts so many workers with their clients, which run until what is returned is dropped. The first number of a client
/// is the worker's times [`CLIENTS`].
pub type Start = fn(usize, Arc<Gauge>) -> Box<dyn Send>;

/// What has been done in a time.
#[derive(Clone, Copy)]
struct Done {
    requests: f64,
    cpu_nanos: f64,
    nanos: f64,
}

impl Done {
    /// Thousand requests in a second, nanoseconds of CPU for each, and the share of the time of so many processors.
    fn figures(self, processors: usize) -> [f64; 3] {
        [
            self.requests / self.nanos * 1e6,
            self.cpu_nanos / self.requests,
            self.cpu_nanos / self.nanos / processors as f64,
        ]
    }
}

/// Workers under the load that they bring along, all of whose clients have been answered.
struct Running {
    gauge: Arc<Gauge>,
    _end: Box<dyn Send>,
}

impl Running {
    fn new(start: Start, workers: usize) -> Self {
        let gauge = Gauge::new(workers * CLIENTS);
        let end = start(workers, Arc::clone(&gauge));
        gauge.wait_for(100);
        Self { gauge, _end: end }
    }

    fn measure(&self) -> Done {
        let now = || {
            let sum = self.gauge.of_each().iter().sum::<u64>();
            (sum, cpu_nanos(), Instant::now())
        };
        let before = now();
        thread::sleep(SPAN);
        let after = now();
        // None of them has given up.
        self.gauge.wait_for(1);
        Done {
            requests: (after.0 - before.0) as f64,
            cpu_nanos: (after.1 - before.1) as f64,
            nanos: (after.2 - before.2).as_nanos() as f64,
        }
    }
}

/// One worker, then two.
pub fn scaling(start: Start) -> Taken {
    let [one, two] = [1, 2].map(|workers| Running::new(start, workers).measure().figures(workers));
    compared(one, two)
}

fn compared(one: [f64; 3], two: [f64; 3]) -> Taken {
    vec![
        one[0],
        two[0],
        two[0] / one[0],
        one[1],
        two[1],
        two[1] / one[1],
        one[2],
        two[2],
    ]
}

/// What clients send, and how long the answer to it is.
#[derive(Clone, Copy)]
struct Talk {
    request: &'static [u8],
    /// Where there is a letter that changes from request to request, if there is one.
    key: Option<usize>,
    answer: usize,
}

const ECHO: Talk = Talk {
    request: &[b'p'; 64],
    key: None,
    answer: 64,
};

/// A request that counts one of the store's keys up, and the sum.
const COUNT_UP: Talk = Talk {
    request: &[b'k'; 8],
    key: None,
    answer: 8,
};

fn get() -> Talk {
    use std::sync::OnceLock;
    static LENGTH: OnceLock<usize> = OnceLock::new();
    let length = || super::traffic::answer(|| super::traffic::http_ours(1));
    Talk {
        request: super::traffic::GET,
        key: None,
        answer: *LENGTH.get_or_init(length),
    }
}

/// What a small task computes: the same each time, whoever else uses the processor.
fn small() {
    let mut number = 1u64;
    for _ in 0..4_000 {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005) + 1);
    }
}

/// Small tasks that are spawned at a time.
const FAN: usize = 16;
