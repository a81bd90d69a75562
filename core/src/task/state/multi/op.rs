//! What the function of a task is asked for beside polls, and what it answers.

use core::mem::ManuallyDrop;
use core::ptr;
use core::task::{RawWakerVTable, Waker};

use crate::task::failure::Failure;
#[cfg(feature = "std")]
use crate::task::state::SlotRef;

/// What is to be done with a body, other than polling its future.
pub(crate) enum Op<'a> {
    /// Drop the future and settle the task with this error, which is taken. The task has ended.
    Cancel(Option<Failure>),
    /// Say what this is.
    Describe(&'a mut Description),
    /// Say which task waits for the end of this one, if it is one of ours that does.
    #[cfg(feature = "std")]
    JoinedBy(&'a mut Option<SlotRef>),
}

/// What is known of a task's type.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Description {
    pub(crate) name: Option<&'static str>,
    pub(crate) type_name: &'static str,
    pub(crate) size: usize,
}

/// What a poll of a task, or its cancellation, has led to: whether the task has ended and, if so, who waits
/// for it.
///
/// Two words, returned in registers: the parts of a waker or, instead of the vtable, [`PENDING`] or
/// [`UNAWAITED`].
#[must_use = "an end has to be finished"]
pub(crate) struct Ended {
    vtable: *const RawWakerVTable,
    data: *const (),
}

/// The task goes on.
const PENDING: *const RawWakerVTable = ptr::null();
/// The task has ended, and nobody waits for it. No address of a vtable, which is aligned.
const UNAWAITED: *const RawWakerVTable = ptr::without_provenance(1);

impl Ended {
    /// The task goes on.
    #[inline(always)]
    pub(crate) fn not() -> Self {
        Self {
            vtable: PENDING,
            data: ptr::null(),
        }
    }

    /// The task has ended, and `joiner` waits for it.
    #[inline]
    pub(crate) fn with(joiner: Option<Waker>) -> Self {
        match joiner.map(ManuallyDrop::new) {
            None => Self {
                vtable: UNAWAITED,
                data: ptr::null(),
            },
            Some(waker) => Self {
                vtable: waker.vtable(),
                data: waker.data(),
            },
        }
    }

    /// Whether the task goes on.
    #[inline(always)]
    pub(crate) fn is_not(&self) -> bool {
        self.vtable == PENDING
    }

    /// The waker of whoever waits for the task, which has ended.
    #[inline]
    pub(crate) fn into_joiner(self) -> Option<Waker> {
        if self.vtable == PENDING || self.vtable == UNAWAITED {
            return None;
        }
        // SAFETY: the parts of the waker that `with` was given and did not drop; `self` is used up.
        Some(unsafe { Waker::new(self.data, &*self.vtable) })
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
    fn an_end_has_its_joiner_or_none() {
        assert!(Ended::not().is_not());
        let ended = Ended::with(None);
        assert!(!ended.is_not() && ended.into_joiner().is_none());
        let count = Arc::new(Count);
        let ended = Ended::with(Some(Waker::from(count.clone())));
        assert!(!ended.is_not());
        drop(ended.into_joiner().unwrap());
        assert_eq!(Arc::strong_count(&count), 1);
    }
}
