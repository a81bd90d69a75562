//! How far an executor is with finding out that some wait cannot end: it does not try.

use super::shared::Shared;
use crate::reactor::Deadline;

#[allow(dead_code, reason = "an executor that does not try only ever waits")]
pub(super) enum BeforeWait {
    Wait,
    PollReactor,
    GoOn,
}

pub(crate) struct Deadlocks;

impl Deadlocks {
    pub(super) const fn new() -> Self {
        Self
    }

    pub(super) fn open(&self) {}

    pub(super) fn close(&self) {}

    #[inline(always)]
    pub(super) fn begin(&self) {}

    #[inline(always)]
    #[allow(dead_code, reason = "a chip with one shared does not ask")]
    pub(super) fn before_wait(&self, _: &Shared, _: Deadline) -> BeforeWait {
        BeforeWait::Wait
    }
}
