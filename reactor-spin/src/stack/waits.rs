//! Who waits for what.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use polliwog_core::sync::Shared;
use polliwog_core::sync::wait_list::{Wait, WaitList};
use polliwog_core::task::budget::poll_within;

use super::table::LISTENERS;

/// The queue of those who wait for something to come in.
pub(super) const READ: usize = 0;
/// The queue of those who wait for room.
pub(super) const WRITE: usize = 1;
/// The queue of those who wait until the peer has everything.
pub(super) const FLUSH: usize = 2;

/// Who waits for one thing. It has a lock, though there is one thread: a stack is made in a `static`,
/// which is filled once, and has to be `Send` for that.
pub(super) type Queue = WaitList<Shared>;

/// All who wait for something of a stack. Beside the rest of it, because whoever waits is linked to it.
pub(super) struct Waits {
    pub(super) tcp: &'static [[Queue; 3]],
    pub(super) udp: &'static [[Queue; 2]],
    pub(super) listeners: [Queue; LISTENERS],
    /// For an address, for the link, for an answer of the name service.
    pub(super) changes: Queue,
}

/// Waits in a queue until `attempt` returns something. It is called at once, and whenever all who
/// wait, or this one, have been woken; within the task's budget, which it draws a unit from if it does.
pub(super) async fn wait<T>(queue: &Queue, mut attempt: impl FnMut() -> Option<T>) -> T {
    let mut wait = pin!(queue.wait());
    poll_fn(|cx| {
        poll_within(cx, |cx| {
            let done = attempt();
            settle(wait.as_mut(), cx, done.is_some());
            done.map_or(Poll::Pending, Poll::Ready)
        })
    })
    .await
}

/// Leaves the queue, or joins it. One function for everything that waits, for the sake of its size.
fn settle(wait: Pin<&mut Wait<&Queue>>, cx: &mut Context<'_>, done: bool) {
    if done {
        // What this one was woken for, it has taken: nobody else has to be.
        wait.cancel_with(|_, _, ()| ());
    } else {
        let _: Poll<()> = wait.poll_with(cx, |_, _| None);
    }
}
