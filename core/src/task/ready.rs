//! Ready words: which tasks are due, one bit each, and the queues of blocks that have any.
//!
//! A wake sets a bit; it can neither fail nor overflow anything, and a second wake before the
//! poll costs nothing more. Each block has two words. The *local* word belongs to the
//! executor's thread, which needs no atomic operation to set a bit. Everybody else sets bits in
//! the *remote* word. A word that goes from zero to non-zero puts its block onto the local or the
//! remote stack. With `std` the first wake from the executor's thread leaves the slot beside the
//! words, where a turn that has nothing else to do finds it at once.
//!
//! # Invariants
//!
//! * **R1.** A block is on the local stack, or still to come in the batch that was made of it, if
//!   and only if its local word is not zero.
//! * **R2.** Whoever turns a remote word from zero to non-zero pushes the block onto the remote
//!   stack, exactly once; the consumer reads the block's link before it zeroes the word, because
//!   from then on the block may be pushed anew.
//! * **R3.** After a push, the pusher looks at `parked`; before it blocks, the consumer sets
//!   `parked` and then looks at the stack. All changes of `parked` are read-modify-writes, so
//!   one of the two sees what the other did.

use core::ptr;

use super::slot::{Slot, SlotRef};
use crate::executor::core::Core;
use crate::shim::{AtomicBool, AtomicPtr, AtomicUsize, Cell, Ordering, const_unless_loom};

/// Slots of a full block.
pub(crate) const SLOTS: usize = usize::BITS as usize;

/// The head of a block; its slots follow in memory. A slot's index fits into the lowest bits of
/// its address, which are zero.
#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(64)))]
#[cfg_attr(not(target_pointer_width = "64"), repr(align(32)))]
pub(crate) struct Block {
    core: AtomicPtr<Core>,
    remote: AtomicUsize,
    next_remote: AtomicPtr<Block>,
    local: Cell<usize>,
    next_local: Cell<*const Block>,
    free: FreeSet,
    /// The next block that has free slots.
    pub(crate) next_free: Cell<*const Block>,
    /// The next block of the same executor.
    pub(crate) next: Cell<*const Block>,
    /// How many slots follow.
    len: Cell<usize>,
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
                core: AtomicPtr::new(ptr::null_mut()),
                remote: AtomicUsize::new(0),
                next_remote: AtomicPtr::new(ptr::null_mut()),
                local: Cell::new(0),
                next_local: Cell::new(ptr::null()),
                free: FreeSet::new(),
                next_free: Cell::new(ptr::null()),
                next: Cell::new(ptr::null()),
                len: Cell::new(0),
            }
        }
    }

    /// Gives the block to `core` with its first `len` slots free. Words that stale wakers have
    /// set stay as they are: the executor will find nothing to do for them.
    pub(crate) fn adopt(&self, core: *const Core, len: usize) {
        self.core.store(core.cast_mut(), Ordering::Relaxed);
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

    /// Whether the slot has been woken, as far as the executor's thread knows.
    pub(crate) fn is_marked(&self, index: usize) -> bool {
        (self.local.get() | self.remote.load(Ordering::Relaxed)) >> index & 1 != 0
    }

    pub(crate) fn core(&self) -> *const Core {
        self.core.load(Ordering::Relaxed)
    }

    /// Turns a stack of blocks over, so that the one pushed first comes first: whoever has waited
    /// for a whole turn must not wait for the next one, too. Executor's thread (S5).
    #[inline]
    fn turn_over(top: *const Block) -> *const Block {
        // SAFETY: S1, S5.
        if top.is_null() || unsafe { (*top).next_local.get() }.is_null() {
            return top;
        }
        let (mut first, mut rest) = (ptr::null(), top);
        while !rest.is_null() {
            // SAFETY: as above.
            let next = unsafe { (*rest).next_local.replace(first) };
            (first, rest) = (rest, next);
        }
        first
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

/// The free slots of a block. With `std` only the executor's thread claims and frees; without,
/// an interrupt handler may claim at any time.
pub(crate) struct FreeSet {
    #[cfg(feature = "std")]
    bits: Cell<usize>,
    #[cfg(not(feature = "std"))]
    bits: AtomicUsize,
}

impl FreeSet {
    const_unless_loom! {
        fn new() -> Self {
            #[cfg(feature = "std")]
            return Self { bits: Cell::new(0) };
            #[cfg(not(feature = "std"))]
            return Self { bits: AtomicUsize::new(0) };
        }
    }

    fn fill(&self, bits: usize) {
        #[cfg(feature = "std")]
        self.bits.set(bits);
        #[cfg(not(feature = "std"))]
        self.bits.store(bits, Ordering::Relaxed);
    }

    fn count(&self) -> usize {
        #[cfg(feature = "std")]
        return self.bits.get().count_ones() as usize;
        #[cfg(not(feature = "std"))]
        return self.bits.load(Ordering::Relaxed).count_ones() as usize;
    }

    /// Takes the lowest free slot; also tells whether it was the last one.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn claim(&self) -> Option<(usize, bool)> {
        let bits = self.bits.get();
        if bits == 0 {
            return None;
        }
        let rest = bits & (bits - 1);
        self.bits.set(rest);
        Some((bits.trailing_zeros() as usize, rest == 0))
    }

    /// Takes a free slot; also tells whether it was the last one.
    #[cfg(not(feature = "std"))]
    #[inline]
    pub(crate) fn claim(&self) -> Option<(usize, bool)> {
        let mut bits = self.bits.load(Ordering::Relaxed);
        while bits != 0 {
            let rest = bits & (bits - 1);
            // Acquire: what the former tenant's end did to `run` and `body` comes before our use.
            match self
                .bits
                .compare_exchange_weak(bits, rest, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Some((bits.trailing_zeros() as usize, rest == 0)),
                Err(now) => bits = now,
            }
        }
        None
    }

    /// Gives a slot back; tells whether there was none free before.
    #[inline]
    pub(crate) fn release(&self, index: usize) -> bool {
        #[cfg(feature = "std")]
        {
            let bits = self.bits.get();
            self.bits.set(bits | 1 << index);
            bits == 0
        }
        #[cfg(not(feature = "std"))]
        {
            self.bits.fetch_or(1 << index, Ordering::Release) == 0
        }
    }
}

/// An executor's queues of blocks.
pub(crate) struct ReadyQueue {
    /// Top of the stack of blocks with remote bits.
    remote: AtomicPtr<Block>,
    /// Set while the executor is about to block or blocks.
    parked: AtomicBool,
    /// Top of the stack of blocks with local bits.
    local: Cell<*const Block>,
    /// The first slot that the executor's thread has marked since the last batch.
    #[cfg(feature = "std")]
    first: Cell<Option<SlotRef>>,
}

impl ReadyQueue {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                remote: AtomicPtr::new(ptr::null_mut()),
                parked: AtomicBool::new(false),
                local: Cell::new(ptr::null()),
                #[cfg(feature = "std")]
                first: Cell::new(None),
            }
        }
    }

    /// Marks a slot as due, from the executor's thread.
    ///
    /// # Safety
    ///
    /// The slot belongs to this queue's executor, and this is that executor's thread (S5).
    #[inline]
    pub(crate) unsafe fn mark(&self, slot: SlotRef) {
        // Should it be the first already, its bit is set, too, and the batch makes one of both.
        #[cfg(feature = "std")]
        if self.first.get().is_none() {
            return self.first.set(Some(slot));
        }
        // SAFETY: the caller's promise.
        unsafe { self.mark_local(slot.block(), slot.bit()) };
    }

    /// Whether the slot is the first that was marked.
    pub(crate) fn is_first(&self, slot: SlotRef) -> bool {
        #[cfg(feature = "std")]
        return self.first.get() == Some(slot);
        #[cfg(not(feature = "std"))]
        return {
            let _ = slot;
            false
        };
    }

    /// Sets bits of a block, from the executor's thread.
    ///
    /// # Safety
    ///
    /// `block` belongs to this queue's executor, and this is that executor's thread (S5).
    #[inline]
    unsafe fn mark_local(&self, block: *const Block, bits: usize) {
        // SAFETY: S1; the caller's promise covers the cells.
        let head = unsafe { &*block };
        let before = head.local.get();
        head.local.set(before | bits);
        if before == 0 {
            // R1: it was not on the stack, now it is.
            head.next_local.set(self.local.replace(block));
        }
    }

    /// Sets a bit of a block, from anywhere. `true`: the executor must be unparked.
    ///
    /// # Safety
    ///
    /// `block` belongs to this queue's executor.
    #[inline]
    pub(crate) unsafe fn mark_remote(&self, block: *const Block, bit: usize) -> bool {
        // SAFETY: S1; only atomics are touched.
        let head = unsafe { &*block };
        // Even if the bit is set already: the release makes what the waking thread did before
        // visible to the poll that this bit will cause.
        if head.remote.fetch_or(bit, Ordering::AcqRel) != 0 {
            return false;
        }
        // R2: we turned the word, we push.
        let mut top = self.remote.load(Ordering::Relaxed);
        loop {
            head.next_remote.store(top, Ordering::Relaxed);
            match self.remote.compare_exchange_weak(
                top,
                block.cast_mut(),
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => top = now,
            }
        }
        self.claim_unpark()
    }

    /// Whether the executor has announced that it parks; whoever is told so must unpark it.
    #[inline]
    pub(crate) fn claim_unpark(&self) -> bool {
        // R3: a read-modify-write.
        self.parked.swap(false, Ordering::SeqCst)
    }

    // From here on: the executor's thread only (S5).

    /// Announces a park. `false`: something has come in, do not block.
    pub(crate) fn announce_park(&self) -> bool {
        // R3: a read-modify-write, and only then the look at the stack.
        self.parked.swap(true, Ordering::SeqCst);
        self.remote.load(Ordering::SeqCst).is_null()
    }

    /// Takes the announcement back.
    pub(crate) fn unannounce_park(&self) {
        // R3: a plain store would cut the chain that lets the next announcement see what was
        // pushed before a waker found `parked` unset.
        self.parked.swap(false, Ordering::SeqCst);
    }

    /// Whether any task is due. Plain loads: an idle look writes nothing.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        #[cfg(feature = "std")]
        if self.first.get().is_some() {
            return true;
        }
        !self.local.get().is_null() || !self.remote.load(Ordering::Relaxed).is_null()
    }

    /// Moves the remote bits into the local words.
    #[inline]
    pub(crate) fn collect(&self) {
        if self.remote.load(Ordering::Relaxed).is_null() {
            return;
        }
        let mut block = self.remote.swap(ptr::null_mut(), Ordering::AcqRel);
        while !block.is_null() {
            // SAFETY: S1; every block on the stack belongs to this executor.
            let head = unsafe { &*block };
            // R2: the link first, then the word.
            let next = head.next_remote.load(Ordering::Relaxed);
            let bits = head.remote.swap(0, Ordering::AcqRel);
            // SAFETY: this is the executor's thread.
            unsafe { self.mark_local(block, bits) };
            block = next;
        }
    }

    /// Whether this thread has marked a slot.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn has_local(&self) -> bool {
        self.first.get().is_some() || !self.local.get().is_null()
    }

    /// The slot that is due now if there is just one, which this thread has marked, and nothing
    /// `unusual`.
    ///
    /// Tasks that wake one another in turn go this way, which is short: what follows a wake
    /// depends on nothing but what the wake has stored.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn only(&self, unusual: impl FnOnce() -> bool) -> Option<Found> {
        let first = self.first.get()?;
        let others = !self.local.get().is_null() || !self.remote.load(Ordering::Relaxed).is_null();
        if others || unusual() {
            return None;
        }
        self.first.set(None);
        let (block, index) = first.place();
        // SAFETY: S4, and S1 for the block.
        Some(unsafe { Found::new(block, index) })
    }

    /// Everything that is due now. Wakes from now on wait for the next batch, except that a
    /// block whose turn has not come yet takes them along.
    #[inline]
    pub(crate) fn batch(&self) -> Batch<'_> {
        self.collect();
        #[cfg_attr(not(feature = "std"), allow(unused_mut))]
        let mut due = Block::turn_over(self.local.replace(ptr::null()));
        #[cfg(feature = "std")]
        if let Some(first) = self.first.replace(None) {
            // SAFETY: this is the executor's thread, and the slot was marked.
            unsafe { self.mark_local(first.block(), first.bit()) };
            let only = self.local.replace(ptr::null());
            if !only.is_null() {
                // SAFETY: S1, S5. Nobody else of its block is due: it comes before the others.
                unsafe { (*only).next_local.set(due) };
                due = only;
            }
        }
        Batch {
            queue: self,
            next: due,
            block: ptr::null(),
            bits: 0,
        }
    }

    /// Forgets all local bits: for an executor that ends.
    pub(crate) fn clear(&self) {
        let mut batch = self.batch();
        while batch.next_block() {
            batch.bits = 0;
        }
    }
}

/// A slot that is due, with its name: what both are made of is at hand when it is found.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) name: SlotRef,
    pub(crate) slot: &'static Slot,
}

impl Found {
    /// # Safety
    ///
    /// As for [`Block::slot`].
    #[inline]
    unsafe fn new(block: *const Block, index: usize) -> Self {
        // SAFETY: S1, and the caller's promise.
        unsafe {
            Self {
                name: Block::slot(block, index),
                slot: &*Block::slot_at(block, index),
            }
        }
    }
}

/// The slots that are due in one turn of the run loop: those of the blocks that were on the
/// stack when it began.
///
/// Whoever drops it before its end has to [put the rest back](Self::put_back), see R1. Without
/// `std`, where a panic passes through the run loop, its destructor does that.
pub(crate) struct Batch<'a> {
    queue: &'a ReadyQueue,
    /// The blocks whose turn is still to come.
    next: *const Block,
    /// The block whose turn it is and the bits that are left of it.
    block: *const Block,
    bits: usize,
}

impl Batch<'_> {
    /// Goes on to the next block; `false` if there is none. To be called when the slots of the
    /// block before have all been taken.
    #[inline]
    pub(crate) fn next_block(&mut self) -> bool {
        debug_assert!(self.bits == 0);
        if self.next.is_null() {
            return false;
        }
        self.block = self.next;
        // SAFETY: S1, and S5: we are on the executor's thread.
        let head = unsafe { &*self.block };
        self.next = head.next_local.get();
        // R1: the word becomes zero as the block leaves the batch.
        self.bits = head.local.replace(0);
        true
    }

    /// The next slot of this block whose bit was set.
    #[inline]
    pub(crate) fn next_slot(&mut self) -> Option<Found> {
        if self.bits == 0 {
            return None;
        }
        let index = self.bits.trailing_zeros();
        self.bits &= self.bits - 1;
        // SAFETY: only bits of slots that exist are ever set.
        Some(unsafe { Found::new(self.block, index as usize) })
    }

    /// A slot of this block whose bit was set, drawn at random.
    #[cfg(any(feature = "std", feature = "simulation"))]
    pub(crate) fn any_slot(&mut self, seed: &mut u64) -> Option<Found> {
        if self.bits == 0 {
            return None;
        }
        *seed = next_random(*seed);
        let index = pick_at_random(*seed, self.bits);
        self.bits &= !(1 << index);
        // SAFETY: only bits of slots that exist are ever set.
        Some(unsafe { Found::new(self.block, index as usize) })
    }

    /// Puts what is left of the batch back onto the stack.
    #[cold]
    pub(crate) fn put_back(&mut self) {
        if self.bits != 0 {
            // SAFETY: the batch holds blocks of this queue, on the executor's thread.
            unsafe { self.queue.mark_local(self.block, self.bits) };
            self.bits = 0;
        }
        let mut last = self.next;
        while !last.is_null() {
            // SAFETY: S1, S5.
            let next = unsafe { &(*last).next_local };
            if next.get().is_null() {
                next.set(self.queue.local.replace(self.next));
                self.next = ptr::null();
                return;
            }
            last = next.get();
        }
    }
}

/// The index of one of these bits.
#[cfg(any(feature = "std", feature = "simulation"))]
fn pick_at_random(seed: u64, mut bits: usize) -> u32 {
    for _ in 0..(seed >> 33) as u32 % bits.count_ones() {
        bits &= bits - 1;
    }
    bits.trailing_zeros()
}

/// One step of the xorshift64 generator (Marsaglia 2003, shifts 13, 7, 17); never zero for a
/// seed that is not.
#[cfg(any(feature = "std", feature = "simulation"))]
pub(crate) fn next_random(mut seed: u64) -> u64 {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^ seed << 17
}

// With `std` no panic of a task gets as far as the run loop, and without a destructor the batch
// can live in registers.
#[cfg(not(feature = "std"))]
impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.put_back();
    }
}
