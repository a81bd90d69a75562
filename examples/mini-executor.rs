//! A runtime put together from the parts: a reactor of one's own, an executor in static memory,
//! and a program on top.
//!
//! The reactor (`shared/channel_reactor.rs`) waits in a channel through which threads send
//! numbers. Two threads play thermometers, a task for each adds its numbers up, and a third
//! task looks at the clock. Nothing here needs a reactor of polliwog's, nor an allocator for
//! the tasks.
//!
//! ```text
//! cargo run --example mini-executor
//! ```
//!
//! It prints:
//!
//! ```text
//! thermometer 1: 3 readings, 20 degrees on average
//! thermometer 2: 3 readings, -5 degrees on average
//! the clock has ticked 3 times
//! ```
#![forbid(unsafe_code)]

#[path = "shared/channel_reactor.rs"]
mod channel_reactor;

use std::error::Error;
use std::future::poll_fn;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use polliwog::time::interval;
use polliwog::{Executor, TaskPool, spawn};

use channel_reactor::{ChannelReactor, Event, Source};

// ANCHOR: tasks
/// The memory of the tasks: four of up to 512 bytes.
static POOL: TaskPool<4, 512> = TaskPool::new();

const READINGS: i64 = 3;

async fn average(thermometer: Source) -> i64 {
    let mut sum = 0;
    for _ in 0..READINGS {
        sum += poll_fn(|cx| thermometer.poll_next(cx)).await;
    }
    sum / READINGS
}

async fn clock() -> u32 {
    let mut interval = interval(Duration::from_millis(10));
    for _ in 0..3 {
        interval.tick().await;
    }
    3
}
// ANCHOR_END: tasks

// ANCHOR: run
fn run() -> Result<(), Box<dyn Error>> {
    let (reactor, sender) = ChannelReactor::new();
    for (thermometer, readings) in [(1, [19, 20, 21]), (2, [-4, -5, -6])] {
        let sender = sender.clone();
        thread::spawn(move || {
            for degrees in readings {
                thread::sleep(Duration::from_millis(20));
                // Fails only when the reactor is gone: nobody wants to know any more.
                let _ = sender.send(Event::Value(thermometer, degrees));
            }
        });
    }

    let (one, two) = (reactor.source(1), reactor.source(2));
    let executor = Executor::new(&POOL, reactor)?;
    executor.block_on(async {
        let one = spawn(average(one))?;
        let two = spawn(average(two))?;
        let clock = spawn(clock())?;
        let (one, two, ticks) = (one.await?, two.await?, clock.await?);
        println!("thermometer 1: {READINGS} readings, {one} degrees on average");
        println!("thermometer 2: {READINGS} readings, {two} degrees on average");
        println!("the clock has ticked {ticks} times");
        Ok(())
    })
}
// ANCHOR_END: run

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mini-executor: {error}");
            ExitCode::FAILURE
        }
    }
}
