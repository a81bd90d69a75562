//! A turn of the run loop: a batch of tasks, each polled once.

use ::core::mem::forget;

use super::core::Core;
#[cfg(any(feature = "std", feature = "simulation"))]
use super::core::SEEDED;
#[cfg(feature = "std")]
use super::core::{BACKLOG, INBOX};
use super::{RunError, Running};
use crate::reactor::Reactor;
use crate::task::ready::{Batch, Found};
use crate::task::run;

/// What makes a turn do more than to poll.
#[cfg(feature = "std")]
const UNUSUAL: usize = INBOX | BACKLOG | SEEDED;
#[cfg(all(feature = "simulation", not(feature = "std")))]
const UNUSUAL: usize = SEEDED;

impl<R: Reactor> Running<'_, R> {
    /// Polls what is ready now, each task once; looks at the reactor in between if it is time.
    /// Tells whether a task has ended. `core` is our own, passed along in a register.
    #[inline]
    pub(super) fn turn(&mut self, core: &'static Core) -> Result<bool, RunError<R::Error>> {
        // One look for all that makes a turn an unusual one.
        #[cfg(any(feature = "std", feature = "simulation"))]
        if core.has_signal(UNUSUAL) {
            #[cfg(feature = "std")]
            if core.has_signal(INBOX | BACKLOG) {
                super::inbox::drain(core);
            }
            if core.has_signal(SEEDED) {
                return self.permuted_turn();
            }
        }
        self.poll_batch(core, |batch| batch.next_slot())
    }

    /// A turn that is a usual one and has a single task to poll: `None` if this one is not like that,
    /// and nothing has been done.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(super) fn short_turn(
        &mut self,
        core: &'static Core,
    ) -> Option<Result<bool, RunError<R::Error>>> {
        let slot = core.ready.only(|| core.has_signal(UNUSUAL))?;
        // SAFETY: as in `poll_batch`.
        let ended = unsafe { run::attend(core, slot, || core.count_poll()) };
        if core.is_time_to_look() {
            if let Err(error) = self.look_if_time() {
                return Some(Err(error));
            }
        }
        Some(Ok(ended))
    }

    /// As [`turn`](Self::turn); returns the number of polls.
    pub(super) fn counted_turn(&mut self) -> Result<usize, RunError<R::Error>> {
        let before = self.core.polls();
        self.turn(self.core)?;
        Ok((self.core.polls() - before) as usize)
    }

    /// Polls what is ready now, the slots of a block in the order in which `next` takes them.
    #[inline]
    fn poll_batch(
        &mut self,
        core: &'static Core,
        mut next: impl FnMut(&mut Batch<'_>) -> Option<Found>,
    ) -> Result<bool, RunError<R::Error>> {
        let mut ended = false;
        let mut batch = core.ready.batch();
        while batch.next_block() {
            let mut polls = 0;
            while let Some(slot) = next(&mut batch) {
                // SAFETY: `begin` has entered the context on the executor's thread, and only one
                // run exists, so no task is being polled. The slot came from the ready words.
                if unsafe { run::attend(core, slot, || polls += 1) } {
                    ended = true;
                }
            }
            core.count_polls(polls);
            if core.is_time_to_look() {
                batch = self.look_in_between(batch)?;
            }
        }
        Ok(ended)
    }

    /// As [`poll_batch`](Self::poll_batch), in an order drawn from the executor's seed.
    #[cfg(any(feature = "std", feature = "simulation"))]
    #[cold]
    fn permuted_turn(&mut self) -> Result<bool, RunError<R::Error>> {
        let seed = self.core.seed.get();
        let mut at = seed;
        let ended = self.poll_batch(self.core, |batch| batch.any_slot(&mut at));
        // Unless a task has set it anew.
        if self.core.seed.get() == seed {
            self.core.seed.set(at);
        }
        ended
    }

    /// Looks at the reactor, if it is time, in the middle of a batch. By value, so that the batch
    /// can live in registers.
    #[cold]
    fn look_in_between<'b>(
        &mut self,
        mut batch: Batch<'b>,
    ) -> Result<Batch<'b>, RunError<R::Error>> {
        let rest = Rest(&mut batch);
        self.look_if_time()?;
        forget(rest);
        Ok(batch)
    }
}

/// Puts back what is left of a batch when an error or the panic of a waker ends the turn.
struct Rest<'a, 'b>(&'a mut Batch<'b>);

impl Drop for Rest<'_, '_> {
    fn drop(&mut self) {
        self.0.put_back();
    }
}
