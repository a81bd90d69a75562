//! Starting tasks: [`Spawner`] on the executor's thread, [`Handle`] from anywhere.

use core::fmt;
use core::future::Future;

use super::context;
use super::core::{Core, CoreRef, SHUTDOWN};
use super::error::{SpawnError, SpawnErrorKind};
use super::listing::{Stats, Tasks};
use crate::task::JoinHandle;
use crate::task::body::Body;
use crate::task::pool::{Bytes, Refusal, TaskPool};
use crate::task::ready::Block;
use crate::task::run::{never_start, start, start_detached};
use crate::task::site::{Site, SiteHome, TaskFn};
use crate::task::slot::SlotRef;
#[cfg(feature = "alloc")]
use crate::task::{body::Home, heap::Heap};
use crate::time::Instant;

/// Starts tasks on the executor that it came from, on that executor's thread.
///
/// A plain pair of words; copy it into tasks as needed. Once the executor has been dropped it
/// gives [`SpawnErrorKind::Closed`].
#[derive(Clone, Copy)]
pub struct Spawner {
    executor: CoreRef,
}

impl Spawner {
    pub(crate) fn new(executor: CoreRef) -> Self {
        Self { executor }
    }

    pub(crate) fn core_ref(&self) -> CoreRef {
        self.executor
    }

    /// The executor that runs on this thread now, if any.
    pub fn current() -> Option<Self> {
        context::current().map(Self::new)
    }

    /// Spawns a task: on the heap (feature `alloc`), else into a body of the executor's
    /// [`TaskPool`].
    ///
    /// The future need not be `Send`: it stays on this thread. It is polled for the first time
    /// in the next turn of the run loop.
    ///
    /// # Errors
    ///
    /// A [`SpawnError`] that names the limit and holds the future.
    #[inline]
    pub fn spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, SpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        #[cfg(feature = "alloc")]
        return self.spawn_on_heap(future, ());
        #[cfg(not(feature = "alloc"))]
        return self.spawn_in_bytes(future);
    }

    /// Spawns a task that [`Executor::tasks`](super::Executor::tasks) lists by this name.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    #[cfg(feature = "alloc")]
    pub fn spawn_named<F>(
        &self,
        name: &'static str,
        future: F,
    ) -> Result<JoinHandle<F::Output>, SpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        self.spawn_on_heap(future, name)
    }

    /// Spawns a task into a body of the executor's [`TaskPool`]; the pool is named so that a
    /// future that does not fit fails to compile instead of at run time.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn). [`SpawnErrorKind::NoBodies`] if the pool is not the one that
    /// this executor was made with.
    pub fn spawn_in<F, const N: usize, const BYTES: usize>(
        &self,
        pool: &'static TaskPool<N, BYTES>,
        future: F,
    ) -> Result<JoinHandle<F::Output>, SpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        const { TaskPool::<N, BYTES>::assert_fits::<F>() };
        if !core::ptr::eq(pool.core(), self.executor.shared()) {
            return Err(SpawnError::new(SpawnErrorKind::NoBodies, future));
        }
        self.spawn_in_bytes(future)
    }

    #[cfg(feature = "alloc")]
    #[inline]
    fn spawn_on_heap<F, L: Copy>(
        &self,
        future: F,
        label: L,
    ) -> Result<JoinHandle<F::Output>, SpawnError<F>>
    where
        F: Future + 'static,
        Heap<L>: Home<Label = L>,
    {
        match self.executor.get() {
            Some(core) => self.spawn_on_heap_of(core, future, label),
            None => Err(SpawnError::new(SpawnErrorKind::Closed, future)),
        }
    }

    /// The same when it is known that the executor lives.
    #[cfg(feature = "alloc")]
    #[inline]
    fn spawn_on_heap_of<F, L: Copy>(
        &self,
        core: &'static Core,
        future: F,
        label: L,
    ) -> Result<JoinHandle<F::Output>, SpawnError<F>>
    where
        F: Future + 'static,
        Heap<L>: Home<Label = L>,
    {
        let slot = match claim_of(core) {
            Ok(claimed) => claimed,
            Err(kind) => return Err(SpawnError::new(kind, future)),
        };
        let Some(body) = core.heap.take::<F, Heap<L>>() else {
            let limit = core.heap.limit();
            self.unclaim(core, slot);
            return Err(SpawnError::new(
                SpawnErrorKind::OutOfMemory { limit },
                future,
            ));
        };
        let body = body.as_ptr();
        // SAFETY: fresh memory of the right layout; the slot was claimed just now.
        unsafe {
            Body::write(body, future, label);
            Ok(start::<F, Heap<L>>(self.executor, core, slot, body))
        }
    }

    fn spawn_in_bytes<F>(&self, future: F) -> Result<JoinHandle<F::Output>, SpawnError<F>>
    where
        F: Future + 'static,
    {
        let (core, slot) = match self.claim() {
            Ok(claimed) => claimed,
            Err(kind) => return Err(SpawnError::new(kind, future)),
        };
        let taken = match core.bytes.get() {
            None => Err(SpawnErrorKind::NoBodies),
            Some(bytes) => bytes.take::<F>().map_err(|refusal| match refusal {
                Refusal::Full { capacity } => SpawnErrorKind::BodiesFull { capacity },
                Refusal::TooLarge { size, limit } => SpawnErrorKind::TooLarge { size, limit },
            }),
        };
        match taken {
            // SAFETY: fresh memory of the right layout; the slot was claimed just now.
            Ok((body, label)) => unsafe {
                Body::write(body, future, label);
                Ok(start::<F, Bytes>(self.executor, core, slot, body))
            },
            Err(kind) => {
                self.unclaim(core, slot);
                Err(SpawnError::new(kind, future))
            }
        }
    }

    /// Takes a slot for a task.
    #[inline]
    pub(crate) fn claim(&self) -> Result<(&'static Core, (SlotRef, usize)), SpawnErrorKind> {
        let Some(core) = self.executor.get() else {
            return Err(SpawnErrorKind::Closed);
        };
        Ok((core, claim_of(core)?))
    }

    /// Gives a slot back that got no body.
    #[cold]
    fn unclaim(&self, core: &Core, (slot, index): (SlotRef, usize)) {
        core.count_refusal();
        core.release_slot(slot.block_at(index), index);
    }

    /// The same executor for other threads and interrupt handlers.
    pub fn handle(&self) -> Handle {
        Handle {
            core: self.executor.shared(),
            epoch: self.executor.epoch(),
        }
    }

    /// The time on the executor's clock; `None` unless the executor runs right now.
    pub fn now(&self) -> Option<Instant> {
        self.executor.get()?.now()
    }

    /// An instant to count from: see [`Core::start`].
    pub(crate) fn start(&self) -> Option<Instant> {
        self.executor.get()?.start()
    }

    /// Counters: live tasks, capacity, polls, refused spawns. All zero once the executor is gone.
    pub fn stats(&self) -> Stats {
        Stats::of(self.executor)
    }

    /// The live tasks, one after the other. Empty once the executor is gone.
    pub fn tasks(&self) -> Tasks {
        Tasks::of(self.executor)
    }
}

/// Takes a slot of a living executor.
#[inline]
fn claim_of(core: &Core) -> Result<(SlotRef, usize), SpawnErrorKind> {
    if core.closing.get() {
        return Err(SpawnErrorKind::Closed);
    }
    core.claim_or_grow().ok_or_else(|| refused(core))
}

#[cold]
fn refused(core: &Core) -> SpawnErrorKind {
    core.count_refusal();
    SpawnErrorKind::TasksFull {
        capacity: core.capacity(),
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").finish_non_exhaustive()
    }
}

/// Spawns a task on the executor that runs on this thread: [`Spawner::spawn`].
///
/// # Errors
///
/// A [`SpawnError`] that names the limit and holds the future;
/// [`SpawnErrorKind::NoExecutor`] outside of any executor.
#[inline]
pub fn spawn<F>(future: F) -> Result<JoinHandle<F::Output>, SpawnError<F>>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match Spawner::current() {
        // Its context is entered, so nobody has dropped it.
        #[cfg(feature = "alloc")]
        Some(spawner) => spawner.spawn_on_heap_of(spawner.executor.shared(), future, ()),
        #[cfg(not(feature = "alloc"))]
        Some(spawner) => spawner.spawn(future),
        None => Err(SpawnError::new(SpawnErrorKind::NoExecutor, future)),
    }
}

/// The function behind [`spawn!`](crate::spawn!).
///
/// # Errors
///
/// See there.
#[doc(hidden)]
pub fn spawn_site<S, F, Args, K>(
    spawner: &K,
    function: F,
    args: Args,
) -> Result<JoinHandle<<F::Future as Future>::Output>, SpawnError<Args>>
where
    S: Site,
    F: TaskFn<Args>,
    F::Future: 'static,
    <F::Future as Future>::Output: 'static,
    K: SpawnAt,
{
    let spawner = spawner.spawner();
    match prepare::<S, F, Args, true>(&spawner, function, args)? {
        // SAFETY: the body was written and the slot claimed just now.
        Prepared::Filled(core, slot, body) => Ok(unsafe {
            start::<F::Future, SiteHome<S, true, true>>(spawner.executor, core, slot, body)
        }),
        // SAFETY: the body has room for the future, and no slot knows of it.
        Prepared::Gone(block, body, future) => Ok(unsafe {
            never_start::<F::Future, SiteHome<S, true, true>>(spawner.executor, block, body, future)
        }),
    }
}

/// The function behind [`spawn_detached!`](crate::spawn_detached!).
///
/// # Errors
///
/// See there.
#[doc(hidden)]
pub fn spawn_site_detached<S, F, Args, K>(
    spawner: &K,
    function: F,
    args: Args,
) -> Result<(), SpawnError<Args>>
where
    S: Site,
    F: TaskFn<Args>,
    F::Future: 'static,
    K: DetachAt<F::Future>,
{
    let spawner = spawner.any_spawner();
    if K::MORTAL {
        match prepare::<S, F, Args, true>(&spawner, function, args)? {
            // SAFETY: the body was written and the slot claimed just now.
            Prepared::Filled(core, slot, body) => unsafe {
                start_detached::<F::Future, SiteHome<S, false, true>>(core, slot, body);
            },
            Prepared::Gone(_, body, future) => {
                S::bodies().give_back(body);
                drop(future);
            }
        }
    } else if let Prepared::Filled(core, slot, body) =
        prepare::<S, F, Args, false>(&spawner, function, args)?
    {
        // SAFETY: as above.
        unsafe { start_detached::<F::Future, SiteHome<S, false, false>>(core, slot, body) };
    }
    Ok(())
}

/// What has come of a slot, a body and a function that makes a future.
enum Prepared<F> {
    /// The future lies in the body.
    Filled(&'static Core, (SlotRef, usize), *mut ()),
    /// The function has dropped the executor. The slot is no longer ours, the body is.
    Gone(*const Block, *mut (), F),
}

/// What starts joinable tasks at a site: a [`Spawner`], or one whose executor never ends.
#[doc(hidden)]
pub trait SpawnAt {
    /// The spawner as such.
    fn spawner(&self) -> Spawner;
}

/// What starts detached tasks with futures of type `F` at a site: the same, or a [`Handle`] in an
/// interrupt handler if the future is `Send`.
#[doc(hidden)]
pub trait DetachAt<F> {
    /// Whether the executor's end can be the task's.
    const MORTAL: bool = true;

    /// The spawner to use, on this executor's level or above it.
    fn any_spawner(&self) -> Spawner;
}

impl SpawnAt for Spawner {
    #[inline]
    fn spawner(&self) -> Spawner {
        *self
    }
}

impl<F> DetachAt<F> for Spawner {
    #[inline]
    fn any_spawner(&self) -> Spawner {
        *self
    }
}

/// Claiming, filling and publishing a slot leave no state in which an interrupt handler must not
/// do the same (S2 of `lean`).
#[cfg(lean)]
impl<F: Send> DetachAt<F> for Handle {
    #[inline]
    fn any_spawner(&self) -> Spawner {
        Spawner::new(CoreRef::new(self.core, self.epoch))
    }
}

/// The [`Spawner`] of an executor that never ends, as [`TaskPool::run`] gives it to its first
/// tasks' maker.
///
/// A [detached](crate::spawn_detached) task that it spawns cannot be ended from outside, so that
/// a microcontroller need not keep the code for that.
#[derive(Clone, Copy, Debug)]
pub struct EndlessSpawner(Spawner);

impl EndlessSpawner {
    pub(super) fn new(executor: CoreRef) -> Self {
        Self(Spawner::new(executor))
    }
}

impl core::ops::Deref for EndlessSpawner {
    type Target = Spawner;

    fn deref(&self) -> &Spawner {
        &self.0
    }
}

impl SpawnAt for EndlessSpawner {
    #[inline]
    fn spawner(&self) -> Spawner {
        self.0
    }
}

impl<F> DetachAt<F> for EndlessSpawner {
    // Where a panic unwinds, it ends even an endless executor. And tasks want to be described.
    const MORTAL: bool = cfg!(not(lean));

    #[inline]
    fn any_spawner(&self) -> Spawner {
        self.0
    }
}

/// Claims a slot and a body at a spawn site, both or none, and makes the future there.
#[cfg(lean)]
#[inline]
fn prepare<S, F, Args, const MORTAL: bool>(
    spawner: &Spawner,
    function: F,
    args: Args,
) -> Result<Prepared<F::Future>, SpawnError<Args>>
where
    S: Site,
    F: TaskFn<Args>,
{
    use crate::task::pool::FULL;
    let mut core = Some(spawner.executor.shared());
    if MORTAL {
        core = spawner.executor.get().filter(|core| !core.closing.get());
    }
    let Some(core) = core else {
        return Err(SpawnError::new(SpawnErrorKind::Closed, args));
    };
    let bodies = S::bodies();
    let block = core.blocks.get();
    // SAFETY: S1; a claimed core has a block.
    let (index, body) = unsafe { (*block).claim_and(bodies.used(), bodies.len()) };
    if index == FULL {
        let kind = if body >= core.capacity() {
            refused(core)
        } else {
            let capacity = bodies.len();
            SpawnErrorKind::BodiesFull { capacity }
        };
        return Err(SpawnError::new(kind, args));
    }
    let body = bodies.at::<F::Future>(body);
    // SAFETY: S1; claimed just now.
    let slot = unsafe { Block::slot(block, index) };
    // A panic here keeps both for ever; but a lean build aborts on panics.
    let future = function.call(args);
    if MORTAL && spawner.executor.get().is_none() {
        core.release_slot(slot.block(), index);
        return Ok(Prepared::Gone(slot.block(), body, future));
    }
    // SAFETY: fresh memory of the right layout.
    unsafe { Body::write(body, future, ()) };
    Ok(Prepared::Filled(core, (slot, index), body))
}

#[cfg(not(lean))]
/// Claims a slot and a body at a spawn site and makes the future there.
#[inline]
fn prepare<S, F, Args, const MORTAL: bool>(
    spawner: &Spawner,
    function: F,
    args: Args,
) -> Result<Prepared<F::Future>, SpawnError<Args>>
where
    S: Site,
    F: TaskFn<Args>,
{
    let (core, slot) = match spawner.claim() {
        Ok(claimed) => claimed,
        Err(kind) => return Err(SpawnError::new(kind, args)),
    };
    let bodies = S::bodies();
    let Some(body) = bodies.take::<F::Future>() else {
        spawner.unclaim(core, slot);
        let capacity = bodies.len();
        return Err(SpawnError::new(
            SpawnErrorKind::BodiesFull { capacity },
            args,
        ));
    };
    // What holds both while the user's function runs, which may panic.
    struct Claimed<'a>(&'a Spawner, &'a Core, (SlotRef, usize), &'a dyn Fn());
    impl Drop for Claimed<'_> {
        fn drop(&mut self) {
            if self.0.executor.get().is_some() {
                self.0.unclaim(self.1, self.2);
            }
            (self.3)();
        }
    }
    let give_back = || bodies.give_back(body);
    let claimed = Claimed(spawner, core, slot, &give_back);
    let future = function.call(args);
    core::mem::forget(claimed);
    if spawner.executor.get().is_none() {
        // The user's function has dropped the executor; the slot is no longer ours.
        return Ok(Prepared::Gone(slot.0.block_at(slot.1), body, future));
    }
    // SAFETY: fresh memory of the right layout.
    unsafe { Body::write(body, future, ()) };
    Ok(Prepared::Filled(core, slot, body))
}

/// The executor as other threads and interrupt handlers see it.
///
/// `Send`, `Sync` and a plain pair of words. It keeps nothing alive: once the executor has been
/// dropped, every call says so.
#[derive(Clone, Copy)]
pub struct Handle {
    core: &'static Core,
    epoch: usize,
}

// SAFETY: a handle uses only what `Core` offers to any thread: atomics and the lock.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    #[cfg(all(lean, feature = "interrupt-executors"))]
    pub(super) fn new(core: &'static Core, epoch: usize) -> Self {
        Self { core, epoch }
    }

    /// The handle of the executor that runs on this thread now, if any.
    pub fn current() -> Option<Self> {
        Spawner::current().map(|spawner| spawner.handle())
    }

    /// Asks the executor to return from [`run`](super::Executor::run), at the end of the turn
    /// that is under way; ends a park. Tasks are not dropped by this.
    ///
    /// Returns `false` if the executor is gone.
    pub fn shutdown(&self) -> bool {
        self.core.signal(self.epoch, SHUTDOWN)
    }

    /// Ends the executor's park, this one or none: for a reactor's own use, or to make it look
    /// at its clock. Returns `false` if the executor is gone.
    pub fn unpark(&self) -> bool {
        let alive = self.is_alive();
        if alive {
            self.core.unpark();
        }
        alive
    }

    /// Whether the executor still exists.
    pub fn is_alive(&self) -> bool {
        self.core.epoch() == self.epoch
    }

    #[cfg(feature = "std")]
    pub(crate) fn core(&self) -> (&'static Core, usize) {
        (self.core, self.epoch)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("is_alive", &self.is_alive())
            .finish_non_exhaustive()
    }
}
