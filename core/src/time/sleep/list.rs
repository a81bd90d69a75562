//! The part of a [`Sleep`] that depends on the timer queue: with the list of chips with a single core. All other
//! builds have `heap.rs` in place of this file.

use core::pin::Pin;
use core::task::{Context, Poll};

use super::{Sleep, from_now, no_clock};
use crate::executor::shared::{Shared, SharedRef};
use crate::task::waker;

/// The node keeps the executor that a sleep waits in.
pub(super) type Home = ();

impl Sleep {
    /// Whether the deadline is a duration, as no clock has been seen yet.
    pub(super) fn is_relative(&self) -> bool {
        self.node.is_relative()
    }

    pub(super) fn set_relative(&self, relative: bool) {
        self.node.set_relative(relative);
    }

    /// The deadline becomes an instant with the reset itself.
    pub(super) fn begin_reset(&self) {}

    #[inline]
    pub(super) fn wait_in(&self, executor: SharedRef) {
        self.node
            .set_home(executor.shared().owner(), executor.epoch());
    }

    /// The executor that the sleep waits in, if it has seen one.
    #[inline]
    pub(super) fn seen(&self) -> Option<SharedRef> {
        let (owner, epoch) = self.node.home();
        // SAFETY: null, or what `wait_in` has taken from an executor's permanent part.
        let shared: Option<&'static Shared> = unsafe { owner.cast::<Shared>().as_ref() };
        shared.map(|shared| SharedRef::new(shared, epoch))
    }

    /// Finds the executor, and a clock if the sleep still lacks one; ends the sleep if it is due. A
    /// function that all sleeps share.
    #[inline(never)]
    fn settle(self: Pin<&Self>) -> &'static Shared {
        let node = self.project_ref().node;
        let shared = match self.home() {
            Some(shared) if shared.may_have_clock() => shared,
            _ => no_clock(),
        };
        if !node.is_linked() && node.lacks_clock() {
            let deadline = from_now(shared, node.deadline());
            node.set_deadline(deadline);
            node.set_relative(false);
        }
        if shared.is_due(node.deadline()) {
            node.finish();
        }
        shared
    }

    #[inline]
    pub(super) fn poll_here(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<()> {
        let node = self.project_ref().node;
        if node.has_fired() {
            return Poll::Ready(());
        }
        let shared = self.settle();
        if node.has_fired() {
            return Poll::Ready(());
        }
        let linked = node.is_linked();
        if linked && node.wakes(cx.waker()) {
            return Poll::Pending;
        }
        let (waker, foreign) = waker::copy(cx.waker());
        // Foreign code may have run the executor, or dropped it.
        if foreign && node.has_fired() {
            return Poll::Ready(());
        }
        if foreign && self.home().is_none() {
            waker.wake();
            return Poll::Pending;
        }
        if linked {
            node.replace_waker(waker);
        } else {
            shared.timers.insert(node, node.deadline(), waker);
        }
        Poll::Pending
    }
}
