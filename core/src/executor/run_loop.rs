//! A run of the executor: turn after turn, and waits in between.

use ::core::time::Duration;

use super::context::Entered;
use super::error::RunError;
use super::event_interval::EventInterval;
#[cfg(feature = "std")]
use super::shared;
use super::shared::Shared;
use crate::reactor::{Deadline, Reactor};
use crate::task::id::TaskKey;
use crate::time::instant::Instant;
use crate::trace;

#[cfg_attr(lean, path = "run_loop/single.rs")]
#[cfg_attr(not(lean), path = "run_loop/multi.rs")]
mod turn;

/// A run of the executor, from [`Executor::begin`] until dropped.
pub(super) struct Running<'a, R: Reactor> {
    pub(super) shared: &'static Shared,
    pub(super) reactor: &'a R,
    #[cfg_attr(not(lean), allow(dead_code, reason = "nothing is kept"))]
    turns: turn::Turns,
    pub(super) event_interval: EventInterval,
    _entered: Entered,
}

impl<R: Reactor> Drop for Running<'_, R> {
    fn drop(&mut self) {
        self.shared.running.set(false);
    }
}

impl<'a, R: Reactor> Running<'a, R> {
    /// Begins to run, unless there is a run already. `enter` enters the executor's context.
    #[inline]
    pub(super) fn begin(
        shared: &'static Shared,
        reactor: &'a R,
        enter: impl FnOnce() -> Entered,
    ) -> Result<Self, RunError<R::Error>> {
        if shared.running.replace(true) {
            return Err(RunError::Nested);
        }
        shared.deadlocks.begin();
        let event_interval = EventInterval::new();
        shared.poll_reactor_after(event_interval.polls());
        Ok(Self {
            shared,
            reactor,
            turns: turn::Turns::new(),
            event_interval,
            _entered: enter(),
        })
    }

    /// A run whose beginning has been noted already.
    #[cfg(all(not(lean), levels))]
    pub(super) fn again(shared: &'static Shared, reactor: &'a R, entered: Entered) -> Self {
        let event_interval = EventInterval::new();
        shared.poll_reactor_after(event_interval.polls());
        Self {
            shared,
            reactor,
            turns: turn::Turns::new(),
            event_interval,
            _entered: entered,
        }
    }

    /// Runs turn after turn until the end of the task `awaited` or, without one, until the shutdown;
    /// waits when nothing is ready.
    pub(super) fn until(&mut self, awaited: Option<TaskKey>) -> Result<(), RunError<R::Error>> {
        if self.is_done(awaited) {
            return Ok(());
        }
        let shared = self.shared;
        loop {
            // Tasks that wake one another in turn stay in here.
            while let Some(ended) = self.short_turn(shared) {
                if (ended? || awaited.is_none()) && self.is_done(awaited) {
                    return Ok(());
                }
            }
            let waited = !self.is_busy(shared) && self.wait(awaited)?;
            let ended = !waited && self.turn(shared)?;
            // A task's end is seen by the turn; a shutdown can come from anywhere.
            if (ended || awaited.is_none()) && self.is_done(awaited) {
                return Ok(());
            }
        }
    }

    #[inline]
    pub(super) fn is_done(&self, awaited: Option<TaskKey>) -> bool {
        match awaited {
            Some(task) => !task.slot.holds(task.generation),
            None => self.shared.is_shutdown(),
        }
    }

    /// Whether there is anything to do without waiting.
    #[inline]
    pub(super) fn is_ready(&self, shared: &Shared) -> bool {
        #[cfg(feature = "std")]
        return shared.is_pending()
            || shared.has_signal(shared::INBOX | shared::BACKLOG) && self.has_mail();
        #[cfg(not(feature = "std"))]
        return shared.is_pending();
    }

    /// Whether other threads, or a waker of this one, have sent tasks since the last turn, or a turn
    /// has freed a slot that such a task waits for.
    #[cfg(feature = "std")]
    #[cold]
    pub(super) fn has_mail(&self) -> bool {
        self.shared.has_signal(shared::INBOX) || self.shared.has_free_slot()
    }

    /// Reads the clock and looks at the reactor, if it is time: whether it has. A look that `can_wait` is put off,
    /// unless a timer is due.
    #[cold]
    pub(super) fn poll_reactor_if_due(
        &mut self,
        can_wait: bool,
    ) -> Result<bool, RunError<R::Error>> {
        if !R::HAS_CLOCK {
            return self.poll_reactor(Deadline::Now).map(|()| true);
        }
        let now = self.reactor.now();
        // Time may have passed since the last note of it.
        self.shared.forget_time();
        if self.event_interval.check(now) {
            if !can_wait || self.deadline().remaining(now) == Some(Duration::ZERO) {
                let parked = trace::park(false, || self.reactor.park(Deadline::Now));
                return self.reactor_polled(parked, Some(now)).map(|()| true);
            }
            #[cfg(not(lean))]
            self.event_interval.put_off();
        }
        self.put_off_reactor();
        Ok(false)
    }

    /// Looks at the reactor for at most until `until`, then at the timers.
    #[inline]
    pub(super) fn poll_reactor(&mut self, until: Deadline) -> Result<(), RunError<R::Error>> {
        let parked = trace::park(false, || self.reactor.park(until));
        self.reactor_polled(parked, None)
    }

    /// What follows a look at the reactor; `now` is the time, if it is known.
    pub(super) fn reactor_polled(
        &mut self,
        parked: Result<(), R::Error>,
        mut now: Option<Instant>,
    ) -> Result<(), RunError<R::Error>> {
        parked.map_err(RunError::Reactor)?;
        // Without timers nobody needs the time yet.
        self.shared.forget_time();
        if R::HAS_CLOCK && self.shared.has_timers() {
            now = Some(self.fire());
        }
        self.event_interval.reactor_polled(now);
        self.put_off_reactor();
        Ok(())
    }

    /// Fires the timers whose time has come, before anything else is done.
    #[cfg(all(not(lean), levels))]
    pub(super) fn fire_due(&mut self) {
        if R::HAS_CLOCK && self.shared.has_timers() {
            self.fire();
        }
    }

    /// Fires the timers whose time has come. Returns the time.
    #[inline(never)]
    pub(super) fn fire(&mut self) -> Instant {
        let now = self.reactor.now();
        self.shared.note_time(now, self.reactor.resolution());
        trace::timers(|| self.shared.fire(now));
        now
    }

    /// When the next timer is due.
    #[inline]
    pub(super) fn deadline(&self) -> Deadline {
        match self.shared.next_deadline() {
            Some(deadline) if R::HAS_CLOCK => Deadline::At(deadline),
            _ => Deadline::Never,
        }
    }
}
