//! Idle hooks: what a [`SpinReactor`](crate::SpinReactor) does when no task is ready.

use core::convert::Infallible;
use core::fmt;

use polliwog_core::{Deadline, Instant};

use crate::clock::{Clock, VirtualClock};
use crate::unpark::Unpark;

/// What to do while no task is ready.
///
/// The hook is called with the deadline, after the clock's alarm was set to it. It should return
/// when an interrupt (the alarm's among them) may have woken a task, when `unpark` is set, and
/// at the deadline. It may return early at any time.
///
/// # On a chip
///
/// The hook is an instruction. The executor has masked interrupts before it looked for the last time
/// and the [alarm was set](Clock::set_alarm), so nothing can come in between; `wfi` ends when an
/// interrupt becomes pending, masked or not, and its handler runs when the hook has returned. See
/// [`Reactor`](polliwog_core::Reactor#on-a-chip). A hook must not wait there in a loop, since no handler can
/// end it.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use polliwog::{Clock, Deadline, SpinReactor, Unpark};
/// # mod cortex_m { pub mod asm { pub fn wfi() {} } }
/// # fn reactor(clock: impl Clock) {
/// let sleep = |_: Deadline, _: &Unpark<'_>| cortex_m::asm::wfi();
/// static FLAG: polliwog::Flag = polliwog::Flag::new();
/// let reactor = SpinReactor::with_flag(clock, sleep, &FLAG);
/// # let _ = reactor;
/// # }
/// ```
///
/// Closures of this form are hooks; a type of your own can also use the clock, and fail.
pub trait Idle<C> {
    /// Why the program cannot go on; it ends the executor's run.
    type Error: fmt::Debug;

    /// Sleeps until something may have happened.
    ///
    /// # Errors
    ///
    /// If nothing can ever happen again.
    fn idle(&self, clock: &C, until: Deadline, unpark: &Unpark<'_>) -> Result<(), Self::Error>;

    /// As [`Reactor`](polliwog_core::Reactor) has it.
    #[doc(hidden)]
    fn waits_for_threads(&self) -> bool {
        true
    }
}

impl<C, F: Fn(Deadline, &Unpark<'_>)> Idle<C> for F {
    type Error = Infallible;

    fn idle(&self, _: &C, until: Deadline, unpark: &Unpark<'_>) -> Result<(), Infallible> {
        self(until, unpark);
        Ok(())
    }
}

/// Burns time until the deadline or an unpark.
///
/// It needs nothing of the target, and an unpark ends it within nanoseconds. On a chip it returns at
/// once, and the executor looks again.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::{SpinLoop, SpinReactor, VirtualClock};
/// use polliwog::unpark::Flag;
///
/// static FLAG: Flag = Flag::new();
/// let reactor = SpinReactor::with_flag(VirtualClock::new(), SpinLoop, &FLAG);
/// # drop(reactor);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SpinLoop;

impl<C: Clock> Idle<C> for SpinLoop {
    type Error = Infallible;

    fn idle(&self, clock: &C, until: Deadline, unpark: &Unpark<'_>) -> Result<(), Infallible> {
        // On a chip whoever sets the flag is masked.
        while cfg!(not(target_os = "none")) && !unpark.is_set() {
            match until {
                Deadline::At(at) if clock.now() < at => {}
                Deadline::Never => {}
                Deadline::At(_) | Deadline::Now => break,
            }
            core::hint::spin_loop();
        }
        Ok(())
    }
}

/// Blocks the thread until the deadline or an unpark, by a clock that runs by itself.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug, Default)]
pub struct ParkThread;

#[cfg(feature = "std")]
impl<C: Clock> Idle<C> for ParkThread {
    type Error = Infallible;

    fn idle(&self, clock: &C, until: Deadline, unpark: &Unpark<'_>) -> Result<(), Infallible> {
        unpark.wait(until.remaining(clock.now()));
        Ok(())
    }
}

/// Moves a [`VirtualClock`] to the deadline, so that sleeping takes no time.
///
/// If there is no deadline (or the clock is paused), no task is ready and none can become so:
/// the program is [stalled](Stalled), which is an error, instead of a test that hangs. This does
/// not hold if other threads wake tasks: then use `AutoAdvance::or_wait` (feature `std`).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::{AutoAdvance, SpinReactor, VirtualClock};
/// use polliwog::unpark::Flag;
///
/// static FLAG: Flag = Flag::new();
/// let reactor = SpinReactor::with_flag(VirtualClock::new(), AutoAdvance::new(), &FLAG);
/// # drop(reactor);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AutoAdvance {
    #[cfg(feature = "std")]
    wait: bool,
}

impl AutoAdvance {
    /// Jumps, and fails when the program is stalled.
    pub const fn new() -> Self {
        Self {
            #[cfg(feature = "std")]
            wait: false,
        }
    }

    /// Jumps, and waits when the program is stalled, until another thread wakes a task.
    ///
    /// Time still takes no time: while another thread is at work, the clock jumps to the next
    /// deadline all the same.
    #[cfg(feature = "std")]
    pub const fn or_wait() -> Self {
        Self { wait: true }
    }
}

impl Idle<VirtualClock> for AutoAdvance {
    type Error = Stalled;

    fn idle(
        &self,
        clock: &VirtualClock,
        until: Deadline,
        unpark: &Unpark<'_>,
    ) -> Result<(), Stalled> {
        let next = match until {
            Deadline::Now => return Ok(()),
            // A sleep until the end of time is over at no time.
            Deadline::Never | Deadline::At(Instant::MAX) => None,
            Deadline::At(at) => Some(at),
        };
        if let Some(at) = next {
            if !clock.is_paused() || at <= clock.now() {
                clock.jump_to(at);
                return Ok(());
            }
        }
        #[cfg(feature = "std")]
        if self.wait {
            unpark.wait(None);
            return Ok(());
        }
        if unpark.is_set() {
            return Ok(());
        }
        Err(Stalled {
            now: clock.now(),
            paused: next,
        })
    }

    #[cfg(feature = "std")]
    fn waits_for_threads(&self) -> bool {
        self.wait
    }
}

/// No task is ready, and in virtual time nothing is left that could wake one.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::block_on;
///
/// let stalled = std::panic::catch_unwind(|| block_on(core::future::pending::<()>()));
/// assert!(stalled.is_err()); // instead of waiting for ever
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stalled {
    /// When it was found out.
    pub now: Instant,
    /// The next deadline, if the program is stalled only because the clock is paused.
    pub paused: Option<Instant>,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.now.as_duration();
        match self.paused {
            Some(next) => write!(
                f,
                "stalled after {now:?} of virtual time: no task is ready, and the clock is paused \
                 (the next timer is due at {:?})",
                next.as_duration()
            ),
            None => write!(
                f,
                "stalled after {now:?} of virtual time: no task is ready, no timer is set, and \
                 nothing else can wake a task; this is a deadlock, unless another thread is to \
                 wake one (see `Builder::wait_for_threads`)"
            ),
        }
    }
}

/// So many tasks of a stalled run are named.
const MOST_TASKS: usize = 12;

/// Names the tasks that are left, a line each.
pub(crate) fn name_tasks<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    mut tasks: impl Iterator<Item = T>,
) -> fmt::Result {
    for task in tasks.by_ref().take(MOST_TASKS) {
        write!(f, "\n  {task}")?;
    }
    match tasks.count() {
        0 => Ok(()),
        more => write!(f, "\n  and {more} more"),
    }
}

// What a panic shows when a run ends with this error.
impl fmt::Debug for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Stalled {}

#[cfg(feature = "std")]
impl From<Stalled> for std::io::Error {
    fn from(stalled: Stalled) -> Self {
        Self::new(std::io::ErrorKind::Deadlock, stalled)
    }
}
