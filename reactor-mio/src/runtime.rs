//! [`Runtime`]: an executor and its reactor, and the thread's default runtime.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::io;
use std::rc::Rc;

use polliwog_core::task::JoinHandle;
use polliwog_core::{Executor, Handle, SpawnError, Spawner, TrySpawnError};

use crate::blocking;
use crate::reactor::{DEFAULT_EVENTS, DEFAULT_SOURCES, Entered, MioReactor};

/// How many tasks a runtime holds at most, unless the builder says otherwise.
///
/// Room is taken as tasks come, so that the limit costs nothing until it is reached.
pub const DEFAULT_MAX_TASKS: usize = 1 << 20;

/// An executor with a [`MioReactor`], for one thread.
///
/// ```
/// use polliwog_mio::Runtime;
///
/// let runtime = Runtime::builder().max_tasks(1000).build()?;
/// let answer = runtime.block_on(async {
///     let task = polliwog_mio::spawn(async { 42 }).unwrap();
///     task.await.unwrap()
/// });
/// assert_eq!(answer, 42);
/// # std::io::Result::Ok(())
/// ```
///
/// Dropping a runtime drops all of its tasks. Sockets that outlive it stay valid, but nobody
/// waits for them any more.
///
/// # One thread, one runtime
///
/// A runtime and everything that lives in it stay on their thread. A server that wants more
/// than one core starts a thread with a runtime for each; see
/// [`TcpListener::from_std`](crate::net::TcpListener::from_std) for `SO_REUSEPORT`. Other
/// threads reach a runtime through its [`handle`](Self::handle), through wakers and through
/// [`UserEvent`](crate::UserEvent)s.
pub struct Runtime {
    executor: Executor<MioReactor>,
    running: Cell<bool>,
    /// Set at the very end; after `executor`, so that its tasks are dropped in context.
    closing: Option<Entered>,
}

/// The limits of a [`Runtime`]; made by [`Runtime::builder`].
#[derive(Clone, Debug)]
pub struct Builder {
    max_tasks: usize,
    max_sources: usize,
    events_capacity: usize,
    blocking_threads: Option<usize>,
}

impl Builder {
    /// How many tasks there can be at a time ([`DEFAULT_MAX_TASKS`]). Beyond it, spawning fails.
    /// The future of [`Runtime::block_on`] is one of them, so there is room for one at least.
    pub fn max_tasks(mut self, max_tasks: usize) -> Self {
        self.max_tasks = max_tasks.max(1);
        self
    }

    /// How many sources can be watched at a time (2²⁰). A socket that would have to wait beyond
    /// it fails with an error that wraps
    /// [`SourcesFull`](polliwog_core::sources::SourcesFull).
    pub fn max_sources(mut self, max_sources: usize) -> Self {
        self.max_sources = max_sources;
        self
    }

    /// How many events are taken from the system per wait (1024).
    pub fn events_capacity(mut self, events_capacity: usize) -> Self {
        self.events_capacity = events_capacity;
        self
    }

    /// How many threads the blocking pool has at most (512).
    ///
    /// The pool belongs to the process, not to the runtime: this sets the limit for everybody,
    /// when the runtime is built.
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking_threads = Some(threads);
        self
    }

    /// Makes the runtime.
    ///
    /// # Errors
    ///
    /// When the operating system gives out no selector, for lack of file descriptors as a rule.
    pub fn build(self) -> io::Result<Runtime> {
        let reactor = MioReactor::with_limits(self.max_sources, self.events_capacity)?;
        if let Some(threads) = self.blocking_threads {
            blocking::set_max_threads(threads);
        }
        record!(debug, "a runtime for up to {} tasks", self.max_tasks);
        Ok(Runtime {
            executor: Executor::with_capacity(self.max_tasks, reactor),
            running: Cell::new(false),
            closing: None,
        })
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            max_tasks: DEFAULT_MAX_TASKS,
            max_sources: DEFAULT_SOURCES,
            events_capacity: DEFAULT_EVENTS,
            blocking_threads: None,
        }
    }
}

impl Runtime {
    /// A runtime with the default limits.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Self::builder().build()
    }

    /// To set limits before the runtime is made.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs a future to its end, and the runtime's tasks meanwhile.
    ///
    /// When the future is done, this returns; tasks that are not done stay, and go on in the
    /// next `block_on`.
    ///
    /// # Panics
    ///
    /// When it is called inside of itself, by a task of this runtime: `await` there instead, or
    /// spawn. When there are as many tasks as there may be, for the future is one more. When the
    /// reactor fails as a whole. When the future panics.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        assert!(
            !self.running.replace(true),
            "`block_on` inside of `block_on`: this thread runs this runtime already; \
             `await` the future, or spawn it"
        );
        let _running = Running(&self.running);
        self.reactor().enter(|| self.executor.block_on(future))
    }

    /// Spawns a task, which runs during [`block_on`](Self::block_on).
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there are as many tasks as there may be. The future is dropped then;
    /// [`try_spawn`](Self::try_spawn) gives it back.
    #[inline]
    pub fn spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.executor.spawner().spawn(future)
    }

    /// Spawns a task, or gives the future back.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn), with the future.
    #[inline]
    pub fn try_spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.executor.spawner().try_spawn(future)
    }

    /// A spawner for this runtime's own thread.
    pub fn spawner(&self) -> Spawner {
        self.executor.spawner()
    }

    /// A handle for other threads.
    pub fn handle(&self) -> Handle {
        self.executor.handle()
    }

    /// Runs `f` with this as the thread's current runtime, so that it can spawn tasks and make
    /// sockets outside of [`block_on`](Self::block_on).
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        self.reactor().enter(|| self.executor.enter(f))
    }

    /// The reactor.
    pub fn reactor(&self) -> &MioReactor {
        self.executor.reactor()
    }

    /// The executor.
    pub fn executor(&self) -> &Executor<MioReactor> {
        &self.executor
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Fields are dropped in order: the tasks first, which may still use the reactor.
        self.closing = Some(self.executor.reactor().entered());
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("reactor", self.reactor())
            .field("running", &self.running.get())
            .finish_non_exhaustive()
    }
}

/// Resets the flag, also when the future panics.
struct Running<'a>(&'a Cell<bool>);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

thread_local! {
    static DEFAULT: OnceCell<Rc<Runtime>> = const { OnceCell::new() };
}

/// The thread's default runtime, made when it is first needed.
fn default_runtime() -> Rc<Runtime> {
    DEFAULT.with(|default| {
        let runtime = default.get_or_init(|| match Runtime::new() {
            Ok(runtime) => Rc::new(runtime),
            Err(error) => panic!("cannot make a runtime for this thread: {error}"),
        });
        Rc::clone(runtime)
    })
}

/// Runs a future to its end on the thread's default runtime, which is made with default limits
/// when it is first needed and dropped when the thread ends.
///
/// ```
/// let answer = polliwog_mio::block_on(async {
///     let task = polliwog_mio::spawn(async { 42 }).unwrap();
///     task.await.unwrap()
/// });
/// assert_eq!(answer, 42);
/// ```
///
/// # Panics
///
/// As [`Runtime::block_on`]; also when the operating system gives out no selector.
pub fn block_on<F: Future>(future: F) -> F::Output {
    default_runtime().block_on(future)
}

/// Spawns a task on the executor in whose context the calling code runs, or else on the thread's
/// default runtime, which runs it during [`block_on`].
///
/// # Errors
///
/// [`SpawnError`] if there are as many tasks as there may be. The future is dropped then;
/// [`try_spawn`] gives it back.
///
/// # Panics
///
/// When there has to be a default runtime and the operating system gives out no selector.
pub fn spawn<F>(future: F) -> Result<JoinHandle<F::Output>, SpawnError>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match Spawner::current() {
        Some(spawner) => spawner.spawn(future),
        None => default_runtime().spawn(future),
    }
}

/// Spawns a task as [`spawn`] does, or gives the future back.
///
/// # Errors
///
/// As [`spawn`], with the future.
///
/// # Panics
///
/// As [`spawn`].
pub fn try_spawn<F>(future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match Spawner::current() {
        Some(spawner) => spawner.try_spawn(future),
        None => default_runtime().try_spawn(future),
    }
}
