//! How far an executor is with finding out that some wait cannot end: see [`deadlock`](super::deadlock).

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::current;
use super::shared::Shared;
use crate::reactor::Deadline;
use crate::task::body;
use crate::task::owner::Owner;
use crate::task::state::SlotRef;
use crate::task::unwind::wake_quietly;
use crate::task::waker;

/// Of so many waits that began in a former run an executor knows at most: fewer.
const MOST: usize = 1000;

/// How far an executor is with the waits for other ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nobody waits.
    None,
    /// Somebody does.
    Waiting,
    /// All who did have been woken, so that those are known who still do.
    Asked,
    /// The reactor has been looked at since.
    Looked,
    /// The waiting tasks have been woken, and this is the last call.
    LastCall,
}

/// What an executor has to do when it is about to wait.
pub(super) enum BeforeWait {
    /// To wait.
    Wait,
    /// To look at its reactor without waiting: that may be what runs the other executor.
    PollReactor,
    /// To go on, as those who wait for other executors have been woken.
    GoOn,
}

/// What an executor knows of waits for other ones.
pub(crate) struct Deadlocks {
    stage: Cell<Stage>,
    waiting: Cell<Vec<Waker>>,
    /// The executor within whose context the last run began.
    within: Cell<*const Owner>,
    /// The executor's thread: see [`context::thread`].
    thread: AtomicUsize,
}

impl Deadlocks {
    pub(super) const fn new() -> Self {
        Self {
            stage: Cell::new(Stage::None),
            waiting: Cell::new(Vec::new()),
            within: Cell::new(ptr::null()),
            thread: AtomicUsize::new(0),
        }
    }

    /// To be told when an executor begins, on its thread.
    pub(super) fn open(&self) {
        self.thread.store(current::thread(), Ordering::Relaxed);
    }

    /// To be told when the executor ends: the next one with the same core begins anew.
    pub(super) fn close(&self) {
        self.thread.store(0, Ordering::Relaxed);
        self.stage.set(Stage::None);
        self.within.set(ptr::null());
        drop(self.waiting.take());
    }

    /// To be told when a run begins, before the executor's context is entered.
    #[inline]
    pub(super) fn begin(&self) {
        self.within.set(current::get());
        if self.stage.get() != Stage::None {
            self.begin_anew();
        }
    }

    #[cold]
    fn begin_anew(&self) {
        let waiting = self.waiting.take();
        self.stage.set(Stage::None);
        // Of an executor that is only run now and then, and never waits.
        if !waiting.is_empty() && waiting.len() < MOST {
            self.waiting.set(waiting);
            self.stage.set(Stage::Waiting);
        }
    }

    /// To be asked before the executor waits.
    #[inline]
    pub(super) fn before_wait(&self, here: &Shared, until: Deadline) -> BeforeWait {
        match self.stage.get() {
            Stage::None => BeforeWait::Wait,
            stage => self.ask(stage, here, until),
        }
    }

    #[cold]
    fn ask(&self, stage: Stage, here: &Shared, until: Deadline) -> BeforeWait {
        // Whoever a timer wakes may run the other executor, and so may whoever waits for anything else.
        let goes_on = || until != Deadline::Never || !self.all_wait(here);
        let (next, what) = match stage {
            Stage::None | Stage::LastCall => (Stage::None, BeforeWait::Wait),
            _ if self.is_empty() => (Stage::None, BeforeWait::Wait),
            _ if goes_on() => (Stage::Waiting, BeforeWait::Wait),
            Stage::Waiting => (Stage::Asked, BeforeWait::GoOn),
            Stage::Asked => (Stage::Looked, BeforeWait::PollReactor),
            Stage::Looked => (Stage::LastCall, BeforeWait::GoOn),
        };
        self.stage.set(next);
        if matches!(what, BeforeWait::GoOn) {
            self.waiting.take().into_iter().for_each(wake_quietly);
        }
        what
    }

    fn is_empty(&self) -> bool {
        let waiting = self.waiting.take();
        let is_empty = waiting.is_empty();
        self.waiting.set(waiting);
        is_empty
    }

    /// Whether each task of the executor, which is this one, waits for another executor, or for the end of a task that does;
    /// as far as is known: who has given up such a wait has not said so.
    fn all_wait(&self, here: &Shared) -> bool {
        let waiting = self.waiting.take();
        let (mut waits, mut others) = (BTreeSet::new(), 0);
        for waker in &waiting {
            let mut task = waker::slot(waker);
            // It is not known which task it is that waits by a waker of somebody else's.
            others += usize::from(task.is_none());
            while let Some(slot) = task.filter(|slot| is_live(here, *slot)) {
                if !waits.insert(slot.as_ptr()) {
                    break;
                }
                task = joined_by(slot);
            }
        }
        self.waiting.set(waiting);
        here.live() <= waits.len() + others
    }

    /// Whether this executor has stood on this thread since it was opened.
    pub(super) fn is_of_this_thread(&self) -> bool {
        // Equal: only this thread can have stored that, and only it can change it now.
        self.thread.load(Ordering::Relaxed) == current::thread()
    }

    /// Whether a wait for this executor within `here`, another one, at the address `owner`, can never end.
    /// Unless that is certain by now, `waker` is kept to ask again.
    #[cold]
    pub(super) fn is_certain_in(&self, here: &Self, owner: *const Owner, waker: &Waker) -> bool {
        // What runs within a task of this executor goes on.
        if ptr::eq(self.within.get(), owner) {
            return false;
        }
        if here.stage.get() == Stage::LastCall {
            return true;
        }
        let waiting = here.waiting.take();
        let is_known = waiting.iter().rev().any(|known| known.will_wake(waker));
        here.waiting.set(waiting);
        if !is_known {
            // Foreign code, so while the list is not taken.
            let waker = waker.clone();
            let mut waiting = here.waiting.take();
            waiting.push(waker);
            here.waiting.set(waiting);
        }
        if here.stage.get() == Stage::None {
            here.stage.set(Stage::Waiting);
        }
        false
    }
}

/// Whether there is a task of the executor in a slot.
fn is_live(here: &Shared, slot: SlotRef) -> bool {
    // SAFETY: S1.
    let owner = unsafe { (*slot.block()).owner() };
    ptr::eq(owner, here.owner()) && slot.is_live()
}

/// The task that waits for the end of the one in a slot, which is a live one of this thread's executor.
fn joined_by(slot: SlotRef) -> Option<SlotRef> {
    let (run, body) = slot.task();
    // SAFETY: S3: the slot is live; S5: the executor's thread, between two turns.
    unsafe { body::joined_by(slot, run?, body) }
}
