//! Tasks in static memory of exactly their size, on a reactor with an operating system below.
#![forbid(unsafe_code)]

// ANCHOR: program
use polliwog::{Executor, TaskPool, mio::MioReactor, spawn, time::sleep_millis};
use std::error::Error;

static TASKS: TaskPool<4> = TaskPool::new();

async fn blink(led: &'static str, millis: u32, times: u32) {
    for _ in 0..times {
        println!("{led}");
        sleep_millis(millis).await;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let executor = Executor::new(&TASKS, MioReactor::new()?)?; // on a chip, the chip's reactor
    let red = spawn!(executor.spawner(), [blink; 2]("red", 70, 2))?;
    let green = spawn!(executor.spawner(), [blink; 2]("green", 110, 2))?;
    executor.block_on(async {
        red.await?;
        green.await
    })?;
    Ok(())
}
// ANCHOR_END: program
