//! Timers on levels that wait in no reactor.
//!
//! An [`InterruptExecutor`](super::InterruptExecutor) has a timer queue, but nobody to wake it when a
//! deadline comes. So it posts its first deadline here, and the executor that waits in a reactor waits
//! no longer than that and then pends the level's interrupt, which fires the level's own timers. What it
//! reads the time from is the reactor's [shared clock](crate::Reactor::shared_clock).
//!
//! On a host, where the handler is a thread of its own or the test itself, it is the same.
//!
//! * **L2.** Everything here is touched under the lock of [`LEVELS`]; of a core only its [`Post`], its
//!   unparker, which has a lock of its own, and what any level may do to its ready tasks.

use core::cell::Cell;
use core::time::Duration;

use super::core::Core;
use crate::reactor::Reactor;
use crate::shim::Lock;
use crate::time::Instant;

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

static LEVELS: Lock<Levels> = Lock::new(Levels {
    waiter: None,
    clock: None,
    resolution: Duration::ZERO,
    first: None,
});

/// What a level leaves in its core.
pub(crate) struct Post {
    next: Cell<Option<&'static Core>>,
    listed: Cell<bool>,
    /// When it wants to be pended; zero if it does not.
    deadline: Cell<Instant>,
    /// Whether levels may wait in this executor: spares all others the lock. Its own thread's.
    serves: Cell<bool>,
}

impl Post {
    pub(crate) const fn new() -> Self {
        Self {
            next: Cell::new(None),
            listed: Cell::new(false),
            deadline: Cell::new(Instant::ZERO),
            serves: Cell::new(false),
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
    core.post.serves.set(true);
    LEVELS.with(|levels| {
        levels.waiter = Some(core);
        levels.clock = Some(clock);
        levels.resolution = resolution;
    });
}

/// Has no level wait in this executor any more, which comes to its end: until there is another one,
/// nobody knows the time there.
pub(super) fn leave(core: &Core) {
    if !core.post.serves.replace(false) {
        return;
    }
    LEVELS.with(|levels| {
        if levels.waits_in(core) {
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

/// Has the level of `core` pended at `deadline` instead of whenever it was to be before.
pub(super) fn post(core: &'static Core, deadline: Option<Instant>) {
    let waiter = LEVELS.with(|levels| {
        if !core.post.listed.replace(true) {
            core.post.next.set(levels.first);
            levels.first = Some(core);
        }
        core.post.deadline.set(deadline.unwrap_or(Instant::ZERO));
        deadline.and(levels.waiter)
    });
    // It may have decided how long to sleep, but not slept yet.
    if let Some(waiter) = waiter {
        waiter.unpark();
    }
}

impl Levels {
    fn waits_in(&self, core: &Core) -> bool {
        self.waiter
            .is_some_and(|waiter| core::ptr::eq(waiter, core))
    }
}

/// Calls `f` with every level, if `core` is the executor that they wait in. Under the lock.
fn for_each(core: &Core, mut f: impl FnMut(&'static Core)) {
    if !core.post.serves.get() {
        return;
    }
    LEVELS.with(|levels| {
        if !levels.waits_in(core) {
            return;
        }
        let mut next = levels.first;
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
