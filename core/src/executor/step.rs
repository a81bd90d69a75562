//! [`Executor::step`]: an executor in a loop that is somebody else's.

use super::Executor;
use super::error::RunError;
use super::shared::{BACKLOG, INBOX};
use crate::reactor::{Deadline, Reactor};

impl<R: Reactor> Executor<R> {
    /// Takes one turn, for a loop that is not the executor's own: looks at the reactor without waiting, fires
    /// the timers that are due, polls each task that is ready once, and tells when to call again.
    ///
    /// * [`Deadline::Now`]: something is ready already.
    /// * [`Deadline::At`] and [`Deadline::Never`]: nothing is. Call again at that instant, for the next timer,
    ///   and as soon as the reactor's [unparker](Reactor::unparker) is woken, which until then the first wake
    ///   of any task does, from wherever it comes.
    ///
    /// With this an executor runs within the loop of a user interface, or many of them side by side on one thread. What
    /// does not go by wakes needs a call as well: a task that was spawned from outside, by a
    /// [`Spawner`](crate::Spawner) or a [`Handle`](crate::Handle).
    ///
    /// ```
    /// # use polliwog_core as polliwog;
    /// # use polliwog_core::conformance::ThreadReactor;
    /// use polliwog::{Deadline, Executor, yield_now};
    ///
    /// let executor = Executor::with_capacity(8, ThreadReactor::new());
    /// let task = executor.spawner().spawn(yield_now()).unwrap();
    /// assert_eq!(executor.step().unwrap(), Deadline::Now);
    /// assert_eq!(executor.step().unwrap(), Deadline::Never);
    /// assert!(task.is_finished());
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::Nested`] from within a task of this executor, and [`RunError::Reactor`] when its reactor
    /// fails.
    pub fn step(&self) -> Result<Deadline, RunError<R::Error>> {
        let mut running = self.begin()?;
        let shared = running.shared;
        shared.state.ready.unannounce_park();
        running.poll_reactor(Deadline::Now)?;
        running.turn(shared)?;
        // As before a wait: first the announcement, then a look at everything that others can set.
        let idle = !running.is_ready(shared) && shared.state.ready.announce_park();
        if idle && !shared.has_signal(INBOX) && !(shared.has_signal(BACKLOG) && running.has_mail())
        {
            return Ok(running.deadline());
        }
        shared.state.ready.unannounce_park();
        Ok(Deadline::Now)
    }
}
