//! Timers on levels that wait in no reactor.
//!
//! An [`InterruptExecutor`](super::InterruptExecutor) has a timer queue, but nobody to wake it when a
//! deadline comes. So it posts its first deadline here, and the executor that waits in a reactor waits
//! no longer than that and then pends the level's interrupt, which fires the level's own timers. What it
//! reads the time from is the reactor's [shared clock](crate::Reactor::shared_clock).
//!
//! On a host, where the handler is a thread of its own or the test itself, it is the same.
//!
//! * **L2.** Everything here is touched under the lock of [`LEVELS`]; of an executor only its [`Post`](super::post::Post), its
//!   unparker, which has a lock of its own, and what any level may do to its ready tasks.

use core::time::Duration;

use super::shared::Shared;
use crate::loom::Lock;
use crate::reactor::Reactor;
use crate::time::instant::Instant;

struct Levels {
    /// The executor that waits in a reactor, or is going to.
    waiter: Option<&'static Shared>,
    clock: Option<fn() -> Instant>,
    resolution: Duration,
    /// The list of levels that have ever posted anything.
    first: Option<&'static Shared>,
}

// SAFETY: the references to cores are used as L2 says, which any level may do.
unsafe impl Send for Levels {}

static LEVELS: Lock<Levels> = Lock::new(Levels {
    waiter: None,
    clock: None,
    resolution: Duration::ZERO,
    first: None,
});

/// Has all levels wait in this executor from now on, if its clock can be read from them.
pub(super) fn wait_in<R: Reactor>(shared: &'static Shared, reactor: &R) {
    if let Some(clock) = reactor.shared_clock() {
        serve(shared, clock, reactor.resolution(), |_| true);
    }
}

/// The same for an executor that has been made and does not run yet, unless levels wait in another one: so tasks that
/// are started before it runs may sleep.
pub(super) fn offer<R: Reactor>(shared: &'static Shared, reactor: &R) {
    if let Some(clock) = reactor.shared_clock() {
        let is_free = |levels: &Levels| levels.waiter.is_none();
        serve(shared, clock, reactor.resolution(), is_free);
    }
}

fn serve(
    shared: &'static Shared,
    clock: fn() -> Instant,
    resolution: Duration,
    condition: fn(&Levels) -> bool,
) {
    LEVELS.with(|levels| {
        if condition(levels) {
            shared.post.serves.set(true);
            levels.waiter = Some(shared);
            levels.clock = Some(clock);
            levels.resolution = resolution;
        }
    });
}

/// Has no level wait in this executor any more, which comes to its end: until there is another one,
/// nobody knows the time there.
pub(super) fn leave(shared: &Shared) {
    if !shared.post.serves.replace(false) {
        return;
    }
    LEVELS.with(|levels| {
        if levels.waits_in(shared) {
            levels.waiter = None;
            levels.clock = None;
        }
    });
}

/// The clock that levels share.
pub(super) fn clock() -> Option<fn() -> Instant> {
    LEVELS.with(|levels| levels.clock)
}

/// How coarse that is.
pub(super) fn resolution() -> Duration {
    LEVELS.with(|levels| levels.resolution)
}

/// Has the level of `shared` pended at `deadline` instead of whenever it was to be before.
pub(super) fn post(shared: &'static Shared, deadline: Option<Instant>) {
    let waiter = LEVELS.with(|levels| {
        if !shared.post.listed.replace(true) {
            shared.post.next.set(levels.first);
            levels.first = Some(shared);
        }
        shared.post.deadline.set(deadline.unwrap_or(Instant::ZERO));
        deadline.and(levels.waiter)
    });
    // It may have decided how long to sleep, but not slept yet.
    if let Some(waiter) = waiter {
        waiter.unpark();
    }
}

impl Levels {
    fn waits_in(&self, shared: &Shared) -> bool {
        self.waiter
            .is_some_and(|waiter| core::ptr::eq(waiter, shared))
    }
}

/// Calls `f` with every level, if `shared` is the executor that they wait in. Under the lock.
fn for_each(shared: &Shared, mut f: impl FnMut(&'static Shared)) {
    if !shared.post.serves.get() {
        return;
    }
    LEVELS.with(|levels| {
        if !levels.waits_in(shared) {
            return;
        }
        let mut next = levels.first;
        while let Some(level) = next {
            f(level);
            next = level.post.next.get();
        }
    });
}

/// When the first level is to be pended by `shared`.
pub(super) fn next_deadline(shared: &Shared) -> Option<Instant> {
    let mut first: Option<Instant> = None;
    for_each(shared, |level| {
        if let Some(deadline) = level.post.deadline() {
            first = Some(first.map_or(deadline, |first| first.min(deadline)));
        }
    });
    first
}

/// Pends the levels whose time has come. Returns how many.
pub(super) fn fire(shared: &Shared, now: Instant) -> usize {
    let mut fired = 0;
    loop {
        let mut due = None;
        for_each(shared, |level| {
            if due.is_none() && level.post.deadline().is_some_and(|at| at <= now) {
                // It posts anew when it has run.
                level.post.deadline.set(Instant::ZERO);
                due = Some(level);
            }
        });
        let Some(level) = due else {
            return fired;
        };
        level.call_unparker();
        fired += 1;
    }
}
