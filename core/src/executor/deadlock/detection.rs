//! How far an executor is with finding out that some wait cannot end: see [`deadlock`](super::deadlock).

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;

use alloc::vec::Vec;

use super::current;
use crate::task::owner::Owner;
use crate::task::unwind::wake_quietly;

/// Of so many waits that began in a former run an executor knows at most: fewer.
const MOST: usize = 1000;

/// How far an executor is with the waits for other ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nobody waits.
    None,
    /// Somebody does.
    Waiting,
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
    pub(super) fn before_wait(&self) -> BeforeWait {
        match self.stage.get() {
            Stage::None => BeforeWait::Wait,
            stage => self.ask(stage),
        }
    }

    #[cold]
    fn ask(&self, stage: Stage) -> BeforeWait {
        match stage {
            Stage::Waiting => {
                self.stage.set(Stage::Looked);
                BeforeWait::PollReactor
            }
            Stage::Looked => {
                self.stage.set(Stage::LastCall);
                let waiting = self.waiting.take();
                waiting.into_iter().for_each(wake_quietly);
                BeforeWait::GoOn
            }
            Stage::None | Stage::LastCall => {
                self.stage.set(Stage::None);
                BeforeWait::Wait
            }
        }
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
        // Foreign code, so before the list is taken.
        let waker = waker.clone();
        let mut waiting = here.waiting.take();
        waiting.push(waker);
        here.waiting.set(waiting);
        here.stage.set(Stage::Waiting);
        false
    }
}
