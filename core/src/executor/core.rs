//! The part of an executor that lives for ever: queues, counters, timers, and the way for
//! other threads to reach it.

use core::cell::UnsafeCell;
#[cfg(feature = "alloc")]
use core::ptr;
use core::task::Waker;

pub(crate) use super::core_ref::CoreRef;
#[cfg(feature = "std")]
use super::inbox::Inbox;
use super::state::State;
use crate::shim::{ACQUIRE, AtomicUsize, Cell, Lock, Ordering, const_unless_loom, set_bits};
use crate::task::body::{drop_quietly, run_quietly};
#[cfg(feature = "alloc")]
use crate::task::heap::SizeClasses;
use crate::task::pool::BytePool;
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
    /// What chips with a single core have otherwise.
    pub(crate) state: State,
    signals: AtomicUsize,
    /// Odd while claimed. Handles of a former claim find another number.
    pub(super) epoch: AtomicUsize,
    outside: Lock<Outside>,

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
    pub(crate) bytes: Cell<Option<BytePool>>,
    pub(crate) timers: TimerQueue,
    /// What a level that waits in no reactor asks for.
    #[cfg(all(not(loom), feature = "interrupt-executors"))]
    pub(super) post: super::levels::Post,
    #[cfg(feature = "embassy-time")]
    pub(crate) foreign: crate::embassy::ForeignTimers,
    #[cfg(feature = "alloc")]
    pub(crate) heap: SizeClasses,
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

impl Core {
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
                #[cfg(feature = "std")]
                deadlocks: super::deadlock::Deadlocks::new(),
                closing: Cell::new(false),
                #[cfg(any(feature = "std", feature = "simulation"))]
                seed: Cell::new(0),
                #[cfg(any(feature = "std", feature = "simulation"))]
                dice: super::Dice::new(),
                clock: Cell::new(None),
                bytes: Cell::new(None),
                timers: TimerQueue::new(),
                #[cfg(all(not(loom), feature = "interrupt-executors"))]
                post: super::levels::Post::new(),
                #[cfg(feature = "embassy-time")]
                foreign: crate::embassy::ForeignTimers::new(),
                #[cfg(feature = "alloc")]
                heap: SizeClasses::new(),
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
        self.open_state(capacity, may_grow);
        #[cfg(any(feature = "std", feature = "simulation"))]
        {
            self.seed.set(0);
            self.dice.seed(0);
        }
        #[cfg(feature = "std")]
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
    #[cfg(all(lean, feature = "interrupt-executors"))]
    pub(super) fn has_unparker(&self) -> bool {
        self.outside.with(|outside| outside.unparker.is_some())
    }

    /// Last duty of an executor: from here on no handle of it reaches the core.
    pub(crate) fn close(&self) {
        #[cfg(all(not(loom), feature = "interrupt-executors"))]
        super::levels::leave(self);
        self.state.close();
        self.bytes.set(None);
        #[cfg(feature = "std")]
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
        let parked = self.claim_unpark();
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

    // From here on: the executor's thread only (S5).

    /// How many tasks there are.
    pub(crate) fn live(&self) -> usize {
        let mut live = 0;
        // SAFETY: S1.
        self.for_each_block(|block| live += unsafe { (*block).taken() });
        live
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
