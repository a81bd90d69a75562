//! A turn of the run loop: a batch of tasks, each polled once.

use ::core::mem::forget;

use super::{POLLS_BETWEEN_LOOKS, RunError, Running};
use crate::reactor::Reactor;
use crate::task::ready::Batch;
use crate::task::run;
use crate::task::slot::SlotRef;

impl<R: Reactor> Running<'_, R> {
    /// Polls what is ready now, the slots of a block in the order in which `next` takes them.
    #[inline]
    pub(super) fn poll_batch(
        &mut self,
        mut next: impl FnMut(&mut Batch<'_>) -> Option<SlotRef>,
    ) -> Result<usize, RunError<R::Error>> {
        let core = self.core;
        let mut total = 0;
        let mut batch = core.ready.batch();
        while batch.next_block() {
            let mut polls = 0;
            while let Some(slot) = next(&mut batch) {
                // SAFETY: `begin` has entered the context on the executor's thread, and only one
                // run exists, so no task is being polled. The slot came from the ready words.
                if unsafe { run::attend(core, slot) } {
                    polls += 1;
                }
            }
            core.count_polls(polls);
            total += polls;
            self.polled += polls;
            if self.polled >= POLLS_BETWEEN_LOOKS {
                batch = self.look_in_between(batch)?;
            }
        }
        Ok(total)
    }

    /// As [`poll_batch`](Self::poll_batch), in an order drawn from the executor's seed.
    #[cfg(any(feature = "std", feature = "simulation"))]
    #[cold]
    pub(super) fn permuted_turn(&mut self) -> Result<usize, RunError<R::Error>> {
        let seed = self.core.seed.get();
        let mut at = seed;
        let polls = self.poll_batch(|batch| batch.any_slot(&mut at));
        // Unless a task has set it anew.
        if self.core.seed.get() == seed {
            self.core.seed.set(at);
        }
        polls
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
