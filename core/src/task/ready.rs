//! Which tasks are due, and in which order.
//!
//! A wake can neither fail nor overflow anything, and a second wake before the poll costs nothing
//! more. The executor's own thread puts a slot that it wakes at the end of a list that goes through
//! the slots themselves: no atomic operation, no memory beside the slots. Everybody else sets a bit in
//! the *remote* word of the slot's block; a word that goes from zero to non-zero puts its block onto
//! a stack. At the start of each turn the executor moves what others have woken to the end of its list.
//! So tasks run in the order in which they were woken, those of one block that others have woken since
//! the last turn in the order of their indices.
//!
//! The only slot that the executor's thread has woken is not in the list but beside it, where a turn that has
//! nothing else to do finds it at once.
//!
//! # Invariants
//!
//! * **R1.** A slot is in the list, or still to come in the turn that took the list over, if and only if
//!   its `next` is not null; the last slot has [`LAST`] there, and `head` is that if the list is
//!   empty, or [`OPEN`]. `tail` points to the last slot's `next`, or to `head`.
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

/// What [`Slot::next`] of the last slot in the list is, instead of a slot's name.
const LAST: *const () = ptr::without_provenance(1);

/// [`ReadyQueue::head`] of an empty list during a turn: then no slot goes beside the list, as that would
/// not look whether it is still to come.
const OPEN: *const () = ptr::without_provenance(2);

/// The head of a block; its slots follow in memory. A slot's index fits into the lowest bits of
/// its address, which are zero.
#[repr(C)]
#[cfg_attr(target_pointer_width = "64", repr(align(64)))]
#[cfg_attr(not(target_pointer_width = "64"), repr(align(32)))]
pub(crate) struct Block {
    core: AtomicPtr<Core>,
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
    pub(crate) timers: Cell<*const crate::embassy::TaskTimer>,
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
                free: FreeSet::new(),
                next_free: Cell::new(ptr::null()),
                next: Cell::new(ptr::null()),
                len: Cell::new(0),
                #[cfg(feature = "embassy-time")]
                timers: Cell::new(ptr::null()),
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

    /// Whether another thread has woken the slot and the executor has not yet taken note of it.
    pub(crate) fn is_remote(&self, index: usize) -> bool {
        self.remote.load(Ordering::Relaxed) >> index & 1 != 0
    }

    pub(crate) fn core(&self) -> *const Core {
        self.core.load(Ordering::Relaxed)
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

/// An executor's ready tasks.
pub(crate) struct ReadyQueue {
    /// Top of the stack of blocks with remote bits.
    remote: AtomicPtr<Block>,
    /// Set while the executor is about to block or blocks.
    parked: AtomicBool,
    /// The name of the first slot in the list. Null only before an executor has opened the queue, so
    /// that a static one costs no flash.
    head: Cell<*const ()>,
    /// Where the name of the next slot goes.
    tail: Cell<*const Cell<*const ()>>,
    /// The slot that the executor's thread has woken if that is the only one: then the list is empty.
    #[cfg(threads)]
    first: Cell<Option<SlotRef>>,
}

impl ReadyQueue {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                remote: AtomicPtr::new(ptr::null_mut()),
                parked: AtomicBool::new(false),
                head: Cell::new(ptr::null()),
                tail: Cell::new(ptr::null()),
                #[cfg(threads)]
                first: Cell::new(None),
            }
        }
    }

    /// Prepares an empty queue for an executor.
    pub(crate) fn open(&'static self) {
        self.head.set(LAST);
        self.tail.set(&self.head);
    }

    /// Notes that a slot is due, on the executor's thread.
    ///
    /// # Safety
    ///
    /// The slot belongs to this queue's executor, and this is that executor's thread (S5).
    #[inline]
    pub(crate) unsafe fn push(&self, slot: SlotRef) {
        #[cfg(threads)]
        if self.head.get() == LAST {
            match self.first.get() {
                None => return self.first.set(Some(slot)),
                Some(first) if first == slot => return,
                Some(first) => {
                    self.first.set(None);
                    // SAFETY: it was pushed before.
                    unsafe { self.append(first) };
                }
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.append(slot) };
    }

    /// Whether the slot is the one beside the list.
    pub(crate) fn is_first(&self, slot: SlotRef) -> bool {
        #[cfg(threads)]
        return self.first.get() == Some(slot);
        #[cfg(not(threads))]
        return {
            let _ = slot;
            false
        };
    }

    /// Puts a slot at the end of the list, unless it is there already.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    #[inline]
    unsafe fn append(&self, name: SlotRef) {
        let next = &name.next;
        if !next.get().is_null() {
            return;
        }
        next.set(LAST);
        // SAFETY: R1: a cell of this queue or of a slot of this executor; S1.
        unsafe { (*self.tail.replace(next)).set(name.as_ptr()) };
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

    /// Whether a park is announced that nobody has ended. Any thread; a hint, old once it is known.
    #[cfg(feature = "std")]
    pub(crate) fn is_parked(&self) -> bool {
        self.parked.load(Ordering::SeqCst)
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
        #[cfg(threads)]
        if self.first.get().is_some() {
            return true;
        }
        self.head.get() != LAST || !self.remote.load(Ordering::Relaxed).is_null()
    }

    /// Moves what others have woken to the end of the list.
    #[inline]
    fn collect(&self) {
        if !self.remote.load(Ordering::Relaxed).is_null() {
            self.collect_remote();
        }
    }

    #[inline(never)]
    fn collect_remote(&self) {
        // The block that was pushed first comes first. As long as a block's word is not zero nobody
        // but us touches its link.
        let mut rest = self.remote.swap(ptr::null_mut(), Ordering::AcqRel);
        let mut block = ptr::null_mut::<Block>();
        while !rest.is_null() {
            // SAFETY: S1; every block on the stack belongs to this executor.
            let link = unsafe { &(*rest).next_remote };
            let next = link.load(Ordering::Relaxed);
            link.store(block, Ordering::Relaxed);
            (block, rest) = (rest, next);
        }
        while !block.is_null() {
            // SAFETY: as above.
            let head = unsafe { &*block };
            // R2: the link first, then the word.
            let next = head.next_remote.load(Ordering::Relaxed);
            let mut bits = head.remote.swap(0, Ordering::AcqRel);
            while bits != 0 {
                let index = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                // SAFETY: only bits of slots that exist are ever set; this is the executor's thread.
                unsafe { self.append(Block::slot(block, index)) };
            }
            block = next;
        }
    }

    /// Whether this thread has woken a slot.
    #[cfg(threads)]
    #[inline]
    pub(crate) fn has_local(&self) -> bool {
        self.first.get().is_some() || self.head.get() != LAST
    }

    /// The slot that is due now if there is just one, which this thread has woken, and nothing
    /// `unusual`.
    ///
    /// Tasks that wake one another in turn go this way, which is short: what follows a wake
    /// depends on nothing but what the wake has stored.
    #[cfg(threads)]
    #[inline]
    pub(crate) fn only(&self, unusual: impl FnOnce() -> bool) -> Option<Found> {
        let first = self.first.get()?;
        let others = self.head.get() != LAST || !self.remote.load(Ordering::Relaxed).is_null();
        if others || unusual() {
            return None;
        }
        self.first.set(None);
        let (block, index) = first.place();
        // SAFETY: S4, and S1 for the block.
        Some(unsafe { Found::new(block, index) })
    }

    /// Begins a turn with everything that is due now. Wakes from now on wait for the next one, but those
    /// of slots that are still to come in this one.
    ///
    /// There must be no other turn.
    #[inline]
    pub(crate) fn begin_turn(&self) -> Turn<'_> {
        #[cfg(threads)]
        if let Some(first) = self.first.replace(None) {
            // SAFETY: this is the executor's thread, and the slot was pushed.
            unsafe { self.append(first) };
        }
        self.collect();
        Turn {
            queue: self,
            next: self.head.replace(OPEN),
            tail: self.tail.replace(&self.head),
        }
    }

    /// What follows a turn: a slot that is the only one in the list goes beside it.
    #[inline]
    fn close_turn(&self) {
        let head = self.head.get();
        if head == OPEN {
            return self.head.set(LAST);
        }
        // `LAST` if a turn without any slot has just ended a second time.
        #[cfg(threads)]
        if head != LAST {
            // SAFETY: R1.
            let found = unsafe { Self::find(head) };
            if found.slot.next.get() == LAST {
                found.slot.next.set(ptr::null());
                self.head.set(LAST);
                self.tail.set(&self.head);
                self.first.set(Some(found.name));
            }
        }
    }

    /// The slot of this name.
    ///
    /// # Safety
    ///
    /// It is the name of a slot in the list.
    #[inline]
    unsafe fn find(name: *const ()) -> Found {
        // SAFETY: the caller's promise; S1, S4.
        unsafe {
            let (block, index) = SlotRef::from_ptr(name).place();
            Found::new(block, index)
        }
    }

    /// Shuffles the `len` slots from `first` on, each order being as likely as any other: both
    /// halves, and then the halves into one another. Returns the first one's name and the last slot,
    /// after which there is none.
    #[cfg(any(feature = "std", feature = "simulation"))]
    fn shuffled(first: *const (), len: usize, seed: &mut u64) -> (*const (), &'static Slot) {
        // SAFETY: R1: the names are those of slots in the list.
        let slot = |name| unsafe { Self::find(name) }.slot;
        if len == 1 {
            slot(first).next.set(LAST);
            return (first, slot(first));
        }
        let half = len / 2;
        let middle = (0..half).fold(first, |name, _| slot(name).next.get());
        let mut lists = [
            (Self::shuffled(first, half, seed).0, half),
            (Self::shuffled(middle, len - half, seed).0, len - half),
        ];
        let mut draw = || {
            *seed = next_random(*seed);
            let drawn = (*seed >> 33) as usize % (lists[0].1 + lists[1].1);
            let (name, left) = &mut lists[usize::from(drawn >= lists[0].1)];
            *left -= 1;
            let drawn = *name;
            *name = slot(drawn).next.replace(LAST);
            drawn
        };
        let head = draw();
        let last = (1..len).fold(slot(head), |last, _| {
            let name = draw();
            last.next.set(name);
            slot(name)
        });
        (head, last)
    }

    /// Forgets what this thread has woken: for an executor that ends.
    pub(crate) fn clear(&self) {
        let mut turn = self.begin_turn();
        while turn.next_slot().is_some() {}
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

/// The slots that are due in one turn of the run loop, in the order in which they were woken.
///
/// Whoever drops it before its end has to [put the rest back](Self::put_back). Without `std`, where a
/// panic passes through the run loop, its destructor does that.
pub(crate) struct Turn<'a> {
    queue: &'a ReadyQueue,
    /// The name of the next slot, or [`LAST`].
    next: *const (),
    /// Where the [`LAST`] is, unless this is the end.
    tail: *const Cell<*const ()>,
}

impl Turn<'_> {
    /// The next slot.
    #[inline]
    pub(crate) fn next_slot(&mut self) -> Option<Found> {
        if self.next == LAST {
            self.queue.close_turn();
            return None;
        }
        // SAFETY: R1.
        let found = unsafe { ReadyQueue::find(self.next) };
        self.next = found.slot.next.replace(ptr::null());
        Some(found)
    }

    /// Ends the turn: puts what is left of it back, before what has been woken meanwhile.
    #[cold]
    pub(crate) fn put_back(&mut self) {
        let queue = self.queue;
        if queue.head.get() == OPEN {
            queue.head.set(LAST);
        }
        if self.next != LAST {
            let second = queue.head.replace(core::mem::replace(&mut self.next, LAST));
            // SAFETY: R1, S1: the `next` of the last slot.
            unsafe { (*self.tail).set(second) };
            if second == LAST {
                queue.tail.set(self.tail);
            }
        }
    }

    /// Puts the slots in an order drawn from `seed`.
    #[cfg(any(feature = "std", feature = "simulation"))]
    #[cold]
    pub(crate) fn shuffle(&mut self, seed: &mut u64) {
        let (mut len, mut name) = (0, self.next);
        while name != LAST {
            // SAFETY: R1.
            name = unsafe { ReadyQueue::find(name) }.slot.next.get();
            len += 1;
        }
        if len > 0 {
            let (next, last) = ReadyQueue::shuffled(self.next, len, seed);
            (self.next, self.tail) = (next, &last.next);
        }
    }
}

// With `std` no panic of a task gets as far as the run loop, and without a destructor the turn
// can live in registers.
#[cfg(not(feature = "std"))]
impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// One step of the xorshift64 generator (Marsaglia 2003, shifts 13, 7, 17); never zero for a
/// seed that is not.
#[cfg(any(feature = "std", feature = "simulation"))]
pub(crate) fn next_random(mut seed: u64) -> u64 {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^ seed << 17
}
