//! [`Bell`]: how a worker that waits is told that there is something for it.

use core::task::{Context, Waker};

use crate::loom::{AtomicUsize, Lock, Ordering};
use crate::task::unwind::wake_quietly;

/// It looks at everything before it waits, and needs no bell.
const BUSY: usize = 0;
/// It waits for anything.
const WAITING: usize = 1;
/// It waits for room.
const FULL: usize = 2;
/// It waits no more, or is not going to.
const RUNG: usize = 3;

/// What a worker waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    Anything,
    Room,
}

/// What became of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Announced {
    /// The worker waits from now on.
    Now,
    /// It had said so before.
    Before,
    /// There was a ring meanwhile.
    Rung,
}

/// A worker's bell. Rings before the next look count as one, and a burst of them wakes the worker once.
pub(super) struct Bell {
    state: AtomicUsize,
    /// Of the worker, since it waited for the first time. A waker is kept for the next wait: those of this project
    /// cost nothing, and one whose worker has ended does nothing.
    waker: Lock<Option<Waker>>,
}

impl Bell {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicUsize::new(BUSY),
            waker: Lock::new(None),
        }
    }

    /// The worker is about to look at everything that it may have been rung for. Its own thread.
    pub(super) fn answer(&self) {
        if self.state.load(Ordering::Relaxed) != BUSY {
            // A read-modify-write: the worker sees what was done before the ring.
            self.state.swap(BUSY, Ordering::AcqRel);
        }
    }

    /// Says that the worker, whose task polls with `cx`, waits; to be followed by another look. Its own thread.
    pub(super) fn announce(&self, cx: &Context<'_>, what: For) -> Announced {
        // The waker first: who finds that the worker waits finds its waker.
        self.keep(cx.waker());
        let waits = match what {
            For::Anything => WAITING,
            For::Room => FULL,
        };
        let announced =
            self.state
                .compare_exchange(BUSY, waits, Ordering::AcqRel, Ordering::Acquire);
        match announced {
            Ok(_) => Announced::Now,
            Err(RUNG) => Announced::Rung,
            Err(_) => Announced::Before,
        }
    }

    fn keep(&self, waker: &Waker) {
        let is_same = |kept: &Waker| kept.will_wake(waker);
        if self.waker.with(|kept| kept.as_ref().is_some_and(is_same)) {
            return;
        }
        // Cloned and dropped outside of the lock: it can be foreign code.
        let waker = waker.clone();
        let former = self.waker.with(|kept| kept.replace(waker));
        drop(former);
    }

    /// Whether the worker waits for anything. A hint, unless a fence came before.
    pub(super) fn is_waiting(&self) -> bool {
        self.state.load(Ordering::Relaxed) == WAITING
    }

    /// Whether the worker waits for room. Its own thread.
    pub(super) fn is_full(&self) -> bool {
        self.state.load(Ordering::Relaxed) == FULL
    }

    /// Ends the worker's wait, this one or the next, if there is no look before.
    pub(super) fn ring(&self) {
        let before = self.state.swap(RUNG, Ordering::AcqRel);
        if before == WAITING || before == FULL {
            let waker = self.waker.with(|kept| kept.clone());
            if let Some(waker) = waker {
                wake_quietly(waker);
            }
        }
    }
}
