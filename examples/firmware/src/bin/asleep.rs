//! No alarm and no wake is lost, whichever instruction of a wait it comes at, and a chip with nothing
//! to do sleeps: an alarm and then a software interrupt are moved over the whole of a wait, an
//! instruction at a time, on each way to make a reactor.
//!
//! Time is that of the instructions, 64 ns each, so that it does not matter how busy the emulator's
//! machine is. What is lost for ever hangs, and the emulator is stopped.
//!
//! qemu: -icount shift=6,sleep=off
//! profiles: release dev
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::cell::Cell;
use core::convert::Infallible;
use core::future::pending;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::task::Waker;
use core::time::Duration;

use board::sync::Signal;
use board::{BoardReactor, chip, entry, exit, on_interrupt, println};
use critical_section::Mutex;
use polliwog::spin::{Clock, SpinReactor, Unpark};
use polliwog::time::{now, sleep, sleep_until, timeout};
use polliwog::unpark::Flag;
use polliwog::{
    Deadline, Executor, Instant, Reactor, Spawner, TaskPool, spawn_detached, yield_now,
};

/// How far the alarm is moved at a time, and in how many phases of that: in each instruction. Where
/// unoptimised code takes milliseconds for a wait, in every fourth one.
const STEP: Duration = Duration::from_micros(1);
fn phases(steps: u32) -> impl Iterator<Item = u32> {
    (0..16).step_by(if steps > 1_500 { 4 } else { 1 })
}
/// What is noticed later than this, and the time that it takes, was lost, and found by some other
/// interrupt.
const LATE: Duration = Duration::from_millis(1);

static TICKED: Signal<()> = Signal::new();
static TICKS: AtomicU32 = AtomicU32::new(0);
/// Whether the periodic interrupt is to be none.
static ONCE: AtomicBool = AtomicBool::new(false);

on_interrupt!(SOFT0, ());
on_interrupt!(SOFT1, ());
#[cfg(target_arch = "arm")]
on_interrupt!(ETHERNET, ());
on_interrupt!(TICK, {
    if ONCE.load(Ordering::Relaxed) {
        chip::stop_tick();
    }
    TICKS.store(TICKS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    TICKED.send(());
});

/// How often a reactor has waited, and when it last began to.
static WAITS: Mutex<Cell<(u32, Instant)>> = Mutex::new(Cell::new((0, Instant::ZERO)));

fn waits() -> (u32, Instant) {
    critical_section::with(|cs| WAITS.borrow(cs).get())
}

/// Notes the waits of another reactor.
struct Noted<R>(R);

impl<R: Reactor> Reactor for Noted<R> {
    type Error = R::Error;

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn park(&self, until: Deadline) -> Result<(), R::Error> {
        if until != Deadline::Now {
            let now = chip::now();
            critical_section::with(|cs| {
                let waits = WAITS.borrow(cs);
                waits.set((waits.get().0 + 1, now));
            });
        }
        self.0.park(until)
    }

    fn unparker(&self) -> Waker {
        self.0.unparker()
    }
}

/// The chip's clock and alarm for polliwog's own reactor.
struct Hardware;

impl Clock for Hardware {
    fn now(&self) -> Instant {
        chip::now()
    }

    fn set_alarm(&self, at: Deadline) {
        chip::set_alarm(at);
    }
}

fn spin_reactor() -> impl Reactor {
    static FLAG: Flag = Flag::new();
    chip::start_clock();
    let sleep = |_: Deadline, _: &Unpark<'_>| chip::wait_for_interrupt();
    SpinReactor::with_flag(Hardware, sleep, &FLAG)
}

/// A reactor with no regard for anything: it arms the alarm and sleeps.
struct Careless;

impl Reactor for Careless {
    type Error = Infallible;

    fn now(&self) -> Instant {
        chip::now()
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        if until != Deadline::Now {
            chip::set_alarm(until);
            chip::wait_for_interrupt();
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

/// Takes about so many instructions.
#[inline(never)]
fn spend(instructions: u32) {
    for _ in 0..instructions / 3 {
        core::hint::black_box(());
    }
    // The rest, so that no two numbers take the same time.
    if instructions % 3 > 0 {
        core::hint::black_box(instructions);
    }
    if instructions % 3 > 1 {
        core::hint::black_box(instructions);
    }
}

fn the_time() -> Instant {
    now().expect("in a task of an executor that has a clock")
}

/// How many microseconds pass between a look at the clock and the sleep.
async fn length() -> u32 {
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        let start = the_time();
        sleep_until(start + Duration::from_millis(10)).await;
        longest = longest.max(waits().1.saturating_duration_since(start));
    }
    longest.as_micros() as u32 + 1
}

/// Moves the deadline of a sleep over all of a wait, and half as much again.
async fn promise_20_no_alarm_is_lost_at_any_instruction(steps: u32) {
    for step in 0..steps {
        for phase in phases(steps) {
            spend(phase);
            let deadline = the_time() + STEP * step;
            sleep_until(deadline).await;
            let late = the_time() - deadline;
            assert!(
                late < LATE + STEP * steps,
                "{step} us and {phase} instructions ahead: {late:?} late"
            );
        }
    }
}

/// Moves an interrupt that wakes a task over all of a wait, with no alarm to end it instead.
async fn promise_20_no_wake_is_lost_at_any_instruction(steps: u32) {
    ONCE.store(true, Ordering::Relaxed);
    for step in 0..steps {
        for phase in phases(steps) {
            spend(phase);
            chip::set_tick_cycles(chip::tick_cycles(step + 1));
            TICKED.wait().await;
        }
    }
    ONCE.store(false, Ordering::Relaxed);
}

/// A sleep is one wait, or two; a program that does not sleep has thousands.
async fn promise_20_a_chip_with_nothing_to_do_sleeps() {
    let (before, _) = waits();
    for _ in 0..5 {
        sleep(Duration::from_millis(10)).await;
    }
    let (after, _) = waits();
    assert!(
        (5..20).contains(&(after - before)),
        "{} waits",
        after - before
    );
    // Interrupts come and wake nobody: the alarm still does.
    let ticks = TICKS.load(Ordering::Relaxed);
    if chip::HAS_ALARM_BESIDE_TICK {
        chip::start_tick(300);
        let wait = timeout(Duration::from_millis(5), pending::<()>());
        assert!(wait.await.is_err());
        chip::stop_tick();
        assert!(TICKS.load(Ordering::Relaxed) > ticks + 5);
    }
}

const POLL: Duration = Duration::from_millis(1);

async fn greedy() {
    let started = the_time();
    while the_time() - started < Duration::from_millis(200) {
        let end = the_time() + POLL;
        while the_time() < end {}
        yield_now().await;
    }
}

/// A task that is busy for long in each poll delays another one's timer by a poll or two.
async fn promise_15_a_busy_task_delays_a_timer_by_a_poll_or_two(name: &str) {
    let spawner = Spawner::current().expect("in a task");
    spawn_detached!(spawner, [greedy]()).expect("a free slot");
    let started = the_time();
    let mut late = Duration::ZERO;
    // It has to be seen first how long the polls are.
    sleep(POLL * 100).await;
    while the_time() - started < POLL * 180 {
        let deadline = the_time() + Duration::from_micros(2_700);
        sleep_until(deadline).await;
        late = late.max(the_time() - deadline);
    }
    println!("{name}: a timer beside polls of {POLL:?} was {late:?} late");
    assert!(late <= POLL * 2 + POLL / 2);
    sleep(POLL * 50).await;
}

async fn all(name: &'static str) {
    let length = length().await;
    promise_20_a_chip_with_nothing_to_do_sleeps().await;
    let steps = length + length / 2;
    promise_20_no_alarm_is_lost_at_any_instruction(steps).await;
    println!(
        "{name}: {} alarms in {steps} us",
        steps * phases(steps).count() as u32
    );
    promise_20_no_wake_is_lost_at_any_instruction(steps).await;
    println!(
        "{name}: {} wakes in {steps} us",
        steps * phases(steps).count() as u32
    );
    promise_15_a_busy_task_delays_a_timer_by_a_poll_or_two(name).await;
}

fn by_executor<R: Reactor>(name: &'static str, reactor: R) {
    static POOL: TaskPool<2> = TaskPool::new();
    let Ok(executor) = Executor::new(&POOL, Noted(reactor)) else {
        panic!("the pool is free");
    };
    executor.block_on(all(name));
}

async fn last() {
    all("TaskPool::run").await;
    println!("no alarm and no wake was lost");
    exit(0)
}

#[entry]
fn main() -> ! {
    static TASKS: TaskPool<2> = TaskPool::new();
    chip::start_clock();
    // What it enables stays enabled; there is no periodic interrupt until one is set.
    chip::start_tick(1_000);
    chip::stop_tick();
    by_executor("BoardReactor", BoardReactor::new());
    by_executor("SpinReactor", spin_reactor());
    by_executor("a careless reactor", Careless);
    TASKS.run(Noted(BoardReactor::new()), |spawner| {
        spawn_detached!(spawner, [last]()).expect("a free slot");
    })
}
