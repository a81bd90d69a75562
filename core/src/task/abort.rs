//! [`AbortHandle`]: ending a task from outside.

use core::fmt;

use super::id::{TaskId, TaskKey};

/// Ends a task from anywhere: any thread, an interrupt handler, the task itself.
///
/// The handle keeps nothing alive and stays valid for ever; once the task has ended it does nothing. (Kept
/// for as many more tasks in the same slot as [`TaskId`] counts, it could hit another one.)
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AbortHandle(pub(crate) TaskKey);

impl AbortHandle {
    /// Asks for the task's end. Its future is dropped on the executor's thread, in the next
    /// turn of the run loop at the latest; whoever joins it gets [`JoinError::Aborted`](crate::JoinError::Aborted).
    ///
    /// A task that ends by itself in the poll that is under way keeps its output. Aborting a
    /// task that has ended does nothing, also if its slot has a new tenant.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     let task = polliwog::spawn(std::future::pending::<()>()).unwrap();
    ///     let abort = task.abort_handle();
    ///     abort.abort();
    ///     assert!(task.await.is_err());
    /// });
    /// ```
    pub fn abort(&self) {
        if self.0.slot.request_abort(self.0.generation) {
            // SAFETY: the slot has been claimed, else there were no handle.
            unsafe { super::waker::wake(self.0.slot) };
        }
    }

    /// Whether the task has ended. Then the caller, on whatever thread, sees all that the task did.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     let task = polliwog::spawn(async {}).unwrap();
    ///     let abort = task.abort_handle();
    ///     task.await.unwrap();
    ///     assert!(abort.is_finished());
    /// });
    /// ```
    pub fn is_finished(&self) -> bool {
        !self.0.slot.holds(self.0.generation)
    }

    /// Returns the identity of the task.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// polliwog::block_on(async {
    ///     let task = polliwog::spawn(async {}).unwrap();
    ///     assert_eq!(task.abort_handle().id(), task.id());
    /// });
    /// ```
    pub fn id(&self) -> TaskId {
        TaskId(self.0)
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AbortHandle").field(&self.id()).finish()
    }
}
