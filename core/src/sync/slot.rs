//! A place for one waker: for a channel's end of which there is one.

use core::task::{Context, Poll, Waker};

use super::scope::Scope;
use super::wait_list::{Access, FIRST_LOOK, WaitList};
use crate::loom::Cell;
use crate::task::waker;

/// The waker of the one who waits. Touched under the lock of the list that it lies beside.
pub(crate) struct WakerSlot(Cell<Option<Waker>>);

impl WakerSlot {
    crate::loom::const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self(Cell::new(None))
        }
    }

    /// Takes the waker out, to be woken once the lock has been let go.
    #[inline]
    #[must_use = "somebody waits for this waker"]
    pub(crate) fn take(&self) -> Option<Waker> {
        self.0.replace(None)
    }
}

/// Looks whether there is something to wait for and, if so, leaves the waker in `slot`, in the same
/// step. `attempt` may be run twice, as that of [`Wait::poll_with`](super::wait_list::Wait::poll_with).
#[inline(always)]
pub(crate) fn poll_slot<S: Scope, T, D: Copy, const K: usize, U>(
    list: &WaitList<S, T, D, K>,
    cx: &mut Context<'_>,
    slot: impl Fn(&T) -> &WakerSlot,
    mut attempt: impl FnMut(&Access<'_, T, D, K>) -> Option<U>,
) -> Poll<U> {
    // Mostly there is something. Where looking takes no lock, it is worth a look by itself.
    if !S::LOCKS {
        if let Some(ready) = list.with(&mut attempt) {
            return Poll::Ready(ready);
        }
        if leave_at_once(list, cx, &slot) {
            return Poll::Pending;
        }
    }
    wait_in_slot(list, cx, slot, attempt)
}

/// Leaves the waker in `slot` of a list of one thread, whose caller has just looked, and has found nothing: no foreign
/// code has run since. `false` if that needs [`wait_in_slot`], which looks again: where others may have been faster, and
/// with a foreign waker, which has to be cloned.
#[inline(always)]
pub(crate) fn leave_at_once<S: Scope, T, D: Copy, const K: usize>(
    list: &WaitList<S, T, D, K>,
    cx: &mut Context<'_>,
    slot: impl Fn(&T) -> &WakerSlot,
) -> bool {
    if S::LOCKS || !FIRST_LOOK {
        return false;
    }
    let Some(waker) = waker::copy_ours(cx.waker()) else {
        return false;
    };
    if let Some(former) = list.with(|view| slot(view.value()).0.replace(Some(waker))) {
        waker::discard(former);
    }
    true
}

/// [`poll_slot`], also if there is nothing.
#[inline]
pub(crate) fn wait_in_slot<S: Scope, T, D: Copy, const K: usize, U>(
    list: &WaitList<S, T, D, K>,
    cx: &mut Context<'_>,
    slot: impl Fn(&T) -> &WakerSlot,
    mut attempt: impl FnMut(&Access<'_, T, D, K>) -> Option<U>,
) -> Poll<U> {
    let mut spare = None;
    loop {
        // What is replaced is dropped when the lock has been let go.
        let mut old = None;
        let polled = list.with(|access| {
            if let Some(ready) = attempt(access) {
                return Some(Poll::Ready(ready));
            }
            let slot = &slot(access.value()).0;
            let kept = slot.replace(None);
            if kept.as_ref().is_some_and(|kept| kept.will_wake(cx.waker())) {
                core::mem::forget(slot.replace(kept));
                return Some(Poll::Pending);
            }
            match spare.take().or_else(|| waker::copy_ours(cx.waker())) {
                Some(waker) => {
                    slot.set(Some(waker));
                    old = kept;
                    Some(Poll::Pending)
                }
                None => {
                    core::mem::forget(slot.replace(kept));
                    None
                }
            }
        });
        drop(old);
        match polled {
            Some(polled) => return polled,
            None => spare = Some(cx.waker().clone()),
        }
    }
}
