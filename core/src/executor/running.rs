//! A run of the executor: turn after turn, and waits in between.

#[cfg(not(lean))]
use ::core::time::Duration;

use super::RunError;
use super::context::Entered;
#[cfg(not(lean))]
use super::core;
use super::core::Core;
#[cfg(lean)]
use super::pace::Pace;
use crate::interrupt::masked;
use crate::reactor::{Deadline, Reactor};
use crate::task::slot::Tenant;
#[cfg(lean)]
use crate::task::{ready::Block, run};
#[cfg(not(lean))]
use crate::time::Instant;

/// A busy executor looks at its reactor when it has polled this many tasks…
#[cfg(not(lean))]
const POLLS_BETWEEN_LOOKS: usize = 64;
/// … and this much time has passed since it looked last.
#[cfg(not(lean))]
const TIME_BETWEEN_LOOKS: Duration = Duration::from_micros(100);

/// A run of the executor, from [`Executor::begin`] until dropped.
pub(super) struct Running<'a, R: Reactor> {
    pub(super) core: &'static Core,
    reactor: &'a R,
    /// When to look at the reactor.
    #[cfg(lean)]
    pace: Pace,
    /// When it was looked at last, as far as the clock has been read since.
    #[cfg(not(lean))]
    looked: Option<Instant>,
    _entered: Entered,
}

impl<R: Reactor> Drop for Running<'_, R> {
    fn drop(&mut self) {
        self.core.running.set(false);
    }
}

impl<'a, R: Reactor> Running<'a, R> {
    /// Begins to run, unless there is a run already. `enter` enters the executor's context.
    #[inline]
    pub(super) fn begin(
        core: &'static Core,
        reactor: &'a R,
        enter: impl FnOnce() -> Entered,
    ) -> Result<Self, RunError<R::Error>> {
        if core.running.replace(true) {
            return Err(RunError::Nested);
        }
        #[cfg(not(lean))]
        core.look_after(POLLS_BETWEEN_LOOKS);
        Ok(Self {
            core,
            reactor,
            #[cfg(lean)]
            pace: Pace::new(),
            #[cfg(not(lean))]
            looked: None,
            _entered: enter(),
        })
    }

    /// Runs turn after turn until the end of the task `root` or, without one, until the shutdown;
    /// waits when nothing is ready.
    pub(super) fn until(&mut self, root: Option<Tenant>) -> Result<(), RunError<R::Error>> {
        if self.is_done(root) {
            return Ok(());
        }
        let core = self.core;
        loop {
            // Tasks that wake one another in turn stay in here.
            #[cfg(feature = "std")]
            while let Some(ended) = self.short_turn(core) {
                if (ended? || root.is_none()) && self.is_done(root) {
                    return Ok(());
                }
            }
            let waited = !self.is_busy(core) && self.wait(root)?;
            let ended = !waited && self.turn(core)?;
            // A task's end is seen by the turn; a shutdown can come from anywhere.
            if (ended || root.is_none()) && self.is_done(root) {
                return Ok(());
            }
        }
    }

    #[inline]
    fn is_done(&self, root: Option<Tenant>) -> bool {
        match root {
            Some(task) => !task.slot.is_tenant(task.generation),
            None => self.core.is_shutdown(),
        }
    }

    /// Whether there is something to do for certain. What is left out, [`wait`](Self::wait) looks at.
    #[inline]
    fn is_busy(&self, core: &Core) -> bool {
        #[cfg(feature = "std")]
        return core.ready.has_local();
        #[cfg(not(feature = "std"))]
        return self.is_ready(core);
    }

    /// Whether there is anything to do without waiting.
    #[inline]
    pub(super) fn is_ready(&self, core: &Core) -> bool {
        #[cfg(feature = "std")]
        return core.is_pending()
            || core.has_signal(core::INBOX | core::BACKLOG) && self.has_mail();
        #[cfg(not(any(feature = "std", lean)))]
        return core.is_pending();
        #[cfg(lean)]
        return core.is_pending(core.words());
    }

    /// Whether other threads, or a waker of this one, have sent tasks since the last turn, or a turn
    /// has freed a slot that such a task waits for.
    #[cfg(feature = "std")]
    #[cold]
    fn has_mail(&self) -> bool {
        self.core.has_signal(core::INBOX) || self.core.has_free_slot()
    }

    /// Polls what is ready now, each task once, then looks at the reactor if it is time. Whether
    /// a task has ended is not known.
    #[cfg(lean)]
    #[inline]
    pub(super) fn turn(&mut self, _: &Core) -> Result<bool, RunError<R::Error>> {
        self.counted_turn()?;
        Ok(true)
    }

    /// As [`turn`](Self::turn); returns the number of polls.
    #[cfg(lean)]
    #[inline]
    pub(super) fn counted_turn(&mut self) -> Result<usize, RunError<R::Error>> {
        let core = self.core;
        let block = core.blocks.get();
        let mut polls = 0;
        // SAFETY: the executor's own block. `begin` has entered the context on the executor's
        // level, and only one run exists, so no task is being polled.
        unsafe {
            Block::sweep(block, core.words(), |slot| {
                polls += usize::from(run::attend(slot));
            });
        }
        if R::HAS_CLOCK && polls > 0 && self.pace.is_due() {
            self.pace.measure(self.reactor.now());
            self.look(Deadline::Now)?;
        }
        Ok(polls)
    }

    #[cfg(not(lean))]
    #[inline]
    fn put_off_look(&mut self) {
        self.core.look_after(POLLS_BETWEEN_LOOKS);
    }

    #[cfg(not(lean))]
    #[cold]
    pub(super) fn look_if_time(&mut self) -> Result<(), RunError<R::Error>> {
        // Reading the clock costs as much as several polls: not again before as many more.
        self.put_off_look();
        let now = self.reactor.now();
        let looked = *self.looked.get_or_insert(now);
        // In nanoseconds, because a `Duration` takes a division.
        if now.as_nanos().saturating_sub(looked.as_nanos()) >= TIME_BETWEEN_LOOKS.as_nanos() as u64
        {
            self.look(Deadline::Now)?;
        }
        Ok(())
    }

    /// Looks at the reactor for at most until `until`, then at the timers.
    #[inline]
    pub(super) fn look(&mut self, until: Deadline) -> Result<(), RunError<R::Error>> {
        let parked = self.reactor.park(until);
        self.looked(parked)
    }

    /// What follows a look at the reactor.
    fn looked(&mut self, parked: Result<(), R::Error>) -> Result<(), RunError<R::Error>> {
        #[cfg(not(lean))]
        self.put_off_look();
        parked.map_err(RunError::Reactor)?;
        // Without timers nobody needs the time yet.
        #[cfg(not(lean))]
        {
            self.looked = None;
        }
        if R::HAS_CLOCK && !self.core.timers.is_empty() {
            self.fire();
        }
        Ok(())
    }

    /// Fires the timers whose time has come.
    #[inline(never)]
    fn fire(&mut self) {
        let now = self.reactor.now();
        #[cfg(not(lean))]
        {
            self.looked = Some(now);
        }
        self.core.timers.fire(now);
    }

    /// When the next timer is due.
    #[inline]
    fn deadline(&self) -> Deadline {
        match self.core.timers.next_deadline() {
            Some(deadline) if R::HAS_CLOCK => Deadline::At(deadline),
            _ => Deadline::Never,
        }
    }

    /// Waits until there is something to do. `false`: there is already, so it has not waited.
    fn wait(&mut self, root: Option<Tenant>) -> Result<bool, RunError<R::Error>> {
        let core = self.core;
        let until = self.deadline();
        // The end of `root` would have been seen before: it comes in a turn.
        #[cfg(lean)]
        {
            if self.is_done(root) {
                return Ok(false);
            }
            self.pace.pause();
            // What a handler can do shows in the ready bytes, so nothing has to be announced.
            let parked = masked(|| match core.is_pending(core.words()) {
                true => Ok(()),
                false => self.reactor.park(until),
            });
            self.looked(parked)?;
        }
        #[cfg(not(lean))]
        {
            let reasons = match root {
                Some(_) => core::INBOX,
                None => core::INBOX | core::SHUTDOWN,
            };
            let _announced = Announced(core);
            let parked = masked(|| {
                // Announce first, then look again at everything that others can set.
                if !core.ready.announce_park() || core.has_signal(reasons) {
                    return None;
                }
                #[cfg(feature = "std")]
                if core.has_signal(core::BACKLOG) && self.has_mail() {
                    return None;
                }
                Some(self.reactor.park(until))
            });
            let Some(parked) = parked else {
                return Ok(false);
            };
            self.looked(parked)?;
        }
        Ok(true)
    }
}

/// Takes the announcement of a park back, also when a panic of a waker passes through.
#[cfg(not(lean))]
struct Announced(&'static Core);

#[cfg(not(lean))]
impl Drop for Announced {
    fn drop(&mut self) {
        self.0.ready.unannounce_park();
    }
}
