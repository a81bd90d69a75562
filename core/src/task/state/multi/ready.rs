//! The queue of the tasks that are due, in the order of their polls.
//!
//! A wake can neither fail nor overflow anything, and a second wake before the poll costs nothing
//! more. The executor's own thread puts a slot that it wakes at the end of a list that goes through
//! the slots themselves: no atomic operation, no memory beside the slots. Everybody else sets a bit in
//! the *remote* word of the slot's block; a word that goes from zero to non-zero puts its block onto
//! a stack. At the start of each turn the executor moves what others have woken to the end of its list.
//! Tasks thus run in the order in which they were woken, those of one block that others have woken since
//! the last turn in the order of their indices.
//!
//! A task that yields says that everything else is to go first, what the next look at the reactor finds
//! included. So there is a second list, of those that have yielded: a turn goes through it after the
//! first one, and a look at the reactor in the middle of that puts what is left of it behind what has been
//! woken by then. A turn polls at least one of those that have yielded, so none waits for ever.
//!
//! The only slot that the executor's thread has woken is not in the list but beside it, where a turn that has
//! nothing else to do finds it at once.
//!
//! # Invariants
//!
//! R3, of a park, is in [`park`](super::park).
//!
//! * **R1.** A slot is in one of the two lists, or still to come in the turn that took the lists over, if
//!   and only if its `next` is not null; the last slot has [`LAST`] there, and a list's `head` is that if
//!   it is empty, or [`OPEN`]. `tail` points to the last slot's `next`, or to `head`.
//! * **R2.** Whoever turns a remote word from zero to non-zero pushes the block onto the remote
//!   stack, exactly once; the consumer reads the block's link before it zeroes the word, because
//!   from then on the block may be pushed anew.

use core::ptr;

use super::block::Block;
use super::slot::{Slot, SlotRef};
use crate::loom::{AtomicBool, AtomicPtr, Cell, Ordering, const_unless_loom};

/// What [`Slot::next`] of the last slot in the list is, instead of a slot's name.
pub(super) const LAST: *const () = ptr::without_provenance(1);

/// The head of an empty list of woken slots during a turn, or while any slot has yielded: then no slot goes
/// beside the list, as that would not look whether it is still to come.
const OPEN: *const () = ptr::without_provenance(2);

/// Whether there is no slot of this name, as it is the end of a list.
#[inline]
pub(super) fn is_end(name: *const ()) -> bool {
    name.addr() <= OPEN.addr()
}

/// A list of slots, linked through the slots (R1).
struct List {
    /// The name of the first slot. Null only before an executor has opened the queue, so that a static
    /// one costs no flash.
    head: Cell<*const ()>,
    /// Where the name of the next slot goes.
    tail: Cell<*const Cell<*const ()>>,
}

/// Slots that were a [`List`]: the first one's name, and where the last one says so.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    pub(super) next: *const (),
    pub(super) tail: *const Cell<*const ()>,
}

impl List {
    const_unless_loom! {
        fn new() -> Self {
            Self {
                head: Cell::new(ptr::null()),
                tail: Cell::new(ptr::null()),
            }
        }
    }

    fn open(&'static self) {
        self.head.set(LAST);
        self.tail.set(&self.head);
    }

    /// Puts a slot at the end, unless it is in a list already.
    ///
    /// # Safety
    ///
    /// As for [`ReadyQueue::push`].
    #[inline]
    unsafe fn append(&self, name: SlotRef) {
        let next = &name.next;
        if !next.get().is_null() {
            return;
        }
        next.set(LAST);
        // SAFETY: R1: a cell of this list or of a slot of this executor; S1.
        unsafe { (*self.tail.replace(next)).set(name.as_ptr()) };
    }

    /// Takes all slots out; the empty list's head is `end` then.
    #[inline]
    fn take(&self, end: *const ()) -> Chain {
        Chain {
            next: self.head.replace(end),
            tail: self.tail.replace(&self.head),
        }
    }

    /// Puts a chain, which is not empty, before all others.
    #[inline]
    fn prepend(&self, chain: Chain) {
        let second = self.head.replace(chain.next);
        let empty = is_end(second);
        // SAFETY: R1, S1: the `next` of the last slot.
        unsafe { (*chain.tail).set(if empty { LAST } else { second }) };
        if empty {
            self.tail.set(chain.tail);
        }
    }
}

/// An executor's ready tasks.
pub(crate) struct ReadyQueue {
    /// Top of the stack of blocks with remote bits.
    pub(super) remote: AtomicPtr<Block>,
    /// Set while the executor is about to block or blocks.
    pub(super) parked: AtomicBool,
    /// The slots that are due, but for those that have yielded.
    woken: List,
    /// The slots that have yielded.
    yielded: List,
    /// The slot that the executor's thread has woken if that is the only one: then the lists are empty.
    #[cfg(threads)]
    first: Cell<Option<SlotRef>>,
}

impl ReadyQueue {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                remote: AtomicPtr::new(ptr::null_mut()),
                parked: AtomicBool::new(false),
                woken: List::new(),
                yielded: List::new(),
                #[cfg(threads)]
                first: Cell::new(None),
            }
        }
    }

    /// Prepares an empty queue for an executor.
    pub(crate) fn open(&'static self) {
        self.woken.open();
        self.yielded.open();
    }

    /// Notes that a slot is due, on the executor's thread.
    ///
    /// # Safety
    ///
    /// The slot belongs to this queue's executor, and this is that executor's thread (S5).
    #[inline]
    pub(crate) unsafe fn push(&self, slot: SlotRef) {
        #[cfg(threads)]
        if self.woken.head.get() == LAST {
            match self.first.get() {
                None => return self.first.set(Some(slot)),
                Some(first) if first == slot => return,
                Some(first) => {
                    self.first.set(None);
                    // SAFETY: it was pushed before.
                    unsafe { self.woken.append(first) };
                }
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.woken.append(slot) };
    }

    /// Notes that a slot is due after everything else, on the executor's thread.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    #[inline]
    pub(crate) unsafe fn defer(&self, slot: SlotRef) {
        if self.woken.head.get() == LAST {
            #[cfg(threads)]
            match self.first.get() {
                None => self.woken.head.set(OPEN),
                Some(first) if first == slot => return,
                Some(first) => {
                    self.first.set(None);
                    // SAFETY: it was pushed before.
                    unsafe { self.woken.append(first) };
                }
            }
            #[cfg(not(threads))]
            self.woken.head.set(OPEN);
        }
        // SAFETY: the caller's promise.
        unsafe { self.yielded.append(slot) };
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

    /// Sets a bit of a block, from anywhere. `true`: the executor must be unparked.
    ///
    /// # Safety
    ///
    /// `block` belongs to this queue's executor.
    #[inline]
    pub(crate) unsafe fn set_ready_remote(&self, block: *const Block, bit: usize) -> bool {
        // SAFETY: S1; only atomics are touched.
        let head = unsafe { &*block };
        // Even if the bit is set already: the release makes what the waking thread did before
        // visible to the poll that this bit will cause.
        if head.remote().fetch_or(bit, Ordering::AcqRel) != 0 {
            return false;
        }
        // R2: we turned the word, we push.
        let mut top = self.remote.load(Ordering::Relaxed);
        loop {
            head.next_remote().store(top, Ordering::Relaxed);
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

    // From here on: the executor's thread only (S5).

    /// Whether any task is due. Plain loads: an idle look writes nothing.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        #[cfg(threads)]
        if self.first.get().is_some() {
            return true;
        }
        self.woken.head.get() != LAST || !self.remote.load(Ordering::Relaxed).is_null()
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
            let link = unsafe { &(*rest).next_remote() };
            let next = link.load(Ordering::Relaxed);
            link.store(block, Ordering::Relaxed);
            (block, rest) = (rest, next);
        }
        while !block.is_null() {
            // SAFETY: as above.
            let head = unsafe { &*block };
            // R2: the link first, then the word.
            let next = head.next_remote().load(Ordering::Relaxed);
            let mut bits = head.remote().swap(0, Ordering::AcqRel);
            while bits != 0 {
                let index = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                // SAFETY: only bits of slots that exist are ever set; this is the executor's thread.
                unsafe { self.woken.append(Block::slot(block, index)) };
            }
            block = next;
        }
    }

    /// Whether this thread has woken a slot.
    #[cfg(threads)]
    #[inline]
    pub(crate) fn has_local(&self) -> bool {
        self.first.get().is_some() || self.woken.head.get() != LAST
    }

    /// The slot that is due now if there is just one, which this thread has woken, and nothing
    /// `unusual`.
    ///
    /// Tasks that wake one another in turn go this way, which is short: what follows a wake
    /// depends on nothing but what the wake has stored.
    #[cfg(threads)]
    #[inline]
    pub(crate) fn only(&self, unusual: impl FnOnce() -> bool) -> Option<Found> {
        let Some(first) = self.first.get() else {
            return self.only_yielded(unusual);
        };
        let others =
            self.woken.head.get() != LAST || !self.remote.load(Ordering::Relaxed).is_null();
        if others || unusual() {
            return None;
        }
        self.first.set(None);
        let (block, index) = first.place();
        // SAFETY: S4, and S1 for the block.
        Some(unsafe { Found::new(block, index) })
    }

    /// The slot to be polled next, taken off, if nothing but yields is due, and only one slot has yielded.
    #[cfg(threads)]
    #[inline]
    fn only_yielded(&self, unusual: impl FnOnce() -> bool) -> Option<Found> {
        if self.woken.head.get() != OPEN || !self.remote.load(Ordering::Relaxed).is_null() {
            return None;
        }
        // SAFETY: R1: with nothing woken, nor beside the list, and no turn, somebody has yielded.
        let found = unsafe { Self::find(self.yielded.head.get()) };
        if found.slot.next.get() != LAST || unusual() {
            return None;
        }
        found.slot.next.set(ptr::null());
        self.yielded.take(LAST);
        self.woken.head.set(LAST);
        Some(found)
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
            unsafe { self.woken.append(first) };
        }
        self.collect();
        Turn {
            queue: self,
            rest: self.woken.take(OPEN),
            yielded: self.yielded.take(LAST),
        }
    }

    /// What follows a turn: a slot that is the only one in the lists goes beside them.
    #[inline]
    fn close_turn(&self) {
        let head = self.woken.head.get();
        if is_end(head) {
            return self.settle();
        }
        #[cfg(threads)]
        if self.yielded.head.get() == LAST {
            // SAFETY: R1: what is in a list is the name of a slot.
            let found = unsafe { Self::find(head) };
            if found.slot.next.get() == LAST {
                found.slot.next.set(ptr::null());
                self.woken.take(LAST);
                self.first.set(Some(found.name));
            }
        }
    }

    /// Says in the head of an empty list of woken slots, outside of a turn, whether any slot has yielded.
    #[inline]
    fn settle(&self) {
        if is_end(self.woken.head.get()) {
            let none = self.yielded.head.get() == LAST;
            self.woken.head.set(if none { LAST } else { OPEN });
        }
    }

    /// Whether anything has been woken since the turn that is under way began.
    fn has_woken(&self) -> bool {
        self.woken.head.get() != OPEN || !self.remote.load(Ordering::Relaxed).is_null()
    }

    /// The slot of this name.
    ///
    /// # Safety
    ///
    /// The pointer is the name of a slot in the list.
    #[inline]
    pub(super) unsafe fn find(name: *const ()) -> Found {
        // SAFETY: the caller's promise; S1, S4.
        unsafe {
            let (block, index) = SlotRef::from_ptr(name).place();
            Found::new(block, index)
        }
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

/// The slots that are due in one turn of the run loop, in the order in which they were woken, and then
/// those that had yielded.
///
/// Whoever drops a turn before its end has to [put the rest back](Self::put_back). Without `std`, where a
/// panic passes through the run loop, its destructor does that.
pub(crate) struct Turn<'a> {
    queue: &'a ReadyQueue,
    /// The slots to come.
    pub(super) rest: Chain,
    /// The slots after the rest, which had yielded when the turn began. No name but null: now these are the rest.
    pub(super) yielded: Chain,
}

impl Turn<'_> {
    /// The next slot.
    #[inline]
    pub(crate) fn next_slot(&mut self) -> Option<Found> {
        if is_end(self.rest.next) {
            if is_end(self.yielded.next) {
                self.queue.close_turn();
                return None;
            }
            self.rest = self.yielded;
            self.yielded.next = ptr::null();
        }
        // SAFETY: R1: what is in a list is the name of a slot.
        let found = unsafe { ReadyQueue::find(self.rest.next) };
        self.rest.next = found.slot.next.replace(ptr::null());
        Some(found)
    }

    /// Whether what a look at the reactor finds would go after all slots to come if it was found now, and after the
    /// same ones if it was found when the last of those that have been woken has had its turn: so it need not be
    /// looked for before.
    #[inline]
    pub(crate) fn look_can_wait(&self) -> bool {
        let woken = !self.yielded.next.is_null();
        woken && !is_end(self.rest.next) && !self.queue.has_woken()
    }

    /// To be told of a look at the reactor in the middle of the turn: if what is left are tasks that have
    /// yielded, what has been woken by now goes before them, in the next turn.
    #[inline]
    pub(crate) fn reactor_polled(&mut self) {
        let yielded = self.yielded.next.is_null() && !is_end(self.rest.next);
        if yielded && self.queue.has_woken() {
            self.put_back();
        }
    }

    /// Ends the turn: puts what is left of it back, before what has been woken, or has yielded, meanwhile.
    #[cold]
    pub(crate) fn put_back(&mut self) {
        let queue = self.queue;
        let woken = !self.yielded.next.is_null();
        for (chain, list) in [
            (self.rest, if woken { &queue.woken } else { &queue.yielded }),
            (self.yielded, &queue.yielded),
        ] {
            if !is_end(chain.next) {
                list.prepend(chain);
            }
        }
        (self.rest.next, self.yielded.next) = (LAST, LAST);
        queue.settle();
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
