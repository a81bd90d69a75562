//! [`Pool`]: threads that do jobs.

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use polliwog_core::Handle;
use polliwog_core::task::tell_refusal;

use super::crew::{Crew, Next, Want};
use super::error::{RejectReason, Rejected};
use super::job::{BlockingHandle, Job, Run};
use super::{KEEP_ALIVE, MAX_QUEUED};
use crate::reactor::INSTEAD;

/// A bounded number of threads, started as they are needed, and the queue of their jobs.
pub(super) struct Pool {
    state: Mutex<State>,
    /// Notified when there is a job, or another limit.
    work: Condvar,
    /// Notified when the last job of an owner has ended.
    quiet: Condvar,
    keep_alive: Duration,
    /// To wait here for a thread is nothing special, as there is only one.
    is_queue: bool,
}

struct State {
    crew: Crew<Arc<dyn Run>>,
    /// When the log was told that jobs have to wait.
    told: Option<Instant>,
    /// The executors that have jobs, queued or running.
    owners: Vec<Owner>,
}

/// An executor on whose behalf there are jobs.
struct Owner {
    handle: Handle,
    jobs: usize,
    /// It waits for the last of them to end.
    waits: bool,
}

thread_local! {
    /// Whether this is a thread of a pool.
    static ON_POOL: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling code is (part of) a job of a pool.
pub(super) fn is_on_pool() -> bool {
    ON_POOL.get()
}

impl State {
    fn find(&mut self, owner: Handle) -> Option<&mut Owner> {
        self.owners.iter_mut().find(|known| known.handle == owner)
    }

    fn add(&mut self, owner: Option<Handle>) {
        let Some(handle) = owner else { return };
        match self.find(handle) {
            Some(owner) => owner.jobs += 1,
            None => self.owners.push(Owner {
                handle,
                jobs: 1,
                waits: false,
            }),
        }
    }

    /// A job has ended. Returns its owner if that was the last one.
    fn remove(&mut self, owner: Option<Handle>) -> Option<Owner> {
        let is_owner = |known: &Owner| Some(known.handle) == owner;
        let place = self.owners.iter().position(is_owner)?;
        self.owners[place].jobs -= 1;
        (self.owners[place].jobs == 0).then(|| self.owners.swap_remove(place))
    }
}

impl Pool {
    pub(super) const fn new(max_threads: usize) -> Self {
        Self::with_keep_alive(max_threads, KEEP_ALIVE)
    }

    pub(super) const fn with_keep_alive(max_threads: usize, keep_alive: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                crew: Crew::new(max_threads),
                told: None,
                owners: Vec::new(),
            }),
            work: Condvar::new(),
            quiet: Condvar::new(),
            keep_alive,
            is_queue: false,
        }
    }

    /// A pool of one thread, for what is to be done in order.
    pub(super) const fn queue() -> Self {
        let mut queue = Self::new(1);
        queue.is_queue = true;
        queue
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Jobs run without the lock, so nobody panics with it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn submit<S, T>(
        &'static self,
        input: S,
        f: fn(S) -> T,
    ) -> Result<BlockingHandle<T>, Rejected<S>>
    where
        S: Send + 'static,
        T: Send + 'static,
    {
        let owner = Handle::current();
        if owner.is_some_and(|owner| owner.is_secluded()) {
            let reason = RejectReason::NoThread(secluded());
            return Err(Rejected { job: input, reason });
        }
        let mut state = self.lock();
        if state.crew.queued() >= MAX_QUEUED {
            drop(state);
            let reason = RejectReason::QueueFull(MAX_QUEUED);
            return Err(Rejected { job: input, reason });
        }
        let mut busy = None;
        match state.crew.want() {
            Want::Notify => self.work.notify_one(),
            Want::Nothing => busy = self.news(&mut state),
            Want::Start => match self.start_thread() {
                Ok(()) => state.crew.hire(),
                // The threads there are may be busy for ever: nobody can promise that one comes.
                Err(error) => {
                    let _threads = state.crew.threads();
                    drop(state);
                    record!(warn, "no blocking thread beside {_threads}: {error}");
                    let reason = RejectReason::NoThread(error);
                    return Err(Rejected { job: input, reason });
                }
            },
        }
        let job = Arc::new(Job::new(self, owner, input, f));
        state.crew.push(Arc::clone(&job) as Arc<dyn Run>);
        state.add(owner);
        drop(state);
        if let Some(_threads) = busy {
            record!(
                warn,
                "a job waits, as all {_threads} blocking threads are busy (`blocking::set_max_threads`); one that waits in \
                 the system keeps its thread, as a read of a pipe or a terminal does, also when it was given up"
            );
        }
        Ok(BlockingHandle::of(job))
    }

    /// How many threads there are, which are all busy, unless that was told a moment ago.
    fn news(&self, state: &mut State) -> Option<usize> {
        let now = Instant::now();
        let is_old = |told: Instant| now.duration_since(told) < KEEP_ALIVE;
        if self.is_queue || state.told.is_some_and(is_old) {
            return None;
        }
        state.told = Some(now);
        Some(state.crew.threads())
    }

    pub(super) fn set_max_threads(&'static self, threads: usize) {
        let mut state = self.lock();
        state.crew.set_max_threads(threads);
        // Those above the limit that wait for work end.
        self.work.notify_all();
        // Jobs that were waiting for a busy thread have one of their own now.
        for _ in 0..state.crew.missing() {
            match self.start_thread() {
                Ok(()) => state.crew.hire(),
                Err(_error) => {
                    record!(warn, "cannot start another blocking thread: {_error}");
                    break;
                }
            }
        }
    }

    fn start_thread(&'static self) -> io::Result<()> {
        Self::thread().spawn(|| self.work()).map(drop)
    }

    fn thread() -> thread::Builder {
        thread::Builder::new().name("polliwog-blocking".into())
    }

    /// The life of a thread. It has been hired already.
    fn work(&self) {
        ON_POOL.set(true);
        let mut state = self.lock();
        loop {
            match state.crew.next() {
                Next::Run(job) => {
                    drop(state);
                    let owner = job.owner();
                    quietly(|| {
                        job.run();
                        drop(job);
                    });
                    self.ended(owner);
                    state = self.lock();
                }
                Next::Wait => {
                    let (guard, waited) = self
                        .work
                        .wait_timeout(state, self.keep_alive)
                        .unwrap_or_else(PoisonError::into_inner);
                    state = guard;
                    if !state.crew.woken(waited.timed_out()) {
                        break;
                    }
                }
                Next::Leave => break,
            }
        }
        state.crew.leave();
    }

    /// A job is done with, on whose behalf it was.
    fn ended(&self, owner: Option<Handle>) {
        let last = self.lock().remove(owner);
        if let Some(owner) = last {
            self.quiet.notify_all();
            if owner.waits {
                owner.handle.unpark();
            }
        }
    }

    /// Whether there are jobs of `owner`. If so, the end of the last one unparks it.
    pub(super) fn has_jobs(&self, owner: Handle) -> bool {
        let mut state = self.lock();
        let owner = state.find(owner);
        owner.map(|owner| owner.waits = true).is_some()
    }

    /// Has a job done that the calling job waits for, and returns when it is done; if it might not get
    /// a thread otherwise, because all are busy, maybe with jobs that wait like this one.
    pub(super) fn help(&self, wanted: *const ()) {
        let mut state = self.lock();
        if !state.crew.is_saturated() {
            return;
        }
        let jobs = state
            .crew
            .withdraw(|job| Arc::as_ptr(job).cast::<()>() == wanted);
        drop(state);
        for job in jobs {
            let owner = job.owner();
            // This thread is in the middle of another job's future, in the context of what polls
            // it, of which the job must not find anything. So it has a thread while this one waits.
            thread::scope(|scope| {
                let lent = Self::thread().spawn_scoped(scope, || {
                    ON_POOL.set(true);
                    quietly(|| job.run());
                });
                if let Err(_error) = lent {
                    // Better in an odd place than never.
                    record!(warn, "a blocking job runs within another one: {_error}");
                    quietly(|| job.run());
                }
            });
            quietly(|| drop(job));
            self.ended(owner);
        }
    }

    /// Waits until there is no job of `owner`, but not beyond `deadline`. Whether there is none.
    pub(super) fn wait_until_quiet(&self, owner: Handle, deadline: Option<Instant>) -> bool {
        let mut state = self.lock();
        while state.find(owner).is_some() {
            state = match deadline {
                None => self
                    .quiet
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    let waited = self.quiet.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }

    /// Gives up the jobs of `owner` that no thread has begun.
    pub(super) fn cancel(&self, owner: Handle) {
        let mine = |job: &Arc<dyn Run>| job.owner() == Some(owner);
        let jobs = self.lock().crew.withdraw(mine);
        for job in jobs {
            quietly(|| {
                job.cancel();
                drop(job);
            });
            self.ended(Some(owner));
        }
    }

    #[cfg(test)]
    pub(super) fn threads_and_idle(&self) -> (usize, usize) {
        let state = self.lock();
        (state.crew.threads(), state.crew.idle())
    }
}

/// Why a job gets no thread whose result nobody would wait for.
fn secluded() -> io::Error {
    tell_refusal();
    let reason = format!(
        "nothing here would wait for it, since {INSTEAD}; a runtime of `polliwog::spin` waits for threads if its \
         builder's `wait_for_threads` says so"
    );
    io::Error::new(io::ErrorKind::NotConnected, reason)
}

/// A job catches its own panic, but a waker, or the drop of an input or a result, may panic.
fn quietly(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        // Its destructor may panic in its turn: what comes of that is leaked.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        let _ = dropped.map_err(std::mem::forget);
    }
}
