//! The part of an executor that lives for ever: queues, counters, timers, and the way for
//! other threads to reach it.

use core::cell::UnsafeCell;
use core::ptr;
use core::task::Waker;

pub(crate) use super::core_ref::CoreRef;
#[cfg(feature = "std")]
use super::inbox::Inbox;
use crate::shim::{ACQUIRE, AtomicUsize, Cell, Lock, Ordering, const_unless_loom, set_bits};
use crate::task::body::{drop_quietly, run_quietly};
#[cfg(feature = "alloc")]
use crate::task::heap::SizeClasses;
use crate::task::pool::BytePool;
use crate::task::ready::Block;
#[cfg(not(lean))]
use crate::task::ready::ReadyQueue;
use crate::task::slot::SlotRef;
use crate::time::{Instant, TimerQueue};

/// Bit of [`Core::signals`]: `run` is to return.
pub(crate) const SHUTDOWN: usize = 1;
/// Bit of [`Core::signals`]: another thread has left something in the inbox.
#[cfg(not(lean))]
pub(crate) const INBOX: usize = 2;
/// Bit of [`Core::signals`]: something in the inbox waits for a free slot.
#[cfg(feature = "std")]
pub(crate) const BACKLOG: usize = 4;
/// Bit of [`Core::signals`]: ready tasks are permuted.
#[cfg(any(feature = "std", feature = "simulation"))]
pub(crate) const SEEDED: usize = 8;

/// The permanent part of an executor.
///
/// `'static`, so that wakers and handles need no count; claimed by at most one
/// [`Executor`](super::Executor) at a time, whose thread alone touches the cells (S5).
pub(crate) struct Core {
    #[cfg(not(lean))]
    pub(crate) ready: ReadyQueue,
    signals: AtomicUsize,
    /// Odd while claimed. Handles of a former claim find another number.
    pub(super) epoch: AtomicUsize,
    outside: Lock<Outside>,

    /// First block with free slots.
    #[cfg(not(lean))]
    free: Cell<*const Block>,
    /// All blocks; on a lean build there is one.
    pub(crate) blocks: Cell<*const Block>,
    /// Slots in all blocks.
    #[cfg(not(lean))]
    pub(crate) slots: Cell<usize>,
    /// How many slots there may be.
    #[cfg(not(lean))]
    capacity: Cell<usize>,
    /// The count of polls at which the run loop looks at its clock. Not counted on a lean build.
    #[cfg(not(lean))]
    look_at: Cell<u64>,
    /// How many polls there are until then.
    #[cfg(not(lean))]
    left: Cell<i64>,
    #[cfg(not(lean))]
    refused: Cell<usize>,
    /// What the task that is being polled may still do: see [`crate::task::budget`].
    #[cfg(not(lean))]
    pub(crate) budget: core::cell::Cell<isize>,
    pub(crate) running: Cell<bool>,
    #[cfg(feature = "std")]
    pub(crate) deadlocks: super::deadlock::Deadlocks,
    pub(crate) closing: Cell<bool>,
    /// The permutation of ready tasks, while SEEDED is set.
    #[cfg(any(feature = "std", feature = "simulation"))]
    pub(crate) seed: Cell<u64>,
    #[cfg(any(feature = "std", feature = "simulation"))]
    pub(crate) dice: super::Dice,
    clock: Cell<Option<Clock>>,
    /// What is not due before this instant need not be compared with the clock: see [`FAR`].
    #[cfg(not(lean))]
    near: Cell<Instant>,
    /// Counts polls of such timers.
    #[cfg(not(lean))]
    polls_of_far: Cell<u32>,
    pub(crate) bytes: Cell<Option<BytePool>>,
    pub(crate) timers: TimerQueue,
    /// What a level that waits in no reactor asks for.
    #[cfg(all(not(loom), feature = "interrupt-executors"))]
    pub(super) post: super::levels::Post,
    #[cfg(feature = "embassy-time")]
    pub(crate) foreign: crate::embassy::ForeignTimers,
    #[cfg(feature = "alloc")]
    pub(crate) heap: SizeClasses,
    /// Blocks of a former executor, for a core on the heap.
    #[cfg(feature = "alloc")]
    spare: Cell<*const Block>,
    #[cfg(feature = "alloc")]
    may_grow: Cell<bool>,
    /// Next of the cores that wait for another executor.
    #[cfg(feature = "alloc")]
    pub(crate) next_idle: Cell<*const Core>,
    not_sync: core::marker::PhantomData<UnsafeCell<()>>,
}

/// What other threads reach under a lock.
struct Outside {
    unparker: Option<Waker>,
    #[cfg(feature = "std")]
    inbox: Inbox,
}

/// The running executor's clock: its reactor, without the type.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) reactor: *const (),
    /// # Safety
    ///
    /// To be called with `reactor` and the core that has this clock, on the executor's thread,
    /// while the context that set the clock is entered.
    pub(crate) now: unsafe fn(*const (), &Core, Reading) -> Instant,
}

/// What a clock is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// To know whether something is due: what the clock shows.
    Shown,
    /// To count from: an instant that is not before the present.
    Start,
    /// The clock is not read, but asked how coarse it is: that long after the reactor's start.
    #[cfg(feature = "embassy-time")]
    Resolution,
}

/// A deadline that is so much later than the last reading of a clock that goes by itself is taken for
/// not due: no poll lasts that long.
#[cfg(not(lean))]
const FAR: u64 = 1 << 32;

/// Of so many polls of such a timer one looks at the clock all the same: somebody may be polling it
/// in a loop without an end.
#[cfg(not(lean))]
const POLLS_OF_FAR: u32 = 32;

impl Core {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                #[cfg(not(lean))]
                ready: ReadyQueue::new(),
                signals: AtomicUsize::new(0),
                epoch: AtomicUsize::new(0),
                outside: Lock::new(Outside {
                    unparker: None,
                    #[cfg(feature = "std")]
                    inbox: Inbox::new(),
                }),
                #[cfg(not(lean))]
                free: Cell::new(ptr::null()),
                blocks: Cell::new(ptr::null()),
                #[cfg(not(lean))]
                slots: Cell::new(0),
                #[cfg(not(lean))]
                capacity: Cell::new(0),
                #[cfg(not(lean))]
                look_at: Cell::new(0),
                #[cfg(not(lean))]
                left: Cell::new(0),
                #[cfg(not(lean))]
                refused: Cell::new(0),
                #[cfg(not(lean))]
                budget: core::cell::Cell::new(crate::task::budget::UNLIMITED),
                running: Cell::new(false),
                #[cfg(feature = "std")]
                deadlocks: super::deadlock::Deadlocks::new(),
                closing: Cell::new(false),
                #[cfg(any(feature = "std", feature = "simulation"))]
                seed: Cell::new(0),
                #[cfg(any(feature = "std", feature = "simulation"))]
                dice: super::Dice::new(),
                clock: Cell::new(None),
                #[cfg(not(lean))]
                near: Cell::new(Instant::MAX),
                #[cfg(not(lean))]
                polls_of_far: Cell::new(0),
                bytes: Cell::new(None),
                timers: TimerQueue::new(),
                #[cfg(all(not(loom), feature = "interrupt-executors"))]
                post: super::levels::Post::new(),
                #[cfg(feature = "embassy-time")]
                foreign: crate::embassy::ForeignTimers::new(),
                #[cfg(feature = "alloc")]
                heap: SizeClasses::new(),
                #[cfg(feature = "alloc")]
                spare: Cell::new(ptr::null()),
                #[cfg(feature = "alloc")]
                may_grow: Cell::new(false),
                #[cfg(feature = "alloc")]
                next_idle: Cell::new(ptr::null()),
                not_sync: core::marker::PhantomData,
            }
        }
    }

    /// Makes this thread the executor's, unless another executor has the core.
    pub(crate) fn claim(&'static self) -> Option<CoreRef> {
        // Acquire: what the former executor did to the cells comes before what we do.
        let epoch = set_bits(&self.epoch, 1, ACQUIRE);
        (epoch & 1 == 0).then_some(CoreRef::new(self, epoch | 1))
    }

    /// First duty after a claim: sets everything to the start, for up to `capacity` tasks.
    pub(crate) fn open(&'static self, capacity: usize, may_grow: bool, unparker: Option<Waker>) {
        // On a lean build this is done in `close`, which the smallest programs never call.
        #[cfg(not(lean))]
        {
            self.ready.open();
            self.signals.store(0, Ordering::Relaxed);
            self.refused.set(0);
            self.closing.set(false);
            self.free.set(ptr::null());
            self.slots.set(0);
            self.capacity.set(capacity);
            self.look_at.set(0);
            self.left.set(0);
        }
        #[cfg(lean)]
        let _ = capacity;
        #[cfg(any(feature = "std", feature = "simulation"))]
        {
            self.seed.set(0);
            self.dice.seed(0);
        }
        #[cfg(feature = "std")]
        self.deadlocks.open();
        #[cfg(feature = "alloc")]
        self.may_grow.set(may_grow);
        #[cfg(not(feature = "alloc"))]
        let _ = may_grow;
        if unparker.is_none() && cfg!(not(feature = "std")) {
            return;
        }
        self.outside.with(|outside| {
            #[cfg(feature = "std")]
            outside.inbox.set_capacity(capacity);
            outside.unparker = unparker;
        });
    }

    /// Adds a block's slots. The block is permanent and nobody else's.
    pub(crate) fn add_block(&self, block: *const Block, len: usize) {
        // SAFETY: S1.
        let head = unsafe { &*block };
        head.adopt(self, len);
        #[cfg(lean)]
        self.blocks.set(block);
        #[cfg(all(lean, feature = "interrupt-executors"))]
        head.set_doorbell(self.outside.with(|outside| outside.unparker.is_some()));
        #[cfg(not(lean))]
        {
            // Under the lock where others may go through the list.
            #[cfg(not(feature = "std"))]
            self.outside
                .with(|_| head.next.set(self.blocks.replace(block)));
            #[cfg(feature = "std")]
            head.next.set(self.blocks.replace(block));
            head.next_free.set(self.free.replace(block));
            self.slots.set(self.slots.get() + len);
        }
    }

    /// Last duty of an executor: from here on no handle of it reaches the core.
    pub(crate) fn close(&self) {
        #[cfg(all(not(loom), feature = "interrupt-executors"))]
        super::levels::leave(self);
        #[cfg(not(lean))]
        self.ready.clear();
        let _blocks = self.blocks.replace(ptr::null());
        #[cfg(feature = "alloc")]
        if self.may_grow.get() {
            // All blocks that there are were in use or are still in the list of spare ones.
            let mut block = _blocks;
            while !block.is_null() {
                // SAFETY: S1.
                let head = unsafe { &*block };
                let next = head.next.get();
                head.next.set(self.spare.replace(block));
                block = next;
            }
        }
        self.bytes.set(None);
        #[cfg(feature = "std")]
        self.deadlocks.close();
        // Under the lock, so that no thread is in the middle of using the inbox.
        let left = self.outside.with(|outside| {
            let epoch = self.epoch.load(Ordering::Relaxed);
            // Not before: an interrupt handler that finds the claim alive must find it closing.
            #[cfg(lean)]
            {
                self.signals.store(0, Ordering::Relaxed);
                self.closing.set(false);
            }
            // Release: see `claim`. For loom a swap, for the reason given in `Slot::retire`.
            #[cfg(not(loom))]
            self.epoch.store(epoch.wrapping_add(1), Ordering::Release);
            #[cfg(loom)]
            self.epoch.swap(epoch.wrapping_add(1), Ordering::Release);
            (
                outside.unparker.take(),
                #[cfg(feature = "std")]
                outside.inbox.take_all(),
            )
        });
        // Only now, outside the lock: foreign destructors.
        drop_quietly(left);
    }

    // Any thread.

    pub(crate) fn epoch(&self) -> usize {
        self.epoch.load(Ordering::Acquire)
    }

    /// Ends the park that the executor has announced.
    #[cold]
    pub(crate) fn unpark(&self) {
        #[cfg(lean)]
        self.ring();
        self.call_unparker();
    }

    /// Wakes the reactor's unparker, if the executor has one.
    #[cold]
    pub(crate) fn call_unparker(&self) {
        // Foreign code, and the caller is as a rule somebody else than its executor.
        run_quietly(|| {
            let unparker = self.outside.with(|outside| outside.unparker.clone());
            if let Some(unparker) = unparker {
                unparker.wake();
            }
        });
    }

    /// Sets signal bits for the claim `epoch`; `false` if that has ended.
    pub(crate) fn signal(&self, epoch: usize, bits: usize) -> bool {
        let alive = self.outside.with(|_| {
            let alive = self.epoch() == epoch;
            if alive {
                set_bits(&self.signals, bits, Ordering::SeqCst);
            }
            alive
        });
        #[cfg(not(lean))]
        let parked = self.ready.claim_unpark();
        #[cfg(lean)]
        let parked = true;
        if alive && parked {
            self.unpark();
        }
        alive
    }

    /// Works on the inbox of the claim `epoch`; `None` if that has ended.
    #[cfg(feature = "std")]
    pub(crate) fn with_inbox<T>(&self, epoch: usize, f: impl FnOnce(&mut Inbox) -> T) -> Option<T> {
        self.outside
            .with(|outside| (self.epoch() == epoch).then(|| f(&mut outside.inbox)))
    }

    /// Whether another thread has set one of these bits.
    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn has_signal(&self, bits: usize) -> bool {
        self.signals.load(Ordering::SeqCst) & bits != 0
    }

    /// Whether any task is due. Plain loads: an idle look writes nothing.
    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.ready.is_pending()
    }

    /// Whether any task is due, or somebody has [rung](Self::ring). Plain loads.
    #[cfg(lean)]
    #[inline]
    pub(crate) fn is_pending(&self, words: usize) -> bool {
        // SAFETY: S1; the callers know how many words the block has.
        unsafe { Block::is_pending(self.blocks.get(), words) }
    }

    /// How many words of ready bytes there are.
    #[cfg(lean)]
    pub(crate) fn words(&self) -> usize {
        crate::task::ready::words(self.capacity())
    }

    /// Gets the run loop's attention.
    #[cfg(lean)]
    fn ring(&self) {
        let block = self.blocks.get();
        if !block.is_null() {
            // SAFETY: the executor's own block.
            unsafe { Block::ring(block) };
        }
    }

    /// How many tasks there can be.
    pub(crate) fn capacity(&self) -> usize {
        #[cfg(not(lean))]
        return self.capacity.get();
        #[cfg(lean)]
        // SAFETY: S1; a claimed core has a block.
        return unsafe { (*self.blocks.get()).len() };
    }

    /// Polls so far; zero on a lean build, which does not count them.
    #[inline]
    pub(crate) fn polls(&self) -> u64 {
        #[cfg(not(lean))]
        return self.look_at.get().wrapping_sub(self.left.get() as u64);
        #[cfg(lean)]
        return 0;
    }

    /// Counts a spawn that found no room, except on a lean build.
    pub(crate) fn count_refusal(&self) {
        #[cfg(not(lean))]
        self.refused.set(self.refused.get() + 1);
    }

    pub(crate) fn refused(&self) -> usize {
        #[cfg(not(lean))]
        return self.refused.get();
        #[cfg(lean)]
        return 0;
    }

    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn count_poll(&self) {
        self.left.set(self.left.get() - 1);
    }

    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn is_time_to_look(&self) -> bool {
        self.left.get() <= 0
    }

    /// Makes it time to look at the clock after so many more polls.
    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn look_after(&self, polls: u32) {
        self.look_at.set(self.polls() + u64::from(polls));
        self.left.set(i64::from(polls));
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        self.signals.load(Ordering::SeqCst) & SHUTDOWN != 0
    }

    #[cfg(any(feature = "std", feature = "simulation"))]
    pub(crate) fn set_signal(&self, bit: usize) {
        self.signals.fetch_or(bit, Ordering::SeqCst);
    }

    #[cfg(not(lean))]
    pub(crate) fn clear_signal(&self, bit: usize) {
        self.signals.fetch_and(!bit, Ordering::SeqCst);
    }

    /// Does something for the claim `epoch` before its executor's end, which waits for that.
    #[cfg(all(not(lean), not(feature = "std")))]
    pub(crate) fn if_open<T>(&self, epoch: usize, f: impl FnOnce() -> T) -> Option<T> {
        self.outside
            .with(|_| (self.epoch() == epoch && !self.closing.get()).then(f))
    }

    /// Takes a free slot from another level or core, for the claim `epoch`.
    #[cfg(all(not(lean), not(feature = "std")))]
    pub(crate) fn lend_slot(
        &self,
        epoch: usize,
    ) -> Result<(SlotRef, usize), super::error::SpawnErrorKind> {
        use super::error::SpawnErrorKind;
        match self.if_open(epoch, || self.claim_slot()) {
            Some(Some(slot)) => Ok(slot),
            Some(None) => Err(SpawnErrorKind::TasksFull {
                capacity: self.capacity(),
            }),
            None => Err(SpawnErrorKind::Closed),
        }
    }

    /// Begins the executor's end: nobody starts tasks from now on.
    pub(crate) fn begin_closing(&self) {
        #[cfg(all(not(lean), not(feature = "std")))]
        self.outside.with(|_| self.closing.set(true));
        #[cfg(not(all(not(lean), not(feature = "std"))))]
        self.closing.set(true);
    }

    /// Whether nobody ran the executor; now the caller does, on whatever level or thread.
    #[cfg(all(not(lean), not(loom), feature = "interrupt-executors"))]
    pub(crate) fn try_run(&self) -> bool {
        self.outside.with(|_| !self.running.replace(true))
    }

    /// Ends the run that [`try_run`](Self::try_run) has begun, by dropping what stands for it.
    #[cfg(all(not(lean), not(loom), feature = "interrupt-executors"))]
    pub(crate) fn end_run<R>(&self, run: R) {
        self.outside.with(|_| drop(run));
    }

    // From here on: the executor's thread only (S5), but for `claim_slot` without `std`.

    /// Takes a free slot, of a new block if need be.
    #[inline]
    pub(crate) fn claim_or_grow(&self) -> Option<(SlotRef, usize)> {
        let claimed = self.claim_slot();
        #[cfg(feature = "alloc")]
        if claimed.is_none() && self.grow() {
            return self.claim_slot();
        }
        claimed
    }

    /// Takes a free slot.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn claim_slot(&self) -> Option<(SlotRef, usize)> {
        let block = self.free.get();
        if block.is_null() {
            return None;
        }
        // SAFETY: S1; `free` lists blocks of ours that have a free slot.
        let head = unsafe { &*block };
        let (index, last) = head.free().claim()?;
        if last {
            self.free.set(head.next_free.get());
        }
        // SAFETY: the free set holds the indices of slots that exist.
        Some((unsafe { Block::slot(block, index) }, index))
    }

    /// Takes a free slot. An interrupt handler may do the same at any time.
    #[cfg(lean)]
    #[inline]
    pub(crate) fn claim_slot(&self) -> Option<(SlotRef, usize)> {
        let block = self.blocks.get();
        // SAFETY: S1; a claimed core has a block.
        let index = unsafe { (*block).claim() }?;
        // SAFETY: below the block's length.
        Some((unsafe { Block::slot(block, index) }, index))
    }

    /// Takes a free slot. An interrupt handler may do the same at any time.
    #[cfg(not(any(feature = "std", lean)))]
    #[inline]
    pub(crate) fn claim_slot(&self) -> Option<(SlotRef, usize)> {
        let mut block = self.blocks.get();
        while !block.is_null() {
            // SAFETY: S1; blocks are added at the front, and their links are set before.
            let head = unsafe { &*block };
            if let Some((index, _)) = head.free().claim() {
                // SAFETY: the free set holds the indices of slots that exist.
                return Some((unsafe { Block::slot(block, index) }, index));
            }
            block = head.next.get();
        }
        None
    }

    /// Gives a retired slot back.
    #[inline]
    pub(crate) fn release_slot(&self, block: *const Block, index: usize) {
        // SAFETY: S1.
        let head = unsafe { &*block };
        #[cfg(lean)]
        head.unclaim(index);
        #[cfg(not(lean))]
        let _was_full = head.free().release(index);
        #[cfg(feature = "std")]
        if _was_full {
            head.next_free.set(self.free.replace(block));
        }
    }

    /// Adds a block, if the limit allows.
    #[cfg(feature = "alloc")]
    #[cold]
    fn grow(&self) -> bool {
        let room = self.capacity.get() - self.slots.get();
        if room == 0 || !self.may_grow.get() {
            return false;
        }
        let mut block = self.spare.get();
        if block.is_null() {
            block = crate::task::heap::block();
        } else {
            // SAFETY: S1.
            self.spare.set(unsafe { (*block).next.get() });
        }
        self.add_block(block, room.min(crate::task::ready::SLOTS));
        true
    }

    /// Whether another task would find a slot.
    #[cfg(feature = "std")]
    pub(crate) fn has_free_slot(&self) -> bool {
        !self.free.get().is_null() || self.slots.get() < self.capacity.get()
    }

    /// How many tasks there are.
    pub(crate) fn live(&self) -> usize {
        let mut live = 0;
        // SAFETY: S1.
        self.for_each_block(|block| live += unsafe { (*block).taken() });
        live
    }

    /// Calls `f` with every block: with the pointer, as a reference to the head would not reach
    /// the slots behind it.
    pub(crate) fn for_each_block(&self, mut f: impl FnMut(*const Block)) {
        let first = self.blocks.get();
        #[cfg(lean)]
        if !first.is_null() {
            f(first);
        }
        #[cfg(not(lean))]
        {
            let mut block = first;
            while !block.is_null() {
                f(block);
                // SAFETY: S1.
                block = unsafe { (*block).next.get() };
            }
        }
    }

    /// Whether there is any timer to be fired by the run loop: of its own tasks, or of a level that waits
    /// in no reactor.
    #[inline]
    pub(super) fn has_timers(&self) -> bool {
        #[cfg(all(not(loom), feature = "interrupt-executors"))]
        if super::levels::next_deadline(self).is_some() {
            return true;
        }
        !self.timers.is_empty()
    }

    /// When the first of these is due.
    #[inline]
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let own = self.timers.next_deadline();
        #[cfg(all(not(loom), feature = "interrupt-executors"))]
        if let Some(other) = super::levels::next_deadline(self) {
            return Some(own.map_or(other, |own| own.min(other)));
        }
        own
    }

    /// Fires those that are due. Returns how many there were.
    #[inline]
    pub(super) fn fire(&self, now: Instant) -> usize {
        #[cfg(all(not(loom), feature = "interrupt-executors"))]
        let others = super::levels::fire(self, now);
        #[cfg(not(all(not(loom), feature = "interrupt-executors")))]
        let others = 0;
        self.timers.fire(now) + others
    }

    pub(crate) fn set_clock(&self, clock: Option<Clock>) -> Option<Clock> {
        #[cfg(not(lean))]
        self.forget_time();
        self.clock.replace(clock)
    }

    /// The time, if the executor's context is entered.
    #[inline]
    pub(crate) fn now(&self) -> Option<Instant> {
        self.read(Reading::Shown)
    }

    /// An instant to count from, if the executor's context is entered.
    #[inline]
    pub(crate) fn start(&self) -> Option<Instant> {
        self.read(Reading::Start)
    }

    /// An instant to count `nanos` from, if the executor's context is entered.
    #[inline]
    pub(crate) fn start_of(&self, nanos: u64) -> Option<Instant> {
        // What is to take no time cannot be early.
        self.read(if nanos == 0 {
            Reading::Shown
        } else {
            Reading::Start
        })
    }

    /// The length of the clock's ticks.
    #[cfg(feature = "embassy-time")]
    pub(crate) fn resolution(&self) -> Option<core::time::Duration> {
        self.read(Reading::Resolution).map(Instant::as_duration)
    }

    #[inline]
    fn read(&self, reading: Reading) -> Option<Instant> {
        let clock = self.clock.get()?;
        // SAFETY: the clock is set while its context is entered, on this thread.
        Some(unsafe { (clock.now)(clock.reactor, self, reading) })
    }

    /// To be told of every reading of the clock.
    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn note_time(&self, now: Instant, resolution: core::time::Duration) {
        self.near.set(if resolution.is_zero() {
            // Moved by hand, maybe: whatever it shows next may be far from now.
            Instant::MAX
        } else {
            // No clock that goes by itself comes near the end of time.
            Instant::from_nanos(now.as_nanos().wrapping_add(FAR))
        });
    }

    /// To be told when time has passed, and nobody has read the clock.
    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn forget_time(&self) {
        self.near.set(Instant::MAX);
    }

    /// Whether the clock, which has been read not long ago, need not be read to know that `deadline`
    /// is not due.
    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn is_far(&self, deadline: Instant) -> bool {
        deadline > self.near.get()
    }

    /// Whether the clock shows `deadline`, as far as it can be read.
    #[inline]
    pub(crate) fn is_due(&self, deadline: Instant) -> bool {
        #[cfg(not(lean))]
        if self.is_far(deadline) {
            return false;
        }
        self.shows(deadline)
    }

    /// The same for a timer that has been polled before, and that somebody may be polling for ever.
    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn is_due_by_now(&self, deadline: Instant) -> bool {
        if self.is_far(deadline) {
            let polls = self.polls_of_far.get().wrapping_add(1);
            self.polls_of_far.set(polls);
            if polls % POLLS_OF_FAR != 0 {
                return false;
            }
        }
        self.shows(deadline)
    }

    /// Whether the clock, read now, shows `deadline`.
    #[inline(never)]
    pub(crate) fn shows(&self, deadline: Instant) -> bool {
        deadline != Instant::MAX && self.now().is_some_and(|now| deadline <= now)
    }

    /// Whether the executor has a clock, unless its context is not entered: then nobody knows yet.
    #[inline]
    pub(crate) fn may_have_clock(&self) -> bool {
        self.clock.get().is_some() || !super::context::is_current(self)
    }
}

/// The core that runs the task in `slot`.
///
/// # Safety
///
/// The slot has been claimed (S4).
#[inline]
pub(crate) unsafe fn of(slot: SlotRef) -> *const Core {
    // SAFETY: S1, S4.
    unsafe { (*slot.block()).core() }
}
