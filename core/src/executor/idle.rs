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

/// The permanent part of a secluded executor: never one that another executor or another thread had, since
/// a waker that is left of that would ring here, as if it were a wake of a task that no other thread is to wake.
#[cfg(feature = "std")]
pub(crate) fn take_secluded() -> &'static Shared {
    #[cfg(not(loom))]
    let idle = secluded::take();
    #[cfg(loom)]
    let idle = None;
    idle.unwrap_or_else(|| Box::leak(Box::new(Shared::new())))
}

pub(crate) fn put_secluded(shared: &'static Shared) {
    #[cfg(all(feature = "std", not(loom)))]
    secluded::put(shared);
    #[cfg(not(all(feature = "std", not(loom))))]
    let _ = shared;
}

/// What secluded executors have left, for those of the same thread, and for any after its end.
#[cfg(all(feature = "std", not(loom)))]
mod secluded {
    use super::{Idle, Shared};

    static LEFT: Idle = Idle::new();

    std::thread_local! {
        static HERE: Here = const { Here(Idle::new()) };
    }

    struct Here(Idle);

    impl Drop for Here {
        fn drop(&mut self) {
            while let Some(shared) = self.0.take() {
                LEFT.put(shared);
            }
        }
    }

    pub(super) fn take() -> Option<&'static Shared> {
        let here = HERE.try_with(|here| here.0.take()).ok().flatten();
        here.or_else(|| LEFT.take())
    }

    pub(super) fn put(shared: &'static Shared) {
        if HERE.try_with(|here| here.0.put(shared)).is_err() {
            LEFT.put(shared);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "std")]
    fn what_a_secluded_executor_leaves_is_for_its_thread_until_that_ends() {
        use std::thread::spawn;
        let found = || {
            secluded::take()
                .map(ptr::from_ref)
                .map(<*const Shared>::addr)
        };
        let left = spawn(move || {
            let shared: &'static Shared = Box::leak(Box::new(Shared::new()));
            let address = ptr::from_ref(shared).addr();
            secluded::put(shared);
            assert_ne!(spawn(found).join().unwrap(), Some(address));
            assert_eq!(found(), Some(address));
            secluded::put(shared);
            address
        });
        let left = left.join().unwrap();
        assert_eq!(found(), Some(left));
    }

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
