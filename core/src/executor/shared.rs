//! The part of an executor that lives for ever: queues, counters, timers, and the way for
//! other threads to reach it.

use core::cell::UnsafeCell;
#[cfg(feature = "alloc")]
use core::ptr;
use core::task::Waker;

use super::current;
use super::deadlock_detection::Deadlocks;
#[cfg(feature = "std")]
use super::inbox::Inbox;
use super::levels_post::Post;
use super::random::Chance;
use super::state::State;
use crate::loom::{ACQUIRE, AtomicUsize, Cell, Lock, Ordering, const_unless_loom, set_bits};
use crate::task::memory::bytes::BytePool;
#[cfg(feature = "alloc")]
use crate::task::memory::size_classes::SizeClasses;
use crate::task::owner::Owner;
use crate::task::state::{Block, SlotRef};
use crate::task::unwind::{drop_quietly, run_quietly};
use crate::time::instant::Instant;
use crate::time::queue::TimerQueue;

/// What another thread has an executor do on its own: to spawn a task.
#[cfg(feature = "std")]
pub(crate) type Job = alloc::boxed::Box<dyn FnOnce(SharedRef) + Send>;

/// Bit of [`Shared::signals`]: `run` is to return.
pub(crate) const SHUTDOWN: usize = 1;
/// Bit of [`Shared::signals`]: another thread has left something in the inbox.
#[cfg(not(lean))]
pub(crate) const INBOX: usize = 2;
/// Bit of [`Shared::signals`]: something in the inbox waits for a free slot.
#[cfg(feature = "std")]
pub(crate) const BACKLOG: usize = 4;
/// Bit of [`Shared::signals`]: ready tasks are permuted.
#[cfg(seeded)]
pub(crate) const SEEDED: usize = 8;

/// Bit of [`Shared::signals`]: no other thread is to wake a task.
#[cfg(feature = "std")]
pub(crate) const SECLUDED: usize = 16;
/// Bit of [`Shared::signals`]: the reactor waits for no other thread, so that it is of no use to start one.
#[cfg(feature = "std")]
pub(crate) const HASTY: usize = 32;

/// The permanent part of an executor.
///
/// `'static`, so that wakers and handles need no count; claimed by at most one
/// [`Executor`](super::Executor) at a time, whose thread alone touches the cells (S5).
pub(crate) struct Shared {
    /// What chips with a single core have otherwise.
    pub(crate) state: State,
    signals: AtomicUsize,
    /// Odd while claimed. Handles of a former claim find another number.
    pub(super) epoch: AtomicUsize,
    outside: Lock<Outside>,

    pub(crate) running: Cell<bool>,
    pub(super) deadlocks: Deadlocks,
    pub(crate) closing: Cell<bool>,
    pub(super) chance: Chance,
    clock: Cell<Option<Clock>>,
    pub(crate) bytes: Cell<Option<BytePool>>,
    pub(crate) timers: TimerQueue,
    /// What a level that waits in no reactor asks for.
    #[cfg_attr(not(levels), allow(dead_code, reason = "nothing is left there"))]
    pub(super) post: Post<Shared>,
    #[cfg(feature = "embassy-time")]
    pub(crate) foreign: crate::embassy::timers::ForeignTimers,
    #[cfg(feature = "alloc")]
    pub(crate) heap: SizeClasses,
    /// Next of the cores that wait for another executor.
    #[cfg(feature = "alloc")]
    #[cfg_attr(loom, allow(dead_code, reason = "no static outlives an execution"))]
    pub(crate) next_idle: Cell<*const Shared>,
    not_sync: core::marker::PhantomData<UnsafeCell<()>>,
}

/// What other threads reach under a lock.
struct Outside {
    unparker: Option<Waker>,
    #[cfg(feature = "std")]
    inbox: Inbox<Job>,
}

/// The running executor's clock: its reactor, without the type.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) reactor: *const (),
    /// # Safety
    ///
    /// To be called with `reactor` and the executor that has this clock, on the executor's thread,
    /// while the context that set the clock is entered.
    pub(crate) now: unsafe fn(*const (), &Shared, Reading) -> Instant,
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

impl Shared {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                state: State::new(),
                signals: AtomicUsize::new(0),
                epoch: AtomicUsize::new(0),
                outside: Lock::new(Outside {
                    unparker: None,
                    #[cfg(feature = "std")]
                    inbox: Inbox::new(),
                }),
                running: Cell::new(false),
                deadlocks: Deadlocks::new(),
                closing: Cell::new(false),
                chance: Chance::new(),
                clock: Cell::new(None),
                bytes: Cell::new(None),
                timers: TimerQueue::new(),
                post: Post::new(),
                #[cfg(feature = "embassy-time")]
                foreign: crate::embassy::timers::ForeignTimers::new(),
                #[cfg(feature = "alloc")]
                heap: SizeClasses::new(),
                #[cfg(feature = "alloc")]
                next_idle: Cell::new(ptr::null()),
                not_sync: core::marker::PhantomData,
            }
        }
    }

    /// Makes this thread the executor's, unless another executor has this part.
    pub(crate) fn claim(&'static self) -> Option<SharedRef> {
        // Acquire: what the former executor did to the cells comes before what we do.
        let epoch = set_bits(&self.epoch, 1, ACQUIRE);
        (epoch & 1 == 0).then_some(SharedRef::new(self, epoch | 1))
    }

    /// The address by which slots and contexts know the executor, with the provenance of all of it.
    #[inline]
    pub(crate) fn owner(&self) -> *const Owner {
        core::ptr::from_ref(self).cast()
    }

    /// First duty after a claim: sets everything to the start, for up to `capacity` tasks.
    pub(crate) fn open(&'static self, capacity: usize, may_grow: bool, unparker: Option<Waker>) {
        self.open_state(capacity, may_grow);
        self.chance.seed(0);
        self.deadlocks.open();
        if unparker.is_none() && cfg!(not(feature = "std")) {
            return;
        }
        self.outside.with(|outside| {
            #[cfg(feature = "std")]
            outside.inbox.set_capacity(capacity);
            outside.unparker = unparker;
        });
    }

    /// Nobody has asked for anything.
    pub(super) fn reset(&self) {
        self.signals.store(0, Ordering::Relaxed);
        self.closing.set(false);
    }

    /// Does something while no other thread, core or level is inside of the lock.
    #[cfg(not(feature = "std"))]
    #[cfg_attr(lean, allow(dead_code, reason = "there is one core"))]
    pub(super) fn locked<T>(&self, f: impl FnOnce() -> T) -> T {
        self.outside.with(|_| f())
    }

    /// Whether somebody has to be told when the executor is to go on.
    #[cfg(all(lean, levels))]
    pub(super) fn has_unparker(&self) -> bool {
        self.outside.with(|outside| outside.unparker.is_some())
    }

    /// Last duty of an executor: from here on no handle of it reaches this part.
    pub(crate) fn close(&self) {
        self.state.close();
        self.bytes.set(None);
        self.deadlocks.close();
        // Under the lock, so that no thread is in the middle of using the inbox.
        let left = self.outside.with(|outside| {
            let epoch = self.epoch.load(Ordering::Relaxed);
            self.close_state();
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
        // Not of a later claim: its park would end unannounced, and the next wake would not unpark it.
        let parked = alive && self.claim_unpark();
        if alive && (parked || self.is_secluded()) {
            self.unpark();
        }
        alive
    }

    /// Works on the inbox of the claim `epoch`; `None` if that has ended.
    #[cfg(feature = "std")]
    pub(crate) fn with_inbox<T>(
        &self,
        epoch: usize,
        f: impl FnOnce(&mut Inbox<Job>) -> T,
    ) -> Option<T> {
        self.outside
            .with(|outside| (self.epoch() == epoch).then(|| f(&mut outside.inbox)))
    }

    /// Whether no other thread is to wake a task. Relaxed: it is so before there is a task.
    #[inline]
    pub(crate) fn is_secluded(&self) -> bool {
        // For loom there is nothing to try in it.
        #[cfg(all(feature = "std", not(loom)))]
        return self.signals.load(Ordering::Relaxed) & SECLUDED != 0;
        #[cfg(not(all(feature = "std", not(loom))))]
        false
    }

    /// Notes whether it is of use to start a thread for a task, before there is one.
    #[cfg(feature = "std")]
    pub(super) fn note_haste<R: crate::reactor::Reactor>(&self, reactor: &R) {
        if !reactor.waits_for_threads() {
            self.set_signal(HASTY);
        }
    }

    /// Whether anybody waits for what another thread does for a task.
    #[cfg(feature = "std")]
    pub(super) fn waits_for_threads(&self) -> bool {
        self.signals.load(Ordering::Relaxed) & (SECLUDED | HASTY) == 0
    }

    /// Whether another thread has set one of these bits.
    #[cfg(not(lean))]
    #[inline]
    pub(crate) fn has_signal(&self, bits: usize) -> bool {
        self.signals.load(Ordering::SeqCst) & bits != 0
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        self.signals.load(Ordering::SeqCst) & SHUTDOWN != 0
    }

    #[cfg(seeded)]
    pub(crate) fn set_signal(&self, bit: usize) {
        self.signals.fetch_or(bit, Ordering::SeqCst);
    }

    #[cfg(not(lean))]
    pub(crate) fn clear_signal(&self, bit: usize) {
        self.signals.fetch_and(!bit, Ordering::SeqCst);
    }

    /// Whether nobody ran the executor; now the caller does, on whatever level or thread.
    #[cfg(all(not(lean), levels))]
    pub(crate) fn try_run(&self) -> bool {
        self.outside.with(|_| !self.running.replace(true))
    }

    /// Ends the run that [`try_run`](Self::try_run) has begun, by dropping what stands for it.
    #[cfg(all(not(lean), levels))]
    pub(crate) fn end_run<R>(&self, run: R) {
        self.outside.with(|_| drop(run));
    }

    // From here on: the executor's thread only (S5).

    /// How many tasks there are.
    pub(crate) fn live(&self) -> usize {
        let mut live = 0;
        // SAFETY: S1: a slot and its block are never moved or freed.
        self.for_each_block(|block| live += unsafe { Block::taken(block) });
        live
    }

    pub(crate) fn set_clock(&self, clock: Option<Clock>) -> Option<Clock> {
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

    /// Whether the clock shows `deadline`, as far as it can be read.
    #[inline]
    pub(crate) fn is_due(&self, deadline: Instant) -> bool {
        if self.is_far(deadline) {
            return false;
        }
        self.shows(deadline)
    }

    /// Whether the clock, read now, shows `deadline`. On a chip with one core within its caller, which all sleeps
    /// share, so that the stack has one frame less.
    #[cfg_attr(lean, inline)]
    #[cfg_attr(not(lean), inline(never))]
    pub(crate) fn shows(&self, deadline: Instant) -> bool {
        deadline != Instant::MAX && self.now().is_some_and(|now| deadline <= now)
    }

    /// Whether the executor has a clock, unless its context is not entered: then nobody knows yet.
    #[inline]
    pub(crate) fn may_have_clock(&self) -> bool {
        self.clock.get().is_some() || !current::is(self.owner())
    }
}

/// The executor that runs the task in `slot`.
///
/// # Safety
///
/// The slot has been claimed (S4).
#[inline]
pub(crate) unsafe fn of(slot: SlotRef) -> *const Shared {
    // SAFETY: S1: the block is never freed; S4: it has this slot.
    unsafe { (*slot.block()).owner().cast() }
}

/// The permanent part and the claim that it was seen in: how everything on the executor's thread refers to
/// its executor. Neither `Send` nor `Sync`, so whoever has one is on that thread.
#[derive(Clone, Copy)]
pub(crate) struct SharedRef {
    shared: &'static Shared,
    epoch: usize,
}

impl SharedRef {
    /// The permanent part, unless the executor has been dropped.
    #[inline]
    pub(crate) fn get(&self) -> Option<&'static Shared> {
        // Equal: the claim is still ours, and this is its thread.
        (self.shared.epoch.load(Ordering::Relaxed) == self.epoch).then_some(self.shared)
    }

    pub(crate) fn epoch(&self) -> usize {
        self.epoch
    }

    /// A reference made of its parts, on the executor's thread or level; or for an interrupt handler,
    /// which may use it to spawn and for nothing else.
    #[inline]
    pub(crate) fn new(shared: &'static Shared, epoch: usize) -> Self {
        Self { shared, epoch }
    }

    /// The permanent part, whether claimed or not: for what any thread may do.
    pub(crate) fn shared(&self) -> &'static Shared {
        self.shared
    }
}

impl Shared {
    /// A reference for this thread, which is known to be the executor's.
    #[inline]
    pub(crate) fn as_current(&'static self) -> SharedRef {
        SharedRef {
            shared: self,
            epoch: self.epoch.load(Ordering::Relaxed),
        }
    }
}

impl core::fmt::Debug for SharedRef {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SharedRef").finish_non_exhaustive()
    }
}
