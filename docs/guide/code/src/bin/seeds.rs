//! A bug that one order of the tasks in hundreds shows, found by trying seeds, and run again by its seed.
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use polliwog::spin::Runtime;
use polliwog::sync::local::{Notify, Semaphore};
use polliwog::task::JoinSet;
use polliwog::time::sleep;
use polliwog::{SpawnError, yield_now};

// ANCHOR: queue
/// Jobs for some workers, which sleep while there are none.
#[derive(Default)]
struct Queue {
    jobs: RefCell<VecDeque<u32>>,
    sleeping: Cell<u32>,
    bell: Notify,
}

impl Queue {
    fn push(&self, job: u32) {
        self.jobs.borrow_mut().push_back(job);
        // Ringing costs something, so only if somebody sleeps.
        if self.sleeping.get() > 0 {
            self.sleeping.set(self.sleeping.get() - 1);
            self.bell.notify_one();
        }
    }

    async fn pop(&self) -> u32 {
        loop {
            let job = self.jobs.borrow_mut().pop_front();
            if let Some(job) = job {
                return job;
            }
            report("nothing to do").await;
            self.sleeping.set(self.sleeping.get() + 1);
            self.bell.notified().await;
        }
    }
    // ANCHOR_END: queue

    // ANCHOR: mended
    /// As `pop`, but nothing can happen between the look and the decision to sleep.
    async fn pop_mended(&self) -> u32 {
        loop {
            report("looking").await;
            let job = self.jobs.borrow_mut().pop_front();
            if let Some(job) = job {
                return job;
            }
            self.sleeping.set(self.sleeping.get() + 1);
            self.bell.notified().await;
        }
    }
    // ANCHOR_END: mended
}

// ANCHOR: report

/// Tells a log server, say, which takes a moment.
async fn report(_: &str) {
    yield_now().await;
}
// ANCHOR_END: report

const PRODUCERS: u32 = 8;
const JOBS: u32 = 3;
const WORKERS: u32 = 4;

// ANCHOR: scene
/// Some producers, some workers, and all jobs have to be done.
async fn scene(mended: bool) -> Result<(), SpawnError> {
    let queue = Rc::new(Queue::default());
    let mut producers = JoinSet::new();
    for number in 0..PRODUCERS {
        let queue = Rc::clone(&queue);
        producers.spawn(async move {
            for job in 0..JOBS {
                sleep(Duration::from_millis(10)).await;
                // Each has something else to do first.
                for _ in 0..number {
                    yield_now().await;
                }
                queue.push(number * JOBS + job);
            }
        })?;
    }
    let done = Rc::new(Semaphore::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let (queue, done) = (Rc::clone(&queue), Rc::clone(&done));
        workers.spawn(async move {
            loop {
                match mended {
                    false => queue.pop().await,
                    true => queue.pop_mended().await,
                };
                // Doing the job.
                yield_now().await;
                done.add_permits(1);
            }
        })?;
    }
    let _all = done
        .acquire_many(PRODUCERS * JOBS)
        .await
        .expect("nobody closes it");
    // The sets go, and with them the tasks.
    Ok(())
}
// ANCHOR_END: scene

// ANCHOR: search
/// Whether the scene comes to its end, with the order of tasks that a seed makes.
fn ends(seed: u64, mended: bool) -> bool {
    Runtime::new(seed).try_block_on(scene(mended)).is_ok()
}

fn main() {
    let seeds = 3000;
    let failing: Vec<u64> = (0..seeds).filter(|&seed| !ends(seed, false)).collect();
    println!("of {seeds} seeds {} stall", failing.len());
    if let Some(&first) = failing.first() {
        let again = if ends(first, false) { "ends" } else { "stalls" };
        println!("the first is {first}; run again, it {again}");
    }
    let failing = (0..seeds).filter(|&seed| !ends(seed, true)).count();
    println!("mended: of {seeds} seeds {failing} stall");
}
// ANCHOR_END: search

// ANCHOR: test
#[cfg(test)]
mod tests {
    use super::*;

    /// What a test of such a queue looks like. It passes on any one order of the tasks that one is likely to try.
    #[test]
    fn all_jobs_are_done() {
        polliwog::spin::test(1, async { scene(false).await.expect("room for all tasks") });
    }

    #[test]
    fn all_jobs_are_done_whatever_the_order() {
        polliwog::spin::test_seeds(0..1000, |_| async {
            scene(true).await.expect("room for all tasks");
        });
    }

    #[test]
    #[should_panic(expected = "stalled")]
    fn the_bug_is_found() {
        polliwog::spin::test_seeds(0..3000, |_| async {
            scene(false).await.expect("room for all tasks");
        });
    }

    #[test]
    fn it_is_a_rare_one() {
        let failing = (0..3000).filter(|&seed| !ends(seed, false)).count();
        assert!((1..=30).contains(&failing), "{failing} of 3000");
    }
}
// ANCHOR_END: test
