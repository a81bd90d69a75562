//! The timers of tasks: on servers, and on chips with several cores. Chips with a single core have `single.rs` in
//! place of this file.

use core::pin::Pin;
use core::ptr;
use core::task::{Context, Waker};

use super::timers::TaskTimer;
use crate::executor::shared::Shared;
use crate::task::state::Block;
use crate::task::waker;
use crate::time::instant::Instant;
use crate::time::queue::{TimerNode, TimerQueue};

/// Gives the tasks of a pool's block their timers, as many as there are slots.
pub(crate) fn give_timers(_: &Shared, block: *const Block, timers: &'static [TaskTimer]) {
    // SAFETY: S1.
    unsafe { (*block).timers.set(timers.as_ptr()) };
}

/// The timer of the task that this waker wakes, if it is one of this executor.
pub(super) fn timer(shared: &Shared, waker: &Waker) -> Option<&'static TaskTimer> {
    let (block, index) = waker::slot(waker)?.place();
    // SAFETY: S1.
    let head = unsafe { &*block };
    if !ptr::eq(head.owner(), shared.owner()) {
        return None;
    }
    #[cfg(feature = "alloc")]
    if head.timers.get().is_null() {
        let timers = [const { TaskTimer::new() }; crate::task::state::SLOTS];
        // For as long as the block, which is for ever.
        let timers: &'static [TaskTimer] = alloc::boxed::Box::leak(alloc::boxed::Box::new(timers));
        head.timers.set(timers.as_ptr());
    }
    let timers = head.timers.get();
    // SAFETY: null without an allocator only if the block is of no pool, and there are no others;
    // as many as there are slots (S4).
    (!timers.is_null()).then(|| unsafe { &*timers.add(index) })
}

/// Has a timer that is not linked wake `waker` at an instant.
pub(super) fn start(
    queue: &'static TimerQueue,
    node: Pin<&'static TimerNode>,
    at: Instant,
    waker: &Waker,
) {
    queue.schedule(node, at);
    let _pending = node.poll(&mut Context::from_waker(waker));
}
