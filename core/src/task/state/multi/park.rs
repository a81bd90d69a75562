//! How an executor parks, and how others see to it that it goes on: the announcement of a park, and the look at
//! what has come in before it.
//!
//! # Invariant
//!
//! * **R3.** After a push, the pusher looks at `parked`; before it blocks, the consumer sets
//!   `parked` and then looks at the stack. All changes of `parked` are read-modify-writes, so
//!   one of the two sees what the other did.

use super::ready::ReadyQueue;
use crate::loom::Ordering;

impl ReadyQueue {
    /// Whether the executor has announced that it parks; whoever is told so must unpark it.
    #[inline]
    pub(crate) fn claim_unpark(&self) -> bool {
        // R3: a read-modify-write.
        self.parked.swap(false, Ordering::SeqCst)
    }

    /// Whether a park is announced that nobody has ended. Any thread; a hint, old once it is known.
    #[cfg(feature = "std")]
    pub(crate) fn is_parked(&self) -> bool {
        self.parked.load(Ordering::SeqCst)
    }

    // From here on: the executor's thread only (S5).

    /// Announces a park. `false`: something has come in, do not block.
    pub(crate) fn announce_park(&self) -> bool {
        // R3: a read-modify-write, and only then the look at the stack.
        self.parked.swap(true, Ordering::SeqCst);
        self.remote.load(Ordering::SeqCst).is_null()
    }

    /// Takes the announcement back.
    pub(crate) fn unannounce_park(&self) {
        // R3: a plain store would cut the chain that lets the next announcement see what was
        // pushed before a waker found `parked` unset.
        self.parked.swap(false, Ordering::SeqCst);
    }
}
