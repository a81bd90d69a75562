//! [`SlotRef`]: a slot, by the addresses of its ready byte and of its block.

use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicU8, AtomicU16, Ordering, compiler_fence};

use super::abort_bit::{has_abort_bit, with_abort_bit, without_abort_bit};
use super::bits::{BodyBit, clear};
use super::block::{ABORTABLE, Block, FIND_FIRST, READY, Record, WOKEN, WORD, generations};
#[cfg(feature = "interrupt-executors")]
use super::block::{DOORBELL, INDEX_SHIFT};
use super::op::{Ended, Op};
#[cfg(feature = "interrupt-executors")]
use crate::task::owner::Owner;

/// The function of a future type: the slot, its body, and what to do.
///
/// `None` is a poll: if the future has ended, it is dropped and the task is settled and retired. A poll is no
/// variant of [`Op`] because a null pointer is passed and tested in a register.
///
/// # Safety
///
/// Executor's level (S5). The body fits the function (S3), and B1 holds: a poll and `Cancel` want a future, at
/// most one of which is under way; `Release` wants an empty stage, and the slot need no longer be the task's.
/// The body's address may be marked for a poll of a task that has or had a handle (S7): then that is a `Cancel`.
pub(crate) type RunFn = unsafe fn(SlotRef, *mut (), Option<&mut Op>) -> Ended;

/// The function of a free slot.
pub(super) const NOTHING: RunFn = nothing;

// Not inlined, so that there is one of it, with one address.
#[inline(never)]
unsafe fn nothing(_: SlotRef, _: *mut (), _: Option<&mut Op>) {}

/// Whether this is the function of a task, and not of a free slot, or null, as in one that has never been taken.
#[inline(always)]
pub(crate) fn is_task(run: *mut ()) -> bool {
    !run.is_null() && run != NOTHING as *mut ()
}

/// The address of a slot: how everything refers to a task.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SlotRef {
    /// The first ready byte of the block.
    pub(super) ready: NonNull<()>,
    pub(super) index: usize,
}

impl SlotRef {
    #[inline(always)]
    fn byte(&self) -> &'static AtomicU8 {
        // SAFETY: S1: a slot and its block are never moved or freed.
        unsafe { self.ready.cast::<AtomicU8>().add(self.index).as_ref() }
    }

    /// The ready bits of the word that is `word` words after this slot's.
    #[inline(always)]
    pub(super) fn word(&self, word: usize) -> u32 {
        // SAFETY: S1, and the callers' care for `word`. Volatile, since interrupt handlers write
        // single bytes of it.
        let bytes = unsafe {
            let first = self.ready.cast::<u8>().add(self.index);
            first.cast::<u32>().add(word).read_volatile()
        };
        u32::from_le(bytes) & READY
    }

    /// Attends to the slots whose `bits` are set, of the word that begins at slot `from`.
    #[inline(always)]
    pub(super) fn sweep_word(self, from: usize, mut bits: u32, poll: &mut impl FnMut(SlotRef)) {
        let mut index = from;
        while bits != 0 {
            if FIND_FIRST {
                index = from + bits.trailing_zeros() as usize / 8;
                bits &= bits - 1;
            } else if bits & 1 == 0 {
                bits >>= 8;
                index += 1;
                continue;
            }
            SlotRef { index, ..self }.take(poll);
            if !FIND_FIRST {
                bits >>= 8;
                index += 1;
            }
        }
    }

    /// Attends to this slot, whose ready byte is set.
    #[inline(always)]
    pub(super) fn take(self, poll: &mut impl FnMut(SlotRef)) {
        self.clear();
        // Whatever was done before the wake is seen by the poll.
        compiler_fence(Ordering::SeqCst);
        poll(self);
    }

    #[inline(always)]
    pub(super) fn record(&self) -> &'static Record {
        // SAFETY: S1; the records end where the head starts.
        unsafe {
            let head = self.ready.cast::<Block>().sub(1);
            head.cast::<Record>().sub(self.index + 1).as_ref()
        }
    }

    fn flags(&self) -> &'static AtomicU8 {
        // SAFETY: S1: a slot and its block are never moved or freed.
        unsafe {
            let len = (*self.block()).len();
            let flags = self.ready.cast::<AtomicU8>().add(len + WORD - 1);
            flags.add(self.index).as_ref()
        }
    }

    fn generation_word(&self) -> &'static AtomicU16 {
        // SAFETY: S1: a slot and its block are never moved or freed.
        unsafe {
            let len = (*self.block()).len();
            let first = self.ready.byte_add(generations(len)).cast::<AtomicU16>();
            first.add(self.index).as_ref()
        }
    }

    /// The block that the slot lies in.
    #[inline]
    pub(crate) fn block(self) -> *const Block {
        // SAFETY: the head comes before the ready bytes.
        unsafe { self.ready.cast::<Block>().sub(1).as_ptr() }
    }

    /// The slot's index in its block.
    #[inline]
    pub(crate) fn index(self) -> usize {
        self.index
    }

    /// The data of the slot's wakers: the address of its ready byte.
    #[inline(always)]
    pub(crate) fn as_ptr(self) -> *const () {
        // SAFETY: S1; not by way of a reference, which would not reach the rest of the block.
        unsafe { self.ready.cast::<u8>().add(self.index).as_ptr() }
            .cast_const()
            .cast()
    }

    /// Takes a wake.
    #[inline(always)]
    fn clear(self) {
        #[cfg(not(feature = "interrupt-executors"))]
        self.byte().store(0, Ordering::Relaxed);
        #[cfg(feature = "interrupt-executors")]
        {
            // A wake between the two is for the poll to come.
            let byte = self.byte().load(Ordering::Relaxed);
            self.byte().store(byte & !WOKEN, Ordering::Relaxed);
        }
    }

    /// The executor of the slot whose ready byte has been set.
    ///
    /// # Safety
    ///
    /// `data` came from [`as_ptr`](Self::as_ptr), `byte` was read there.
    #[cfg(feature = "interrupt-executors")]
    pub(crate) unsafe fn owner_of(data: *const (), byte: u8) -> *const Owner {
        // SAFETY: S1: back to the first ready byte, and on to the head before it.
        unsafe {
            let ready = data.byte_sub((byte >> INDEX_SHIFT).into());
            (*ready.cast::<Block>().sub(1)).owner()
        }
    }

    /// Sets the ready byte of a waker's data. Returns it if the executor's unparker is to be called, too.
    ///
    /// # Safety
    ///
    /// `data` came from [`as_ptr`](Self::as_ptr).
    #[inline(always)]
    pub(crate) unsafe fn set_ready_ptr(data: *const ()) -> Option<u8> {
        // Whatever was done before the wake is done when the byte is set.
        compiler_fence(Ordering::SeqCst);
        // SAFETY: the caller's promise.
        let byte = unsafe { &*data.cast::<AtomicU8>() };
        #[cfg(not(feature = "interrupt-executors"))]
        {
            byte.store(WOKEN, Ordering::Relaxed);
            None
        }
        #[cfg(feature = "interrupt-executors")]
        {
            // The bits beside WOKEN never change after the first claim.
            let before = byte.load(Ordering::Relaxed);
            byte.store(before | WOKEN, Ordering::Relaxed);
            (before & DOORBELL != 0).then_some(before)
        }
    }

    /// Sets the ready byte, as [`set_ready_ptr`](Self::set_ready_ptr) does.
    #[inline(always)]
    pub(crate) fn set_ready(self) -> Option<u8> {
        #[cfg(feature = "interrupt-executors")]
        {
            // SAFETY: S1: a slot and its block are never moved or freed.
            let doorbell = unsafe { (*self.block()).doorbell.get() };
            let byte = (self.index << INDEX_SHIFT) as u8 | doorbell;
            let woken = self.byte().load(Ordering::Relaxed) & WOKEN;
            self.byte().store(byte | woken, Ordering::Relaxed);
        }
        // SAFETY: our own byte.
        unsafe { Self::set_ready_ptr(self.as_ptr()) }
    }

    /// Whether the slot has been woken.
    pub(crate) fn is_ready(self) -> bool {
        self.byte().load(Ordering::Relaxed) & WOKEN != 0
    }

    /// The generation of the present or, in a free slot, of the next tenant.
    pub(crate) fn generation(self) -> usize {
        self.generation_word().load(Ordering::Relaxed).into()
    }

    pub(crate) fn is_live(self) -> bool {
        is_task(self.record().run.load(Ordering::Relaxed))
    }

    /// The free slot after this one, which is free.
    #[inline(always)]
    pub(super) fn next_free(self) -> usize {
        let skipped = self.record().body.load(Ordering::Relaxed).addr();
        self.index.wrapping_add(1).wrapping_add(skipped)
    }

    /// Notes which free slot comes after this one, which is free.
    #[inline(always)]
    pub(super) fn set_next_free(self, next: usize) {
        let skipped = next.wrapping_sub(1).wrapping_sub(self.index);
        let body = ptr::without_provenance_mut(skipped);
        self.record().body.store(body, Ordering::Relaxed);
    }

    pub(crate) fn is_aborting(self) -> bool {
        has_abort_bit(self.record().body.load(Ordering::Relaxed))
    }

    /// FREE → LIVE, by the claimer (S2).
    #[inline]
    pub(crate) fn publish(self, run: RunFn, body: *mut ()) {
        debug_assert!(!has_abort_bit(body));
        let record = self.record();
        record.body.store(body, Ordering::Relaxed);
        // S3: `run` after `body`.
        compiler_fence(Ordering::SeqCst);
        record.run.store(run as *mut (), Ordering::Relaxed);
    }

    /// FREE → LIVE, by the claimer (S2), for a task that can be aborted.
    #[inline]
    pub(crate) fn publish_abortable(self, run: RunFn, body: *mut ()) {
        // A free slot has no flags.
        self.flags().store(ABORTABLE, Ordering::Relaxed);
        self.publish(run, body);
    }

    /// Clears the flags of a task that had a handle, before it retires.
    #[inline]
    pub(crate) fn clear_flags(self) {
        self.flags().store(0, Ordering::Relaxed);
    }

    /// LIVE (aborting or not, without flags by now) → FREE of the next generation; gives the slot
    /// back and, in the same critical section, the bit of a body.
    #[cold]
    #[inline(never)]
    pub(crate) fn retire(self, body: Option<BodyBit>) {
        let record = self.record();
        record.run.store(NOTHING as *mut (), Ordering::Relaxed);
        let word = self.generation_word();
        let former = word.load(Ordering::Relaxed);
        word.store(former.wrapping_add(1), Ordering::Relaxed);
        critical_section::with(|_| {
            if let Some((used, bit)) = body {
                clear(used, bit);
            }
            // SAFETY: S1: a slot and its block are never moved or freed.
            unsafe { &*self.block() }.release(self);
        });
    }

    /// LIVE → LIVE and to be aborted, by anybody, if the task of this generation is still there and has not been
    /// told before. `true`: the task is told now, and has to be woken.
    pub(crate) fn request_abort(self, generation: usize) -> bool {
        critical_section::with(|_| {
            let due = self.holds(generation)
                && !self.is_aborting()
                && self.flags().load(Ordering::Relaxed) & ABORTABLE != 0;
            if due {
                let place = &self.record().body;
                // S7.
                place.store(
                    with_abort_bit(place.load(Ordering::Relaxed)),
                    Ordering::Relaxed,
                );
            }
            due
        })
    }

    /// Whether the task of this generation is still there.
    pub(crate) fn holds(self, generation: usize) -> bool {
        self.is_live() && self.generation() == generation
    }

    /// The function and the memory to call it with, of a slot whose ready byte was set. The
    /// address may be [marked](has_abort_bit).
    #[inline(always)]
    pub(crate) fn due(self) -> (RunFn, *mut ()) {
        let record = self.record();
        let run = record.run.load(Ordering::Relaxed);
        // S3: `run` before `body`.
        compiler_fence(Ordering::SeqCst);
        let body = record.body.load(Ordering::Relaxed);
        // SAFETY: S6: what `publish`, `retire` or `Block::ring` has stored.
        let run = unsafe { core::mem::transmute::<*mut (), RunFn>(run) };
        (run, body)
    }

    /// The function and the memory to call it with, of a live slot.
    pub(crate) fn task(self) -> (Option<RunFn>, *mut ()) {
        let record = self.record();
        let run = record.run.load(Ordering::Relaxed);
        let body = without_abort_bit(record.body.load(Ordering::Relaxed));
        // SAFETY: null, or as in `due`.
        let run = unsafe { core::mem::transmute::<*mut (), Option<RunFn>>(run) };
        (run, body)
    }

    /// Marks the task as settled. Nothing here: between that and its retirement only destructors
    /// run, and nothing that they can do has a task cancelled before they are done.
    #[inline(always)]
    pub(crate) fn settle(self) {}

    /// Polls are not counted here.
    pub(crate) fn polls(self) -> Option<u32> {
        None
    }
}
