//! Waits that cannot end: for a task or a timer of another executor of this thread, which cannot run as long
//! as the one that waits here keeps the thread.
//!
//! As a rule such a wait is right: whoever runs the one executor runs the other one next, or does so within
//! a task. So nothing is wrong until an executor that stays until its own work is done, as `block_on` does, has
//! nothing left that may run the other one: no timer that will be due, and no task but those that wait for another
//! executor, or for the end of such a task. Then it asks those again, as one that has given up its wait has not said so;
//! looks at its reactor once more, which may be what runs the other one; wakes everybody who waits for another executor,
//! once; and those of them that still have to wait get an error. A task that waits for something else as well, for news from
//! another thread, say, is taken for one that only waits.

use core::task::Waker;

use super::shared::Shared;
use super::{context, current};
use crate::task::owner::Owner;

/// Whether a wait for an executor, which runs on the same thread, is one that [`is_certain`] has to be asked about.
#[inline]
pub(crate) fn may_be(owner: *const Owner) -> bool {
    !current::is(owner)
}

/// To be asked by a wait for a task or a timer of the executor `shared` that has not come to its end: whether it
/// never will. If not, and the executor that runs here is another one, `waker` may be woken to ask again.
#[inline]
pub(crate) fn is_certain(shared: &Shared, waker: &Waker) -> bool {
    may_be(shared.owner()) && is_certain_abroad(shared, waker)
}

/// [`is_certain`] for who may be on any thread.
pub(super) fn is_certain_from_anywhere(shared: &Shared, waker: &Waker) -> bool {
    shared.deadlocks.is_of_this_thread() && is_certain(shared, waker)
}

#[cold]
fn is_certain_abroad(shared: &Shared, waker: &Waker) -> bool {
    let Some(here) = context::current() else {
        return false;
    };
    let here = here.shared();
    (shared.deadlocks).is_certain_in(&here.deadlocks, here.owner(), waker)
}
