//! Interrupt handlers wake tasks: a software interrupt sends a signal, a periodic one fills a
//! channel. The chip sleeps in between.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::time::Duration;

use board::sync::{Channel, Signal};
use board::{BoardReactor, chip, entry, exit, on_interrupt, println};
use polliwog::time::sleep;
use polliwog::{Executor, TaskPool, spawn};

static TASKS: TaskPool<4> = TaskPool::new();
static PRESSED: Signal<&str> = Signal::new();
static SAMPLES: Channel<u32, 4> = Channel::new();

on_interrupt!(SOFT0, PRESSED.send("the button"));
on_interrupt!(TICK, {
    // A full channel drops the sample: a handler must not wait.
    let _ = SAMPLES.try_send(7);
});

async fn press(times: u32) {
    for _ in 0..times {
        sleep(Duration::from_millis(5)).await;
        chip::pend_soft0();
    }
}

async fn listen(times: u32) {
    for n in 1..=times {
        let what = PRESSED.wait().await;
        println!("{what} was pressed {n}");
    }
}

async fn measure() {
    let presses = spawn!(spawner(), [listen](3)).expect("a free task");
    spawn!(spawner(), [press](3)).expect("a free task").detach();
    presses.await.expect("it ends by itself");

    chip::start_tick(2_000);
    let mut sum = 0;
    for _ in 0..100 {
        sum += SAMPLES.receive().await;
    }
    chip::stop_tick();
    println!("100 samples, sum {sum}");
    exit(0)
}

fn spawner() -> polliwog::Spawner {
    polliwog::Spawner::current().expect("called in a task")
}

#[entry]
fn main() -> ! {
    chip::enable_soft();
    let executor = Executor::new(&TASKS, BoardReactor::new()).expect("the pool is ours");
    spawn!(executor.spawner(), [measure]())
        .expect("a free task")
        .detach();
    executor.run().expect("the reactor never fails");
    exit(1)
}
