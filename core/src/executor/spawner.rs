//! Starting tasks on the executor's thread: [`Spawner`].

use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::ptr;

use super::context;
use super::error::{SpawnError, SpawnErrorKind, TrySpawnError};
use super::handle::Handle;
use super::listing::{Stats, Tasks};
use super::shared::{Shared, SharedRef};
use crate::task::body::{BodyIn, Home};
use crate::task::join::JoinHandle;
use crate::task::joiner::Joiner;
use crate::task::memory::bytes::Refusal;
#[cfg(feature = "alloc")]
use crate::task::memory::heap::Heap;
use crate::task::memory::pool::{ByteBody, Bytes, TaskPool};
use crate::task::run::start;
use crate::task::state::SlotRef;
use crate::time::instant::Instant;

/// Starts tasks on the executor that it came from, on that executor's thread.
///
/// A plain pair of words; copy it into tasks as needed. Once the executor has been dropped it
/// gives [`SpawnErrorKind::Closed`].
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::Spawner;
///
/// polliwog::block_on(async {
///     async fn start_workers(spawner: &Spawner) {
///         for worker in 0..3 {
///             spawner.spawn(async move { println!("worker {worker}") }).unwrap().detach();
///         }
///     }
///     start_workers(&Spawner::current().unwrap()).await;
/// });
/// ```
#[derive(Clone, Copy)]
pub struct Spawner {
    executor: SharedRef,
}

impl Spawner {
    pub(crate) fn new(executor: SharedRef) -> Self {
        Self { executor }
    }

    pub(crate) fn shared_ref(&self) -> SharedRef {
        self.executor
    }

    /// The executor that runs on this thread now, if any.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Spawner;
    ///
    /// polliwog::block_on(async {
    ///     assert!(Spawner::current().is_some());
    /// });
    /// ```
    pub fn current() -> Option<Self> {
        context::current().map(Self::new)
    }

    /// Spawns a task: on the heap (feature `alloc`), else into a body of the executor's
    /// [`TaskPool`].
    ///
    /// The future need not be `Send`: it stays on this thread. It is polled for the first time
    /// in the next turn of the run loop.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Spawner;
    ///
    /// polliwog::block_on(async {
    ///     let task = Spawner::current().unwrap().spawn(async { 7 }).unwrap();
    ///     assert_eq!(task.await.unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// A [`SpawnError`] that names the limit; the future is dropped then.
    /// [`try_spawn`](Self::try_spawn) gives it back.
    #[inline]
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let room = self.room::<F>()?;
        // SAFETY: room for a future of this type.
        unsafe {
            ptr::write(room.future(), future);
            Ok(room.start())
        }
    }

    /// Spawns a task, or gives the future back: [`spawn`](Self::spawn) without a loss.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Spawner;
    ///
    /// polliwog::block_on(async {
    ///     let task = Spawner::current().unwrap().try_spawn(async { 7 });
    ///     assert_eq!(task.ok().unwrap().await.unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// A [`TrySpawnError`] that names the limit and holds the future.
    #[inline]
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn try_spawn<F>(&self, future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match self.room::<F>() {
            // SAFETY: room for a future of this type.
            Ok(room) => unsafe {
                ptr::write(room.future(), future);
                Ok(room.start())
            },
            Err(kind) => Err(TrySpawnError::new(kind, future)),
        }
    }

    /// Spawns a task that [`Executor::tasks`](super::Executor::tasks) lists by this name.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Spawner;
    ///
    /// polliwog::block_on(async {
    ///     let spawner = Spawner::current().unwrap();
    ///     let task = spawner.spawn_named("tadpole", async { 7 }).unwrap();
    ///     assert_eq!(task.await.unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    #[cfg(feature = "alloc")]
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn spawn_named<F>(
        &self,
        name: &'static str,
        future: F,
    ) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let room = self.room_on_heap::<F, _>(name)?;
        // SAFETY: room for a future of this type.
        unsafe {
            ptr::write(room.future(), future);
            Ok(room.start())
        }
    }

    /// Spawns a task that is listed by this name, or gives the future back.
    ///
    /// # Errors
    ///
    /// As [`try_spawn`](Self::try_spawn).
    #[cfg(feature = "alloc")]
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn try_spawn_named<F>(
        &self,
        name: &'static str,
        future: F,
    ) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match self.room_on_heap::<F, _>(name) {
            // SAFETY: room for a future of this type.
            Ok(room) => unsafe {
                ptr::write(room.future(), future);
                Ok(room.start())
            },
            Err(kind) => Err(TrySpawnError::new(kind, future)),
        }
    }

    /// Spawns a task into a body of the executor's [`TaskPool`]; the pool is named so that a
    /// future that does not fit fails to compile instead of at run time.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Executor, TaskPool, conformance::ThreadReactor};
    ///
    /// static POOL: TaskPool<4, 256> = TaskPool::new();
    /// let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
    /// let task = executor.spawner().spawn_in(&POOL, async { 7 }).unwrap();
    /// assert_eq!(executor.block_on(task).unwrap(), 7);
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn). [`SpawnErrorKind::OtherPool`] if the pool is not the one that
    /// this executor was made with.
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn spawn_in<F, const N: usize, const BYTES: usize, const BLOCKS: usize>(
        &self,
        pool: &'static TaskPool<N, BYTES, BLOCKS>,
        future: F,
    ) -> Result<JoinHandle<F::Output>, SpawnError>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let room = self.room_in::<F, N, BYTES, BLOCKS>(pool)?;
        // SAFETY: room for a future of this type.
        unsafe {
            ptr::write(room.future(), future);
            Ok(room.start())
        }
    }

    /// Spawns a task into a body of the executor's [`TaskPool`], or gives the future back.
    ///
    /// # Errors
    ///
    /// As [`try_spawn`](Self::try_spawn) and [`spawn_in`](Self::spawn_in).
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn try_spawn_in<F, const N: usize, const BYTES: usize, const BLOCKS: usize>(
        &self,
        pool: &'static TaskPool<N, BYTES, BLOCKS>,
        future: F,
    ) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        match self.room_in::<F, N, BYTES, BLOCKS>(pool) {
            // SAFETY: room for a future of this type.
            Ok(room) => unsafe {
                ptr::write(room.future(), future);
                Ok(room.start())
            },
            Err(kind) => Err(TrySpawnError::new(kind, future)),
        }
    }

    /// Room for a task's future.
    #[inline]
    #[cfg(feature = "alloc")]
    fn room<F: Future>(&self) -> Result<Room<F, Heap<()>>, SpawnErrorKind> {
        self.room_on_heap(())
    }

    /// Room for a task's future.
    #[inline]
    #[cfg(not(feature = "alloc"))]
    fn room<F: Future>(&self) -> Result<Room<F, Bytes>, SpawnErrorKind> {
        self.room_in_bytes()
    }

    #[cfg(feature = "alloc")]
    #[inline]
    fn room_on_heap<F, L: Copy>(&self, label: L) -> Result<Room<F, Heap<L>>, SpawnErrorKind>
    where
        F: Future,
        Heap<L>: Home<Label = L, Joiner = Joiner>,
    {
        match self.executor.get() {
            Some(shared) => self.room_on_heap_of(shared, label),
            None => Err(SpawnErrorKind::Closed),
        }
    }

    /// Makes room for a future on the heap when it is known that the executor lives.
    #[cfg(feature = "alloc")]
    #[inline]
    fn room_on_heap_of<F, L: Copy>(
        &self,
        shared: &'static Shared,
        label: L,
    ) -> Result<Room<F, Heap<L>>, SpawnErrorKind>
    where
        F: Future,
        Heap<L>: Home<Label = L, Joiner = Joiner>,
    {
        let slot = claim_of(shared)?;
        let Some(body) = shared.heap.take::<BodyIn<F, Heap<L>>>() else {
            let limit = shared.heap.limit();
            self.unclaim(shared, slot);
            return Err(SpawnErrorKind::OutOfMemory { limit });
        };
        Ok(Room {
            executor: self.executor,
            shared,
            slot,
            body: body.as_ptr(),
            label,
            _future: PhantomData,
        })
    }

    fn room_in<F: Future, const N: usize, const BYTES: usize, const BLOCKS: usize>(
        &self,
        pool: &'static TaskPool<N, BYTES, BLOCKS>,
    ) -> Result<Room<F, Bytes>, SpawnErrorKind> {
        const { TaskPool::<N, BYTES, BLOCKS>::assert_fits::<F>() };
        if !ptr::eq(pool.shared(), self.executor.shared()) {
            return Err(SpawnErrorKind::OtherPool);
        }
        self.room_in_bytes()
    }

    fn room_in_bytes<F: Future>(&self) -> Result<Room<F, Bytes>, SpawnErrorKind> {
        let (shared, slot) = self.claim()?;
        let taken = match shared.bytes.get() {
            None => Err(SpawnErrorKind::NoStorage),
            Some(bytes) => bytes
                .take::<ByteBody<F>>()
                .map_err(|refusal| match refusal {
                    Refusal::Full { capacity } => SpawnErrorKind::StorageFull { capacity },
                    Refusal::TooLarge { size, limit } => SpawnErrorKind::TooLarge { size, limit },
                }),
        };
        match taken {
            Ok((body, label)) => Ok(Room {
                executor: self.executor,
                shared,
                slot,
                body,
                label,
                _future: PhantomData,
            }),
            Err(kind) => {
                self.unclaim(shared, slot);
                Err(kind)
            }
        }
    }

    /// Takes a slot for a task.
    #[inline]
    pub(crate) fn claim(&self) -> Result<(&'static Shared, SlotRef), SpawnErrorKind> {
        let Some(shared) = self.executor.get() else {
            return Err(SpawnErrorKind::Closed);
        };
        Ok((shared, claim_of(shared)?))
    }

    /// Gives a slot back that got no body.
    #[cold]
    pub(super) fn unclaim(&self, shared: &Shared, slot: SlotRef) {
        shared.count_refusal();
        shared.release_slot(slot);
    }

    /// Returns a handle of the executor for other threads and interrupt handlers.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Handle, Spawner};
    ///
    /// polliwog::block_on(async {
    ///     let handle: Handle = Spawner::current().unwrap().handle();
    ///     assert!(handle.is_alive());
    /// });
    /// ```
    pub fn handle(&self) -> Handle {
        Handle::new(self.executor.shared(), self.executor.epoch())
    }

    /// The time on the executor's clock; `None` unless the executor runs right now.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Spawner;
    ///
    /// polliwog::block_on(async {
    ///     assert!(Spawner::current().unwrap().now().is_some());
    /// });
    /// ```
    pub fn now(&self) -> Option<Instant> {
        self.executor.get()?.now()
    }

    /// An instant to count from: see [`Shared::start`].
    pub(crate) fn start(&self) -> Option<Instant> {
        self.executor.get()?.start()
    }

    /// Counters: live tasks, capacity, polls, refused spawns. All zero once the executor is gone.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Spawner;
    ///
    /// polliwog::block_on(async {
    ///     println!("{:?}", Spawner::current().unwrap().stats());
    /// });
    /// ```
    pub fn stats(&self) -> Stats {
        Stats::of(self.executor)
    }

    /// The live tasks, one after the other. Empty once the executor is gone.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Spawner;
    ///
    /// polliwog::block_on(async {
    ///     for task in Spawner::current().unwrap().tasks() {
    ///         println!("{task:?}");
    ///     }
    /// });
    /// ```
    pub fn tasks(&self) -> Tasks {
        Tasks::of(self.executor)
    }
}

/// Takes a slot of a living executor.
#[inline]
fn claim_of(shared: &Shared) -> Result<SlotRef, SpawnErrorKind> {
    if shared.closing.get() {
        return Err(SpawnErrorKind::Closed);
    }
    shared.claim_or_grow().ok_or_else(|| refused(shared))
}

#[cold]
pub(super) fn refused(shared: &Shared) -> SpawnErrorKind {
    shared.count_refusal();
    SpawnErrorKind::TasksFull {
        capacity: shared.capacity(),
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawner").finish_non_exhaustive()
    }
}

/// Spawns a task on the executor that runs on this thread: [`Spawner::spawn`].
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// polliwog::block_on(async {
///     let task = polliwog::spawn(async { 7 }).unwrap();
///     assert_eq!(task.await.unwrap(), 7);
/// });
/// ```
///
/// # Errors
///
/// A [`SpawnError`] that names the limit; [`SpawnErrorKind::NoExecutor`] outside of any executor.
/// The future is dropped then; [`try_spawn`] gives it back.
#[inline]
#[cfg_attr(feature = "trace", track_caller)]
pub fn spawn<F>(future: F) -> Result<JoinHandle<F::Output>, SpawnError>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let room = room_here::<F>()?;
    // SAFETY: room for a future of this type.
    unsafe {
        ptr::write(room.future(), future);
        Ok(room.start())
    }
}

/// Spawns a task on the executor that runs on this thread, or gives the future back:
/// [`Spawner::try_spawn`].
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// polliwog::block_on(async {
///     match polliwog::try_spawn(async { 7 }) {
///         Ok(task) => assert_eq!(task.await.unwrap(), 7),
///         Err(refused) => assert_eq!(refused.into_inner().await, 7), // the future is back
///     }
/// });
/// ```
///
/// # Errors
///
/// A [`TrySpawnError`] that names the limit and holds the future;
/// [`SpawnErrorKind::NoExecutor`] outside of any executor.
#[inline]
#[cfg_attr(feature = "trace", track_caller)]
pub fn try_spawn<F>(future: F) -> Result<JoinHandle<F::Output>, TrySpawnError<F>>
where
    F: Future + 'static,
    F::Output: 'static,
{
    match room_here::<F>() {
        // SAFETY: room for a future of this type.
        Ok(room) => unsafe {
            ptr::write(room.future(), future);
            Ok(room.start())
        },
        Err(kind) => Err(TrySpawnError::new(kind, future)),
    }
}

/// Room for a task's future on the executor that runs on this thread.
#[cfg(feature = "alloc")]
#[inline]
fn room_here<F: Future>() -> Result<Room<F, Heap<()>>, SpawnErrorKind> {
    match Spawner::current() {
        // Its context is entered, so nobody has dropped it.
        Some(spawner) => spawner.room_on_heap_of(spawner.executor.shared(), ()),
        None => Err(SpawnErrorKind::NoExecutor),
    }
}

/// Room for a task's future on the executor that runs on this thread.
#[cfg(not(feature = "alloc"))]
#[inline]
fn room_here<F: Future>() -> Result<Room<F, Bytes>, SpawnErrorKind> {
    match Spawner::current() {
        Some(spawner) => spawner.room(),
        None => Err(SpawnErrorKind::NoExecutor),
    }
}

/// A slot and a body for a future of type `F`, both claimed and still empty.
///
/// Spawning takes room first and then has the future written there, from where its caller has left it:
/// a build without optimisation copies a value at every call that it is passed to, and futures can be
/// as large as the rest of the stack. Nothing that comes in between can panic, so this is no guard.
#[must_use = "it has been claimed"]
struct Room<F, H: Home> {
    executor: SharedRef,
    shared: &'static Shared,
    slot: SlotRef,
    body: *mut (),
    label: H::Label,
    _future: PhantomData<F>,
}

impl<F: Future, H: Home<Joiner = Joiner>> Room<F, H> {
    /// Where the future is to be written.
    #[inline(always)]
    fn future(&self) -> *mut F {
        BodyIn::<F, H>::future(self.body)
    }

    /// Makes a task of it.
    ///
    /// # Safety
    ///
    /// The future has been written.
    #[inline]
    #[cfg_attr(feature = "trace", track_caller)]
    unsafe fn start(self) -> JoinHandle<F::Output> {
        // SAFETY: fresh memory of the right layout; the slot was claimed just now.
        unsafe {
            BodyIn::<F, H>::write_rest(self.body, self.label);
            let started = start::<F, H>(self.shared, self.slot, self.body);
            JoinHandle::new(self.executor, started)
        }
    }
}
