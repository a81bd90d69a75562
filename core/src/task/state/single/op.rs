//! What the function of a task is asked for beside polls, and what it answers.

use crate::task::failure::Failure;

/// What is to be done with a body, other than polling its future.
pub(crate) enum Op {
    /// Drop the future and settle the task with this error, which is taken. The task has ended.
    Cancel(Option<Failure>),
    /// Give the memory back; the stage is empty.
    Release,
}

/// What is known of a task's type: nothing here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Description {
    pub(crate) name: Option<&'static str>,
    pub(crate) type_name: &'static str,
    pub(crate) size: usize,
}

/// What a task's function tells: nothing, as it finishes a task that has ended by itself, so that the run loop need
/// not ask.
pub(crate) type Ended = ();
