//! A turn of the run loop of a chip with a single core: each task polled once that is ready, in the order of their
//! indices; and the wait for more. All other builds have `multi.rs` in place of this file.

use super::Running;
use crate::executor::error::RunError;
use crate::executor::shared::Shared;
use crate::interrupt::masked;
use crate::reactor::Reactor;
use crate::task::id::TaskKey;
use crate::task::run;
use crate::task::state::Block;

/// What a run knows of its turns.
pub(super) struct Turns {
    /// The polls since the clock was looked at.
    polled: u32,
}

impl Turns {
    pub(super) const fn new() -> Self {
        Self { polled: 0 }
    }
}

impl<R: Reactor> Running<'_, R> {
    /// Polls what is ready now, each task once, then looks at the reactor if it is time. Whether
    /// a task has ended is not known.
    #[inline]
    pub(in crate::executor) fn turn(&mut self, _: &Shared) -> Result<bool, RunError<R::Error>> {
        self.counted_turn()?;
        Ok(true)
    }

    /// As [`turn`](Self::turn); returns the number of polls.
    #[inline]
    pub(in crate::executor) fn counted_turn(&mut self) -> Result<usize, RunError<R::Error>> {
        let shared = self.shared;
        let block = shared.first_block();
        let mut polls = 0_u32;
        // SAFETY: the executor's own block. `begin` has entered the context on the executor's
        // level, and only one run exists, so no task is being polled.
        unsafe {
            Block::sweep(block, shared.words(), |slot| {
                polls += u32::from(run::poll_slot(slot));
            });
        }
        self.turns.polled += polls;
        if R::HAS_CLOCK && self.turns.polled >= self.event_interval.polls() {
            self.poll_reactor_if_due(false)?;
        }
        Ok(polls as usize)
    }

    #[inline]
    pub(in crate::executor) fn put_off_reactor(&mut self) {
        self.turns.polled = 0;
    }

    /// Whether there is something to do.
    #[inline]
    pub(in crate::executor) fn is_busy(&self, shared: &Shared) -> bool {
        self.is_ready(shared)
    }

    /// There are no turns of this kind.
    #[inline(always)]
    pub(in crate::executor) fn short_turn(
        &mut self,
        _: &'static Shared,
    ) -> Option<Result<bool, RunError<R::Error>>> {
        None
    }

    /// Waits until there is something to do. `false`: there is already, so it has not waited.
    pub(in crate::executor) fn wait(
        &mut self,
        awaited: Option<TaskKey>,
    ) -> Result<bool, RunError<R::Error>> {
        let shared = self.shared;
        let until = self.deadline();
        if self.is_done(awaited) {
            return Ok(false);
        }
        // What a handler can do shows in the ready bytes, so nothing has to be announced.
        let parked = masked(|| match shared.is_pending() {
            true => Ok(()),
            false => self.reactor.park(until),
        });
        self.event_interval.waited();
        self.reactor_polled(parked, None)?;
        Ok(true)
    }
}
