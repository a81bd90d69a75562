//! Names of tasks: [`TaskId`], and what it is made of.

use core::fmt;

use super::state::SlotRef;

/// The name of a tenant of a slot: valid for ever, exact until the generation wraps around
/// (2⁶² reuses of one slot, 2³⁰ on 32-bit targets, 2¹⁶ if lean), and never a matter of memory safety.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TaskKey {
    pub(crate) slot: SlotRef,
    pub(crate) generation: usize,
}

// SAFETY: a tenant only reaches `meta`, which is atomic, and the ready words of the block,
// which are atomic for all threads but the owner's (see `ready`).
unsafe impl Send for TaskKey {}
// SAFETY: as above.
unsafe impl Sync for TaskKey {}

/// The identity of a task, unique among all tasks of a process for as long as the generation
/// counter of its slot does not wrap around: 2⁶² tasks in the same slot; 2³⁰ on 32-bit targets,
/// 2¹⁶ in a single-core build, whose slots are smaller.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TaskId(pub(crate) TaskKey);

#[cfg(feature = "defmt")]
impl TaskId {
    /// What tells it from others.
    pub(crate) fn parts(&self) -> (usize, usize) {
        (self.0.slot.as_ptr().addr(), self.0.generation)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TaskId({:p}#{})",
            self.0.slot.as_ptr(),
            self.0.generation
        )
    }
}
