//! The future of `block_on`: a task like any other, except that its body lies on the stack.

use core::future::Future;
use core::mem::MaybeUninit;
use core::ptr;

use super::error::RunError;
use super::run_loop::Running;
use super::shared::Shared;
use crate::reactor::Reactor;
use crate::task::body::{BodyIn, Home};
use crate::task::failure::Failure;
#[cfg(feature = "std")]
use crate::task::join::JoinError;
use crate::task::join::JoinHandle;
use crate::task::joiner::Joiner;
use crate::task::run::{cancel, start};

/// Bodies on the stack of `block_on`.
struct Root;

// SAFETY: there is nothing to give back; `block_on` outlives the body.
unsafe impl Home for Root {
    type Label = ();
    type Joiner = Joiner;

    fn name((): ()) -> Option<&'static str> {
        Some("block_on")
    }

    unsafe fn release<F: Future>(_: Option<&Shared>, _: *mut ()) {}
}

/// Ends the task before its body goes away.
struct Guard<'a, T> {
    shared: &'a Shared,
    handle: JoinHandle<T>,
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if !self.handle.is_finished() {
            // SAFETY: our thread, within a run; an error or a panic has ended the turn, so
            // nothing is being polled. The handle takes and drops the output afterwards.
            unsafe { cancel(self.shared, self.handle.slot(), Failure::Aborted) };
        }
    }
}

#[cfg_attr(feature = "trace", track_caller)]
pub(super) fn block_on<R: Reactor, F: Future>(
    running: &mut Running<'_, R>,
    future: F,
) -> Result<F::Output, RunError<R::Error>> {
    let shared = running.shared;
    let executor = shared.as_current();
    let Some(slot) = shared.claim_or_grow() else {
        let capacity = shared.capacity();
        return Err(RunError::TasksFull { capacity });
    };
    let mut body = MaybeUninit::<BodyIn<F, Root>>::uninit();
    let memory = body.as_mut_ptr().cast();
    // SAFETY: fresh memory, which stays here until the guard has seen to the task's end; the
    // slot was claimed just now. A label of no size needs no writing.
    let handle = unsafe {
        ptr::write(BodyIn::<F, Root>::future(memory), future);
        BodyIn::<F, Root>::write_rest(memory, ());
        JoinHandle::new(executor, start::<F, Root>(shared, slot, memory))
    };
    let guard = Guard { shared, handle };
    running.until(Some(guard.handle.id().0))?;
    match guard.handle.take() {
        Ok(output) => Ok(output),
        #[cfg(feature = "std")]
        Err(JoinError::Panicked(panic)) => std::panic::resume_unwind(panic.into_payload()),
        Err(_) => unreachable!("nobody has a handle to abort this task with"),
    }
}
