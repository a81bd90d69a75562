//! Permanent parts of executors on the heap that no executor has at present.

use alloc::boxed::Box;
use core::ptr;

use super::shared::Shared;
use crate::loom::{AtomicPtr, Lock, Ordering, const_unless_loom};

/// Shareds on the heap whose executors have been dropped: a stack.
///
/// Under a lock, because making and dropping an executor is rare. A stack of atomics that is taken as
/// a whole, so that no core can come back while somebody still looks at its link, is empty for all
/// the others meanwhile: then there were more and more cores.
pub(crate) struct Idle {
    lock: Lock<()>,
    /// Accessed with the lock.
    top: AtomicPtr<Shared>,
}

impl Idle {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                lock: Lock::new(()),
                top: AtomicPtr::new(ptr::null_mut()),
            }
        }
    }

    /// An idle core, if there is one, which belongs to the caller from now on.
    pub(crate) fn take(&self) -> Option<&'static Shared> {
        self.lock.with(|()| {
            let top = self.top.load(Ordering::Relaxed);
            // SAFETY: cores are permanent; those in the stack are nobody's, and the lock keeps
            // everybody else from their links.
            let shared: &'static Shared = unsafe { top.as_ref() }?;
            let next = shared.next_idle.replace(ptr::null());
            self.top.store(next.cast_mut(), Ordering::Relaxed);
            Some(shared)
        })
    }

    /// Takes back the permanent part of an executor that has been dropped.
    pub(crate) fn put(&self, shared: &'static Shared) {
        self.lock.with(|()| {
            shared.next_idle.set(self.top.load(Ordering::Relaxed));
            let shared = ptr::from_ref(shared).cast_mut();
            self.top.store(shared, Ordering::Relaxed);
        });
    }
}

/// The idle executors of the process. Under loom, where no static outlives an execution, there are none.
#[cfg(not(loom))]
static IDLE: Idle = Idle::new();

/// The permanent part of an executor on the heap: a recycled one, or a new one that is never freed.
pub(crate) fn take() -> &'static Shared {
    #[cfg(not(loom))]
    let idle = IDLE.take();
    #[cfg(loom)]
    let idle = None;
    idle.unwrap_or_else(|| Box::leak(Box::new(Shared::new())))
}

pub(crate) fn put(shared: &'static Shared) {
    #[cfg(not(loom))]
    IDLE.put(shared);
    #[cfg(loom)]
    let _ = shared;
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn idle_cores_are_found_by_however_many_look_at_once() {
        const THREADS: usize = 4;
        static IDLE: Idle = Idle::new();
        for _ in 0..THREADS {
            IDLE.put(Box::leak(Box::new(Shared::new())));
        }
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..if cfg!(miri) { 20 } else { 5000 } {
                        let shared = IDLE.take().expect("one for each thread");
                        std::thread::yield_now();
                        IDLE.put(shared);
                    }
                });
            }
        });
    }
}
