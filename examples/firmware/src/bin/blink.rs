//! Two lights that blink at their own pace, and a third task that ends the program.
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::time::Duration;

use board::{BoardReactor, entry, exit, println};
use polliwog::time::{interval, sleep};
use polliwog::{Executor, TaskPool, spawn};

static TASKS: TaskPool<4> = TaskPool::new();

async fn blink(name: &'static str, period: Duration) {
    let mut lit = false;
    loop {
        lit = !lit;
        println!("{name} {}", if lit { "on" } else { "off" });
        sleep(period).await;
    }
}

async fn count() {
    let mut seconds = interval(Duration::from_millis(100));
    for n in 0..4 {
        seconds.tick().await;
        println!("tick {n}");
    }
    println!("done");
    exit(0);
}

#[entry]
fn main() -> ! {
    let executor = Executor::new(&TASKS, BoardReactor::new()).expect("the pool is ours");
    let spawner = executor.spawner();
    spawn!(spawner, [blink; 2]("red", Duration::from_millis(70)))
        .unwrap()
        .detach();
    spawn!(spawner, [blink; 1]("green", Duration::from_millis(110)))
        .unwrap()
        .detach();
    spawn!(spawner, [count]()).unwrap().detach();
    executor.run().expect("the reactor never fails");
    exit(1)
}
