//! Waits that cannot end: for a task or a timer of another executor of this thread, which cannot run as long
//! as the one that waits here keeps the thread.
//!
//! As a rule such a wait is right: whoever runs the one executor runs the other one next, or does so within
//! a task. So nothing is wrong until an executor that stays until its own work is done, as `block_on` does, has
//! nothing left to do but to wait. Then it looks at its reactor once more, which may be what runs the other one;
//! wakes everybody who waits for another executor, once; and those of them that still have to wait get an error.

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::Waker;

use alloc::vec::Vec;

use super::context;
use super::core::Core;
use crate::task::wake_quietly;

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
    /// They have been woken, and this is the last call.
    LastCall,
}

/// What an executor has to do when it is about to wait.
pub(super) enum BeforeWait {
    /// To wait.
    Wait,
    /// To look at its reactor without waiting: that may be what runs the other executor.
    Look,
    /// To go on, as those who wait for other executors have been woken.
    GoOn,
}

/// What an executor knows of waits for other ones.
pub(crate) struct Deadlocks {
    stage: Cell<Stage>,
    waiting: Cell<Vec<Waker>>,
    /// The executor within whose context the last run began.
    within: Cell<*const Core>,
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
        self.thread.store(context::thread(), Ordering::Relaxed);
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
        self.within.set(context::here());
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
                BeforeWait::Look
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
}

/// To be asked by a wait for a task or a timer of `core`'s executor that has not come to its end: whether it
/// never will. If not, and the executor that runs here is another one, `waker` may be woken to ask again.
#[inline]
pub(crate) fn is_certain(core: &Core, waker: &Waker) -> bool {
    !context::is_current(core) && is_certain_abroad(core, waker)
}

/// [`is_certain`] for who may be on any thread.
pub(super) fn is_certain_from_anywhere(core: &Core, waker: &Waker) -> bool {
    // Equal: only this thread can have stored that, and only it can change it now.
    core.deadlocks.thread.load(Ordering::Relaxed) == context::thread() && is_certain(core, waker)
}

#[cold]
fn is_certain_abroad(core: &Core, waker: &Waker) -> bool {
    let Some(here) = context::current() else {
        return false;
    };
    let here = here.shared();
    // What runs within a task of this executor goes on.
    if ptr::eq(core.deadlocks.within.get(), here) {
        return false;
    }
    if here.deadlocks.stage.get() == Stage::LastCall {
        return true;
    }
    // Foreign code, so before the list is taken.
    let waker = waker.clone();
    let mut waiting = here.deadlocks.waiting.take();
    waiting.push(waker);
    here.deadlocks.waiting.set(waiting);
    here.deadlocks.stage.set(Stage::Waiting);
    false
}
