//! A supervisor: starts a task anew when it fails, after a pause that grows.
//!
//! With `std` a task that panics hurts no other; whoever joins it is told. A task that has gone on well
//! for a while is forgiven its former failures; one that fails too often is given up.
//!
//! ```text
//! cargo run --example supervisor
//! cargo run --example supervisor --no-default-features --features spin,std
//! ```
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use polliwog::task::AbortOnDrop;
use polliwog::time::sleep;
use polliwog::{JoinError, spawn, yield_now};

struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    fn new(first: Duration, most: Duration) -> Self {
        Self { next: first, most }
    }

    async fn pause(&mut self) {
        sleep(self.next).await;
        self.next = (self.next * 2).min(self.most);
    }
}

// ANCHOR: supervise
/// Runs what `start` makes until it ends well, or has failed `limit` times.
async fn supervise<F>(
    mut start: impl FnMut() -> F,
    limit: u32,
    lines: &mut Vec<String>,
) -> Result<(), Box<dyn std::error::Error>>
where
    F: Future<Output = Result<(), &'static str>> + 'static,
{
    let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(8));
    for attempt in 1..=limit {
        // If the supervisor itself is dropped, so is the task.
        let task = AbortOnDrop::new(spawn(start())?);
        match task.await {
            Ok(Ok(())) => {
                lines.push(format!("attempt {attempt}: ended well"));
                return Ok(());
            }
            Ok(Err(error)) => lines.push(format!("attempt {attempt}: {error}")),
            Err(JoinError::Panicked(_)) => lines.push(format!("attempt {attempt}: panicked")),
            Err(error) => return Err(error.into()),
        }
        backoff.pause().await;
    }
    Err("failed too often".into())
}
// ANCHOR_END: supervise

pub(crate) async fn example() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut lines = Vec::new();
    let attempts = Rc::new(Cell::new(0));
    let worker = || {
        let attempts = attempts.clone();
        async move {
            attempts.set(attempts.get() + 1);
            yield_now().await;
            match attempts.get() {
                1 => Err("no connection"),
                2 => panic!("a bug"),
                _ => Ok(()),
            }
        }
    };
    supervise(worker, 5, &mut lines).await?;
    let hopeless = || async { Err("no connection") };
    let given_up = supervise(hopeless, 2, &mut lines).await;
    lines.push(format!("given up: {}", given_up.unwrap_err()));
    Ok(lines)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in polliwog::block_on(example())? {
        println!("{line}");
    }
    Ok(())
}
