//! The sticky flag behind a reactor's unparker.

use core::task::Waker;

use polliwog_core::unpark::Flag;

/// Set by the unparker, taken by the reactor.
#[derive(Debug)]
pub(crate) enum Signal {
    Static(&'static Flag),
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    Shared(alloc::sync::Arc<Shared>),
}

impl Signal {
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    pub(crate) fn new() -> Self {
        Signal::Shared(alloc::sync::Arc::default())
    }

    pub(crate) fn waker(&self) -> Waker {
        match self {
            Signal::Static(flag) => flag.waker(),
            #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
            Signal::Shared(shared) => Waker::from(shared.clone()),
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        match self {
            Signal::Static(flag) => flag.is_set(),
            #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
            Signal::Shared(shared) => shared.is_set(),
        }
    }

    /// Whether it was set; not any more.
    pub(crate) fn take(&self) -> bool {
        match self {
            Signal::Static(flag) => flag.take(),
            #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
            Signal::Shared(shared) => shared.take(),
        }
    }
}

/// Whether somebody asked for the park to end: what an [`Idle`](crate::Idle) hook looks at.
#[derive(Debug)]
pub struct Unpark<'a>(&'a Signal);

impl<'a> Unpark<'a> {
    pub(crate) fn new(signal: &'a Signal) -> Self {
        Self(signal)
    }

    /// Returns whether the park was asked to end. Stays so until the hook has returned.
    #[inline]
    pub fn is_set(&self) -> bool {
        self.0.is_set()
    }

    /// Blocks the thread until the park is asked to end, or for `at_most` this long.
    ///
    /// A reactor that was made with a [static flag](crate::SpinReactor::with_flag) looks at it
    /// every millisecond, since nothing can wake the thread when the flag is set.
    #[cfg(feature = "std")]
    pub fn wait(&self, at_most: Option<core::time::Duration>) {
        let end = at_most.and_then(|limit| std::time::Instant::now().checked_add(limit));
        match self.0 {
            #[cfg(target_has_atomic = "ptr")]
            Signal::Shared(shared) => shared.wait(end),
            Signal::Static(flag) => {
                while !flag.is_set() {
                    let mut slice = core::time::Duration::from_millis(1);
                    if let Some(end) = end {
                        let left = end.saturating_duration_since(std::time::Instant::now());
                        if left.is_zero() {
                            return;
                        }
                        slice = slice.min(left);
                    }
                    std::thread::sleep(slice);
                }
            }
        }
    }
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
pub(crate) use shared::Shared;

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
mod shared {
    use alloc::sync::Arc;
    use alloc::task::Wake;
    use core::sync::atomic::{AtomicBool, Ordering};

    /// A flag with a count of its owners that a thread can wait for.
    #[derive(Debug, Default)]
    pub(crate) struct Shared {
        set: AtomicBool,
        #[cfg(feature = "std")]
        lock: std::sync::Mutex<()>,
        #[cfg(feature = "std")]
        changed: std::sync::Condvar,
    }

    impl Shared {
        pub(super) fn is_set(&self) -> bool {
            self.set.load(Ordering::SeqCst)
        }

        pub(super) fn take(&self) -> bool {
            // The load alone, most of the time: it does not take the cache line away from wakers.
            self.is_set() && self.set.swap(false, Ordering::SeqCst)
        }

        #[cfg(feature = "std")]
        pub(super) fn wait(&self, end: Option<std::time::Instant>) {
            use std::sync::PoisonError;
            let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            while !self.is_set() {
                guard = match end {
                    None => self
                        .changed
                        .wait(guard)
                        .unwrap_or_else(PoisonError::into_inner),
                    Some(end) => {
                        let left = end.saturating_duration_since(std::time::Instant::now());
                        if left.is_zero() {
                            return;
                        }
                        let waited = self.changed.wait_timeout(guard, left);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                };
            }
        }
    }

    impl Wake for Shared {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }

        fn wake_by_ref(self: &Arc<Self>) {
            let _was_set = self.set.swap(true, Ordering::SeqCst);
            #[cfg(feature = "std")]
            if !_was_set {
                // Through the lock, so that this falls before the waiter's look or into its wait.
                drop(self.lock.lock());
                self.changed.notify_one();
            }
        }
    }
}
