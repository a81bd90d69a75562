//! An actor: a task that owns some state, and a handle that talks to it.
//!
//! Requests go in by an `mpsc` channel; each that wants an answer brings a `oneshot` channel along. The
//! state needs no lock, since one task has it. When the last handle has gone, so has the actor.
//!
//! ```text
//! cargo run --example actor
//! cargo run --example actor --no-default-features --features spin,std
//! ```
#![forbid(unsafe_code)]

use polliwog::sync::local::{mpsc, oneshot};
use polliwog::{SpawnError, spawn};

// ANCHOR: actor
type Failure = Box<dyn std::error::Error + Send + Sync>;

enum Request {
    Add(u32),
    Sum(oneshot::Sender<u32>),
}

/// The handle. Its clones talk to the same actor.
#[derive(Clone)]
struct Counter {
    requests: mpsc::Sender<Request>,
}

impl Counter {
    /// Starts the actor. Its task ends with the last handle; `ended` is told.
    fn start(ended: oneshot::Sender<u32>) -> Result<Self, SpawnError> {
        let (requests, mut inbox) = mpsc::channel(8);
        spawn(async move {
            let mut sum = 0;
            while let Some(request) = inbox.recv().await {
                match request {
                    Request::Add(number) => sum += number,
                    // Whoever asked may have gone away meanwhile.
                    Request::Sum(answer) => drop(answer.send(sum)),
                }
            }
            let _ = ended.send(sum);
        })?
        .detach();
        Ok(Self { requests })
    }

    /// Waits if the actor is behind: that is what keeps a fast sender from filling the memory.
    async fn add(&self, number: u32) {
        // The actor goes away after its handles, so this cannot fail.
        let _ = self.requests.send(Request::Add(number)).await;
    }

    async fn sum(&self) -> Result<u32, Failure> {
        let (answer, receiver) = oneshot::channel();
        let request = self.requests.send(Request::Sum(answer));
        // The error gives the request back, which cannot leave this thread: it is passed on without.
        request.await.map_err(|refused| refused.error())?;
        Ok(receiver.await?)
    }
}
// ANCHOR_END: actor

pub(crate) async fn example() -> Result<Vec<String>, Failure> {
    let (ended, end) = oneshot::channel();
    let counter = Counter::start(ended)?;
    let adders: Vec<_> = (1..=4)
        .map(|number| {
            let counter = counter.clone();
            spawn(async move {
                for _ in 0..25 {
                    counter.add(number).await;
                }
            })
        })
        .collect::<Result<_, _>>()?;
    for adder in adders {
        adder.await?;
    }
    let sum = counter.sum().await?;
    let mut lines = vec![format!("sum: {sum}")];
    drop(counter);
    lines.push(format!("the actor has ended with {}", end.await?));
    Ok(lines)
}

fn main() -> Result<(), Failure> {
    for line in polliwog::block_on(example())? {
        println!("{line}");
    }
    Ok(())
}
