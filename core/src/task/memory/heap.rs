//! Bodies on the heap.

use core::alloc::Layout;
use core::future::Future;
use core::marker::PhantomData;

use super::size_classes::release;
use crate::executor::shared::Shared;
use crate::task::body::{Body, Home};
use crate::task::joiner::Joiner;

/// Bodies from the size classes. `L` is `()` or a task's name.
pub(crate) struct Heap<L>(PhantomData<L>);

impl Heap<()> {
    const fn layout<F: Future, L>() -> Layout {
        Layout::new::<Body<F, Joiner, L>>()
    }
}

// SAFETY: `release` undoes `SizeClasses::take`, with a living executor or without.
unsafe impl Home for Heap<()> {
    type Label = ();
    type Joiner = Joiner;

    fn name((): ()) -> Option<&'static str> {
        None
    }

    #[inline]
    unsafe fn release<F: Future>(shared: Option<&Shared>, body: *mut ()) {
        // SAFETY: the caller's promise.
        unsafe {
            release(
                shared.map(|shared| &shared.heap),
                body,
                Heap::layout::<F, ()>(),
            )
        };
    }
}

// SAFETY: as above.
unsafe impl Home for Heap<&'static str> {
    type Label = &'static str;
    type Joiner = Joiner;

    fn name(label: &'static str) -> Option<&'static str> {
        Some(label)
    }

    #[inline]
    unsafe fn release<F: Future>(shared: Option<&Shared>, body: *mut ()) {
        // SAFETY: the caller's promise.
        unsafe {
            release(
                shared.map(|shared| &shared.heap),
                body,
                Heap::layout::<F, &'static str>(),
            )
        };
    }
}
