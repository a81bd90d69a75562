//! [`JoinSet`]: a number of tasks that belong together.

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::ptr;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::owner::Owner;
use super::{AbortHandle, JoinError, JoinHandle, TaskId, wake_quietly};
use crate::executor::deadlock;
use crate::executor::{SpawnError, Spawner, spawn};
use crate::sync::Local;
use crate::sync::slot::{WakerSlot, poll_slot};
use crate::sync::wait_list::WaitList;
use crate::trace::Origin;
use crate::trace::waits;

/// A number of tasks with the same type of output, which are waited for in the order in which they end.
///
/// As in tokio. Dropping the set aborts its tasks. It belongs to the thread of the executor that its
/// tasks run on. Memory is allocated for as many tasks as there are at one time, not for each; without an
/// allocator there is [`FixedJoinSet`](super::FixedJoinSet).
///
/// ```
/// # use polliwog_core as polliwog;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use polliwog::task::JoinSet;
///
/// let mut set = JoinSet::new();
/// for number in 0..10 {
///     set.spawn(async move { number * number })?;
/// }
/// let mut sum = 0;
/// while let Some(square) = set.join_next().await {
///     sum += square?;
/// }
/// assert_eq!(sum, 285);
/// # Ok(()) }
/// ```
pub struct JoinSet<T> {
    /// A task's place is given away again when its end has been taken.
    tasks: Vec<Option<JoinHandle<T>>>,
    free: Vec<usize>,
    /// How many places are neither a task's nor free: those of tasks that were let go and have not ended.
    left: usize,
    homes: Homes,
    ends: Rc<Ends>,
}

/// The executors that a set's tasks have had: as a rule there is one, and nobody need look at each task to know
/// that it is not another one than the one that runs here.
#[derive(Clone, Copy)]
enum Homes {
    None,
    One(*const Owner),
    Several,
}

/// The tasks that have ended, and whoever waits for the next one.
struct Ends(WaitList<Local, State, (), 0>);

struct State {
    /// Places of tasks whose end has not been taken.
    places: Cell<VecDeque<usize>>,
    waker: WakerSlot,
}

impl State {
    fn with<U>(&self, f: impl FnOnce(&mut VecDeque<usize>) -> U) -> U {
        let mut places = self.places.take();
        let result = f(&mut places);
        self.places.set(places);
        result
    }
}

/// Tells the set, when it is dropped, that a task has ended.
struct Report {
    ends: Rc<Ends>,
    place: usize,
}

impl Drop for Report {
    fn drop(&mut self) {
        let waker = self.ends.0.with(|view| {
            view.value().with(|places| places.push_back(self.place));
            view.value().waker.take()
        });
        if let Some(waker) = waker {
            wake_quietly(waker);
        }
    }
}

pin_project! {
    /// A future that tells the set when it has gone, in whatever way.
    struct Member<F> {
        // Before the report.
        #[pin]
        future: F,
        report: Report,
    }
}

impl<F: Future> Future for Member<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

impl<T> JoinSet<T> {
    /// A set without tasks.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::JoinSet;
    ///
    /// let set: JoinSet<u32> = JoinSet::new();
    /// assert!(set.is_empty());
    /// ```
    pub fn new() -> Self {
        Self {
            tasks: Vec::new(),
            free: Vec::new(),
            left: 0,
            homes: Homes::None,
            ends: Rc::new(Ends::new()),
        }
    }

    /// How many tasks there are whose end has not been taken.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::JoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(async { 7 }).unwrap();
    ///     assert_eq!(set.len(), 1);
    /// });
    /// ```
    pub fn len(&self) -> usize {
        self.tasks.len() - self.free.len() - self.left
    }

    /// Whether there is none.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::JoinSet;
    ///
    /// assert!(JoinSet::<u32>::new().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add<F>(
        &mut self,
        future: F,
        spawn: impl FnOnce(Member<F>) -> Result<JoinHandle<T>, SpawnError>,
    ) -> Result<AbortHandle, SpawnError>
    where
        F: Future<Output = T> + 'static,
    {
        let place = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            self.tasks.len() - 1
        });
        let report = Report {
            ends: self.ends.clone(),
            place,
        };
        // A task that has not come to be reports, too.
        match spawn(Member { future, report }) {
            Ok(handle) => {
                let abort = handle.abort_handle();
                self.note_home(handle.home());
                self.tasks[place] = Some(handle);
                Ok(abort)
            }
            Err(error) => {
                let ends = &self.ends.0;
                ends.with(|view| {
                    view.value()
                        .with(|places| places.retain(|one| *one != place))
                });
                self.free.push(place);
                Err(error)
            }
        }
    }

    /// Spawns a task of the set on the executor that runs here.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::JoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(async { 7 }).unwrap();
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](fn@crate::spawn).
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn spawn<F>(&mut self, future: F) -> Result<AbortHandle, SpawnError>
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let origin = Origin::here::<F>();
        self.add(future, |member| origin.of(|| spawn(member)))
    }

    /// Spawns a task of the set on the executor of `spawner`.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Spawner, task::JoinSet};
    ///
    /// polliwog::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn_on(async { 7 }, &Spawner::current().unwrap()).unwrap();
    ///     assert_eq!(set.join_next().await.unwrap().unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Spawner::spawn`].
    #[cfg_attr(feature = "trace", track_caller)]
    pub fn spawn_on<F>(&mut self, future: F, spawner: &Spawner) -> Result<AbortHandle, SpawnError>
    where
        F: Future<Output = T> + 'static,
        T: 'static,
    {
        let origin = Origin::here::<F>();
        self.add(future, |member| origin.of(|| spawner.spawn(member)))
    }

    /// Waits for the next task to end and takes its output; `None`, if the set is empty.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::JoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     for n in 1..=3 {
    ///         set.spawn(async move { n }).unwrap();
    ///     }
    ///     let mut sum = 0;
    ///     while let Some(n) = set.join_next().await {
    ///         sum += n.unwrap();
    ///     }
    ///     assert_eq!(sum, 6);
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
        if self.is_empty() {
            return super::budget::poll_within(cx, |_| Poll::Ready(None));
        }
        let look = |cx: &mut Context<'_>| {
            poll_slot(
                &self.ends.0,
                cx,
                |state| &state.waker,
                |view| view.value().with(|places| places.front().copied()),
            )
        };
        let first = waits::method("JoinSet::join_next", || {
            super::budget::poll_within(cx, look)
        });
        let Poll::Ready(place) = first else {
            if let Some(task) = self.let_go(cx) {
                return Poll::Ready(Some((task, Err(JoinError::NotRunning))));
            }
            return Poll::Pending;
        };
        match self.take(place) {
            Some(end) => Poll::Ready(Some(end)),
            None => {
                // It is just about to end, and whoever polls us has been woken by its destructor; or it is
                // none of ours any more.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn note_home(&mut self, home: *const Owner) {
        self.homes = match self.homes {
            Homes::None => Homes::One(home),
            Homes::One(known) if ptr::eq(known, home) => Homes::One(home),
            _ => Homes::Several,
        };
    }

    /// Lets a task go, for which a wait is certain not to end.
    fn let_go(&mut self, cx: &mut Context<'_>) -> Option<TaskId> {
        if let Homes::One(home) = self.homes {
            if !deadlock::may_be(home) {
                return None;
            }
        }
        let never = |task: &JoinHandle<T>| !task.is_finished() && task.never_ends(cx.waker());
        let place = (self.tasks.iter()).position(|task| task.as_ref().is_some_and(never))?;
        // The place stays its own until it reports its end.
        self.left += 1;
        Some(self.tasks[place].take()?.id())
    }

    /// Takes the output of the task that has reported its end first, if it has ended by now.
    fn take(&mut self, place: usize) -> Option<(TaskId, Result<T, JoinError>)> {
        if self.tasks[place].is_none() {
            self.left -= 1;
            self.free.push(place);
            self.ends
                .0
                .with(|view| view.value().with(VecDeque::pop_front));
            return None;
        }
        let handle = self.tasks[place].take_if(|handle| handle.is_finished())?;
        let ends = &self.ends.0;
        ends.with(|view| view.value().with(VecDeque::pop_front));
        self.free.push(place);
        Some((handle.id(), handle.take()))
    }

    /// Takes the output of the next task that has ended, if there is one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::JoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(async { 7 }).unwrap();
    ///     assert!(set.try_join_next().is_none()); // it has not run yet
    /// });
    /// ```
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        Some(self.try_join_next_with_id()?.1)
    }

    /// [`try_join_next`](Self::try_join_next), with the task's name.
    pub fn try_join_next_with_id(&mut self) -> Option<(TaskId, Result<T, JoinError>)> {
        loop {
            let ends = &self.ends.0;
            let place = ends.with(|view| view.value().with(|places| places.front().copied()))?;
            let left = self.left;
            let end = self.take(place);
            if end.is_some() || self.left == left {
                return end;
            }
        }
    }

    /// Waits for all tasks, and returns their outputs in the order in which they ended.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::JoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(async { 1 }).unwrap();
    ///     set.spawn(async { 2 }).unwrap();
    ///     assert_eq!(set.join_all().await, [1, 2]);
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If a task has panicked, with what it panicked with; or if one has been aborted.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it aborts all tasks, and the outputs are lost.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut outputs = Vec::with_capacity(self.len());
        while let Some(output) = self.join_next().await {
            match output {
                Ok(output) => outputs.push(output),
                #[cfg(feature = "std")]
                Err(JoinError::Panicked(panic)) => std::panic::resume_unwind(panic.into_payload()),
                Err(error) => panic!("{error}"),
            }
        }
        outputs
    }

    /// Aborts all tasks. They stay in the set until their end has been taken.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::JoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(std::future::pending::<()>()).unwrap();
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
    /// use polliwog::task::JoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(std::future::pending::<()>()).unwrap();
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
    /// use polliwog::task::JoinSet;
    ///
    /// polliwog::block_on(async {
    ///     let mut set = JoinSet::new();
    ///     set.spawn(async {}).unwrap();
    ///     set.detach_all();
    ///     assert!(set.is_empty());
    /// });
    /// ```
    pub fn detach_all(&mut self) {
        // What they report is nobody's any more.
        self.ends = Rc::new(Ends::new());
        self.free.clear();
        self.left = 0;
        self.homes = Homes::None;
        self.tasks.clear();
    }
}

impl Ends {
    fn new() -> Self {
        Self(WaitList::with_value(State {
            places: Cell::new(VecDeque::new()),
            waker: WakerSlot::new(),
        }))
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
    }
}

impl<T> futures_core::Stream for JoinSet<T> {
    type Item = Result<T, JoinError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_join_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

// The handles are never polled, so none of them is pinned.
impl<T> Unpin for JoinSet<T> {}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}
