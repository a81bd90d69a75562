//! [`Runtime`]: an executor and its reactor, and the thread's default runtime.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::process;
use std::rc::Rc;
use std::time::Duration;

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
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::Runtime;
///
/// let runtime = Runtime::builder().max_tasks(1000).build()?;
/// let answer = runtime.block_on(async {
///     let task = polliwog::spawn(async { 42 }).unwrap();
///     task.await.unwrap()
/// });
/// assert_eq!(answer, 42);
/// # std::io::Result::Ok(())
/// ```
///
/// Dropping a runtime drops all of its tasks. Sockets that outlive it stay valid, but an operation that
/// would have to wait is an error from then on, as it is inside of another runtime. Jobs of the [blocking
/// pool](crate::blocking) go on, as long as the process does;
/// [`shutdown_timeout`](Self::shutdown_timeout) waits for them.
///
/// # One thread, one runtime
///
/// A runtime and everything that lives in it stay on their thread. A server that wants more
/// than one core has a [`Cluster`](crate::Cluster): a thread with a runtime for each. Other
/// threads reach a runtime through its [`handle`](Self::handle), through wakers and through
/// [`UserEvent`](crate::UserEvent)s.
///
/// A child that the process forks (Unix) must not use its copy of a runtime: it shares the selector
/// with its parent. It makes a runtime of its own; [`block_on`] does so by itself.
pub struct Runtime {
    executor: Executor<MioReactor>,
    running: Cell<bool>,
    /// Set at the very end; after `executor`, so that its tasks are dropped in context.
    closing: Option<Closing>,
}

/// The limits of a [`Runtime`]; made by [`Runtime::builder`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// use polliwog::Runtime;
///
/// # fn main() -> std::io::Result<()> {
/// let runtime = Runtime::builder().max_tasks(1_000).blocking_threads(4).build()?;
/// assert_eq!(runtime.block_on(async { 7 }), 7);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    max_tasks: usize,
    max_sources: usize,
    events_capacity: usize,
    blocking_threads: Option<usize>,
    start_paused: bool,
}

impl Builder {
    /// Sets whether the clock stands still at first, for a test: see [`time`](crate::time).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    /// use polliwog::time::sleep;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().start_paused(true).build()?;
    /// runtime.block_on(sleep(Duration::from_secs(3600))); // no time at all
    /// # Ok(()) }
    /// ```
    pub fn start_paused(mut self, start_paused: bool) -> Self {
        self.start_paused = start_paused;
        self
    }

    /// Sets how many tasks there can be at a time ([`DEFAULT_MAX_TASKS`]). Beyond it, spawning fails.
    /// The future of [`Runtime::block_on`] is one of them, so there is room for one at least.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().max_tasks(10_000).build()?;
    /// # drop(runtime);
    /// # Ok(()) }
    /// ```
    pub fn max_tasks(mut self, max_tasks: usize) -> Self {
        self.max_tasks = max_tasks.max(1);
        self
    }

    /// Sets how many sources can be watched at a time (2²⁰). A socket that would have to wait beyond
    /// it fails with an error that wraps
    /// [`SourcesFull`](polliwog_core::sources::SourcesFull).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().max_sources(10_000).build()?;
    /// assert_eq!(runtime.reactor().max_sources(), 10_000);
    /// # Ok(()) }
    /// ```
    pub fn max_sources(mut self, max_sources: usize) -> Self {
        self.max_sources = max_sources;
        self
    }

    /// Sets how many events are taken from the system per wait (1024).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().events_capacity(64).build()?;
    /// # drop(runtime);
    /// # Ok(()) }
    /// ```
    pub fn events_capacity(mut self, events_capacity: usize) -> Self {
        self.events_capacity = events_capacity;
        self
    }

    /// Sets how many threads the blocking pool has at most (512), and as many again for jobs that
    /// [jobs bring](crate::blocking#jobs-that-wait-for-jobs).
    ///
    /// The pool belongs to the process, not to the runtime: this sets the limit for everybody,
    /// when the runtime is built.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().blocking_threads(2).build()?;
    /// let answer = runtime.block_on(async { polliwog::spawn_blocking(|| 6 * 7).await });
    /// assert_eq!(answer.unwrap(), 42);
    /// # Ok(()) }
    /// ```
    pub fn blocking_threads(mut self, threads: usize) -> Self {
        self.blocking_threads = Some(threads);
        self
    }

    /// Makes the runtime.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().build()?;
    /// assert_eq!(runtime.block_on(async { 7 }), 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the operating system gives out no selector, for lack of file descriptors as a rule.
    pub fn build(self) -> io::Result<Runtime> {
        let reactor = MioReactor::with_limits(self.max_sources, self.events_capacity)?;
        if let Some(threads) = self.blocking_threads {
            blocking::set_max_threads(threads);
        }
        reactor.set_of_runtime();
        if self.start_paused {
            reactor.pause();
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
            start_paused: false,
        }
    }
}

impl Runtime {
    /// Makes a runtime with the default limits.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// assert_eq!(runtime.block_on(async { 7 }), 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> io::Result<Runtime> {
        Self::builder().build()
    }

    /// Returns a builder, to set limits before the runtime is made.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().max_tasks(1_000).build()?;
    /// # drop(runtime);
    /// # Ok(()) }
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs a future to its end, and the runtime's tasks meanwhile.
    ///
    /// When the future is done, this returns; tasks that are not done stay, and go on in the
    /// next `block_on`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let name = String::from("tadpole"); // the future may borrow
    /// assert_eq!(Runtime::new()?.block_on(async { name.len() }), 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// When it is called inside of itself, by a task of this runtime: `await` there instead, or
    /// spawn. When there are as many tasks as there may be, for the future is one more. When the
    /// reactor fails as a whole. When the future panics.
    #[track_caller]
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        assert!(
            !self.running.replace(true),
            "`block_on` inside of `block_on`: this thread runs this runtime already; \
             `await` the future, or spawn it"
        );
        let _running = Running(&self.running);
        // No closure: that would be one more place for a future that may be large.
        let _entered = self.reactor().entered();
        self.executor.block_on(future)
    }

    /// Spawns a task, which runs during [`block_on`](Self::block_on).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// let task = runtime.spawn(async { 7 })?;
    /// assert_eq!(runtime.block_on(task)?, 7);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there are as many tasks as there may be. The future is dropped then;
    /// [`try_spawn`](Self::try_spawn) gives it back.
    #[inline]
    #[track_caller]
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
    #[track_caller]
    pub fn try_spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.executor.spawner().try_spawn(future)
    }

    /// Returns a spawner for this runtime's own thread.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// let task = runtime.spawner().spawn(async { 7 })?;
    /// assert_eq!(runtime.block_on(task)?, 7);
    /// # Ok(()) }
    /// ```
    pub fn spawner(&self) -> Spawner {
        self.executor.spawner()
    }

    /// Returns a handle for other threads.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// let handle = runtime.handle();
    /// let thread = std::thread::spawn(move || handle.spawn(async { 7 }));
    /// assert_eq!(runtime.block_on(thread.join().unwrap()?)?, 7);
    /// # Ok(()) }
    /// ```
    pub fn handle(&self) -> Handle {
        self.executor.handle()
    }

    /// Runs `f` with this as the thread's current runtime, so that it can spawn tasks and make
    /// sockets outside of [`block_on`](Self::block_on).
    ///
    /// The runtime does not go on meanwhile: another library's `block_on` in `f` waits for ever for its tasks
    /// and timers.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// let task = runtime.enter(|| polliwog::spawn(async { 7 }))?;
    /// assert_eq!(runtime.block_on(task)?, 7);
    /// # Ok(()) }
    /// ```
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        self.reactor().enter(|| self.executor.enter(f))
    }

    /// Drops the runtime with all of its tasks, then waits for the jobs that were brought to the
    /// [blocking pool](crate::blocking) from within it, and for the jobs that these have brought:
    /// until all have ended, but for `timeout` at most.
    ///
    /// What has not begun by then never does: who awaits such a job gets
    /// [`BlockingError::Cancelled`](crate::BlockingError::Cancelled). What is under way cannot be
    /// stopped; it goes on until it is done or the process ends. This is what decides about jobs
    /// that nobody awaits when `main` is about to return.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
    /// # use std::sync::atomic::{AtomicBool, Ordering};
    /// # use std::time::Duration;
    /// use polliwog::{Runtime, spawn_blocking};
    ///
    /// static SAVED: AtomicBool = AtomicBool::new(false);
    ///
    /// let runtime = Runtime::new()?;
    /// runtime.block_on(async {
    ///     drop(spawn_blocking(|| SAVED.store(true, Ordering::Release)));
    /// });
    /// runtime.shutdown_timeout(Duration::from_secs(10));
    /// assert!(SAVED.load(Ordering::Acquire));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn shutdown_timeout(self, timeout: Duration) {
        let handle = self.handle();
        drop(self);
        blocking::shut_down(handle, timeout);
    }

    /// Drops the runtime with all of its tasks and waits for nothing: jobs that no thread has begun
    /// never do, jobs that are under way go on. [`shutdown_timeout`](Self::shutdown_timeout) with
    /// no time.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// runtime.block_on(async { polliwog::spawn_blocking(|| 7) });
    /// runtime.shutdown_background();
    /// # Ok(()) }
    /// ```
    pub fn shutdown_background(self) {
        self.shutdown_timeout(Duration::ZERO);
    }

    /// Returns the reactor.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// assert_eq!(Runtime::new()?.reactor().sources(), 0);
    /// # Ok(()) }
    /// ```
    pub fn reactor(&self) -> &MioReactor {
        self.executor.reactor()
    }

    /// Returns the executor.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// println!("{:?}", Runtime::new()?.executor().stats());
    /// # Ok(()) }
    /// ```
    pub fn executor(&self) -> &Executor<MioReactor> {
        &self.executor
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // Fields are dropped in order: the tasks first, which may still use the reactor, though not wait.
        let reactor = self.executor.reactor();
        reactor.end();
        self.closing = Some(Closing {
            reactor: reactor.clone(),
            _entered: reactor.entered(),
        });
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

/// The end of a runtime whose tasks are gone.
struct Closing {
    reactor: MioReactor,
    _entered: Entered,
}

impl Drop for Closing {
    fn drop(&mut self) {
        // Whoever waits for a socket of ours from elsewhere would do so for ever.
        self.reactor.wake_all();
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
    static DEFAULT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// A thread's default runtime.
struct Kept {
    runtime: Rc<Runtime>,
    /// The process that made it.
    process: u32,
}

/// The thread's default runtime, made when it is first needed.
///
/// Destructors of thread-locals that run when it is gone get one of their own. So does a child that
/// the process forks: it has a copy of its parent's, but shares the selector with it, in which the
/// parent would find changes that it has not made.
fn default_runtime() -> Rc<Runtime> {
    let process = process::id();
    let kept = DEFAULT.try_with(|kept| {
        let kept = kept.borrow();
        let mine = kept.as_ref().filter(|kept| kept.process == process);
        mine.map(|kept| Rc::clone(&kept.runtime))
    });
    if let Ok(Some(runtime)) = kept {
        return runtime;
    }
    let runtime = match Runtime::new() {
        Ok(runtime) => Rc::new(runtime),
        Err(error) => panic!("cannot make a runtime for this thread: {error}"),
    };
    let kept = Kept {
        runtime: Rc::clone(&runtime),
        process,
    };
    let former = DEFAULT.try_with(|place| place.replace(Some(kept)));
    // The parent's, of which not even an end must be seen.
    std::mem::forget(former);
    runtime
}

/// Runs a future to its end on the thread's default runtime, which is made with default limits
/// when it is first needed and dropped when the thread ends.
///
/// Tasks that are not done when this returns stay there and go on in the thread's next `block_on`, with
/// their sockets. A [`Runtime`] of your own drops them when it is dropped.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// let answer = polliwog::block_on(async {
///     let task = polliwog::spawn(async { 42 }).unwrap();
///     task.await.unwrap()
/// });
/// assert_eq!(answer, 42);
/// ```
///
/// # Panics
///
/// As [`Runtime::block_on`]; also when the operating system gives out no selector.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    default_runtime().block_on(future)
}

/// [`block_on`] on a runtime of its own, whose clock is [paused](Builder::start_paused) from the start:
/// what `#[polliwog::test(start_paused = true)]` runs.
///
/// # Panics
///
/// As [`block_on`].
#[doc(hidden)]
#[track_caller]
pub fn block_on_paused<F: Future>(future: F) -> F::Output {
    match Runtime::builder().start_paused(true).build() {
        Ok(runtime) => runtime.block_on(future),
        Err(error) => panic!("no runtime: {error}"),
    }
}
