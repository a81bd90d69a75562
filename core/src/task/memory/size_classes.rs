//! Memory of the heap in size classes, taken once and recycled.

use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;
use core::ptr::{self, NonNull};

use crate::loom::Cell;

/// Alignment of every recycled chunk; a body that needs more is allocated by itself.
const ALIGN: usize = 16;
/// Up to here classes are [`STEP`] bytes apart, above there are four to each doubling.
const FINE: usize = 128;
const STEP: usize = 8;
/// The largest class; larger bodies are allocated by themselves.
const LARGEST: usize = 4096;
const CLASSES: usize = FINE / STEP + 4 * (LARGEST.ilog2() - FINE.ilog2()) as usize;

/// The class that serves bodies of `layout`, if any does.
const fn class(layout: Layout) -> Option<usize> {
    let size = layout.size();
    if layout.align() > ALIGN || size > LARGEST {
        return None;
    }
    if size <= FINE {
        return Some(size.div_ceil(STEP).saturating_sub(1));
    }
    // For 128 < size <= 256 the steps are 32 bytes wide, and so on.
    let octave = (size - 1).ilog2();
    let step = 1 << (octave - 2);
    let quarter = (size - (1 << octave)).div_ceil(step) - 1;
    Some(FINE / STEP + 4 * (octave - FINE.ilog2()) as usize + quarter)
}

/// The size of a class's chunks.
const fn class_size(class: usize) -> usize {
    if class < FINE / STEP {
        return (class + 1) * STEP;
    }
    let above = class - FINE / STEP;
    let base = FINE << (above / 4);
    base + (above % 4 + 1) * (base / 4)
}

const fn class_layout(class: usize) -> Layout {
    match Layout::from_size_align(class_size(class), ALIGN) {
        Ok(layout) => layout,
        Err(_) => unreachable!(),
    }
}

/// A free chunk.
struct Chunk {
    next: *mut Chunk,
}

/// An executor's recycled chunks.
pub(crate) struct SizeClasses {
    free: [Cell<*mut Chunk>; CLASSES],
    /// Bytes taken from the allocator: in use and free.
    held: Cell<usize>,
    /// The most that `held` may be.
    limit: Cell<usize>,
}

impl SizeClasses {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self {
            free: [const { Cell::new(ptr::null_mut()) }; CLASSES],
            held: Cell::new(0),
            limit: Cell::new(usize::MAX),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self {
            free: core::array::from_fn(|_| Cell::new(ptr::null_mut())),
            held: Cell::new(0),
            limit: Cell::new(usize::MAX),
        }
    }

    pub(crate) fn set_limit(&self, bytes: usize) {
        self.limit.set(bytes);
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.get()
    }

    pub(crate) fn held(&self) -> usize {
        self.held.get()
    }

    /// Memory for a body, or `None` at the limit or when the allocator has none.
    #[inline]
    pub(crate) fn take<B>(&self) -> Option<NonNull<()>> {
        const {
            assert!(size_of::<B>() > 0);
        }
        match const { class(Layout::new::<B>()) } {
            Some(class) => {
                let free = &self.free[class];
                let Some(chunk) = NonNull::new(free.get()) else {
                    return self.fresh(class_layout(class));
                };
                // SAFETY: a chunk in the list is ours and holds the link.
                free.set(unsafe { (*chunk.as_ptr()).next });
                Some(chunk.cast())
            }
            None => self.fresh(Layout::new::<B>()),
        }
    }

    #[cold]
    fn fresh(&self, layout: Layout) -> Option<NonNull<()>> {
        let fits = |held: usize| {
            held.checked_add(layout.size())
                .filter(|sum| *sum <= self.limit.get())
        };
        if fits(self.held.get()).is_none() {
            self.shrink();
        }
        let held = fits(self.held.get())?;
        // SAFETY: the size is not zero: the smallest class has 8 bytes, and `take` asserts it
        // for the rest.
        let memory = NonNull::new(unsafe { alloc(layout) })?;
        self.held.set(held);
        Some(memory.cast())
    }

    /// Gives the free chunks back to the allocator.
    pub(crate) fn shrink(&self) {
        for (class, free) in self.free.iter().enumerate() {
            let mut chunk = free.replace(ptr::null_mut());
            while !chunk.is_null() {
                // SAFETY: as in `take`; the chunk came from `fresh` with this layout.
                unsafe {
                    let next = (*chunk).next;
                    dealloc(chunk.cast(), class_layout(class));
                    chunk = next;
                }
                self.held.set(self.held.get() - class_size(class));
            }
        }
    }

    /// For an executor that ends: frees what is free; what handles still hold they will free.
    pub(crate) fn reset(&self) {
        self.shrink();
        self.held.set(0);
        self.limit.set(usize::MAX);
    }
}

/// Gives a body back.
///
/// # Safety
///
/// `body` came from [`SizeClasses::take`] for the same layout; `core`, if given, is the
/// executor that it came from.
#[inline]
pub(crate) unsafe fn release(classes: Option<&SizeClasses>, body: *mut (), layout: Layout) {
    match (class(layout), classes) {
        (Some(class), Some(classes)) => {
            let free = &classes.free[class];
            let chunk = body.cast::<Chunk>();
            // SAFETY: the memory is free now, large enough and aligned for a link.
            unsafe { chunk.write(Chunk { next: free.get() }) };
            free.set(chunk);
        }
        (class, classes) => {
            let layout = class.map_or(layout, class_layout);
            if let Some(classes) = classes {
                classes.held.set(classes.held.get() - layout.size());
            }
            // SAFETY: allocated with this layout in `fresh`.
            unsafe { dealloc(body.cast(), layout) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_size_fits_its_class_and_no_smaller_one() {
        for size in 1..=LARGEST {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let class = class(layout).unwrap();
            assert!(class < CLASSES && class_size(class) >= size, "{size}");
            assert!(class == 0 || class_size(class - 1) < size, "{size}");
        }
        assert_eq!(class_size(CLASSES - 1), LARGEST);
        let large = Layout::from_size_align(LARGEST + 1, 8).unwrap();
        let aligned = Layout::from_size_align(8, 32).unwrap();
        assert_eq!((class(large), class(aligned)), (None, None));
    }

    /// As many threads as there are cores, each with one at a time: there is always one left.

    #[test]
    fn a_72_byte_future_with_its_slot_takes_at_most_128_bytes() {
        let body = 72 + size_of::<crate::task::joiner::Joiner>();
        let body = class_size(class(Layout::from_size_align(body, 8).unwrap()).unwrap());
        assert!(body + size_of::<crate::task::state::Slot>() <= 128);
    }
}
