//! The timers of tasks: on a chip with a single core. All other builds have `multi.rs` in place of this file.

use core::pin::Pin;
use core::task::Waker;

use super::timers::TaskTimer;
use crate::executor::shared::Shared;
use crate::task::state::Block;
use crate::task::waker;
use crate::time::instant::Instant;
use crate::time::queue::{TimerNode, TimerQueue};

/// Gives the tasks of the pool's only block their timers, as many as there are slots.
pub(crate) fn give_timers(shared: &Shared, _: *const Block, timers: &'static [TaskTimer]) {
    shared.foreign.tasks.set(Some(timers));
}

/// The timer of the task that this waker wakes, if it is one of this executor.
pub(super) fn timer(shared: &Shared, waker: &Waker) -> Option<&'static TaskTimer> {
    let index = waker::index_in(shared.first_block(), waker)?;
    shared.foreign.tasks.get()?.get(index)
}

/// Has a timer that is not linked wake `waker` at an instant.
pub(super) fn start(
    queue: &'static TimerQueue,
    node: Pin<&'static TimerNode>,
    at: Instant,
    waker: &Waker,
) {
    let waker = waker.clone();
    // Foreign code may have taken the node meanwhile.
    if node.is_linked() {
        waker.wake();
    } else {
        node.cancel();
        queue.insert(node, at, waker);
    }
}
