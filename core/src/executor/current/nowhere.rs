//! Nobody knows which core of a chip this is, so there is no ambient executor.

use crate::task::owner::Owner;

pub(super) fn get() -> *const Owner {
    core::ptr::null()
}

/// What was current before somebody entered: nothing.
pub(crate) struct Former;

pub(crate) fn enter(_: *const Owner, _in_handler: bool) -> Former {
    Former
}

pub(crate) fn leave(_: &Former, _in_handler: bool) {}

#[allow(
    dead_code,
    reason = "for the endless run loop of a chip with a single core"
)]
pub(crate) fn set_main(_: *const Owner) {}
