//! The name of a task in its slot, and what an abort by that name finds.

use super::slot::SlotRef;

/// What `request_abort` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Abort {
    /// The task is told: wake it.
    Requested,
    /// It had been told before, or it has ended.
    Nothing,
}

/// The name of a tenant of a slot: valid for ever, exact until the generation wraps around
/// (2⁶² reuses of one slot, 2³⁰ on 32-bit targets, 2¹⁶ if lean), and never a matter of memory safety.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Tenant {
    pub(crate) slot: SlotRef,
    pub(crate) generation: usize,
}

// SAFETY: a tenant only reaches `meta`, which is atomic, and the ready words of the block,
// which are atomic for all threads but the owner's (see `ready`).
unsafe impl Send for Tenant {}
// SAFETY: as above.
unsafe impl Sync for Tenant {}
