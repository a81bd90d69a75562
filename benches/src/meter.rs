//! Measuring: rounds of an operation, each with its time and its allocations.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::alloc::Heap;

/// How often a benchmark is to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds that count.
    pub rounds: u32,
    /// Rounds before that.
    pub warmup: u32,
    /// Operations of a round, instead of the benchmark's own number.
    pub ops: Option<u64>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            rounds: 5,
            warmup: 1,
            ops: None,
        }
    }
}

/// The clock that a benchmark is measured by.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// CPU time of the process: blind to whoever else uses the machine.
    Cpu,
    Wall,
}

/// What a benchmark has found out, by name: `ns`, `allocations` and so on.
pub type Figures = BTreeMap<&'static str, f64>;

/// Collects the rounds of one benchmark.
pub struct Meter {
    plan: Plan,
    clock: Clock,
    ops: u64,
    nanos: Vec<f64>,
    heap: Heap,
    pub figures: Figures,
}

impl Meter {
    /// A meter for `ops` operations a round, unless the plan says otherwise.
    pub fn new(plan: Plan, clock: Clock, ops: u64) -> Self {
        Self {
            plan,
            clock,
            ops: plan.ops.unwrap_or(ops).max(1),
            nanos: Vec::new(),
            heap: Heap::default(),
            figures: Figures::new(),
        }
    }

    /// Operations of a round.
    pub fn ops(&self) -> u64 {
        self.ops
    }

    /// How many rounds there are to run.
    pub fn rounds(&self) -> u32 {
        self.plan.warmup + self.plan.rounds
    }

    /// Runs all rounds of `f`, which makes [`ops`](Self::ops) operations each.
    pub async fn run(&mut self, mut f: impl AsyncFnMut(u64)) {
        let ops = self.ops;
        for round in 0..self.rounds() {
            let start = self.start();
            f(ops).await;
            self.stop(start, round);
        }
    }

    /// As [`run`](Self::run), of something that does not wait.
    pub fn run_blocking(&mut self, mut f: impl FnMut(u64)) {
        for round in 0..self.rounds() {
            let start = self.start();
            f(self.ops);
            self.stop(start, round);
        }
    }

    pub fn start(&self) -> Start {
        Start {
            heap: Heap::now(),
            nanos: self.clock.now(),
        }
    }

    /// Ends round number `round`.
    pub fn stop(&mut self, start: Start, round: u32) {
        let nanos = self.clock.now() - start.nanos;
        if round >= self.plan.warmup {
            let heap = Heap::now().since(start.heap);
            self.nanos.push(nanos as f64 / self.ops as f64);
            self.heap.allocations += heap.allocations;
            self.heap.allocated += heap.allocated;
        }
    }

    /// The figures: the median of the rounds for the time, the mean for what is counted.
    pub fn finish(mut self) -> Figures {
        if !self.nanos.is_empty() {
            let ops = self.nanos.len() as f64 * self.ops as f64;
            self.nanos.sort_by(f64::total_cmp);
            self.figures.insert("ns", median(&self.nanos));
            self.figures.insert("ns_least", self.nanos[0]);
            self.figures
                .insert("allocations", self.heap.allocations as f64 / ops);
            self.figures
                .insert("bytes", self.heap.allocated as f64 / ops);
        }
        self.figures
    }
}

/// The beginning of a round.
pub struct Start {
    heap: Heap,
    nanos: u64,
}

impl Clock {
    pub fn now(self) -> u64 {
        match self {
            Clock::Cpu => cpu_nanos(),
            Clock::Wall => wall_nanos(),
        }
    }
}

/// CPU time that this process has used, in user and in kernel mode.
pub fn cpu_nanos() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Time since the first call.
pub fn wall_nanos() -> u64 {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// The middle of sorted values.
pub fn median(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// The value below which `share` of the sorted values lie.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        n => sorted[((n as f64 * share) as usize).min(n - 1)],
    }
}
