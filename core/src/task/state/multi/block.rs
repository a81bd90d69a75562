//! Blocks: the memory of up to a word's bits of slots, and what all of them share.

use core::cell::UnsafeCell;
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

// A slot's index takes the place of the lowest bits.
const _: () = assert!(align_of::<Block>() >= SLOTS);

/// A block with `N` slots.
#[repr(C)]
pub(crate) struct BlockOf<const N: usize> {
    pub(crate) head: Block,
    slots: [Slot; N],
}

#[cfg(not(loom))]
impl<const N: usize> BlockOf<N> {
    #[allow(dead_code, reason = "a static pool's blocks are made of zeros")]
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
    ///
    /// # Safety
    ///
    /// `block` is the head of a [`BlockOf`].
    pub(crate) unsafe fn taken(block: *const Block) -> usize {
        // SAFETY: the caller's promise.
        let head = unsafe { &*block };
        head.len.get() - head.free.count()
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

/// The blocks of a static pool with `N` slots, one after the other: all have [`SLOTS`] slots but for the last one.
pub(crate) struct Blocks<const N: usize, const BLOCKS: usize>(UnsafeCell<Room<N, BLOCKS>>);

/// As much memory as these blocks take, since a full block has no padding at its end. Words, and not heads and slots,
/// because it is not these places where they will be, and because of a word no byte is padding.
#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(64)))]
#[cfg_attr(not(target_pointer_width = "64"), repr(align(32)))]
struct Room<const N: usize, const BLOCKS: usize> {
    heads: [[usize; words::<Block>()]; BLOCKS],
    slots: [[usize; words::<Slot>()]; N],
}

/// How many words a `T` is.
const fn words<T>() -> usize {
    assert!(size_of::<T>() % size_of::<usize>() == 0);
    size_of::<T>() / size_of::<usize>()
}

impl<const N: usize, const BLOCKS: usize> Blocks<N, BLOCKS> {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        const {
            assert!(N <= SLOTS * BLOCKS);
            assert!(align_of::<Self>() == align_of::<Block>());
            assert!(size_of::<BlockOf<SLOTS>>() == size_of::<Block>() + SLOTS * size_of::<Slot>());
        }
        // All-zero is a valid head, and a valid slot.
        Self(UnsafeCell::new(Room {
            heads: [[0; words::<Block>()]; BLOCKS],
            slots: [[0; words::<Slot>()]; N],
        }))
    }

    /// Calls `f` with every block, the index of its first slot and the number of its slots; the last block first, as
    /// an executor takes slots from the block that came last.
    #[inline]
    pub(crate) fn for_each(&'static self, mut f: impl FnMut(*const Block, usize, usize)) {
        for index in (0..N.div_ceil(SLOTS)).rev() {
            let first = index * SLOTS;
            // SAFETY: within the room: the blocks before this one are full.
            let block = unsafe { self.0.get().byte_add(index * size_of::<BlockOf<SLOTS>>()) };
            f(block.cast_const().cast(), first, (N - first).min(SLOTS));
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
