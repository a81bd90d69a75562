//! Blocks: the memory of up to a word's bits of slots, and what all of them share.

use core::ptr;

use super::free_set::FreeSet;
use super::slot::{Slot, SlotRef};
use crate::loom::{AtomicPtr, AtomicUsize, Cell, Ordering, const_unless_loom};
use crate::task::owner::Owner;

/// Slots of a full block.
pub(crate) const SLOTS: usize = usize::BITS as usize;

/// The head of a block; its slots follow in memory. A slot's index fits into the lowest bits of
/// its address, which are zero.
#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(64)))]
#[cfg_attr(not(target_pointer_width = "64"), repr(align(32)))]
pub(crate) struct Block {
    owner: AtomicPtr<Owner>,
    remote: AtomicUsize,
    next_remote: AtomicPtr<Block>,
    free: FreeSet,
    /// The next block that has free slots.
    pub(crate) next_free: Cell<*const Block>,
    /// The next block of the same executor.
    pub(crate) next: Cell<*const Block>,
    /// How many slots follow.
    len: Cell<usize>,
    /// The timers of the slots, if there are any yet: as many as there are slots.
    #[cfg(feature = "embassy-time")]
    pub(crate) timers: Cell<*const crate::embassy::timers::TaskTimer>,
}

/// A block with `N` slots.
#[repr(C)]
pub(crate) struct BlockOf<const N: usize> {
    pub(crate) head: Block,
    slots: [Slot; N],
}

impl<const N: usize> BlockOf<N> {
    /// The head, with the provenance of the whole block.
    pub(crate) fn head(&'static self) -> *const Block {
        // A slot's index takes the place of the lowest bits.
        const { assert!(align_of::<Self>() >= SLOTS && N <= SLOTS) };
        ptr::from_ref(self).cast()
    }
}

#[cfg(not(loom))]
impl<const N: usize> BlockOf<N> {
    pub(crate) const fn new() -> Self {
        Self {
            head: Block::new(),
            slots: [const { Slot::new() }; N],
        }
    }
}

#[cfg(loom)]
impl<const N: usize> BlockOf<N> {
    pub(crate) fn new() -> Self {
        Self {
            head: Block::new(),
            slots: core::array::from_fn(|_| Slot::new()),
        }
    }
}

impl Block {
    const_unless_loom! {
        fn new() -> Self {
            Self {
                owner: AtomicPtr::new(ptr::null_mut()),
                remote: AtomicUsize::new(0),
                next_remote: AtomicPtr::new(ptr::null_mut()),
                free: FreeSet::new(),
                next_free: Cell::new(ptr::null()),
                next: Cell::new(ptr::null()),
                len: Cell::new(0),
                #[cfg(feature = "embassy-time")]
                timers: Cell::new(ptr::null()),
            }
        }
    }

    /// Gives the block to an executor with its first `len` slots free. Words that stale wakers have
    /// set stay as they are: the executor will find nothing to do for them.
    pub(crate) fn adopt(&self, owner: *const Owner, len: usize) {
        self.owner.store(owner.cast_mut(), Ordering::Relaxed);
        self.len.set(len);
        self.free.fill(usize::MAX >> (SLOTS - len));
        self.next_free.set(ptr::null());
        self.next.set(ptr::null());
    }

    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// How many slots are taken.
    pub(crate) fn taken(&self) -> usize {
        self.len.get() - self.free.count()
    }

    pub(crate) fn free(&self) -> &FreeSet {
        &self.free
    }

    /// Whether another thread has woken the slot and the executor has not yet taken note of it.
    pub(crate) fn is_remote(&self, index: usize) -> bool {
        self.remote.load(Ordering::Relaxed) >> index & 1 != 0
    }

    /// The bits of the slots that others have woken.
    #[inline]
    pub(super) fn remote(&self) -> &AtomicUsize {
        &self.remote
    }

    /// The next block of the stack of those with such bits.
    #[inline]
    pub(super) fn next_remote(&self) -> &AtomicPtr<Block> {
        &self.next_remote
    }

    /// The executor that has the block, or had it last; null before its first one.
    #[inline]
    pub(crate) fn owner(&self) -> *const Owner {
        self.owner.load(Ordering::Relaxed)
    }

    /// The slot at `index`.
    ///
    /// # Safety
    ///
    /// `block` points to the head of a [`BlockOf`] with more than `index` slots, with the
    /// provenance of all of it.
    #[inline]
    pub(crate) unsafe fn slot(block: *const Block, index: usize) -> SlotRef {
        // SAFETY: the caller's promise.
        unsafe { SlotRef::new(block, index) }
    }

    /// Where that is in memory.
    ///
    /// # Safety
    ///
    /// As for [`slot`](Self::slot).
    #[inline]
    pub(crate) unsafe fn slot_at(block: *const Block, index: usize) -> *const Slot {
        // SAFETY: the caller's promise; the slots start where `BlockOf` has them, whatever N.
        unsafe {
            let slots = (&raw const (*block.cast::<BlockOf<1>>()).slots).cast::<Slot>();
            slots.add(index)
        }
    }
}

/// A new block, never freed.
#[cfg(feature = "alloc")]
pub(crate) fn block_on_heap() -> *const Block {
    let block: &'static BlockOf<SLOTS> =
        alloc::boxed::Box::leak(alloc::boxed::Box::new(BlockOf::new()));
    ptr::from_ref(block).cast()
}
