//! What follows from slots that live for ever: copies of a waker are the same waker, and one that has outlived
//! its task does no harm.
#![forbid(unsafe_code)]

use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::time::Duration;

use polliwog::time::sleep;
use polliwog::{SpawnError, spawn, yield_now};

// ANCHOR: waker
/// The waker of the task that calls it.
async fn my_waker() -> Waker {
    poll_fn(|cx| Poll::Ready(cx.waker().clone())).await
}

async fn program() -> Result<(), Box<dyn std::error::Error>> {
    let task = spawn(my_waker())?;
    let stale = task.await?;
    println!(
        "a waker has {} words",
        size_of::<Waker>() / size_of::<usize>()
    );
    println!(
        "a copy wakes the same task: {}",
        stale.clone().will_wake(&stale)
    );

    // Its task has ended. The slot is free, or has another task by now.
    let polls = spawn(async {
        let mut polls = 0;
        let mut rest = std::pin::pin!(sleep(Duration::from_millis(10)));
        poll_fn(|cx| {
            polls += 1;
            rest.as_mut().poll(cx)
        })
        .await;
        polls
    })?;
    yield_now().await;
    stale.wake_by_ref();
    println!("woken by a stranger, it was polled {} times", polls.await?);
    // Nobody is there any more.
    stale.wake();
    Ok(())
}
// ANCHOR_END: waker

// ANCHOR: full
/// A limit that is reached is an error.
fn full() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = polliwog::Runtime::builder().max_tasks(3).build()?;
    runtime.block_on(async {
        // This future has a slot, too.
        let _one = spawn(std::future::pending::<()>())?;
        let _two = spawn(std::future::pending::<()>())?;
        let refused = spawn(std::future::pending::<()>());
        println!("a third task: {}", refused.unwrap_err());
        Ok::<_, SpawnError>(())
    })?;
    Ok(())
}
// ANCHOR_END: full

fn main() -> Result<(), Box<dyn std::error::Error>> {
    polliwog::block_on(program())?;
    full()
}
