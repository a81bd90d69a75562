//! The ambient context: which executor runs on this thread.
//!
//! Where there are threads it is a thread-local. On bare metal it is a static that the run loop
//! saves and restores, which is right as long as a single core runs executors; feature `single-core`
//! says that this is so. Without the feature bare metal has no ambient context, only explicit handles.
//!
//! Interrupt handlers come and go like function calls, so one that runs an executor can use statics
//! in the same way; but whoever it interrupts is in the context of *another* level, from which
//! nothing is to be seen (L1). There are two statics: `MAIN`, that of the level which nothing is
//! below, and `HANDLER`, with the number of the handler that it belongs to.
//!
//! * **L1.** The context of a level is used on that level only: futures that are not `Send`, and the
//!   reactor, which is not `Sync`, belong to it.

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
    #[cfg(feature = "std")]
    pub(super) fn address() -> usize {
        CURRENT.with(|current| core::ptr::from_ref(current).addr())
    }
    pub(super) type Former = *const Core;
    #[inline]
    pub(super) fn enter(core: *const Core, _: bool) -> Former {
        CURRENT.with(|current| current.replace(core))
    }
    #[inline]
    pub(super) fn leave(former: &Former, _: bool) {
        CURRENT.with(|current| current.set(*former));
    }
    #[cfg(lean)]
    pub(super) fn set_main(core: *const Core) {
        CURRENT.with(|current| current.set(core));
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
    #[cfg(feature = "std")]
    pub(super) fn address() -> usize {
        CURRENT.with(|current| core::ptr::from_ref(current).addr())
    }
    pub(super) type Former = *const Core;
    #[inline]
    pub(super) fn enter(core: *const Core, _: bool) -> Former {
        CURRENT.with(|current| current.replace(core))
    }
    #[inline]
    pub(super) fn leave(former: &Former, _: bool) {
        CURRENT.with(|current| current.set(*former));
    }
    #[cfg(lean)]
    pub(super) fn set_main(core: *const Core) {
        CURRENT.with(|current| current.set(core));
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
    use crate::interrupt::{SELF_AWARE, level};
    use core::cell::Cell;

    /// An executor at a level.
    #[derive(Clone, Copy)]
    struct At {
        core: *const Core,
        level: usize,
    }

    struct Current<T>(Cell<T>);

    // SAFETY: feature `single-core` says that one core runs executors. Whoever interrupts us in
    // the middle of an access leaves the value as it was found. Not atomic, so that a program
    // that never asks for the ambient executor does not contain it.
    unsafe impl<T> Sync for Current<T> {}

    static MAIN: Current<*const Core> = Current(Cell::new(core::ptr::null()));
    static HANDLER: Current<At> = Current(Cell::new(At {
        core: core::ptr::null(),
        level: 0,
    }));

    #[inline]
    pub(super) fn get() -> *const Core {
        match level() {
            0 => MAIN.0.get(),
            level => of_handler(level),
        }
    }

    #[cold]
    fn of_handler(level: usize) -> *const Core {
        let handler = HANDLER.0.get();
        // L1: else it is the context of a handler that this one has interrupted.
        match handler.level == level {
            true => handler.core,
            false => core::ptr::null(),
        }
    }

    /// What was current, at whatever level, before somebody entered.
    pub(super) struct Former(At);

    /// Makes `core` current for main's level.
    #[inline]
    #[cfg_attr(not(lean), allow(dead_code, reason = "for the leanest executor"))]
    pub(super) fn set_main(core: *const Core) {
        MAIN.0.set(core);
    }

    /// Makes `core` current. `in_handler` says that this is in an interrupt handler for certain;
    /// else the machine is asked if it knows.
    #[inline]
    pub(super) fn enter(core: *const Core, in_handler: bool) -> Former {
        let level = if in_handler || SELF_AWARE { level() } else { 0 };
        Former(match level {
            0 => At {
                core: MAIN.0.replace(core),
                level: 0,
            },
            level => HANDLER.0.replace(At { core, level }),
        })
    }

    #[inline]
    pub(super) fn leave(former: &Former, in_handler: bool) {
        let level = if in_handler || SELF_AWARE { level() } else { 0 };
        match level {
            0 => MAIN.0.set(former.0.core),
            _ => HANDLER.0.set(former.0),
        }
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
    pub(super) struct Former;
    pub(super) fn enter(_: *const Core, _: bool) -> Former {
        Former
    }
    pub(super) fn leave(_: &Former, _: bool) {}
}

/// Does something with the budget of the executor that runs here, if one does.
#[cfg(not(lean))]
#[inline(always)]
pub(super) fn with_budget<T>(f: impl FnOnce(&core::cell::Cell<isize>) -> T) -> Option<T> {
    let core = current::get();
    if core.is_null() {
        return None;
    }
    // SAFETY: as in `current`.
    Some(f(unsafe { &(*core).state.budget }))
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

/// What tells this thread from all others that there are now; not zero.
#[cfg(feature = "std")]
pub(super) fn thread() -> usize {
    current::address()
}

/// The executor whose context this is, or null.
#[cfg(feature = "std")]
#[inline]
pub(super) fn here() -> *const Core {
    current::get()
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
    former: current::Former,
    clock: Option<Clock>,
    /// What was left to the task that is being polled, if this is inside of one.
    budget: isize,
    in_handler: bool,
}

impl Entered {
    /// `in_handler`: see [`current`].
    ///
    /// # Safety
    ///
    /// The caller's thread is the executor's, and the guard is dropped before `reactor` is
    /// moved or dropped.
    #[inline]
    pub(super) unsafe fn new<R: Reactor>(
        core: &'static Core,
        reactor: &R,
        in_handler: bool,
    ) -> Self {
        let clock = R::HAS_CLOCK.then_some(Clock {
            reactor: ptr::from_ref(reactor).cast(),
            now: now::<R>,
        });
        let budget = core.replace_budget(UNLIMITED);
        #[cfg(all(not(loom), feature = "interrupt-executors"))]
        if R::HAS_CLOCK {
            super::levels::wait_in(core, reactor);
        }
        Self {
            core,
            budget,
            former: current::enter(core, in_handler),
            clock: if !R::HAS_CLOCK && cfg!(lean) {
                // There was none before, and none comes.
                None
            } else {
                core.set_clock(clock)
            },
            in_handler,
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
    // In a handler this would be of no use, and do no harm: L1 has it that main's level, which never
    // runs again, is not what ambient calls there refer to.
    current::set_main(core);
    if R::HAS_CLOCK {
        #[cfg(all(not(loom), feature = "interrupt-executors"))]
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
        self.core.replace_budget(self.budget);
        self.core.set_clock(self.clock);
        current::leave(&self.former, self.in_handler);
    }
}

/// # Safety
///
/// See [`Clock`].
unsafe fn now<R: Reactor>(reactor: *const (), core: &Core, reading: Reading) -> Instant {
    // SAFETY: made from a `&R` that is still valid.
    let reactor = unsafe { &*reactor.cast::<R>() };
    let resolution = reactor.resolution();
    #[cfg(feature = "embassy-time")]
    if reading == Reading::Resolution {
        return Instant::from_duration(resolution);
    }
    let now = reactor.now();
    core.note_time(now, resolution);
    match reading {
        Reading::Shown => now,
        _ => now + resolution,
    }
}
