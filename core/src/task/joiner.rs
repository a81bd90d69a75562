//! [`Joiner`]: what a body and its join handle tell each other.

use core::cell::Cell;
use core::mem::ManuallyDrop;
use core::ptr;
use core::task::{RawWakerVTable, Waker};

#[cfg(feature = "std")]
use super::{state::SlotRef, waker};

/// How it stands between a task and its join handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum State {
    /// The task runs, and the handle waits for its output or may do so.
    Wanted = 0,
    /// The handle is gone: nobody wants the output.
    Detached = 1,
    /// The task has ended, and the output lies in the body for the handle to take.
    Done = 2,
}

/// The state of a joinable task, and the waker of whoever waits for its end. It lies in the body, so it
/// is there as long as the task or its handle is, and a detached task has none.
///
/// Two words: a waker's parts or, with no vtable, a [`State`]. With a waker, it is [`State::Wanted`].
/// Used on the executor's thread only.
pub(crate) struct Joiner {
    data: Cell<*const ()>,
    vtable: Cell<*const RawWakerVTable>,
}

/// What a body has for its handle: a [`Joiner`] or, if there can be no handle, nothing.
pub(crate) trait Place {
    /// At the start of the task.
    const NEW: Self;

    /// Whether somebody wants the output.
    fn is_wanted(&self) -> bool;

    /// Notes that the output is there; returns the waker of whoever waits.
    fn finish(&self) -> Option<Waker>;

    /// The task that waits, if it is one of ours that does.
    #[cfg(feature = "std")]
    fn waits(&self) -> Option<SlotRef>;
}

impl Place for () {
    const NEW: Self = ();

    #[inline(always)]
    fn is_wanted(&self) -> bool {
        false
    }

    #[inline(always)]
    fn finish(&self) -> Option<Waker> {
        None
    }

    #[cfg(feature = "std")]
    fn waits(&self) -> Option<SlotRef> {
        None
    }
}

impl Place for Joiner {
    const NEW: Self = Self {
        data: Cell::new(ptr::without_provenance(State::Wanted as usize)),
        vtable: Cell::new(ptr::null()),
    };

    #[inline]
    fn is_wanted(&self) -> bool {
        !self.is(State::Detached)
    }

    #[inline]
    fn finish(&self) -> Option<Waker> {
        self.set(State::Done)
    }

    #[cfg(feature = "std")]
    fn waits(&self) -> Option<SlotRef> {
        waker::slot_of(self.data.get(), self.vtable.get())
    }
}

impl Joiner {
    /// Whether there is this state and no waker.
    #[inline]
    fn is(&self, state: State) -> bool {
        self.vtable.get().is_null() && self.data.get().addr() == state as usize
    }

    /// Whether the output lies in the body.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.is(State::Done)
    }

    /// Changes the state; returns the waker that was there.
    #[inline]
    pub(crate) fn set(&self, state: State) -> Option<Waker> {
        self.replace(ptr::without_provenance(state as usize), ptr::null())
    }

    /// Whether the waker that is there would wake the same task.
    #[inline]
    pub(crate) fn will_wake(&self, waker: &Waker) -> bool {
        ptr::eq(self.vtable.get(), waker.vtable()) && self.data.get() == waker.data()
    }

    /// Keeps the waker of whoever waits from now on; returns the one that was there.
    #[inline]
    pub(crate) fn wait(&self, waker: Waker) -> Option<Waker> {
        let waker = ManuallyDrop::new(waker);
        self.replace(waker.data(), waker.vtable())
    }

    #[inline]
    fn replace(&self, data: *const (), vtable: *const RawWakerVTable) -> Option<Waker> {
        let (data, vtable) = (self.data.replace(data), self.vtable.replace(vtable));
        if vtable.is_null() {
            return None;
        }
        // SAFETY: the two parts of a waker that `wait` was given, which has not been dropped; they are
        // taken out here, so nobody makes another one of them.
        Some(unsafe { Waker::new(data, &*vtable) })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    struct Count;

    impl Wake for Count {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_waker_is_kept_once_and_given_back_once() {
        let count = Arc::new(Count);
        let joiner = Joiner::NEW;
        assert!(joiner.is_wanted() && !joiner.is_done());
        // A clone, as a waker and its first clone need not have the same vtable: with Miri they do not.
        let waker = Waker::from(count.clone()).clone();
        assert!(!joiner.will_wake(&waker));
        assert!(joiner.wait(waker.clone()).is_none());
        assert!(joiner.will_wake(&waker) && joiner.is_wanted() && !joiner.is_done());
        assert!(
            joiner
                .wait(Waker::noop().clone())
                .unwrap()
                .will_wake(&waker)
        );
        drop(joiner.wait(waker.clone()));
        assert!(joiner.finish().unwrap().will_wake(&waker));
        assert!(joiner.is_done() && joiner.finish().is_none());
        drop(waker);
        assert_eq!(Arc::strong_count(&count), 1);
    }

    #[test]
    fn a_detached_task_has_no_waker() {
        let joiner = Joiner::NEW;
        assert!(joiner.wait(Waker::noop().clone()).is_none());
        assert!(joiner.set(State::Detached).is_some());
        assert!(!joiner.is_wanted() && !joiner.is_done());
    }
}
