//! Taking a task pool for an executor.

use core::task::Waker;

use super::levels;
use super::shared::SharedRef;
use crate::reactor::Reactor;
use crate::task::memory::pool::TaskPool;

impl<const N: usize, const BYTES: usize, const BLOCKS: usize> TaskPool<N, BYTES, BLOCKS> {
    /// Claims the pool for an executor with this reactor; `None` if another one has it.
    #[inline]
    pub(super) fn open<R: Reactor>(&'static self, reactor: &R) -> Option<SharedRef> {
        // On one core a wake shows in the ready bytes, and nobody has to be told.
        let unparker = super::state::HAS_UNPARKER.then(|| reactor.unparker());
        let claim = self.open_with(unparker)?;
        #[cfg(feature = "std")]
        self.shared().note_haste(reactor);
        if R::HAS_CLOCK {
            levels::offer(self.shared(), reactor);
        }
        Some(claim)
    }

    /// [`open`](Self::open) for an executor whose unparker is called even on one core.
    #[inline]
    pub(super) fn open_with(&'static self, unparker: Option<Waker>) -> Option<SharedRef> {
        let shared = self.shared();
        let claim = shared.claim()?;
        shared.open(N, false, unparker);
        if BYTES > 0 {
            shared.bytes.set(self.bytes());
        }
        self.for_each_block(|block, _first, len| {
            shared.add_block(block, len);
            #[cfg(feature = "embassy-time")]
            crate::embassy::give_timers(shared, block, &self.timers()[_first..]);
        });
        Some(claim)
    }
}
