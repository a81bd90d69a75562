//! Blocks: the memory of a pool's slots, and the search for those that are due.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU16, Ordering};

use super::bits::{FULL, lowest_clear};
use super::slot::{NOTHING, SlotRef};
use crate::loom::{AtomicUsize, Cell};
use crate::task::owner::Owner;

/// The task's function and memory.
#[repr(C)]
pub(super) struct Record {
    pub(super) run: AtomicPtr<()>,
    pub(super) body: AtomicPtr<()>,
}

/// Ready bytes are looked at in words of this size.
pub(super) const WORD: usize = size_of::<u32>();
/// Bit of a ready byte: the slot has been woken. Without feature `interrupt-executors` the byte
/// has no other.
pub(super) const WOKEN: u8 = 1;
/// Bit of a ready byte: a wake has to call the executor's unparker, too.
#[cfg(feature = "interrupt-executors")]
pub(super) const DOORBELL: u8 = 2;
/// The rest of a ready byte is then the slot's index, by which a wake finds the executor.
#[cfg(feature = "interrupt-executors")]
pub(super) const INDEX_SHIFT: u32 = 2;
/// The bits of a word of ready bytes. Without feature `interrupt-executors` there are no others.
pub(super) const READY: u32 = if cfg!(feature = "interrupt-executors") {
    0x0101_0101
} else {
    u32::MAX
};
/// Whether finding the lowest bit of a word takes an instruction or two, as from ARMv7-M on.
pub(crate) const FIND_FIRST: bool = cfg!(all(target_arch = "arm", target_has_atomic = "ptr"));
/// Flag: the task has or had a join handle, by which it can be aborted.
pub(super) const ABORTABLE: u8 = 1;

/// The middle of a block.
#[repr(C)]
pub(crate) struct Block {
    owner: Cell<*const Owner>,
    len: Cell<usize>,
    /// The index of the first slot of the list of free ones, which ends with the block's length. A free slot has, in
    /// the place of its body's address, how many slots it skips to the next one: all zero is the list of all slots.
    free: AtomicUsize,
    /// [`DOORBELL`], or nothing.
    #[cfg(feature = "interrupt-executors")]
    pub(super) doorbell: Cell<u8>,
}

/// A block with `N` slots. All-zero is a valid empty one.
#[repr(C)]
pub(super) struct BlockOf<const N: usize> {
    records: [Record; N],
    head: Block,
    ready: [AtomicU8; N],
    /// What fills the last word.
    spare: [AtomicU8; WORD - 1],
    flags: [AtomicU8; N],
    generations: [AtomicU16; N],
}

impl<const N: usize> BlockOf<N> {
    pub(crate) const fn new() -> Self {
        const {
            assert!(core::mem::offset_of!(Self, head) == N * size_of::<Record>());
            assert!(
                core::mem::offset_of!(Self, ready)
                    == core::mem::offset_of!(Self, head) + size_of::<Block>()
            );
            assert!(
                core::mem::offset_of!(Self, generations)
                    == core::mem::offset_of!(Self, ready) + generations(N)
            );
        }
        Self {
            records: [const {
                Record {
                    run: AtomicPtr::new(ptr::null_mut()),
                    body: AtomicPtr::new(ptr::null_mut()),
                }
            }; N],
            head: Block {
                owner: Cell::new(ptr::null()),
                len: Cell::new(0),
                free: AtomicUsize::new(0),
                #[cfg(feature = "interrupt-executors")]
                doorbell: Cell::new(0),
            },
            ready: [const { AtomicU8::new(0) }; N],
            spare: [const { AtomicU8::new(0) }; WORD - 1],
            flags: [const { AtomicU8::new(0) }; N],
            generations: [const { AtomicU16::new(0) }; N],
        }
    }

    /// The head, with the provenance of the whole block.
    pub(crate) const fn head(&'static self) -> *const Block {
        // SAFETY: within the same object.
        unsafe {
            ptr::from_ref(self)
                .cast::<Block>()
                .byte_add(core::mem::offset_of!(Self, head))
        }
    }
}

/// The slots of a static pool: one block of them all.
pub(crate) struct Blocks<const N: usize, const BLOCKS: usize>(BlockOf<N>);

impl<const N: usize, const BLOCKS: usize> Blocks<N, BLOCKS> {
    pub(crate) const fn new() -> Self {
        Self(BlockOf::new())
    }

    pub(crate) fn first(&'static self) -> *const Block {
        self.0.head()
    }

    /// Calls `f` with the block, the index of its first slot and the number of its slots.
    #[inline(always)]
    pub(crate) fn for_each(&'static self, mut f: impl FnMut(*const Block, usize, usize)) {
        f(self.first(), 0, N);
    }
}

/// Where the generations are, counted from the ready bytes.
pub(super) const fn generations(len: usize) -> usize {
    (2 * len + WORD - 1).next_multiple_of(2)
}

/// How many words the ready bytes of `len` slots take.
#[inline(always)]
pub(crate) const fn words(len: usize) -> usize {
    len.div_ceil(WORD)
}

impl Block {
    /// Gives the block to an executor, all its slots free.
    #[inline]
    pub(crate) fn adopt(&self, owner: *const Owner, len: usize) {
        self.owner.set(owner);
        self.len.set(len);
    }

    /// Whether wakes have to call the executor's unparker.
    #[cfg(feature = "interrupt-executors")]
    pub(crate) fn set_doorbell(&self, doorbell: bool) {
        self.doorbell.set(if doorbell { DOORBELL } else { 0 });
    }

    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// How many slots are taken.
    ///
    /// # Safety
    ///
    /// As for [`slot`](Self::slot).
    pub(crate) unsafe fn taken(block: *const Block) -> usize {
        critical_section::with(|_| {
            // SAFETY: S1: a slot and its block are never moved or freed.
            let head = unsafe { &*block };
            let mut taken = head.len();
            let mut free = head.free.load(Ordering::Relaxed);
            while free < head.len() {
                taken -= 1;
                // SAFETY: the list has slots of the block.
                free = unsafe { Self::slot(block, free) }.next_free();
            }
            taken
        })
    }

    /// Takes a free slot and the lowest clear bit of a word, which is below `len`; or neither: then the first
    /// number is [`FULL`], and the other one is 0 if there is no slot, or else `len` or more.
    ///
    /// Without a hint to be inlined, and returning no more than registers hold: where there are
    /// several spawn sites, they share it.
    ///
    /// # Safety
    ///
    /// As for [`slot`](Self::slot); `len` is not 0.
    pub(crate) unsafe fn claim_and(
        block: *const Block,
        word: &AtomicUsize,
        len: usize,
    ) -> (usize, usize) {
        critical_section::with(|_| {
            // SAFETY: the caller's promise.
            let Some((index, rest)) = (unsafe { Self::first_free(block) }) else {
                return (FULL, 0);
            };
            let (bit, bits) = lowest_clear(word, len);
            if bit >= len {
                return (FULL, bit);
            }
            word.store(bits, Ordering::Relaxed);
            // SAFETY: S1: a slot and its block are never moved or freed.
            unsafe { &(*block).free }.store(rest, Ordering::Relaxed);
            (index, bit)
        })
    }

    /// Takes a free slot.
    ///
    /// # Safety
    ///
    /// As for [`slot`](Self::slot).
    #[inline]
    pub(crate) unsafe fn claim(block: *const Block) -> Option<usize> {
        critical_section::with(|_| {
            // SAFETY: the caller's promise.
            let (index, rest) = unsafe { Self::first_free(block) }?;
            // SAFETY: S1: a slot and its block are never moved or freed.
            unsafe { &(*block).free }.store(rest, Ordering::Relaxed);
            Some(index)
        })
    }

    /// The first free slot, and the one after. Within a critical section.
    ///
    /// # Safety
    ///
    /// As for [`slot`](Self::slot).
    #[inline(always)]
    unsafe fn first_free(block: *const Block) -> Option<(usize, usize)> {
        // SAFETY: S1: a slot and its block are never moved or freed.
        let head = unsafe { &*block };
        let index = head.free.load(Ordering::Relaxed);
        if index >= head.len() {
            return None;
        }
        // SAFETY: the list has slots of the block.
        Some((index, unsafe { Self::slot(block, index) }.next_free()))
    }

    /// Puts a slot first among the free ones, within a critical section.
    #[inline(always)]
    pub(super) fn release(&self, slot: SlotRef) {
        slot.set_next_free(self.free.load(Ordering::Relaxed));
        self.free.store(slot.index, Ordering::Relaxed);
    }

    /// Gives a slot back that has never been published.
    #[inline]
    pub(crate) fn unclaim(&self, slot: SlotRef) {
        critical_section::with(|_| self.release(slot));
    }

    /// The executor that has the block, or had it last; null before its first one.
    pub(crate) fn owner(&self) -> *const Owner {
        self.owner.get()
    }

    /// The slot at `index`.
    ///
    /// # Safety
    ///
    /// `block` is the head of a [`BlockOf`] with at least `index` slots, with the provenance of
    /// all of it.
    #[inline(always)]
    pub(crate) unsafe fn slot(block: *const Block, index: usize) -> SlotRef {
        // SAFETY: the ready bytes follow the head.
        let ready = unsafe { block.add(1).cast_mut().cast() };
        SlotRef {
            // SAFETY: not null, since it lies behind something.
            ready: unsafe { NonNull::new_unchecked(ready) },
            index,
        }
    }

    /// Has the run loop begin a turn: by the ready byte of the first slot, whose task, if there is one, is
    /// polled for no reason.
    ///
    /// # Safety
    ///
    /// As for [`slot`](Self::slot).
    pub(crate) unsafe fn ring(block: *const Block) {
        // SAFETY: the caller's promise; a block has at least one slot.
        let first = unsafe { Self::slot(block, 0) };
        // S6. Masked, lest an interrupt handler that spawns into the slot be overwritten.
        critical_section::with(|_| {
            let run = &first.record().run;
            if run.load(Ordering::Relaxed).is_null() {
                run.store(NOTHING as *mut (), Ordering::Relaxed);
            }
        });
        let _bell = first.set_ready();
    }

    /// Whether any slot has been woken. Plain loads: an idle look writes nothing.
    ///
    /// # Safety
    ///
    /// As for [`slot`](Self::slot); `words` is [`words`] of at most the block's length.
    #[inline(always)]
    pub(crate) unsafe fn is_pending(block: *const Block, words: usize) -> bool {
        // SAFETY: the caller's promise.
        let first = unsafe { Self::slot(block, 0) };
        // Of no use to stop at the first: as a rule there is none.
        (0..words).fold(0, |bits, word| bits | first.word(word)) != 0
    }

    /// Calls `poll` with every slot whose ready byte is set, after clearing it. Returns whether
    /// there was any. A slot that is woken meanwhile is attended to in this pass if its word's
    /// turn has not come, and at most once.
    ///
    /// # Safety
    ///
    /// As for [`is_pending`](Self::is_pending).
    #[inline(always)]
    pub(crate) unsafe fn sweep(
        block: *const Block,
        words: usize,
        mut poll: impl FnMut(SlotRef),
    ) -> bool {
        let mut idle = true;
        // SAFETY: the caller's promise; the words' bytes are within the block.
        let first = unsafe { Self::slot(block, 0) };
        let mut from = 0;
        while from != words * WORD {
            let bits = SlotRef {
                index: from,
                ..first
            }
            .word(0);
            if bits != 0 {
                idle = false;
                first.sweep_word(from, bits, &mut poll);
            }
            from += WORD;
        }
        !idle
    }

    /// [`sweep`](Self::sweep) over a single word, of a block with `len` slots.
    ///
    /// # Safety
    ///
    /// As for [`sweep`](Self::sweep).
    #[inline(always)]
    pub(crate) unsafe fn sweep_one(
        block: *const Block,
        len: usize,
        mut poll: impl FnMut(SlotRef),
    ) -> bool {
        // SAFETY: the caller's promise.
        let first = unsafe { Self::slot(block, 0) };
        let bits = first.word(0);
        if len > 1 {
            first.sweep_word(0, bits, &mut poll);
        } else if bits != 0 {
            // Nothing to search for.
            first.take(&mut poll);
        }
        bits != 0
    }
}
