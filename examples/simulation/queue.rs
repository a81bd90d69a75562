//! A message queue that a test simulates itself, beside the hosts that use it, and two kinds of workers.
//!
//! `cargo run --example queue --features sim [SEEDS]`
//!
//! The queue is a service of somebody else's: its own program is not at hand, what it promises is. It gives a job to one
//! connection at a time, and to another one if the first breaks before it has acknowledged the job; so each job is done at
//! least once. Workers do a job by a payment. `careless` pays again what it is given again, unless it remembers; what a
//! worker remembers a crash takes. `careful` pays under the number of the job, which the bank knows. Only one of them is
//! right: the program looks for a seed in which somebody pays twice.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::env;
use std::time::Duration;

use polliwog::sim::{self, Builder, Failure, Nemesis, ProcessEnd, Report, Simulator};
use polliwog::time::sleep;

type Job = u32;

const JOBS: Job = 20;
/// How long the queue waits for a connection that is silent.
const SILENCE: Duration = Duration::from_secs(5);

/// The service, as all hosts share it.
#[derive(Default)]
struct Queue(RefCell<Jobs>);

#[derive(Default)]
struct Jobs {
    /// Each with the time from which on it is to be had.
    waiting: VecDeque<(Duration, Job)>,
    /// What was given away, and to which host's connection.
    given: BTreeMap<Job, String>,
    done: usize,
}

impl Simulator for Queue {
    /// The connection of a process that is gone is broken: what it was given another one gets. If the system of that host
    /// has closed it, at once; after a loss of power nobody tells, and the queue finds out by silence.
    fn ends(&self, host: &str, how: ProcessEnd) {
        let after = match how {
            ProcessEnd::Crashed => SILENCE,
            _ => Duration::ZERO,
        };
        let jobs = &mut *self.0.borrow_mut();
        let from = sim::control().elapsed() + after;
        jobs.given.retain(|job, holder| {
            let stays = holder != host;
            if !stays {
                jobs.waiting.push_back((from, *job));
            }
            stays
        });
    }
}

/// What a program calls. It takes a while, in which its host may crash.
mod client {
    use super::*;

    async fn passes() {
        sleep(Duration::from_micros(500 + sim::random() % 2000)).await;
    }

    fn here() -> String {
        sim::host_name().unwrap_or_default()
    }

    pub(super) async fn push(job: Job) {
        passes().await;
        let queue = sim::simulator::<Queue>();
        queue
            .0
            .borrow_mut()
            .waiting
            .push_back((Duration::ZERO, job));
        passes().await;
    }

    pub(super) async fn take() -> Job {
        loop {
            passes().await;
            let job = {
                let queue = sim::simulator::<Queue>();
                let jobs = &mut *queue.0.borrow_mut();
                let now = sim::control().elapsed();
                let ready = jobs.waiting.iter().position(|(from, _)| *from <= now);
                let job = ready.and_then(|at| jobs.waiting.remove(at));
                job.inspect(|(_, job)| drop(jobs.given.insert(*job, here())))
            };
            passes().await;
            if let Some((_, job)) = job {
                return job;
            }
        }
    }

    pub(super) async fn acknowledge(job: Job) {
        passes().await;
        {
            let queue = sim::simulator::<Queue>();
            let jobs = &mut *queue.0.borrow_mut();
            // Not one that was given to another one meanwhile.
            if jobs.given.get(&job) == Some(&here()) {
                jobs.given.remove(&job);
                jobs.done += 1;
            }
        }
        passes().await;
    }
}

/// A second service, which needs to know nothing of hosts: who was paid, and how often.
#[derive(Default)]
struct Bank(RefCell<BTreeMap<Job, u32>>);

impl Simulator for Bank {}

async fn pay(job: Job, once: bool) {
    sleep(Duration::from_millis(5)).await;
    let bank = sim::simulator::<Bank>();
    let payments = &mut *bank.0.borrow_mut();
    let count = payments.entry(job).or_insert(0);
    if !once || *count == 0 {
        *count += 1;
    }
    assert!(*count == 1, "job {job} was paid twice");
}

/// What a worker remembers, as long as it runs: in a program of its own this would be a `static`.
#[derive(Default)]
struct Paid(RefCell<BTreeSet<Job>>);

async fn worker(careful: bool) {
    loop {
        let job = client::take().await;
        let paid = sim::local::<Paid>();
        if !paid.0.borrow().contains(&job) {
            pay(job, careful).await;
            paid.0.borrow_mut().insert(job);
        }
        client::acknowledge(job).await;
    }
}

fn run(builder: Builder, careful: bool) -> Result<Report, Failure> {
    let nemesis = Nemesis::new("worker-*")
        .faults(0, 4)
        .within(Duration::from_millis(200))
        .crashes()
        .kills();
    let builder = builder.nemesis(nemesis).simulator(Queue::default);
    let mut simulation = builder.simulator(Bank::default).build();
    for number in 1..=3 {
        simulation.host(&format!("worker-{number}"), move || worker(careful));
    }
    simulation.client("shop", async {
        for job in 0..JOBS {
            client::push(job).await;
        }
        let queue = sim::simulator::<Queue>();
        while queue.0.borrow().done < JOBS as usize {
            sleep(Duration::from_millis(10)).await;
        }
        let bank = sim::simulator::<Bank>();
        assert_eq!(bank.0.borrow().len(), JOBS as usize, "a job was not paid");
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
