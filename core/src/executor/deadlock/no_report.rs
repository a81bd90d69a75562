//! Waits that cannot end, for tasks and timers of other executors: only builds with `std` tell of them.

use core::task::Waker;

use super::shared::Shared;
use crate::task::owner::Owner;

#[inline(always)]
pub(crate) fn may_be(_: *const Owner) -> bool {
    false
}

#[inline(always)]
pub(crate) fn is_certain(_: &Shared, _: &Waker) -> bool {
    false
}
