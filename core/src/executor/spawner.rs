//! Starting tasks on the executor's thread: [`Spawner`].

use core::fmt;
use core::future::Future;

use super::context;
use super::core::{Core, CoreRef};
use super::error::{SpawnError, SpawnErrorKind, TrySpawnError};
use super::handle::Handle;
use super::listing::{Stats, Tasks};
use crate::task::JoinHandle;
use crate::task::body::BodyIn;
#[cfg(feature = "alloc")]
use crate::task::joiner::Joiner;
use crate::task::offer::Offer;
use crate::task::pool::{Bytes, Refusal, TaskPool};
use crate::task::run::start;
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
    /// A [`SpawnError`] that names the limit; the future is dropped then.
    /// [`try_spawn`](Self::try_spawn) gives it back.
    #[inline]
    pub fn spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let mut offer = Offer::new(future);
        self.take(&mut offer).map_err(SpawnError::from)
    }

    /// Spawns a task, or gives the future back: [`spawn`](Self::spawn) without a loss.
    ///
    /// # Errors
    ///
    /// A [`TrySpawnError`] that names the limit and holds the future.
    #[inline]
    pub fn try_spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let mut offer = Offer::new(future);
        match self.take(&mut offer) {
            Ok(handle) => Ok(handle),
            Err(kind) => Err(TrySpawnError::new(kind, offer.take_back())),
        }
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
    ) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let mut offer = Offer::new(future);
        self.take_on_heap(&mut offer, name)
            .map_err(SpawnError::from)
    }

    /// Spawns a task that is listed by this name, or gives the future back.
    ///
    /// # Errors
    ///
    /// As [`try_spawn`](Self::try_spawn).
    #[cfg(feature = "alloc")]
    pub fn try_spawn_named<F>(
        &self,
        name: &'static str,
        future: F,
    ) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let mut offer = Offer::new(future);
        match self.take_on_heap(&mut offer, name) {
            Ok(handle) => Ok(handle),
            Err(kind) => Err(TrySpawnError::new(kind, offer.take_back())),
        }
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
    ) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let mut offer = Offer::new(future);
        self.take_in(pool, &mut offer).map_err(SpawnError::from)
    }

    /// Spawns a task into a body of the executor's [`TaskPool`], or gives the future back.
    ///
    /// # Errors
    ///
    /// As [`try_spawn`](Self::try_spawn) and [`spawn_in`](Self::spawn_in).
    pub fn try_spawn_in<F, const N: usize, const BYTES: usize>(
        &self,
        pool: &'static TaskPool<N, BYTES>,
        future: F,
    ) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let mut offer = Offer::new(future);
        match self.take_in(pool, &mut offer) {
            Ok(handle) => Ok(handle),
            Err(kind) => Err(TrySpawnError::new(kind, offer.take_back())),
        }
    }

    /// Spawns the future that is offered; it is taken if this succeeds.
    #[inline]
    fn take<F>(&self, offer: &mut Offer<F>) -> Result<JoinHandle<F::Output>, SpawnErrorKind>
    where
        F: Future + 'static,
    {
        #[cfg(feature = "alloc")]
        return self.take_on_heap(offer, ());
        #[cfg(not(feature = "alloc"))]
        return self.take_in_bytes(offer);
    }

    #[cfg(feature = "alloc")]
    #[inline]
    fn take_on_heap<F, L: Copy>(
        &self,
        offer: &mut Offer<F>,
        label: L,
    ) -> Result<JoinHandle<F::Output>, SpawnErrorKind>
    where
        F: Future + 'static,
        Heap<L>: Home<Label = L, Joiner = Joiner>,
    {
        match self.executor.get() {
            Some(core) => self.take_on_heap_of(core, offer, label),
            None => Err(SpawnErrorKind::Closed),
        }
    }

    /// The same when it is known that the executor lives.
    #[cfg(feature = "alloc")]
    #[inline]
    fn take_on_heap_of<F, L: Copy>(
        &self,
        core: &'static Core,
        offer: &mut Offer<F>,
        label: L,
    ) -> Result<JoinHandle<F::Output>, SpawnErrorKind>
    where
        F: Future + 'static,
        Heap<L>: Home<Label = L, Joiner = Joiner>,
    {
        let slot = claim_of(core)?;
        let Some(body) = core.heap.take::<F, Heap<L>>() else {
            let limit = core.heap.limit();
            self.unclaim(core, slot);
            return Err(SpawnErrorKind::OutOfMemory { limit });
        };
        let body = body.as_ptr();
        // SAFETY: fresh memory of the right layout; the slot was claimed just now, and the offer
        // is taken once.
        unsafe {
            BodyIn::<F, Heap<L>>::write(body, offer, label);
            Ok(start::<F, Heap<L>>(self.executor, core, slot, body))
        }
    }

    fn take_in<F, const N: usize, const BYTES: usize>(
        &self,
        pool: &'static TaskPool<N, BYTES>,
        offer: &mut Offer<F>,
    ) -> Result<JoinHandle<F::Output>, SpawnErrorKind>
    where
        F: Future + 'static,
    {
        const { TaskPool::<N, BYTES>::assert_fits::<F>() };
        if !core::ptr::eq(pool.core(), self.executor.shared()) {
            return Err(SpawnErrorKind::NoBodies);
        }
        self.take_in_bytes(offer)
    }

    fn take_in_bytes<F>(
        &self,
        offer: &mut Offer<F>,
    ) -> Result<JoinHandle<F::Output>, SpawnErrorKind>
    where
        F: Future + 'static,
    {
        let (core, slot) = self.claim()?;
        let taken = match core.bytes.get() {
            None => Err(SpawnErrorKind::NoBodies),
            Some(bytes) => bytes.take::<F>().map_err(|refusal| match refusal {
                Refusal::Full { capacity } => SpawnErrorKind::BodiesFull { capacity },
                Refusal::TooLarge { size, limit } => SpawnErrorKind::TooLarge { size, limit },
            }),
        };
        match taken {
            // SAFETY: fresh memory of the right layout; the slot was claimed just now, and the
            // offer is taken once.
            Ok((body, label)) => unsafe {
                BodyIn::<F, Bytes>::write(body, offer, label);
                Ok(start::<F, Bytes>(self.executor, core, slot, body))
            },
            Err(kind) => {
                self.unclaim(core, slot);
                Err(kind)
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
    pub(super) fn unclaim(&self, core: &Core, (slot, index): (SlotRef, usize)) {
        core.count_refusal();
        core.release_slot(slot.block_at(index), index);
    }

    /// The same executor for other threads and interrupt handlers.
    pub fn handle(&self) -> Handle {
        Handle::new(self.executor.shared(), self.executor.epoch())
    }

    /// The time on the executor's clock; `None` unless the executor runs right now.
    pub fn now(&self) -> Option<Instant> {
        self.executor.get()?.now()
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
pub(super) fn refused(core: &Core) -> SpawnErrorKind {
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
/// A [`SpawnError`] that names the limit; [`SpawnErrorKind::NoExecutor`] outside of any executor.
/// The future is dropped then; [`try_spawn`] gives it back.
#[inline]
pub fn spawn<F>(future: F) -> Result<JoinHandle<F::Output>, SpawnError>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let mut offer = Offer::new(future);
    take_here(&mut offer).map_err(SpawnError::from)
}

/// Spawns a task on the executor that runs on this thread, or gives the future back:
/// [`Spawner::try_spawn`].
///
/// # Errors
///
/// A [`TrySpawnError`] that names the limit and holds the future;
/// [`SpawnErrorKind::NoExecutor`] outside of any executor.
#[inline]
pub fn try_spawn<F>(future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let mut offer = Offer::new(future);
    match take_here(&mut offer) {
        Ok(handle) => Ok(handle),
        Err(kind) => Err(TrySpawnError::new(kind, offer.take_back())),
    }
}

/// Spawns the future that is offered on the executor that runs on this thread.
#[inline]
fn take_here<F>(offer: &mut Offer<F>) -> Result<JoinHandle<F::Output>, SpawnErrorKind>
where
    F: Future + 'static,
{
    match Spawner::current() {
        // Its context is entered, so nobody has dropped it.
        #[cfg(feature = "alloc")]
        Some(spawner) => spawner.take_on_heap_of(spawner.executor.shared(), offer, ()),
        #[cfg(not(feature = "alloc"))]
        Some(spawner) => spawner.take(offer),
        None => Err(SpawnErrorKind::NoExecutor),
    }
}
