//! The ambient context: the executor that runs here, with its clock and the budget of its task.

use core::ptr;

use super::budget::UNLIMITED;
use super::current;
use super::levels;
use super::shared::{Clock, Reading, Shared, SharedRef};
use crate::reactor::Reactor;
use crate::time::instant::Instant;

/// The executor whose context this is.
#[inline]
pub(crate) fn current() -> Option<SharedRef> {
    let owner = current::get();
    if owner.is_null() {
        return None;
    }
    // SAFETY: set by `Entered` below from a `&'static Shared`, on this thread, by the executor
    // that has it.
    let shared: &'static Shared = unsafe { &*owner.cast() };
    Some(shared.as_current())
}

/// Makes an executor current until dropped; then what was before is current again.
///
/// Crate-internal, because it must not be leaked: the clock points to the reactor.
pub(super) struct Entered {
    shared: &'static Shared,
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
        shared: &'static Shared,
        reactor: &R,
        in_handler: bool,
    ) -> Self {
        let clock = R::HAS_CLOCK.then_some(Clock {
            reactor: ptr::from_ref(reactor).cast(),
            now: now::<R>,
        });
        let budget = shared.replace_budget(UNLIMITED);
        if R::HAS_CLOCK {
            levels::wait_in(shared, reactor);
        }
        Self {
            shared,
            budget,
            former: current::enter(shared.owner(), in_handler),
            clock: if !R::HAS_CLOCK && super::state::KEEPS_NO_CLOCK {
                // There was none before, and none comes.
                None
            } else {
                shared.set_clock(clock)
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
pub(super) unsafe fn enter_for_ever<R: Reactor>(shared: &'static Shared, reactor: &R) {
    // In a handler this would be of no use, and do no harm: L1 has it that main's level, which never
    // runs again, is not what ambient calls there refer to.
    current::set_main(shared.owner());
    if R::HAS_CLOCK {
        levels::wait_in(shared, reactor);
        shared.set_clock(Some(Clock {
            reactor: ptr::from_ref(reactor).cast(),
            now: now::<R>,
        }));
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        self.shared.replace_budget(self.budget);
        self.shared.set_clock(self.clock);
        current::leave(&self.former, self.in_handler);
    }
}

/// # Safety
///
/// See [`Clock`].
unsafe fn now<R: Reactor>(reactor: *const (), shared: &Shared, reading: Reading) -> Instant {
    // SAFETY: made from a `&R` that is still valid.
    let reactor = unsafe { &*reactor.cast::<R>() };
    let resolution = reactor.resolution();
    #[cfg(feature = "embassy-time")]
    if reading == Reading::Resolution {
        return Instant::from_duration(resolution);
    }
    let now = reactor.now();
    shared.note_time(now, resolution);
    match reading {
        Reading::Shown => now,
        _ => now + resolution,
    }
}
