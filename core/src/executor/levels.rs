//! Timers on levels that wait in no reactor.
//!
//! An [`InterruptExecutor`](super::InterruptExecutor) has a timer queue, but nobody to wake it when a
//! deadline comes. So it posts its first deadline here, and the executor that waits in a reactor waits
//! no longer than that and then pends the level's interrupt, which fires the level's own timers. What it
//! reads the time from is the reactor's [shared clock](crate::Reactor::shared_clock).
//!
//! * **L2.** Everything here is touched within a critical section; of a core only the two cells that are
//!   ours, its unparker, which is locked, and its ready bytes.

use core::cell::Cell;
use core::time::Duration;

use critical_section::Mutex;

use super::core::Core;
use crate::reactor::Reactor;
use crate::time::Instant;

#[derive(Clone, Copy)]
struct Levels {
    /// The executor that waits in a reactor, from when it first runs.
    waiter: Option<&'static Core>,
    clock: Option<fn() -> Instant>,
    resolution: Duration,
    /// The list of levels that have ever posted anything.
    first: Option<&'static Core>,
}

// SAFETY: the references to cores are used as L2 says, which any level may do.
unsafe impl Send for Levels {}

static LEVELS: Mutex<Cell<Levels>> = Mutex::new(Cell::new(Levels {
    waiter: None,
    clock: None,
    resolution: Duration::ZERO,
    first: None,
}));

/// What a level leaves in its core.
pub(crate) struct Post {
    next: Cell<Option<&'static Core>>,
    listed: Cell<bool>,
    /// When it wants to be pended; zero if it does not.
    deadline: Cell<Instant>,
}

impl Post {
    pub(crate) const fn new() -> Self {
        Self {
            next: Cell::new(None),
            listed: Cell::new(false),
            deadline: Cell::new(Instant::ZERO),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let deadline = self.deadline.get();
        (deadline != Instant::ZERO).then_some(deadline)
    }
}

/// Has all levels wait in this executor from now on, if its clock can be read from them.
pub(super) fn wait_in<R: Reactor>(core: &'static Core, reactor: &R) {
    let Some(clock) = reactor.shared_clock() else {
        return;
    };
    let resolution = reactor.resolution();
    critical_section::with(|cs| {
        let levels = LEVELS.borrow(cs);
        levels.set(Levels {
            waiter: Some(core),
            clock: Some(clock),
            resolution,
            ..levels.get()
        });
    });
}

/// The clock that levels share.
pub(super) fn clock() -> Option<fn() -> Instant> {
    critical_section::with(|cs| LEVELS.borrow(cs).get().clock)
}

/// How coarse that is.
pub(super) fn resolution() -> Duration {
    critical_section::with(|cs| LEVELS.borrow(cs).get().resolution)
}

/// Has the level of `core` pended at `deadline` instead of whenever it was to be before.
pub(super) fn post(core: &'static Core, deadline: Option<Instant>) {
    let waiter = critical_section::with(|cs| {
        let levels = LEVELS.borrow(cs);
        let mut all = levels.get();
        if !core.post.listed.replace(true) {
            core.post.next.set(all.first);
            all.first = Some(core);
            levels.set(all);
        }
        core.post.deadline.set(deadline.unwrap_or(Instant::ZERO));
        deadline.and(all.waiter)
    });
    // It may have decided how long to sleep, but not slept yet.
    if let Some(waiter) = waiter {
        waiter.unpark();
    }
}

/// Whether `core` is the one that the levels wait in.
fn for_each(core: &Core, mut f: impl FnMut(&'static Core)) {
    critical_section::with(|cs| {
        let all = LEVELS.borrow(cs).get();
        if !all.waiter.is_some_and(|waiter| core::ptr::eq(waiter, core)) {
            return;
        }
        let mut next = all.first;
        while let Some(level) = next {
            f(level);
            next = level.post.next.get();
        }
    });
}

/// When the first level is to be pended by `core`.
pub(super) fn next_deadline(core: &Core) -> Option<Instant> {
    let mut first: Option<Instant> = None;
    for_each(core, |level| {
        if let Some(deadline) = level.post.deadline() {
            first = Some(first.map_or(deadline, |first| first.min(deadline)));
        }
    });
    first
}

/// Pends the levels whose time has come. Returns how many.
pub(super) fn fire(core: &Core, now: Instant) -> usize {
    let mut fired = 0;
    loop {
        let mut due = None;
        for_each(core, |level| {
            if level
                .post
                .deadline()
                .is_some_and(|deadline| deadline <= now)
            {
                due = Some(level);
            }
        });
        let Some(level) = due else {
            return fired;
        };
        // It posts anew when it has run.
        critical_section::with(|_| level.post.deadline.set(Instant::ZERO));
        level.call_unparker();
        fired += 1;
    }
}
