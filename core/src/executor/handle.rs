//! [`Handle`]: an executor as seen from other threads and interrupt handlers.

use core::fmt;

#[cfg(lean)]
use super::core::CoreRef;
use super::core::{Core, SHUTDOWN};
use super::spawner::Spawner;

/// The executor as other threads and interrupt handlers see it.
///
/// `Send`, `Sync` and a plain pair of words. It keeps nothing alive: once the executor has been
/// dropped, every call says so.
#[derive(Clone, Copy)]
pub struct Handle {
    core: &'static Core,
    epoch: usize,
}

// SAFETY: a handle uses only what `Core` offers to any thread: atomics and the lock.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub(super) fn new(core: &'static Core, epoch: usize) -> Self {
        Self { core, epoch }
    }

    /// The handle of the executor that runs on this thread now, if any.
    pub fn current() -> Option<Self> {
        Spawner::current().map(|spawner| spawner.handle())
    }

    /// Asks the executor to return from [`run`](super::Executor::run), at the end of the turn
    /// that is under way; ends a park. Tasks are not dropped by this.
    ///
    /// Returns `false` if the executor is gone.
    pub fn shutdown(&self) -> bool {
        self.core.signal(self.epoch, SHUTDOWN)
    }

    /// Ends the executor's park, this one or none: for a reactor's own use, or to make it look
    /// at its clock. Returns `false` if the executor is gone.
    pub fn unpark(&self) -> bool {
        let alive = self.is_alive();
        if alive {
            self.core.unpark();
        }
        alive
    }

    /// Whether the executor still exists.
    pub fn is_alive(&self) -> bool {
        self.core.epoch() == self.epoch
    }

    #[cfg(not(lean))]
    pub(crate) fn core(&self) -> (&'static Core, usize) {
        (self.core, self.epoch)
    }

    /// The executor for an interrupt handler, which may spawn detached tasks there.
    #[cfg(lean)]
    pub(super) fn executor(&self) -> CoreRef {
        CoreRef::new(self.core, self.epoch)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("is_alive", &self.is_alive())
            .finish_non_exhaustive()
    }
}
