//! [`CoreRef`]: a core as its executor's thread refers to it.

use super::core::Core;
use crate::shim::Ordering;

/// A core and the claim that it was seen in: how everything on the executor's thread refers to
/// its executor. Neither `Send` nor `Sync`, so whoever has one is on that thread.
#[derive(Clone, Copy)]
pub(crate) struct CoreRef {
    core: &'static Core,
    epoch: usize,
}

impl CoreRef {
    /// The core, unless the executor has been dropped.
    #[inline]
    pub(crate) fn get(&self) -> Option<&'static Core> {
        // Equal: the claim is still ours, and this is its thread.
        (self.core.epoch.load(Ordering::Relaxed) == self.epoch).then_some(self.core)
    }

    pub(crate) fn epoch(&self) -> usize {
        self.epoch
    }

    /// A reference made of its parts, on the executor's thread or level; or for an interrupt handler,
    /// which may use it to spawn and for nothing else.
    #[inline]
    pub(crate) fn new(core: &'static Core, epoch: usize) -> Self {
        Self { core, epoch }
    }

    /// The core whether claimed or not: for what any thread may do.
    pub(crate) fn shared(&self) -> &'static Core {
        self.core
    }
}

impl Core {
    /// A reference for this thread, which is known to be the executor's.
    #[inline]
    pub(crate) fn as_current(&'static self) -> CoreRef {
        CoreRef {
            core: self,
            epoch: self.epoch.load(Ordering::Relaxed),
        }
    }
}
