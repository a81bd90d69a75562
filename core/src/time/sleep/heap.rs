//! The part of a [`Sleep`] that depends on the timer queue: with the heap of servers, and of chips with several
//! cores. Chips with a single core have `list.rs` in place of this file.

use core::cell::Cell;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::{Instant, Sleep, from_now, no_clock};
use crate::executor::deadlock;
use crate::executor::shared::{Shared, SharedRef};
use crate::task::budget::poll_proceed;

/// The executor that a sleep waits in, if it has seen one.
pub(super) type Home = Cell<Option<SharedRef>>;

#[cold]
fn not_running() -> ! {
    panic!(
        "a sleep waits in an executor that cannot run while another one of its thread waits for it: make the \
         sleep within the future that the inner executor polls"
    )
}

impl Sleep {
    /// Whether the deadline is a duration, as no clock has been seen yet.
    pub(super) fn is_relative(&self) -> bool {
        self.node.is_relative.get()
    }

    pub(super) fn set_relative(&self, relative: bool) {
        self.node.is_relative.set(relative);
    }

    /// From now on the deadline is an instant.
    pub(super) fn begin_reset(&self) {
        self.node.is_relative.set(false);
    }

    #[inline]
    pub(super) fn wait_in(&self, executor: SharedRef) {
        self.executor.set(Some(executor));
    }

    /// The executor that the sleep waits in, if it has seen one.
    #[inline]
    pub(super) fn seen(&self) -> Option<SharedRef> {
        self.executor.get()
    }

    /// A poll of a sleep that is queued. Out of line, as most are polled next when they have fired.
    #[inline(never)]
    fn poll_again(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<()> {
        let node = self.project_ref().node;
        let shared = self.executor.get().and_then(|home| home.get());
        if shared.is_some_and(|shared| deadlock::is_certain(shared, cx.waker())) {
            not_running();
        }
        if shared.is_some_and(|shared| shared.is_due_by_now(node.deadline())) {
            node.finish();
            return Poll::Ready(());
        }
        node.poll(cx)
    }

    /// Finds the executor, and a clock if the sleep still lacks one, and queues the sleep there unless
    /// it is due.
    #[inline]
    fn begin(self: Pin<&Self>, waker: &Waker) -> Poll<()> {
        let node = self.project_ref().node;
        let Some(shared) = self.home() else {
            no_clock()
        };
        if deadlock::is_certain(shared, waker) {
            not_running();
        }
        let mut deadline = node.deadline();
        if node.is_relative.replace(false) {
            deadline = from_now(shared, deadline);
        }
        if !shared.is_far(deadline) && self.ends_at_once(shared, deadline) {
            return Poll::Ready(());
        }
        shared.timers.insert(node, deadline);
        Poll::Pending
    }

    /// Ends the sleep, which is not queued, if it is due.
    #[inline(never)]
    fn ends_at_once(self: Pin<&Self>, shared: &Shared, deadline: Instant) -> bool {
        if !shared.may_have_clock() {
            no_clock();
        }
        let is_due = shared.is_due(deadline);
        if is_due {
            let node = self.project_ref().node;
            node.set_deadline(deadline);
            node.finish();
        }
        is_due
    }

    #[inline]
    pub(super) fn poll_here(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self;
        let node = this.project_ref().node;
        if node.is_linked() {
            return this.poll_again(cx);
        }
        if node.has_fired() {
            return Poll::Ready(());
        }
        if this.begin(cx.waker()).is_ready() {
            // It has ended for good; but a task that goes through sleeps of no length must yield.
            return poll_proceed(cx).map(|permit| permit.charge(0));
        }
        node.poll(cx)
    }
}
