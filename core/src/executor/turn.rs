//! A turn of the run loop: what is due when it begins, each task polled once.

use ::core::mem::forget;

use super::core::Core;
#[cfg(any(feature = "std", feature = "simulation"))]
use super::core::SEEDED;
#[cfg(feature = "std")]
use super::core::{BACKLOG, INBOX};
use super::{RunError, Running};
use crate::reactor::Reactor;
use crate::task::ready::Turn;
use crate::task::run;

/// What makes a turn do more than to poll.
#[cfg(feature = "std")]
const UNUSUAL: usize = INBOX | BACKLOG | SEEDED;
#[cfg(all(feature = "simulation", not(feature = "std")))]
const UNUSUAL: usize = SEEDED;

#[cfg(any(feature = "std", feature = "simulation"))]
#[inline]
fn is_unusual(core: &Core) -> bool {
    core.has_signal(UNUSUAL)
}
#[cfg(all(threads, not(any(feature = "std", feature = "simulation"))))]
fn is_unusual(_: &Core) -> bool {
    false
}

impl<R: Reactor> Running<'_, R> {
    /// Polls what is ready now, each task once, in the order in which they were woken; looks at the
    /// reactor in between if it is time. Tells whether a task has ended. `core` is our own, passed
    /// along in a register.
    #[inline]
    pub(super) fn turn(&mut self, core: &'static Core) -> Result<bool, RunError<R::Error>> {
        // One look for all that makes a turn an unusual one.
        #[cfg(any(feature = "std", feature = "simulation"))]
        let unusual = is_unusual(core);
        #[cfg(feature = "std")]
        if unusual && core.has_signal(INBOX | BACKLOG) {
            super::inbox::drain(core);
        }
        let mut turn = core.state.ready.begin_turn();
        #[cfg(any(feature = "std", feature = "simulation"))]
        if unusual && core.has_signal(SEEDED) {
            let mut seed = core.seed.get();
            turn.shuffle(&mut seed);
            core.seed.set(seed);
        }
        let mut ended = false;
        while let Some(slot) = turn.next_slot() {
            // SAFETY: `begin` has entered the context on the executor's thread, and only one run
            // exists, so no task is being polled. The slot came from the list of ready ones.
            if unsafe { run::attend(core, slot, || core.count_poll()) } {
                ended = true;
            }
            if core.is_time_to_look() {
                turn = self.look_in_between(turn)?;
            }
        }
        Ok(ended)
    }

    /// Looks at the reactor, if it is time, in the middle of a turn. By value, so that the turn
    /// can live in registers.
    #[cold]
    fn look_in_between<'t>(&mut self, mut turn: Turn<'t>) -> Result<Turn<'t>, RunError<R::Error>> {
        let rest = Rest(&mut turn);
        let looked = self.look_if_time()?;
        forget(rest);
        if looked {
            turn.looked();
        }
        Ok(turn)
    }

    /// A turn that is a usual one and has a single task to poll: `None` if this one is not like that,
    /// and nothing has been done.
    #[cfg(threads)]
    #[inline(always)]
    pub(super) fn short_turn(
        &mut self,
        core: &'static Core,
    ) -> Option<Result<bool, RunError<R::Error>>> {
        let slot = core.state.ready.only(|| is_unusual(core))?;
        // SAFETY: as in `turn`.
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
}

/// Puts back what is left of a turn when an error or the panic of a waker ends it.
struct Rest<'a, 't>(&'a mut Turn<'t>);

impl Drop for Rest<'_, '_> {
    fn drop(&mut self) {
        self.0.put_back();
    }
}
