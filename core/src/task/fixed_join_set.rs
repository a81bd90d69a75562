//! [`FixedJoinSet`]: a number of tasks that belong together, without an allocator.

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::{AbortHandle, JoinError, JoinHandle, TaskId};
use crate::executor::{SpawnError, Spawner, spawn};
use crate::trace::Origin;

/// Up to `N` tasks with the same type of output, which are waited for as they end: a `JoinSet` that has
/// its places in itself.
///
/// The set needs no allocator, and its tasks can lie anywhere: [`insert`](Self::insert) takes the handle that
/// [`spawn!`](crate::spawn!) gives, whose task has a place in a static. Dropping the set aborts its tasks. It
/// belongs to the thread of the executor that its tasks run on.
///
/// ```
/// # use polliwog_core::conformance::ThreadReactor;
/// # use polliwog_core::{Executor, TaskPool};
/// use polliwog_core::spawn;
/// use polliwog_core::task::FixedJoinSet;
///
/// async fn measure(channel: u8) -> u16 {
///     u16::from(channel) * 100
/// }
///
/// # static POOL: TaskPool<4> = TaskPool::new();
/// # let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
/// # let spawner = executor.spawner();
/// # executor.block_on(async {
/// let mut set = FixedJoinSet::<u16, 3>::new();
/// for channel in 0..3 {
///     // Three tasks of this kind, in a static.
///     let task = spawn!(spawner, [measure; 3](channel))?;
///     set.insert(task).expect("there is room for three");
/// }
/// let mut sum = 0;
/// while let Some(level) = set.join_next().await {
///     sum += level?;
/// }
/// assert_eq!(sum, 300);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
///
/// A poll looks at all tasks, so it is for a few of them; those that have ended by then have their turns
/// in a circle. `JoinSet` (feature `alloc`) takes them in the order of their ends, in
/// O(1).
#[doc(alias = "JoinSet")]
pub struct FixedJoinSet<T, const N: usize> {
    tasks: [Option<JoinHandle<T>>; N],
    /// Where to look first.
    next: usize,
}

impl<T, const N: usize> FixedJoinSet<T, N> {
    /// An empty set.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::FixedJoinSet;
    ///
    /// let set: FixedJoinSet<u32, 4> = FixedJoinSet::new();
    /// assert!(set.is_empty());
    /// ```
    pub const fn new() -> Self {
        Self {
            tasks: [const { None }; N],
            next: 0,
        }
    }

    /// How many tasks there are whose end has not been taken.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::FixedJoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set: FixedJoinSet<u32, 4> = FixedJoinSet::new();
    ///     set.spawn(async { 7 }).unwrap();
    ///     assert_eq!(set.len(), 1);
    /// });
    /// ```
    pub fn len(&self) -> usize {
        self.tasks.iter().flatten().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tasks.iter().all(Option::is_none)
    }

    /// Whether there is no room for another one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::FixedJoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set: FixedJoinSet<u32, 1> = FixedJoinSet::new();
    ///     set.spawn(async { 7 }).unwrap();
    ///     assert!(set.is_full());
    /// });
    /// ```
    pub fn is_full(&self) -> bool {
        self.tasks.iter().all(Option::is_some)
    }

    /// How many tasks there is room for altogether.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::FixedJoinSet;
    ///
    /// assert_eq!(FixedJoinSet::<u32, 4>::new().capacity(), 4);
    /// ```
    pub const fn capacity(&self) -> usize {
        N
    }

    /// Makes a task one of the set.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::FixedJoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set: FixedJoinSet<u32, 4> = FixedJoinSet::new();
    ///     set.insert(polliwog::spawn(async { 7 }).unwrap()).unwrap();
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// Its handle, if there is no room.
    pub fn insert(&mut self, task: JoinHandle<T>) -> Result<AbortHandle, JoinHandle<T>> {
        match self.tasks.iter_mut().find(|place| place.is_none()) {
            Some(place) => Ok(place.insert(task).abort_handle()),
            None => Err(task),
        }
    }

    /// Spawns a task of the set on the executor that runs here.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::FixedJoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set: FixedJoinSet<u32, 4> = FixedJoinSet::new();
    ///     set.spawn(async { 7 }).unwrap();
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](fn@crate::spawn); and [`TasksFull`](crate::SpawnErrorKind::TasksFull), with the set's
    /// capacity, if the set has no room.
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn spawn<F>(&mut self, future: F) -> Result<AbortHandle, SpawnError>
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let origin = Origin::here::<F>();
        self.add(|| origin.of(|| spawn(future)))
    }

    /// Spawns a task of the set on the executor of `spawner`.
    ///
    /// # Errors
    ///
    /// As [`Spawner::spawn`], and if the set has no room.
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn spawn_on<F>(&mut self, future: F, spawner: &Spawner) -> Result<AbortHandle, SpawnError>
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let origin = Origin::here::<F>();
        self.add(|| origin.of(|| spawner.spawn(future)))
    }

    fn add(
        &mut self,
        spawn: impl FnOnce() -> Result<JoinHandle<T>, SpawnError>,
    ) -> Result<AbortHandle, SpawnError> {
        match self.tasks.iter_mut().find(|place| place.is_none()) {
            Some(place) => Ok(place.insert(spawn()?).abort_handle()),
            None => Err(crate::SpawnErrorKind::TasksFull { capacity: N }.into()),
        }
    }

    /// Waits for the next task to end and takes its output; `None`, if the set is empty.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::FixedJoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set: FixedJoinSet<u32, 4> = FixedJoinSet::new();
    ///     set.spawn(async { 7 }).unwrap();
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    ///     assert!(set.join_next().await.is_none());
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// If the task has been aborted, or has panicked. [`JoinError::NotRunning`]: the set lets the task go,
    /// which runs on by itself when its executor runs.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has taken nothing.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// [`join_next`](Self::join_next), with the task's name.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Cancel safety
    ///
    /// As there.
    pub async fn join_next_with_id(&mut self) -> Option<(TaskId, Result<T, JoinError>)> {
        poll_fn(|cx| self.poll_join_next_with_id(cx)).await
    }

    /// [`join_next`](Self::join_next), polled. It wakes whichever task polled last.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_join_next_with_id(cx).map(|end| Some(end?.1))
    }

    /// [`join_next_with_id`](Self::join_next_with_id), polled. It wakes whichever task polled last.
    pub fn poll_join_next_with_id(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(TaskId, Result<T, JoinError>)>> {
        let mut any = false;
        for place in self.places() {
            let Some(task) = &mut self.tasks[place] else {
                continue;
            };
            any = true;
            let id = task.id();
            if let Poll::Ready(end) = Pin::new(task).poll(cx) {
                self.ended(place);
                return Poll::Ready(Some((id, end)));
            }
        }
        if any {
            Poll::Pending
        } else {
            super::budget::poll_within(cx, |_| Poll::Ready(None))
        }
    }

    /// Takes the output of a task that has ended, if there is one.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        Some(self.try_join_next_with_id()?.1)
    }

    /// [`try_join_next`](Self::try_join_next), with the task's name.
    pub fn try_join_next_with_id(&mut self) -> Option<(TaskId, Result<T, JoinError>)> {
        let place = self.places().find(|place| {
            let task = self.tasks[*place].as_ref();
            task.is_some_and(JoinHandle::is_finished)
        })?;
        let task = self.tasks[place].take()?;
        self.ended(place);
        Some((task.id(), task.take()))
    }

    /// All places, in the order in which they have their turn.
    fn places(&self) -> impl Iterator<Item = usize> + use<T, N> {
        let next = self.next;
        (next..N).chain(0..next)
    }

    /// The place is free; the one behind it has its turn first.
    fn ended(&mut self, place: usize) {
        self.tasks[place] = None;
        self.next = place + 1;
    }

    /// Aborts all tasks. They stay in the set until their end has been taken.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::FixedJoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set: FixedJoinSet<(), 4> = FixedJoinSet::new();
    ///     set.spawn(std::future::pending()).unwrap();
    ///     set.abort_all();
    ///     assert!(set.join_next().await.unwrap().is_err());
    /// });
    /// ```
    pub fn abort_all(&mut self) {
        for task in self.tasks.iter().flatten() {
            task.abort();
        }
    }

    /// Aborts all tasks and waits until they have ended; then the set is empty.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::FixedJoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set: FixedJoinSet<(), 4> = FixedJoinSet::new();
    ///     set.spawn(std::future::pending()).unwrap();
    ///     set.shutdown().await;
    ///     assert!(set.is_empty());
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has aborted all tasks; some may still be in the set.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    /// Lets all tasks run on by themselves; the set is empty then.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::FixedJoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set: FixedJoinSet<(), 4> = FixedJoinSet::new();
    ///     set.spawn(async {}).unwrap();
    ///     set.detach_all();
    ///     assert!(set.is_empty());
    /// });
    /// ```
    pub fn detach_all(&mut self) {
        for place in &mut self.tasks {
            *place = None;
        }
    }
}

impl<T, const N: usize> Default for FixedJoinSet<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const N: usize> Drop for FixedJoinSet<T, N> {
    fn drop(&mut self) {
        self.abort_all();
    }
}

impl<T, const N: usize> futures_core::Stream for FixedJoinSet<T, N> {
    type Item = Result<T, JoinError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_join_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl<T, const N: usize> fmt::Debug for FixedJoinSet<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedJoinSet")
            .field("len", &self.len())
            .finish()
    }
}
