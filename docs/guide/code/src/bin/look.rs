//! What an executor tells of itself: its tasks, and its counters.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use polliwog::time::sleep;
use polliwog::{Spawner, TaskState, yield_now};

// ANCHOR: look
async fn look() -> Result<(), Box<dyn Error>> {
    let spawner = Spawner::current().ok_or("no executor runs here")?;
    spawner
        .spawn_named("waits", std::future::pending::<()>())?
        .detach();
    let sleeps = sleep(Duration::from_secs(3600));
    spawner.spawn_named("sleeps", sleeps)?.detach();
    spawner
        .spawn_named("is busy", async {
            loop {
                yield_now().await;
            }
        })?
        .detach();
    for _ in 0..10 {
        yield_now().await;
    }
    for task in spawner.tasks() {
        let (Some(name), Some(polls)) = (task.name, task.polls) else {
            continue;
        };
        let polls = if polls > 5 { "often" } else { "seldom" };
        let state = match task.state {
            TaskState::Ready => "waits for its turn",
            TaskState::Idle => "waits to be woken",
            _ => "is being aborted",
        };
        println!("{name}: polled {polls}, {state}, {} bytes", task.size);
    }
    let stats = spawner.stats();
    println!(
        "{} tasks are alive, {} spawns were refused",
        stats.live, stats.refused
    );
    Ok(())
}
// ANCHOR_END: look

fn main() -> Result<(), Box<dyn Error>> {
    polliwog::block_on(look())
}
