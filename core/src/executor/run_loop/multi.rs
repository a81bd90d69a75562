//! A turn of the run loop: what is due when it begins, each task polled once, in the order of their wakes; and
//! the wait for more. Chips with a single core have `single.rs` in place of this file.

use core::mem::forget;

use super::Running;
use crate::executor::deadlock_detection::BeforeWait;
use crate::executor::error::RunError;
#[cfg(feature = "std")]
use crate::executor::shared::BACKLOG;
#[cfg(seeded)]
use crate::executor::shared::SEEDED;
use crate::executor::shared::{INBOX, SHUTDOWN, Shared};
use crate::interrupt::masked;
use crate::reactor::{Deadline, Reactor};
use crate::task::id::TaskKey;
use crate::task::run;
use crate::task::state::Turn;

/// What a run knows of its turns: nothing, the executor counts its polls.
pub(super) struct Turns;

impl Turns {
    pub(super) const fn new() -> Self {
        Self
    }
}

/// What makes a turn do more than to poll.
#[cfg(feature = "std")]
const UNUSUAL: usize = INBOX | BACKLOG | SEEDED;
#[cfg(all(feature = "simulation", not(feature = "std")))]
const UNUSUAL: usize = SEEDED;

#[cfg(seeded)]
#[inline]
fn is_unusual(shared: &Shared) -> bool {
    shared.has_signal(UNUSUAL)
}
#[cfg(all(threads, not(seeded)))]
fn is_unusual(_: &Shared) -> bool {
    false
}

impl<R: Reactor> Running<'_, R> {
    /// Polls what is ready now, each task once, in the order in which they were woken; looks at the
    /// reactor in between if it is time. Tells whether a task has ended. `core` is our own, passed
    /// along in a register.
    #[inline]
    pub(in crate::executor) fn turn(
        &mut self,
        shared: &'static Shared,
    ) -> Result<bool, RunError<R::Error>> {
        // One look for all that makes a turn an unusual one.
        #[cfg(seeded)]
        let unusual = is_unusual(shared);
        #[cfg(feature = "std")]
        if unusual && shared.has_signal(INBOX | BACKLOG) {
            crate::executor::remote::drain(shared);
        }
        let mut turn = shared.state.ready.begin_turn();
        #[cfg(seeded)]
        if unusual && shared.has_signal(SEEDED) {
            let mut seed = shared.chance.order.get();
            turn.shuffle(&mut seed);
            shared.chance.order.set(seed);
        }
        let mut ended = false;
        while let Some(slot) = turn.next_slot() {
            // SAFETY: `begin` has entered the context on the executor's thread, and only one run
            // exists, so no task is being polled. The slot came from the list of ready ones.
            if unsafe { run::poll_slot(shared, slot, || shared.count_poll()) } {
                ended = true;
            }
            if shared.is_reactor_due() {
                turn = self.look_in_between(turn)?;
            }
        }
        if self.event_interval.is_put_off() {
            self.look_afterwards(shared)?;
        }
        Ok(ended)
    }

    /// Looks at the reactor, if it is time, in the middle of a turn. By value, so that the turn
    /// can live in registers.
    ///
    /// What a look finds goes after everything that is in the turn, but for those that have yielded, and after what has
    /// been woken by then. As long as nothing has been, the look finds the same at the end of the turn, by one system
    /// call where there might be one after each slow poll.
    #[cold]
    fn look_in_between<'t>(&mut self, mut turn: Turn<'t>) -> Result<Turn<'t>, RunError<R::Error>> {
        let can_wait = turn.look_can_wait();
        let rest = Rest(&mut turn);
        let polled = self.poll_reactor_if_due(can_wait)?;
        forget(rest);
        if polled {
            turn.reactor_polled();
        }
        Ok(turn)
    }

    /// Makes up for a look that could wait for the end of a turn, unless a wait comes next.
    #[cold]
    fn look_afterwards(&mut self, shared: &Shared) -> Result<(), RunError<R::Error>> {
        if !self.is_ready(shared) {
            return Ok(());
        }
        let parked = crate::trace::park(false, || self.reactor.park(Deadline::Now));
        let now = self.reactor.now();
        self.reactor_polled(parked, Some(now))
    }

    /// A turn that is a usual one and has a single task to poll: `None` if this one is not like that,
    /// and nothing has been done.
    #[cfg(threads)]
    #[inline(always)]
    pub(in crate::executor) fn short_turn(
        &mut self,
        shared: &'static Shared,
    ) -> Option<Result<bool, RunError<R::Error>>> {
        let slot = shared.state.ready.only(|| is_unusual(shared))?;
        // SAFETY: as in `turn`.
        let ended = unsafe { run::poll_slot(shared, slot, || shared.count_poll()) };
        if shared.is_reactor_due() {
            if let Err(error) = self.poll_reactor_if_due(false) {
                return Some(Err(error));
            }
        }
        Some(Ok(ended))
    }

    /// Without threads there are no turns of this kind.
    #[cfg(not(threads))]
    #[inline(always)]
    pub(in crate::executor) fn short_turn(
        &mut self,
        _: &'static Shared,
    ) -> Option<Result<bool, RunError<R::Error>>> {
        None
    }

    #[inline]
    pub(in crate::executor) fn put_off_reactor(&mut self) {
        self.shared.poll_reactor_after(self.event_interval.polls());
    }

    /// Whether there is something to do for certain. What is left out, [`wait`](Self::wait) looks at.
    #[inline]
    pub(in crate::executor) fn is_busy(&self, shared: &Shared) -> bool {
        #[cfg(threads)]
        return shared.state.ready.has_local();
        #[cfg(not(threads))]
        return self.is_ready(shared);
    }

    /// As [`turn`](Self::turn); returns the number of polls.
    pub(in crate::executor) fn counted_turn(&mut self) -> Result<usize, RunError<R::Error>> {
        let before = self.shared.polls();
        self.turn(self.shared)?;
        Ok((self.shared.polls() - before) as usize)
    }

    /// Waits until there is something to do. `false`: there is already, so it has not waited.
    pub(in crate::executor) fn wait(
        &mut self,
        awaited: Option<TaskKey>,
    ) -> Result<bool, RunError<R::Error>> {
        let shared = self.shared;
        let until = self.deadline();
        match shared.deadlocks.before_wait(shared, until) {
            BeforeWait::Wait => {}
            BeforeWait::PollReactor => return self.poll_reactor(Deadline::Now).map(|()| true),
            BeforeWait::GoOn => return Ok(false),
        }
        let reasons = match awaited {
            Some(_) => INBOX,
            None => INBOX | SHUTDOWN,
        };
        let _announced = Announced(shared);
        let parked = masked(|| {
            // Announce first, then look again at everything that others can set.
            if !shared.state.ready.announce_park() || shared.has_signal(reasons) {
                return None;
            }
            #[cfg(feature = "std")]
            if shared.has_signal(BACKLOG) && self.has_mail() {
                return None;
            }
            Some(crate::trace::park(true, || self.reactor.park(until)))
        });
        let Some(parked) = parked else {
            return Ok(false);
        };
        self.event_interval.waited();
        self.reactor_polled(parked, None)?;
        Ok(true)
    }
}

/// Puts back what is left of a turn when an error or the panic of a waker ends it.
struct Rest<'a, 't>(&'a mut Turn<'t>);

impl Drop for Rest<'_, '_> {
    fn drop(&mut self) {
        self.0.put_back();
    }
}

/// Takes the announcement of a park back, also when a panic of a waker passes through.
struct Announced(&'static Shared);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.state.ready.unannounce_park();
    }
}
