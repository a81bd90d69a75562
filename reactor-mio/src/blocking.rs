//! The blocking pool: threads for what cannot wait in a task.
//!
//! There is one pool per process, shared by all runtimes. It starts its first thread at the
//! first job. A thread without work for ten seconds ends.

use std::any::Any;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use polliwog_core::task::Panic;

/// How many threads the pool has at most, unless told otherwise.
pub const DEFAULT_MAX_THREADS: usize = 512;
/// How many jobs can wait for a thread.
pub const MAX_QUEUED: usize = 1 << 16;
/// How long a thread waits for a job before it ends.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Runs `f` on the pool. The handle is a future of its result and may be ignored.
///
/// ```
/// polliwog_mio::block_on(async {
///     let sum = polliwog_mio::spawn_blocking(|| (1..=100).sum::<u32>());
///     assert_eq!(sum.await.unwrap(), 5050);
/// });
/// ```
///
/// If the pool takes no more jobs, `f` is dropped and the handle says so. With
/// [`try_spawn_blocking`] it is given back.
pub fn spawn_blocking<F, T>(f: F) -> BlockingHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match try_spawn_blocking(f) {
        Ok(handle) => handle,
        Err(rejected) => BlockingHandle {
            shared: Err(Some(rejected.reason)),
        },
    }
}

/// Runs `f` on the pool, or gives it back.
///
/// # Errors
///
/// [`Rejected`] if [`MAX_QUEUED`] jobs are waiting, or if the pool has no thread and the
/// operating system gives it none.
pub fn try_spawn_blocking<F, T>(f: F) -> Result<BlockingHandle<T>, Rejected<F>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    POOL.submit(f, |f| f())
}

/// Runs `f` with `input` on the pool, or gives `input` back.
pub(crate) fn try_spawn_with<S, T>(
    input: S,
    f: fn(S) -> T,
) -> Result<BlockingHandle<T>, Rejected<S>>
where
    S: Send + 'static,
    T: Send + 'static,
{
    POOL.submit(input, f)
}

/// Sets how many threads the pool has at most, for the whole process. Threads above a lowered
/// limit end, with their current job if they have one. There is always room for one.
///
/// Also through [`Builder::blocking_threads`](crate::Builder::blocking_threads).
pub fn set_max_threads(threads: usize) {
    POOL.set_max_threads(threads);
}

/// A job of the pool. Awaited, it gives the job's result.
///
/// Dropping it does not stop the job; the result is dropped by the pool's thread then.
///
/// # Cancel safety
///
/// The handle can be awaited by reference and again later; nothing is lost.
#[must_use = "the result, and a panic, of the job would go unnoticed; `drop` it if that is meant"]
pub struct BlockingHandle<T> {
    /// An error if the job was not accepted.
    shared: Result<Arc<dyn Outcome<T>>, Option<Reason>>,
}

impl<T> BlockingHandle<T> {
    /// Whether the job has ended (or was never accepted).
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
            Ok(shared) => shared.poll(cx),
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

/// Why a job has no result.
pub enum BlockingError {
    /// The job panicked; this is what it panicked with.
    Panicked(Panic),
    /// The pool did not accept the job.
    Rejected(Reason),
}

/// Why the pool did not accept a job.
#[derive(Debug)]
pub enum Reason {
    /// So many jobs are waiting already.
    QueueFull(usize),
    /// The pool has no thread, and this is why it does not get one.
    NoThread(io::Error),
}

/// A job that the pool did not accept.
pub struct Rejected<F> {
    /// The job.
    pub job: F,
    /// Why it was not accepted.
    pub reason: Reason,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::QueueFull(limit) => {
                write!(f, "the blocking pool is full: {limit} jobs are waiting")
            }
            Reason::NoThread(error) => {
                write!(f, "the blocking pool cannot start a thread: {error}")
            }
        }
    }
}

impl fmt::Debug for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlockingError::Rejected(reason) => reason.fmt(f),
            BlockingError::Panicked(panic) => {
                f.write_str("a blocking job panicked")?;
                match panic.message() {
                    Some(text) => write!(f, ": {text}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Reason::QueueFull(_) => None,
            Reason::NoThread(error) => Some(error),
        }
    }
}

impl Error for BlockingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            BlockingError::Rejected(reason) => reason.source(),
            BlockingError::Panicked(_) => None,
        }
    }
}

impl<F> fmt::Debug for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rejected")
            .field("reason", &self.reason)
            .finish_non_exhaustive()
    }
}

impl<F> fmt::Display for Rejected<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl<F> Error for Rejected<F> {}

impl From<Reason> for BlockingError {
    fn from(reason: Reason) -> Self {
        BlockingError::Rejected(reason)
    }
}

impl<F> From<Rejected<F>> for BlockingError {
    /// Drops the job, keeps the reason.
    fn from(rejected: Rejected<F>) -> Self {
        rejected.reason.into()
    }
}

impl From<BlockingError> for io::Error {
    fn from(error: BlockingError) -> Self {
        match error {
            BlockingError::Rejected(Reason::NoThread(error)) => error,
            error => io::Error::other(error),
        }
    }
}

impl From<Reason> for io::Error {
    fn from(reason: Reason) -> Self {
        BlockingError::from(reason).into()
    }
}

impl<F> From<Rejected<F>> for io::Error {
    /// Drops the job, keeps the reason.
    fn from(rejected: Rejected<F>) -> Self {
        rejected.reason.into()
    }
}

/// A job, its state and its result: one allocation.
struct Job<S, T>(Mutex<State<S, T>>);

enum State<S, T> {
    /// The handle's waker from here on.
    Waiting(S, fn(S) -> T, Option<Waker>),
    Running(Option<Waker>),
    Done(Result<T, Box<dyn Any + Send>>),
    Taken,
}

/// The pool's view of a job.
trait Run: Send + Sync {
    fn run(&self);
}

/// The handle's view of a job.
trait Outcome<T>: Send + Sync {
    fn is_finished(&self) -> bool;
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<T, BlockingError>>;
}

impl<S, T> Job<S, T> {
    fn state(&self) -> MutexGuard<'_, State<S, T>> {
        // No code of others runs under the lock: a poisoned state is a whole one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, T> Run for Job<S, T>
where
    S: Send,
    T: Send,
{
    fn run(&self) {
        let (input, f) = {
            let mut state = self.state();
            match std::mem::replace(&mut *state, State::Taken) {
                State::Waiting(input, f, waker) => {
                    *state = State::Running(waker);
                    (input, f)
                }
                other => {
                    *state = other;
                    return;
                }
            }
        };
        let result = catch_unwind(AssertUnwindSafe(|| f(input)));
        let previous = std::mem::replace(&mut *self.state(), State::Done(result));
        if let State::Running(Some(waker)) = previous {
            waker.wake();
        }
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
        // Cloned and dropped outside of the lock.
        let mut spare = None;
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
                State::Done(_) => {
                    return match std::mem::replace(&mut *state, State::Taken) {
                        State::Done(result) => Poll::Ready(
                            result.map_err(|payload| BlockingError::Panicked(Panic::new(payload))),
                        ),
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

static POOL: Pool = Pool::new(DEFAULT_MAX_THREADS, KEEP_ALIVE);

struct Pool {
    state: Mutex<PoolState>,
    work: Condvar,
    keep_alive: Duration,
}

struct PoolState {
    queue: VecDeque<Arc<dyn Run>>,
    threads: usize,
    /// Threads that wait for work, also those that have been notified and not woken up yet:
    /// each of them takes a job, so a new thread is wanted when `queue` is longer.
    idle: usize,
    max_threads: usize,
}

impl Pool {
    const fn new(max_threads: usize, keep_alive: Duration) -> Self {
        Self {
            state: Mutex::new(PoolState {
                queue: VecDeque::new(),
                threads: 0,
                idle: 0,
                max_threads,
            }),
            work: Condvar::new(),
            keep_alive,
        }
    }

    fn lock(&self) -> MutexGuard<'_, PoolState> {
        // Jobs run without the lock, so nobody panics with it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit<S, T>(
        &'static self,
        input: S,
        f: fn(S) -> T,
    ) -> Result<BlockingHandle<T>, Rejected<S>>
    where
        S: Send + 'static,
        T: Send + 'static,
    {
        let mut state = self.lock();
        if state.queue.len() >= MAX_QUEUED {
            drop(state);
            let reason = Reason::QueueFull(MAX_QUEUED);
            return Err(Rejected { job: input, reason });
        }
        if state.idle > state.queue.len() {
            self.work.notify_one();
        } else if state.threads < state.max_threads {
            match self.start_thread() {
                Ok(()) => state.threads += 1,
                // The threads there are will see to it.
                Err(_error) if state.threads > 0 => {
                    record!(warn, "cannot start another blocking thread: {_error}");
                }
                Err(error) => {
                    drop(state);
                    let reason = Reason::NoThread(error);
                    return Err(Rejected { job: input, reason });
                }
            }
        }
        let job = Arc::new(Job(Mutex::new(State::Waiting(input, f, None))));
        state.queue.push_back(Arc::clone(&job) as Arc<dyn Run>);
        Ok(BlockingHandle { shared: Ok(job) })
    }

    fn set_max_threads(&self, threads: usize) {
        self.lock().max_threads = threads.max(1);
        // Those above the limit that wait for work end.
        self.work.notify_all();
    }

    fn start_thread(&'static self) -> io::Result<()> {
        thread::Builder::new()
            .name("polliwog-blocking".into())
            .spawn(|| self.work())
            .map(drop)
    }

    /// The life of a thread. It is counted in `threads` already.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            while state.threads <= state.max_threads {
                let Some(job) = state.queue.pop_front() else {
                    break;
                };
                drop(state);
                // A job catches its own panic, but a waker or the drop of a result may panic.
                let done = catch_unwind(AssertUnwindSafe(|| {
                    job.run();
                    drop(job);
                }));
                if let Err(payload) = done {
                    // Its destructor may panic in its turn: what comes of that is leaked.
                    let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
                    let _ = dropped.map_err(std::mem::forget);
                }
                state = self.lock();
            }
            if state.threads > state.max_threads {
                break;
            }
            state.idle += 1;
            let (woken, waited) = self
                .work
                .wait_timeout(state, self.keep_alive)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        if !state.queue.is_empty() {
            // We may have been woken for a job that is another thread's now.
            self.work.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Drives a handle without any runtime.
    fn wait<T>(handle: BlockingHandle<T>) -> Result<T, BlockingError> {
        struct Unpark(thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Arc::new(Unpark(thread::current())).into();
        let mut cx = Context::from_waker(&waker);
        let mut handle = std::pin::pin!(handle);
        loop {
            match handle.as_mut().poll(&mut cx) {
                Poll::Ready(result) => return result,
                Poll::Pending => thread::park(),
            }
        }
    }

    #[test]
    fn a_panic_is_an_error_of_its_own_job() {
        let bad = spawn_blocking(|| -> u32 { panic!("out of tadpoles") });
        let good = spawn_blocking(|| 7);
        let error = wait(bad).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a blocking job panicked: out of tadpoles"
        );
        assert_eq!(wait(good).unwrap(), 7);
    }

    #[test]
    fn a_dropped_handle_does_not_stop_the_job() {
        let (sender, receiver) = mpsc::channel();
        drop(spawn_blocking(move || sender.send(1)));
        assert_eq!(receiver.recv(), Ok(1));
    }

    #[test]
    fn many_jobs_all_run() {
        let jobs: Vec<_> = (0..1000).map(|n| spawn_blocking(move || n)).collect();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(wait(job).unwrap(), n);
        }
    }

    /// Each poll brings another waker; whichever is the last when the job ends is woken.
    #[test]
    fn the_last_waker_is_woken_however_the_end_crosses_a_poll() {
        struct Send(mpsc::Sender<usize>, usize);
        impl std::task::Wake for Send {
            fn wake(self: Arc<Self>) {
                let _ = self.0.send(self.1);
            }
        }
        for round in 0..2000 {
            let (sender, woken) = mpsc::channel();
            let mut job = spawn_blocking(move || {
                for _ in 0..round % 64 {
                    std::hint::spin_loop();
                }
            });
            let mut poll = |number| {
                let waker = Arc::new(Send(sender.clone(), number)).into();
                Pin::new(&mut job).poll(&mut Context::from_waker(&waker))
            };
            if (0..4).any(|number| poll(number).is_ready()) {
                continue;
            }
            assert_eq!(woken.recv_timeout(KEEP_ALIVE), Ok(3), "round {round}");
            assert!(poll(4).is_ready());
        }
    }

    #[test]
    fn a_full_queue_gives_the_job_back() {
        // A pool of its own, whose only thread is busy until the end.
        let pool: &'static Pool = Box::leak(Box::new(Pool::new(1, KEEP_ALIVE)));
        let (go, wait_for_go) = mpsc::channel::<()>();
        let first = pool.submit(move || wait_for_go.recv(), |f| f()).unwrap();
        let mut accepted = Vec::new();
        let rejected = loop {
            match pool.submit(|| 1_u8, |f| f()) {
                Ok(handle) => accepted.push(handle),
                Err(rejected) => break rejected,
            }
        };
        assert!(matches!(rejected.reason, Reason::QueueFull(MAX_QUEUED)));
        assert_eq!((rejected.job)(), 1);
        // The first job counts as long as the thread has not come to it.
        assert!(accepted.len() >= MAX_QUEUED - 1);
        go.send(()).unwrap();
        wait(first).unwrap().unwrap();
        for handle in accepted {
            assert_eq!(wait(handle).unwrap(), 1);
        }
    }

    #[test]
    fn threads_above_a_lowered_limit_end_and_leave_no_job_behind() {
        // Nobody looks at the queue by itself.
        const AN_HOUR: Duration = Duration::from_secs(3600);
        let pool: &'static Pool = Box::leak(Box::new(Pool::new(4, AN_HOUR)));
        let (all, meet) = (4, Arc::new(std::sync::Barrier::new(4)));
        let jobs: Vec<_> = (0..all)
            .map(|_| {
                let meet = Arc::clone(&meet);
                pool.submit(move || meet.wait().is_leader(), |f| f())
                    .unwrap()
            })
            .collect();
        for job in jobs {
            wait(job).unwrap();
        }
        while pool.lock().idle < all {
            thread::yield_now();
        }
        pool.set_max_threads(1);
        let after = pool.submit(|| 5, |f| f()).unwrap();
        assert_eq!(wait(after).unwrap(), 5);
        while pool.lock().threads > 1 {
            thread::yield_now();
        }
        let last = pool.submit(|| 6, |f| f()).unwrap();
        assert_eq!(wait(last).unwrap(), 6);
    }
}
