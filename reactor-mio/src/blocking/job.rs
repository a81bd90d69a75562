//! A job, and the [`BlockingHandle`] that waits for it.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use polliwog_core::__reactor::waits_for;
use polliwog_core::Handle;
use polliwog_core::task::Panic;
use polliwog_core::task::budget::poll_proceed;

use super::error::{BlockingError, RejectReason};
use super::pool::{Pool, is_on_pool};

/// A job of the pool. Awaited, it gives the job's result.
///
/// Dropping it does not stop the job; the result is dropped by the pool's thread then.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::{BlockingHandle, spawn_blocking};
///
/// polliwog::block_on(async {
///     let sum: BlockingHandle<u64> = spawn_blocking(|| (1..=1000).sum());
///     assert_eq!(sum.await?, 500_500);
///     Ok(())
/// })
/// # }
/// ```
///
/// # Cancel safety
///
/// The handle can be awaited by reference and again later; nothing is lost.
#[must_use = "the result, and a panic, of the job would go unnoticed; `drop` it if that is meant"]
pub struct BlockingHandle<T> {
    /// An error if the job was not accepted.
    shared: Result<Arc<dyn Outcome<T>>, Option<RejectReason>>,
}

impl<T> BlockingHandle<T> {
    pub(super) fn of<S>(job: Arc<Job<S, T>>) -> Self
    where
        S: Send + 'static,
        T: Send + 'static,
    {
        Self { shared: Ok(job) }
    }

    pub(super) fn refused(reason: RejectReason) -> Self {
        Self {
            shared: Err(Some(reason)),
        }
    }

    /// Returns whether the job has ended (or was never accepted).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::spawn_blocking;
    ///
    /// polliwog::block_on(async {
    ///     let mut job = spawn_blocking(|| 7);
    ///     (&mut job).await?;
    ///     assert!(job.is_finished());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn is_finished(&self) -> bool {
        match &self.shared {
            Ok(shared) => shared.is_finished(),
            Err(_) => true,
        }
    }
}

impl<T> Future for BlockingHandle<T> {
    type Output = Result<T, BlockingError>;

    /// # Panics
    ///
    /// When polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.shared {
            Ok(shared) => waits_for("spawn_blocking", || shared.poll(cx)),
            Err(reason) => match reason.take() {
                Some(reason) => Poll::Ready(Err(BlockingError::Rejected(reason))),
                None => panic!("a blocking handle polled after it was ready"),
            },
        }
    }
}

impl<T> fmt::Debug for BlockingHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingHandle")
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// A job, its state and its result: one allocation.
pub(super) struct Job<S, T> {
    state: Mutex<State<S, T>>,
    /// On whose behalf it runs.
    owner: Option<Handle>,
    pool: &'static Pool,
}

enum State<S, T> {
    /// The handle's waker from here on.
    Waiting(S, fn(S) -> T, Option<Waker>),
    Running(Option<Waker>),
    Done(End<T>),
    Taken,
}

enum End<T> {
    Returned(T),
    Panicked(Box<dyn Any + Send>),
    Cancelled,
}

/// The pool's view of a job.
pub(super) trait Run: Send + Sync {
    /// Runs it, unless it has begun already or was cancelled.
    fn run(&self);
    /// Ends it, unless it has begun.
    fn cancel(&self);
    fn owner(&self) -> Option<Handle>;
}

/// The handle's view of a job.
trait Outcome<T>: Send + Sync {
    fn is_finished(&self) -> bool;
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, BlockingError>>;
}

impl<S, T> Job<S, T> {
    pub(super) fn new(pool: &'static Pool, owner: Option<Handle>, input: S, f: fn(S) -> T) -> Self {
        Self {
            state: Mutex::new(State::Waiting(input, f, None)),
            owner,
            pool,
        }
    }

    fn state(&self) -> MutexGuard<'_, State<S, T>> {
        // No code of others runs under the lock: a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the wait for a thread: the job runs from here on, or never does.
    fn begin(&self, is_cancelled: bool) -> Option<Begun<S, T>> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Waiting(input, f, mut waker) => {
                *state = match is_cancelled {
                    true => State::Done(End::Cancelled),
                    false => State::Running(waker.take()),
                };
                Some((input, f, waker))
            }
            other => {
                *state = other;
                None
            }
        }
    }
}

/// What a job was made of, and whom to wake now.
type Begun<S, T> = (S, fn(S) -> T, Option<Waker>);

impl<S, T> Run for Job<S, T>
where
    S: Send,
    T: Send,
{
    fn run(&self) {
        let Some((input, f, _)) = self.begin(false) else {
            return;
        };
        let result = catch_unwind(AssertUnwindSafe(|| match self.owner {
            Some(owner) => owner.enter(|| f(input)),
            None => f(input),
        }));
        let end = match result {
            Ok(value) => End::Returned(value),
            Err(payload) => End::Panicked(payload),
        };
        let previous = std::mem::replace(&mut *self.state(), State::Done(end));
        if let State::Running(Some(waker)) = previous {
            waker.wake();
        }
    }

    fn cancel(&self) {
        if let Some((input, _, waker)) = self.begin(true) {
            if let Some(waker) = waker {
                waker.wake();
            }
            // Foreign code, which may panic: at the very end.
            drop(input);
        }
    }

    fn owner(&self) -> Option<Handle> {
        self.owner
    }
}

impl<S, T> Outcome<T> for Job<S, T>
where
    S: Send,
    T: Send,
{
    fn is_finished(&self) -> bool {
        matches!(&*self.state(), State::Done(_) | State::Taken)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, BlockingError>> {
        if is_on_pool() && matches!(&*self.state(), State::Waiting(..)) {
            // One job waits for another, which must not wait for this one's thread.
            self.pool.help(std::ptr::from_ref(self).cast());
        }
        // Cloned and dropped outside of the lock.
        let mut spare = None;
        // So is the task woken whose budget is used up.
        let mut permit = None;
        loop {
            let mut state = self.state();
            match &mut *state {
                State::Waiting(_, _, place) | State::Running(place) => {
                    if place
                        .as_ref()
                        .is_some_and(|waker| waker.will_wake(cx.waker()))
                    {
                        return Poll::Pending;
                    }
                    if let Some(waker) = spare.take() {
                        let former = place.replace(waker);
                        drop(state);
                        drop(former);
                        return Poll::Pending;
                    }
                }
                State::Done(_) if permit.is_none() => {
                    drop(state);
                    permit = Some(ready!(poll_proceed(cx)));
                    continue;
                }
                State::Done(_) => {
                    if let Some(permit) = permit {
                        permit.charge(0);
                    }
                    return match std::mem::replace(&mut *state, State::Taken) {
                        State::Done(End::Returned(value)) => Poll::Ready(Ok(value)),
                        State::Done(End::Panicked(payload)) => {
                            Poll::Ready(Err(BlockingError::Panicked(Panic::new(payload))))
                        }
                        State::Done(End::Cancelled) => Poll::Ready(Err(BlockingError::Cancelled)),
                        _ => unreachable!("the state was Done under the same lock"),
                    };
                }
                State::Taken => {
                    drop(state);
                    panic!("a blocking handle polled after it was ready");
                }
            }
            drop(state);
            spare = Some(cx.waker().clone());
        }
    }
}
