//! Where other threads leave tasks, and values to be dropped, for an executor's thread.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::any::Any;

use crate::task::unwind::drop_quietly;

/// Jobs in the order in which they came.
pub(crate) struct Inbox<J> {
    pub(super) jobs: VecDeque<J>,
    pub(super) capacity: usize,
    /// What was dropped elsewhere and belongs to this thread.
    pub(super) returned: Vec<Box<dyn Any + Send>>,
}

impl<J> Inbox<J> {
    pub(crate) const fn new() -> Self {
        Self {
            jobs: VecDeque::new(),
            capacity: 0,
            returned: Vec::new(),
        }
    }

    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    pub(crate) fn take_all(&mut self) -> Jobs<J> {
        Jobs {
            jobs: core::mem::take(&mut self.jobs),
            returned: core::mem::take(&mut self.returned),
        }
    }
}

/// Jobs that nobody will do. A destructor of one that panics keeps none from being dropped.
pub(crate) struct Jobs<J> {
    pub(super) jobs: VecDeque<J>,
    pub(super) returned: Vec<Box<dyn Any + Send>>,
}

impl<J> Drop for Jobs<J> {
    fn drop(&mut self) {
        self.jobs.drain(..).for_each(drop_quietly);
        self.returned.drain(..).for_each(drop_quietly);
    }
}
