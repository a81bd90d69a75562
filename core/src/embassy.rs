//! A time driver for `embassy-time`: crates written against `embassy_time::Timer` wait in the
//! timer queue of whichever executor runs them.
//!
//! Embassy's driver is one per program, found by the linker, and has one global time base; ours
//! is the clock of the executor that runs on the calling thread. An `embassy_time::Instant`
//! must therefore not travel between executors.
//!
//! # Room
//!
//! Each task has a timer of its own beside its slot, so that any number of tasks can wait. It stands at
//! the earliest of the instants that the task asks for: embassy's timers do not say when they are
//! dropped, and the task's next poll asks for the others again. So a timer that is given up costs at most
//! one spurious wake, and no room.
//!
//! A waker that is none of the executor's tasks, such as `FuturesUnordered` makes for each of its
//! futures, takes a place in a table until its time has come. With feature `alloc` there is no
//! limit, and finding a place takes time in proportion to the wakers that wait; without there are
//! [16](PLACES), and one more panics.
//!
//! # Outside of an executor
//!
//! Under somebody else's `block_on` on a host, time is the process's, and a timer is polled again
//! and again until it is due: it ends in time, but burns the processor. On bare metal, and on a level
//! or in a reactor that has no clock, nobody knows the time: to ask for it panics.

use core::task::Waker;

use embassy_time_driver::{Driver, TICK_HZ};

use crate::executor::context;
use crate::executor::shared::Shared;
use crate::time::instant::Instant;

#[cfg_attr(lean, path = "embassy/single.rs")]
#[cfg_attr(not(lean), path = "embassy/multi.rs")]
mod of_task;
pub(crate) mod timers;

pub(crate) use of_task::give_timers;
use timers::PLACES;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

struct PolliwogDriver;

embassy_time_driver::time_driver_impl!(static DRIVER: PolliwogDriver = PolliwogDriver);

impl Driver for PolliwogDriver {
    fn now(&self) -> u64 {
        // What embassy counts from begins with the tick to come, lest it end early.
        ticks(match crate::time::now() {
            Some(now) => now,
            None => outside(),
        })
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        let shared = context::current().and_then(|executor| executor.get());
        let Some((shared, resolution)) =
            shared.and_then(|shared| Some((shared, shared.resolution()?)))
        else {
            // It asks for the time whenever it is polled.
            outside();
            return waker.wake_by_ref();
        };
        // By a coarse clock an instant that was counted from its reading is early by up to a tick.
        let at = instant(at) + resolution;
        if shared.is_due(at) {
            return waker.wake_by_ref();
        }
        schedule(shared, at, waker);
    }
}

/// The time where no executor with a clock runs.
fn outside() -> Instant {
    #[cfg(not(target_os = "none"))]
    if context::current().is_none() {
        return crate::time::of_process();
    }
    no_clock()
}

#[cold]
fn no_clock() -> ! {
    crate::time::no_clock!("embassy_time was used")
}

/// The ticks that have begun by `now`, the one at its very beginning included.
fn ticks(now: Instant) -> u64 {
    let ticks = (u128::from(now.as_nanos()) * u128::from(TICK_HZ)).div_ceil(NANOS_PER_SECOND);
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// The first instant at which `ticks` have passed.
fn instant(ticks: u64) -> Instant {
    if ticks == u64::MAX {
        return Instant::MAX;
    }
    let nanos = (u128::from(ticks) * NANOS_PER_SECOND).div_ceil(u128::from(TICK_HZ));
    Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Has a waker be woken at an instant.
fn schedule(shared: &'static Shared, at: Instant, waker: &Waker) {
    let queue = &shared.timers;
    if let Some(timer) = of_task::timer(shared, waker) {
        let node = timer.get();
        if !node.is_linked() {
            of_task::start(queue, node, at, waker);
        } else if at < node.deadline() {
            queue.schedule(node, at);
        }
        return;
    }
    let mut free = None;
    let mut group = &shared.foreign.first;
    loop {
        for timer in &group.timers {
            match timer.linked() {
                None => free = free.or(Some(timer)),
                Some(node) if node.wakes(waker) => {
                    if at < node.deadline() {
                        queue.schedule(node, at);
                    }
                    return;
                }
                Some(_) => {}
            }
        }
        // SAFETY: only `grow` sets the link, to a group that is never freed.
        match unsafe { group.next.get().as_ref() } {
            Some(next) => group = next,
            None => break,
        }
    }
    match free.or_else(|| group.grow()) {
        Some(timer) => of_task::start(queue, timer.get(), at, waker),
        None => full(),
    }
}

#[cold]
fn full() -> ! {
    panic!(
        "{PLACES} wakers that are none of the executor's tasks wait for an embassy_time timer, \
         and without feature `alloc` there is no room for more"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_never_early() {
        assert_eq!(instant(0), Instant::ZERO);
        assert_eq!(instant(TICK_HZ), Instant::from_millis(1000));
        assert_eq!(instant(u64::MAX), Instant::MAX);
        for at in [1, 2, 3, 999, 12_345_678_901] {
            let nanos = u128::from(instant(at).as_nanos());
            assert!(nanos * u128::from(TICK_HZ) / NANOS_PER_SECOND >= u128::from(at));
            // What begins in the middle of a tick and lasts for a tick ends no earlier than that.
            for part in [0, 1, NANOS_PER_SECOND as u64 / TICK_HZ / 2] {
                let now = Instant::from_nanos(nanos as u64 + part);
                let end = instant(ticks(now) + 1);
                assert!((end - now).as_nanos() * u128::from(TICK_HZ) >= NANOS_PER_SECOND);
            }
            assert_eq!(ticks(instant(at)), at);
        }
    }
}
