//! A slot: the permanent header of a task.
//!
//! # Invariants
//!
//! These names are cited by the `SAFETY` comments of this folder and of the executor.
//!
//! * **S1, permanent.** A slot lies in a block that is never unmapped, moved or used for
//!   anything else, so a pointer to a slot is valid for ever. It carries the provenance of the
//!   whole block.
//! * **S2, claim.** Whoever takes a slot's bit out of its block's free set owns `run` and
//!   `body` until it publishes the slot as live; from then on they belong to the executor's
//!   thread alone, until that thread puts the bit back.
//! * **S3, live.** While a slot is live, `run` and `body` fit each other: `body` points to
//!   memory that holds what `run` expects and that is not moved or freed.
//! * **S4, index.** The index in a [`SlotRef`] is below the number of its block's slots; and no
//!   waker or handle exists before the slot's first claim, from when on the block has an owner.
//! * **S5, one owner.** Everything in a `Cell` is touched by the executor's thread only (for
//!   `run` and `body`: by the claimer, see S2). The executor's thread is the one that claimed
//!   its permanent part; tasks, join handles, spawners and sleeps of the executor cannot leave it.

use core::ptr::NonNull;

use super::block::{Block, SLOTS};
use super::op::{Ended, Op};
use crate::loom::{AtomicUsize, Cell, Ordering, const_unless_loom};

/// The function of a future type: the slot, its body, and what to do.
///
/// `None` is a poll: if the future has ended, it is dropped and the task is settled. A poll is no variant of
/// [`Op`] because a null pointer is passed and tested in a register.
///
/// # Safety
///
/// Executor's thread (S5). The body fits the function (S3), and B1 holds: a poll and `Cancel` want a future, at
/// most one of which is under way.
pub(crate) type RunFn = unsafe fn(SlotRef, *mut (), Option<&mut Op<'_>>) -> Ended;

/// Bit of [`Slot::meta`]: the slot holds a task.
const LIVE: usize = 1;
/// Bit of [`Slot::meta`]: somebody asked for the task's end.
const ABORT: usize = 2;
const STATE: usize = LIVE | ABORT;
/// One step of the generation, which fills the rest of the word.
const GENERATION: usize = 1 << 2;

/// The permanent header of a task. All-zero is a valid empty slot.
#[repr(C)]
pub(crate) struct Slot {
    /// generation | ABORT | LIVE. The executor's thread stores to it, except
    /// that any thread may set ABORT by compare-and-swap.
    meta: AtomicUsize,
    run: Cell<Option<RunFn>>,
    /// Address of the body.
    body: Cell<*mut ()>,
    #[cfg(any(feature = "std", feature = "task-info"))]
    polls: Cell<u32>,
    /// The name of the slot that is due after this one, see `ready`; null while this one is not in
    /// the list of those that are.
    pub(crate) next: Cell<*const ()>,
}

/// A pointer to a slot: how everything refers to a task.
///
/// The pointer is the address of the block, whose lowest bits are zero, and in these bits the index of the
/// slot there: so a wake finds both without looking at the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub(crate) struct SlotRef(NonNull<()>);

impl SlotRef {
    /// The slot of a block at an index.
    ///
    /// # Safety
    ///
    /// `block` points to a block, with the provenance of all of it (S1), that has this slot (S4).
    #[inline]
    pub(crate) unsafe fn new(block: *const Block, index: usize) -> Self {
        // SAFETY: the caller's promise; a block is aligned, so that nothing carries. Said to the
        // compiler, who then knows the way back.
        unsafe {
            core::hint::assert_unchecked(block.addr() & (SLOTS - 1) == 0 && index < SLOTS);
            Self(NonNull::new_unchecked(
                block.byte_add(index).cast_mut().cast(),
            ))
        }
    }

    /// The data of the slot's wakers.
    #[inline]
    pub(crate) fn as_ptr(self) -> *const () {
        self.0.as_ptr().cast_const()
    }

    /// # Safety
    ///
    /// `data` came from [`as_ptr`](Self::as_ptr).
    #[inline]
    pub(crate) unsafe fn from_ptr(data: *const ()) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { NonNull::new_unchecked(data.cast_mut()) })
    }

    /// The block that the slot lies in.
    #[inline]
    pub(crate) fn block(self) -> *const Block {
        self.place().0
    }

    /// The slot's bit in a word of its block.
    #[inline]
    pub(crate) fn bit(self) -> usize {
        // A shift takes the lowest bits of its distance: those of the index.
        1_usize.wrapping_shl(self.as_ptr().addr() as u32)
    }

    /// The block, and the slot's index there.
    #[inline]
    pub(crate) fn place(self) -> (*const Block, usize) {
        let tagged = self.as_ptr();
        let block = tagged.map_addr(|a| a & !(SLOTS - 1)).cast();
        (block, tagged.addr() & (SLOTS - 1))
    }
}

impl core::ops::Deref for SlotRef {
    type Target = Slot;

    #[inline]
    fn deref(&self) -> &Slot {
        let (block, index) = self.place();
        // SAFETY: S1: the block is never freed; S4: it has this slot.
        unsafe { &*Block::slot_at(block, index) }
    }
}

/// What the executor has to do with a slot whose ready bit was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// A stale wake: the slot is free.
    Nothing,
    Poll,
    Abort,
}

impl Slot {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                meta: AtomicUsize::new(0),
                run: Cell::new(None),
                body: Cell::new(core::ptr::null_mut()),
                #[cfg(any(feature = "std", feature = "task-info"))]
                polls: Cell::new(0),
                next: Cell::new(core::ptr::null()),
            }
        }
    }

    /// The generation of the present or, in a free slot, of the next tenant.
    #[inline]
    pub(crate) fn generation(&self) -> usize {
        self.meta.load(Ordering::Relaxed) / GENERATION
    }

    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        self.meta.load(Ordering::Acquire) & LIVE != 0
    }

    pub(crate) fn is_aborting(&self) -> bool {
        self.meta.load(Ordering::Relaxed) & STATE == STATE
    }

    /// FREE → LIVE, by the claimer (S2).
    #[inline]
    pub(crate) fn publish(&self, run: RunFn, body: *mut ()) {
        self.run.set(Some(run));
        self.body.set(body);
        #[cfg(any(feature = "std", feature = "task-info"))]
        self.polls.set(0);
        let generation = self.meta.load(Ordering::Relaxed) & !(GENERATION - 1);
        self.meta.store(generation | LIVE, Ordering::Release);
    }

    /// What a set ready bit means for this slot.
    #[inline]
    pub(crate) fn due(&self) -> Due {
        match self.meta.load(Ordering::Acquire) & STATE {
            LIVE => Due::Poll,
            STATE => Due::Abort,
            _ => Due::Nothing,
        }
    }

    /// LIVE (aborting or not) → FREE of the next generation, by the executor's thread. The
    /// slot's bit is not yet back in the free set.
    #[inline]
    pub(crate) fn retire(&self) {
        self.run.set(None);
        self.body.set(core::ptr::null_mut());
        let meta = self.meta.load(Ordering::Relaxed);
        let next = (meta & !STATE).wrapping_add(GENERATION);
        // A plain store: an abort that comes between the load and the store is overwritten,
        // rightly, and one that comes later finds another value and fails. Loom does not know
        // that nothing can come between what a read-modify-write reads and what it writes, so
        // it would order the abort behind our store; for it this is a swap.
        #[cfg(not(loom))]
        self.meta.store(next, Ordering::Release);
        #[cfg(loom)]
        self.meta.swap(next, Ordering::Release);
    }

    /// LIVE → LIVE | ABORT, by anybody, if the task of this generation is still there and has not been told
    /// before. `true`: the task is told now, and has to be woken.
    pub(crate) fn request_abort(&self, generation: usize) -> bool {
        let mut meta = self.meta.load(Ordering::Relaxed);
        loop {
            if meta / GENERATION != generation || meta & STATE != LIVE {
                return false;
            }
            // Release: what was done before is seen by the end of the task.
            match self.meta.compare_exchange_weak(
                meta,
                meta | ABORT,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => meta = now,
            }
        }
    }

    /// Whether the task of this generation is still there.
    pub(crate) fn holds(&self, generation: usize) -> bool {
        let meta = self.meta.load(Ordering::Acquire);
        meta & LIVE != 0 && meta / GENERATION == generation
    }

    // From here on: the executor's thread only (S5).

    /// The function and the memory to call it with.
    #[inline]
    pub(crate) fn task(&self) -> (Option<RunFn>, *mut ()) {
        (self.run.get(), self.body.get())
    }

    /// Marks the task as settled: its future is gone, nothing is left to cancel.
    #[inline]
    pub(crate) fn settle(&self) {
        self.run.set(None);
    }

    #[inline]
    pub(crate) fn count_poll(&self) {
        #[cfg(any(feature = "std", feature = "task-info"))]
        self.polls.set(self.polls.get().wrapping_add(1));
    }

    pub(crate) fn polls(&self) -> Option<u32> {
        #[cfg(any(feature = "std", feature = "task-info"))]
        return Some(self.polls.get());
        #[cfg(not(any(feature = "std", feature = "task-info")))]
        return None;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    unsafe fn never(_: SlotRef, _: *mut (), _: Option<&mut Op<'_>>) -> Ended {
        Ended::not()
    }

    /// The table in `docs/architecture.md`, row by row.
    #[test]
    fn state_table() {
        let slot = Slot::new();
        let mut word = 0u64;
        let body = (&raw mut word).cast();

        assert_eq!(slot.due(), Due::Nothing);
        assert!(!slot.request_abort(0), "free: abort does nothing");

        slot.publish(never, body);
        assert_eq!((slot.due(), slot.generation()), (Due::Poll, 0));

        assert!(!slot.request_abort(1), "another generation");
        assert!(slot.request_abort(0));
        assert_eq!(slot.due(), Due::Abort);
        assert!(!slot.request_abort(0), "told before");

        slot.retire();
        assert_eq!((slot.due(), slot.generation()), (Due::Nothing, 1));
        assert!(!slot.holds(0) && !slot.holds(1));

        slot.publish(never, body);
        assert!(slot.holds(1));
        assert!(!slot.request_abort(0), "the former tenant's handle");
        assert_eq!(slot.due(), Due::Poll);
    }

    #[test]
    fn a_generation_wraps_without_touching_the_rest() {
        let slot = Slot::new();
        slot.meta.store(usize::MAX & !STATE, Ordering::Relaxed);
        slot.retire();
        assert_eq!((slot.generation(), slot.due()), (0, Due::Nothing));
    }

    #[test]
    fn an_empty_slot_is_all_zero() {
        let slot = Slot::new();
        let words = (&raw const slot).cast::<usize>();
        for word in 0..3 {
            // SAFETY: `meta`, `run` and `body` are the first three words (repr(C)).
            assert_eq!(unsafe { words.add(word).read() }, 0);
        }
    }
}
