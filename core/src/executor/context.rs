//! The ambient context: which executor runs on this thread.
//!
//! Where there are threads it is a thread-local. On bare metal it is a static that the run loop
//! saves and restores, which is right as long as a single core runs executors (interrupt
//! handlers that run one come and go like function calls); feature `single-core` says that this
//! is so. Without the feature bare metal has no ambient context, only explicit handles.

use core::ptr;

use super::core::{Clock, Core, CoreRef, Reading};
use crate::reactor::Reactor;
use crate::task::budget::UNLIMITED;
use crate::time::Instant;

#[cfg(loom)]
mod current {
    use super::Core;
    loom::thread_local! {
        static CURRENT: core::cell::Cell<*const Core> = core::cell::Cell::new(core::ptr::null());
    }
    pub(super) fn get() -> *const Core {
        CURRENT.with(|current| current.get())
    }
    pub(super) fn replace(core: *const Core) -> *const Core {
        CURRENT.with(|current| current.replace(core))
    }
}

#[cfg(all(not(loom), any(feature = "std", not(target_os = "none"))))]
mod current {
    use super::Core;
    use core::cell::Cell;
    std::thread_local! {
        // Const and without a destructor: usable at any time, also while the thread ends.
        static CURRENT: Cell<*const Core> = const { Cell::new(core::ptr::null()) };
    }
    #[inline]
    pub(super) fn get() -> *const Core {
        CURRENT.with(Cell::get)
    }
    #[inline]
    pub(super) fn replace(core: *const Core) -> *const Core {
        CURRENT.with(|current| current.replace(core))
    }
}

#[cfg(all(
    not(loom),
    not(feature = "std"),
    target_os = "none",
    feature = "single-core"
))]
mod current {
    use super::Core;
    use core::cell::Cell;

    struct Current(Cell<*const Core>);

    // SAFETY: feature `single-core` says that one core runs executors. Whoever interrupts us in
    // the middle of an access leaves the value as it was found. Not atomic, so that a program
    // that never asks for the ambient executor does not contain it.
    unsafe impl Sync for Current {}

    static CURRENT: Current = Current(Cell::new(core::ptr::null()));

    #[inline]
    pub(super) fn get() -> *const Core {
        CURRENT.0.get()
    }

    #[inline]
    pub(super) fn replace(core: *const Core) -> *const Core {
        CURRENT.0.replace(core)
    }
}

#[cfg(all(
    not(loom),
    not(feature = "std"),
    target_os = "none",
    not(feature = "single-core")
))]
mod current {
    use super::Core;
    pub(super) fn get() -> *const Core {
        core::ptr::null()
    }
    pub(super) fn replace(_: *const Core) -> *const Core {
        core::ptr::null()
    }
}

/// What the task that is being polled may still do, where there is one executor to a level: not in its
/// core, so that a program without anything that draws from it does not contain it.
#[cfg(lean)]
mod left {
    use core::cell::Cell;

    #[cfg(target_os = "none")]
    struct Left(Cell<isize>);

    // SAFETY: as for `Current`: one core, and whoever interrupts us in the middle of an access
    // leaves the value as it was found (`Entered`).
    #[cfg(target_os = "none")]
    unsafe impl Sync for Left {}

    #[cfg(target_os = "none")]
    static LEFT: Left = Left(Cell::new(crate::task::budget::UNLIMITED));

    #[cfg(not(target_os = "none"))]
    std::thread_local! {
        static LEFT: Cell<isize> = const { Cell::new(crate::task::budget::UNLIMITED) };
    }

    #[inline(always)]
    pub(super) fn get() -> isize {
        #[cfg(target_os = "none")]
        return LEFT.0.get();
        #[cfg(not(target_os = "none"))]
        return LEFT.with(Cell::get);
    }

    #[inline(always)]
    pub(super) fn set(left: isize) {
        #[cfg(target_os = "none")]
        LEFT.0.set(left);
        #[cfg(not(target_os = "none"))]
        LEFT.with(|cell| cell.set(left));
    }
}

/// What the task that is being polled may still do; unlimited outside of executors.
#[inline]
pub(crate) fn budget() -> isize {
    #[cfg(lean)]
    return left::get();
    #[cfg(not(lean))]
    {
        let core = current::get();
        if core.is_null() {
            return crate::task::budget::UNLIMITED;
        }
        // SAFETY: as in `current`.
        unsafe { &*core }.budget.get()
    }
}

/// Sets what the task that is being polled may still do. No effect outside of executors.
#[inline(always)]
pub(crate) fn set_budget(left: isize) {
    #[cfg(lean)]
    left::set(left);
    #[cfg(not(lean))]
    {
        let core = current::get();
        if !core.is_null() {
            // SAFETY: as in `current`.
            unsafe { &*core }.budget.set(left);
        }
    }
}

/// Draws one unit; `false` if nothing is left. Always possible outside of executors.
#[inline(always)]
pub(crate) fn draw() -> bool {
    #[cfg(lean)]
    {
        let left = left::get();
        if left <= 0 {
            return false;
        }
        left::set(left - 1);
    }
    #[cfg(not(lean))]
    {
        let core = current::get();
        if core.is_null() {
            return true;
        }
        // SAFETY: as in `current`.
        let budget = unsafe { &(*core).budget };
        let left = budget.get();
        if left <= 0 {
            return false;
        }
        budget.set(left - 1);
    }
    true
}

/// Whether this thread is inside this executor's context, and hence is its thread.
#[inline]
#[cfg_attr(
    not(feature = "std"),
    allow(dead_code, reason = "wakes take the atomic path")
)]
pub(crate) fn is_current(core: *const Core) -> bool {
    ptr::eq(current::get(), core)
}

/// The executor whose context this is.
#[inline]
pub(crate) fn current() -> Option<CoreRef> {
    let core = current::get();
    if core.is_null() {
        return None;
    }
    // SAFETY: set by `Entered` below from a `&'static Core`, on this thread, by the executor
    // that has the core.
    let core: &'static Core = unsafe { &*core };
    Some(core.as_current())
}

/// Makes an executor current until dropped; then what was before is current again.
///
/// Crate-internal, because it must not be leaked: the clock points to the reactor.
pub(super) struct Entered {
    core: &'static Core,
    former: *const Core,
    clock: Option<Clock>,
    /// What was left to the task that is being polled, if this is inside of one.
    budget: isize,
}

impl Entered {
    /// # Safety
    ///
    /// The caller's thread is the executor's, and the guard is dropped before `reactor` is
    /// moved or dropped.
    #[inline]
    pub(super) unsafe fn new<R: Reactor>(core: &'static Core, reactor: &R) -> Self {
        let clock = (!R::TIMELESS).then_some(Clock {
            reactor: ptr::from_ref(reactor).cast(),
            now: now::<R>,
        });
        #[cfg(not(lean))]
        let budget = core.budget.replace(UNLIMITED);
        #[cfg(lean)]
        let budget = left::get();
        #[cfg(lean)]
        left::set(UNLIMITED);
        #[cfg(all(lean, feature = "interrupt-executors"))]
        if !R::TIMELESS {
            super::levels::wait_in(core, reactor);
        }
        Self {
            core,
            budget,
            former: current::replace(core),
            clock: if R::TIMELESS && cfg!(lean) {
                // There was none before, and none comes.
                None
            } else {
                core.set_clock(clock)
            },
        }
    }
}

/// Makes an executor current for ever.
///
/// # Safety
///
/// The caller's level is the executor's, and `reactor` is neither moved nor dropped.
#[cfg(lean)]
#[inline(always)]
pub(super) unsafe fn enter_for_ever<R: Reactor>(core: &'static Core, reactor: &R) {
    current::replace(core);
    if !R::TIMELESS {
        #[cfg(all(lean, feature = "interrupt-executors"))]
        super::levels::wait_in(core, reactor);
        core.set_clock(Some(Clock {
            reactor: ptr::from_ref(reactor).cast(),
            now: now::<R>,
        }));
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        #[cfg(not(lean))]
        self.core.budget.set(self.budget);
        #[cfg(lean)]
        left::set(self.budget);
        self.core.set_clock(self.clock);
        current::replace(self.former);
    }
}

/// # Safety
///
/// See [`Clock`].
unsafe fn now<R: Reactor>(reactor: *const (), _core: &Core, reading: Reading) -> Instant {
    // SAFETY: made from a `&R` that is still valid.
    let reactor = unsafe { &*reactor.cast::<R>() };
    let resolution = reactor.resolution();
    #[cfg(feature = "embassy-time")]
    if reading == Reading::Resolution {
        return Instant::from_duration(resolution);
    }
    let now = reactor.now();
    #[cfg(not(lean))]
    _core.note_time(now, resolution);
    match reading {
        Reading::Shown => now,
        _ => now + resolution,
    }
}
