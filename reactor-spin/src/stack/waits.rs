//! Who waits for what.

use core::future::poll_fn;
use core::pin::pin;

use polliwog_core::sync::Shared;
use polliwog_core::sync::wait_list::{Wait, WaitList};

use super::table::LISTENERS;

/// The queue of those who wait for something to come in.
pub(super) const READ: usize = 0;
/// The queue of those who wait for room.
pub(super) const WRITE: usize = 1;
/// The queue of those who wait until the peer has everything.
pub(super) const FLUSH: usize = 2;

/// Queues of any length. They have locks, though there is one thread: a stack is made in a `static`,
/// which is filled once, and has to be `Send` for that.
pub(super) type Queues<const K: usize> = WaitList<Shared, (), (), K>;

/// All who wait for something of a stack. Beside the rest of it, because whoever waits is linked to it.
pub(super) struct Waits {
    pub(super) tcp: &'static [Queues<3>],
    pub(super) udp: &'static [Queues<2>],
    pub(super) listeners: [Queues<1>; LISTENERS],
    /// For an address, for the link, for an answer of the name service.
    pub(super) changes: Queues<1>,
}

/// Waits in a queue until `attempt` returns something. It is called at once, and whenever all who
/// wait, or this one, have been woken.
pub(super) async fn wait<T, const I: usize, const K: usize>(
    queues: &Queues<K>,
    mut attempt: impl FnMut() -> Option<T>,
) -> T {
    let mut wait = pin!(Wait::<_, I, K>::new(queues, ()));
    poll_fn(|cx| match attempt() {
        Some(done) => {
            // What this one was woken for, it has taken: nobody else has to be.
            wait.as_mut().cancel_with(|_, _, ()| ());
            core::task::Poll::Ready(done)
        }
        None => wait.as_mut().poll_with(cx, |_, _| None),
    })
    .await
}
