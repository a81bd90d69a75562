//! A conformance suite for reactors, and the smallest reactor that passes it.
//!
//! Call [`check`] from a test of a reactor; call [`check_threads`] too if the reactor can be
//! unparked by other threads, and [`check_source`] for each kind of source that it has.
//! Every check panics with the sentence of the contract that was broken. No check looks at a
//! wall clock, so none depends on how busy the machine is; a reactor that fails to return
//! makes its check hang.
//!
//! [`check`] needs no operating system: it runs on the chip that the reactor is for, or on an
//! emulated one, and finds a reactor there that loses an alarm or a wake.

use core::time::Duration;

#[cfg(not(target_os = "none"))]
pub use self::threads::{ThreadReactor, check_source, check_threads};
use crate::interrupt::masked;
use crate::{Deadline, Executor, Instant, Reactor, TaskPool};

#[cfg(not(target_os = "none"))]
#[doc(hidden)]
pub mod facade;
#[cfg(not(target_os = "none"))]
mod threads;

/// Checks the contract of [`Reactor`] on this thread: clock, deadlines, the sticky unparker,
/// and an executor on top.
///
/// `make` makes a new reactor for each check.
///
/// # Panics
///
/// If the reactor breaks the contract.
pub fn check<R: Reactor>(make: impl Fn() -> R) {
    unpark_before_park_returns_at_once(&make());
    many_unparks_count_as_one(&make());
    now_does_not_wait(&make());
    a_park_ends_by_its_deadline(&make());
    a_past_deadline_does_not_wait(&make());
    timers_fire_in_order(&make());
    short_sleeps_end(&make());
}

fn park<R: Reactor>(reactor: &R, until: Deadline) {
    let before = reactor.now();
    // As an executor does it: see the contract's part on chips.
    if let Err(error) = masked(|| reactor.park(until)) {
        panic!("a park must not fail: {error:?}");
    }
    assert!(reactor.now() >= before, "time must not go back");
}

fn unpark_before_park_returns_at_once<R: Reactor>(reactor: &R) {
    let unparker = reactor.unparker();
    for _ in 0..3 {
        unparker.wake_by_ref();
        park(reactor, Deadline::Never);
    }
    // A clone is as good, also when the original is gone.
    let clone = unparker.clone();
    drop(unparker);
    clone.wake();
    park(reactor, Deadline::Never);
}

fn many_unparks_count_as_one<R: Reactor>(reactor: &R) {
    let unparker = reactor.unparker();
    for _ in 0..100_000 {
        unparker.wake_by_ref();
    }
    park(reactor, Deadline::Never);
    park(reactor, Deadline::Now);
    unparker.wake_by_ref();
    park(reactor, Deadline::Never);
}

fn now_does_not_wait<R: Reactor>(reactor: &R) {
    for _ in 0..10 {
        park(reactor, Deadline::Now);
    }
}

fn a_park_ends_by_its_deadline<R: Reactor>(reactor: &R) {
    for nanos in [1, 1_000, 250_000, 1_000_000, 3_500_000] {
        let deadline = reactor.now() + Duration::from_nanos(nanos);
        // A park may end early, so it takes a loop; each round must end.
        while reactor.now() < deadline {
            park(reactor, Deadline::At(deadline));
        }
    }
}

fn a_past_deadline_does_not_wait<R: Reactor>(reactor: &R) {
    park(reactor, Deadline::At(reactor.now()));
    park(reactor, Deadline::At(Instant::ZERO));
}

/// An executor with this reactor, once the pool is free: another test of this process may have it.
fn claim<R: Reactor>(pool: &'static TaskPool<4>, mut reactor: R) -> Executor<R> {
    loop {
        match Executor::try_new(pool, reactor) {
            Ok(executor) => return executor,
            Err(taken) => reactor = taken.into_inner(),
        }
        #[cfg(not(target_os = "none"))]
        std::thread::yield_now();
    }
}

static POOL: TaskPool<4> = TaskPool::new();

fn timers_fire_in_order<R: Reactor>(reactor: &R) {
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    executor.block_on(async {
        let start = reactor.now();
        for millis in [1, 2, 3] {
            spawner.sleep(Duration::from_millis(millis)).await;
        }
        let slept = reactor.now() - start;
        assert!(
            slept >= Duration::from_millis(6),
            "a sleep must not end early"
        );
    });
}

/// Deadlines that pass before, while and after the reactor gets ready to wait: an alarm that is lost
/// makes this hang.
fn short_sleeps_end<R: Reactor>(reactor: &R) {
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    executor.block_on(async {
        for step in 0..400 {
            let deadline = reactor.now() + Duration::from_nanos(step * 125);
            spawner.sleep_until(deadline).await;
            assert!(reactor.now() >= deadline, "a sleep must not end early");
        }
    });
}
