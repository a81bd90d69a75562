//! Timers of an interrupt handler's executor, by nothing but the processor's own timer: `chip::SysTick` or
//! `chip::Mtime`.
//! needs: thumbv6m riscv32imac riscv32imc
//! qemu: -icount shift=6,sleep=off
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use board::sync::Signal;
use board::{chip, entry, exit, on_interrupt, println};
use polliwog::executor::Pend;
use polliwog::time::{Duration, now, sleep, timeout};
use polliwog::{InterruptExecutor, Spawner, TaskPool, spawn_detached};

/// Pends the executor's interrupt.
struct Soft0;

impl Pend for Soft0 {
    fn pend(&self) {
        chip::pend_soft0();
    }
}

static TASKS: TaskPool<2> = TaskPool::new();
static URGENT: InterruptExecutor<2, Soft0> = InterruptExecutor::new(Soft0);
static AWAKE: Signal<u32> = Signal::new();

on_interrupt!(SOFT0, URGENT.run());

async fn nap() {
    for n in 1..=20 {
        let start = now().expect("this level's clock");
        let length = Duration::from_micros(u64::from(n) * 700);
        sleep(length).await;
        assert!(now().expect("still") - start >= length);
        let never = timeout(length, core::future::pending::<()>());
        assert!(never.await.is_err());
        assert!(now().expect("still") - start >= length * 2);
        AWAKE.send(n);
    }
}

/// A task that sleeps belongs to its level, and is started there.
async fn start() {
    let spawner = Spawner::current().expect("the urgent one");
    spawn_detached!(spawner, [nap]()).expect("a free slot");
}

async fn watch() {
    let before = now().expect("main's clock");
    while AWAKE.wait().await < 20 {}
    // Both levels have the same clock.
    let passed = now().expect("still") - before;
    assert!(passed >= Duration::from_micros(2 * 700 * (20 * 21 / 2 - 1)));
    println!("ok: twenty naps of the urgent level");
    exit(0)
}

#[entry]
fn main() -> ! {
    chip::enable_soft();
    TASKS.run(chip::own_timer(), |spawner| {
        // It runs at once, before `main`'s executor does.
        spawn_detached!(URGENT.handle(), [start]()).expect("a free slot");
        spawn_detached!(spawner, [watch]()).expect("a free slot");
    })
}
