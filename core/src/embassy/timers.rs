//! Timers of an executor that lie in no future of ours: a task's own, and places for foreign wakers.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr;

use crate::loom::Cell;
use crate::time::instant::Instant;
use crate::time::queue::TimerNode;

/// How many foreign wakers can wait without an allocator, and the step in which there are more
/// with one.
pub(super) const PLACES: usize = 16;

/// A timer in static memory, of which nothing lies in flash: all-zero until it is used.
pub(crate) struct TaskTimer {
    made: Cell<bool>,
    node: UnsafeCell<MaybeUninit<TimerNode>>,
}

impl TaskTimer {
    pub(crate) const fn new() -> Self {
        Self {
            made: Cell::new(false),
            node: UnsafeCell::new(MaybeUninit::zeroed()),
        }
    }

    /// The timer, made when it is first needed. Executor's thread.
    pub(super) fn get(&'static self) -> Pin<&'static TimerNode> {
        let place = self.node.get();
        if !self.made.replace(true) {
            // SAFETY: the executor's thread alone comes here (S5), and nobody refers to the node yet.
            unsafe { (*place).write(TimerNode::new(Instant::MAX)) };
        }
        // SAFETY: it has been written, and is only shared from then on.
        Pin::static_ref(unsafe { (*place).assume_init_ref() })
    }

    /// The timer, if it waits.
    pub(super) fn linked(&'static self) -> Option<Pin<&'static TimerNode>> {
        let node = self.made.get().then(|| self.get())?;
        node.is_linked().then_some(node)
    }
}

/// The timers of an executor that lie in no future of ours.
pub(crate) struct ForeignTimers {
    pub(super) first: Group,
    /// Those of the tasks, where there is one block of them. `None`, which is all zero: an empty slice is not,
    /// and the whole pool would lie in flash.
    #[cfg(lean)]
    pub(super) tasks: Cell<Option<&'static [TaskTimer]>>,
}

pub(super) struct Group {
    pub(super) timers: [TaskTimer; PLACES],
    pub(super) next: Cell<*const Group>,
}

impl Group {
    const fn new() -> Self {
        Self {
            timers: [const { TaskTimer::new() }; PLACES],
            next: Cell::new(ptr::null()),
        }
    }
}

impl ForeignTimers {
    pub(crate) const fn new() -> Self {
        Self {
            first: Group::new(),
            #[cfg(lean)]
            tasks: Cell::new(None),
        }
    }
}

impl Group {
    /// More timers, for ever, as an executor's permanent part lives.
    #[cfg(feature = "alloc")]
    pub(super) fn grow(&self) -> Option<&'static TaskTimer> {
        let group: &'static Group = alloc::boxed::Box::leak(alloc::boxed::Box::new(Group::new()));
        self.next.set(group);
        group.timers.first()
    }

    #[cfg(not(feature = "alloc"))]
    pub(super) fn grow(&self) -> Option<&'static TaskTimer> {
        None
    }
}
