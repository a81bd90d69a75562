//! [`scope`]: tasks that borrow from their caller, as parts of the caller's own task.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::budget::poll_proceed;
use super::waker::wake_last;
use super::{JoinError, wake_quietly};
use crate::loom::Lock;
use crate::sync::local::oneshot;

/// Runs `body` and all that it spawns into its [`Scope`], and is ready with the output of `body` once all of
/// them have ended. They may borrow whatever outlives the scope's future.
///
/// The scope's tasks are no tasks of the executor: the future that this returns polls them, each only when it has been woken,
/// in the order of their wakes, within the budget of the task that awaits it. So they run one at a time, on that
/// task's thread, need be neither `Send` nor `'static`, take no slot, and go away with it: dropped at an await
/// point, or aborted with its task, it drops what has not ended; forgotten, it never runs them again. Either way
/// nothing is left that could use what they had borrowed. (Tasks of the executor that borrow cannot be had: the
/// coordination page says why.)
///
/// A panic of one of them passes through the scope to whoever polls it, as it does in `join!`.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::task::scope;
///
/// polliwog::block_on(async {
///     let numbers = vec![1, 2, 3, 4];
///     let (left, right) = numbers.split_at(2);
///     let sum = scope(async |scope| {
///         let left = scope.spawn(async { left.iter().sum::<i32>() });
///         let right = scope.spawn(async { right.iter().sum::<i32>() });
///         left.await.unwrap() + right.await.unwrap()
///     });
///     assert_eq!(sum.await, 10);
///     drop(numbers);
/// });
/// ```
///
/// What `body` itself owns cannot be borrowed by what it spawns, as with `std::thread::scope`: it ends before they
/// do.
///
/// ```compile_fail,E0597
/// # use polliwog_core::conformance::facade as polliwog;
/// let scope = {
///     let numbers = vec![1, 2, 3];
///     polliwog::task::scope(async |scope| {
///         scope.spawn(async { numbers.len() });
///     })
/// };
/// polliwog::block_on(scope);
/// ```
///
/// # Cancel safety
///
/// Dropped before its end, it drops `body` and all that has been spawned. To let them end in their own time, tell
/// them by a [`CancellationToken`](crate::sync::CancellationToken) and await the scope.
pub fn scope<'env, F, B>(body: F) -> ScopeFuture<'env, B>
where
    F: FnOnce(Scope<'env>) -> B,
    B: Future + 'env,
{
    let alarms = Arc::new(Alarms(Lock::new(Queue {
        woken: VecDeque::new(),
        task: None,
    })));
    let scope = Scope(Rc::new(Inner {
        alarms: alarms.clone(),
        children: RefCell::default(),
        alive: Cell::new(0),
        ended: Cell::new(false),
    }));
    let children = Children(scope.clone());
    let alarm = Alarm::new(&alarms, Key::Body);
    alarm.ring();
    ScopeFuture {
        body: Some(body(scope)),
        output: None,
        waker: alarm.clone().into(),
        alarm,
        children,
    }
}

/// Where a [`scope`]'s futures are spawned. A clone is the same scope.
///
/// What has been spawned may have it, too, and spawn more.
pub struct Scope<'env>(Rc<Inner<'env>>);

struct Inner<'env> {
    alarms: Arc<Alarms>,
    children: RefCell<Places<'env>>,
    /// How many have not ended.
    alive: Cell<usize>,
    /// The scope's future has ended or has been dropped.
    ended: Cell<bool>,
}

type Future_<'env> = Pin<Box<dyn Future<Output = ()> + 'env>>;

/// Places for children, and which of them are free.
#[derive(Default)]
struct Places<'env> {
    all: Vec<Place<'env>>,
    free: Vec<usize>,
}

/// A place for a child, which others have had before.
#[derive(Default)]
struct Place<'env> {
    round: usize,
    child: Option<Child<'env>>,
}

struct Child<'env> {
    /// Not there while it is being polled.
    future: Option<Future_<'env>>,
    alarm: Arc<Alarm>,
    /// `alarm`, which is not counted anew at each poll.
    waker: Waker,
}

#[derive(Clone, Copy)]
enum Key {
    Body,
    Child { index: usize, round: usize },
}

/// Who has been woken and is to be polled, and who polls them.
struct Alarms(Lock<Queue>);

struct Queue {
    woken: VecDeque<Key>,
    /// Who polls the scope; not there once it has been woken.
    task: Option<Waker>,
}

/// The waker of one child.
struct Alarm {
    key: Key,
    /// The task is in the queue, or has ended.
    queued: AtomicBool,
    alarms: Arc<Alarms>,
}

impl Alarm {
    fn new(alarms: &Arc<Alarms>, key: Key) -> Arc<Self> {
        Arc::new(Self {
            key,
            queued: AtomicBool::new(false),
            alarms: alarms.clone(),
        })
    }

    /// Has it polled.
    fn ring(&self) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.alarms.wake(Some(self.key));
        }
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl Alarms {
    /// Puts one into the queue, and wakes who polls the scope.
    fn wake(&self, key: Option<Key>) {
        let task = self.0.with(|queue| {
            queue.woken.extend(key);
            queue.task.take()
        });
        if let Some(task) = task {
            wake_quietly(task);
        }
    }

    /// Leaves the waker of who polls the scope; returns how many have been woken.
    fn watch(&self, waker: &Waker) -> usize {
        // Cloned and dropped while nobody has the lock: that may be foreign code.
        let waker = waker.clone();
        let (former, woken) = self.0.with(|queue| {
            let former = queue.task.replace(waker);
            (former, queue.woken.len())
        });
        drop(former);
        woken
    }
}

impl<'env> Scope<'env> {
    /// Adds a future to the scope, which is polled for the first time when it is its turn.
    ///
    /// The handle, which may be dropped, is a future with its output. In a scope that has ended the future is
    /// dropped at once, and its handle says [`JoinError::Aborted`].
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::scope;
    /// use std::cell::Cell;
    ///
    /// polliwog::block_on(async {
    ///     let count = Cell::new(0);
    ///     scope(async |scope| {
    ///         for _ in 0..3 {
    ///             scope.spawn(async { count.set(count.get() + 1) });
    ///         }
    ///     })
    ///     .await;
    ///     assert_eq!(count.get(), 3);
    /// });
    /// ```
    pub fn spawn<F>(&self, future: F) -> ScopedJoinHandle<'env, F::Output>
    where
        F: Future + 'env,
        F::Output: 'env,
    {
        let (sender, output) = oneshot::channel();
        let inner = &*self.0;
        if inner.ended.get() {
            return ScopedJoinHandle {
                output,
                child: None,
            };
        }
        let future: Future_<'env> = Box::pin(async move {
            // Whoever has dropped the handle does not want it.
            let _ = sender.send(future.await);
        });
        let mut children = inner.children.borrow_mut();
        let index = children.free.pop().unwrap_or_else(|| {
            children.all.push(Place::default());
            children.all.len() - 1
        });
        let place = &mut children.all[index];
        let round = place.round;
        let alarm = Alarm::new(&inner.alarms, Key::Child { index, round });
        place.child = Some(Child {
            future: Some(future),
            waker: alarm.clone().into(),
            alarm: alarm.clone(),
        });
        drop(children);
        inner.alive.set(inner.alive.get() + 1);
        alarm.ring();
        ScopedJoinHandle {
            output,
            child: Some((self.clone(), index, round)),
        }
    }

    /// Returns how many that were spawned have not ended.
    pub fn len(&self) -> usize {
        self.0.alive.get()
    }

    /// Returns whether all that were spawned have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops all that were spawned; their handles say [`JoinError::Aborted`]. One that calls this is dropped when
    /// its poll has ended.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::scope;
    ///
    /// polliwog::block_on(scope(async |scope| {
    ///     let endless = scope.spawn(std::future::pending::<()>());
    ///     scope.abort_all();
    ///     assert!(endless.await.unwrap_err().is_aborted());
    /// }));
    /// ```
    pub fn abort_all(&self) {
        let places = self.0.children.borrow().all.len();
        let children: Vec<_> = (0..places)
            .filter_map(|index| self.take(index, None))
            .collect();
        self.0.alarms.wake(None);
        // All together: a destructor that panics costs no other its own.
        drop(children);
    }

    /// Takes a child out, in the given round of its place, for it to be dropped without a borrow.
    fn take(&self, index: usize, round: Option<usize>) -> Option<Child<'env>> {
        let inner = &*self.0;
        let mut children = inner.children.borrow_mut();
        let place = children.all.get_mut(index)?;
        if round.is_some_and(|round| round != place.round) {
            return None;
        }
        let child = place.child.take()?;
        place.round = place.round.wrapping_add(1);
        children.free.push(index);
        inner.alive.set(inner.alive.get() - 1);
        // A wake is for nothing from here on.
        child.alarm.queued.store(true, Ordering::Relaxed);
        Some(child)
    }

    /// Polls a child, unless it has ended.
    fn poll_child(&self, index: usize, round: usize) {
        let inner = &*self.0;
        let (mut future, waker) = {
            let mut children = inner.children.borrow_mut();
            let place = &mut children.all[index];
            let Some(child) = place.child.as_mut().filter(|_| place.round == round) else {
                return;
            };
            let Some(future) = child.future.take() else {
                return;
            };
            // Before the poll: a wake from now on is for the next one.
            child.alarm.queued.swap(false, Ordering::AcqRel);
            (
                future,
                core::mem::replace(&mut child.waker, Waker::noop().clone()),
            )
        };
        // Nothing is borrowed: it may spawn, abort, and be aborted.
        let unwinding = TakenOut {
            scope: self,
            index,
            round,
        };
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        core::mem::forget(unwinding);
        if polled.is_ready() {
            // It has ended, also if its destructor panics.
            let child = self.take(index, Some(round));
            drop(future);
            drop(child);
            return;
        }
        let mut children = inner.children.borrow_mut();
        let place = &mut children.all[index];
        if let Some(child) = place.child.as_mut().filter(|_| place.round == round) {
            child.waker = waker;
            child.future = Some(future);
            return;
        }
        // It has been aborted meanwhile.
        drop(children);
        drop(future);
    }
}

/// A child that is being polled: if it panics, it has ended.
struct TakenOut<'a, 'env> {
    scope: &'a Scope<'env>,
    index: usize,
    round: usize,
}

impl Drop for TakenOut<'_, '_> {
    fn drop(&mut self) {
        drop(self.scope.take(self.index, Some(self.round)));
    }
}

impl Clone for Scope<'_> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// What a scope's future owns: with it the children go, also if one of them has the scope.
struct Children<'env>(Scope<'env>);

impl Drop for Children<'_> {
    fn drop(&mut self) {
        let inner = &*self.0.0;
        inner.ended.set(true);
        inner.alive.set(0);
        // A destructor may spawn or abort; a panic of one costs no other its own.
        let children = inner.children.take();
        drop(children);
    }
}

pin_project! {
    /// The future of [`scope`].
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct ScopeFuture<'env, B: Future> {
        #[pin]
        body: Option<B>,
        output: Option<B::Output>,
        alarm: Arc<Alarm>,
        waker: Waker,
        children: Children<'env>,
    }
}

impl<B: Future> Future for ScopeFuture<'_, B> {
    type Output = B::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<B::Output> {
        let mut this = self.project();
        let scope = &this.children.0;
        let alarms = &*scope.0.alarms;
        // Who is woken meanwhile has its turn next time, when all others of this executor have had theirs.
        let woken = alarms.watch(cx.waker());
        for _ in 0..woken {
            ready!(poll_proceed(cx)).charge(0);
            match alarms.0.with(|queue| queue.woken.pop_front()) {
                None => break,
                Some(Key::Child { index, round }) => scope.poll_child(index, round),
                Some(Key::Body) => {
                    this.alarm.queued.swap(false, Ordering::AcqRel);
                    if let Some(body) = this.body.as_mut().as_pin_mut() {
                        let polled = body.poll(&mut Context::from_waker(this.waker));
                        if let Poll::Ready(output) = polled {
                            this.body.set(None);
                            *this.output = Some(output);
                        }
                    }
                }
            }
        }
        if scope.is_empty() {
            if let Some(output) = this.output.take() {
                scope.0.ended.set(true);
                return Poll::Ready(output);
            }
        }
        assert!(
            !scope.0.ended.get(),
            "a scope has been polled after its end"
        );
        if alarms.0.with(|queue| !queue.woken.is_empty()) {
            wake_last(cx.waker());
        }
        Poll::Pending
    }
}

impl<B: Future> fmt::Debug for ScopeFuture<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopeFuture")
            .field("scope", &self.children.0)
            .finish_non_exhaustive()
    }
}

/// The output of what was spawned into a [`Scope`], as a future. Dropped, it lets that run on.
///
/// # Cancel safety
///
/// The handle can be awaited by reference, and nothing is lost when that future is dropped.
pub struct ScopedJoinHandle<'env, T> {
    output: oneshot::Receiver<T>,
    child: Option<(Scope<'env>, usize, usize)>,
}

impl<T> ScopedJoinHandle<'_, T> {
    /// Drops what was spawned, unless it has ended. One that aborts itself is dropped when its poll has ended.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::scope;
    ///
    /// polliwog::block_on(scope(async |scope| {
    ///     let endless = scope.spawn(std::future::pending::<()>());
    ///     endless.abort();
    ///     assert!(endless.await.unwrap_err().is_aborted());
    /// }));
    /// ```
    pub fn abort(&self) {
        if let Some((scope, index, round)) = &self.child {
            let child = scope.take(*index, Some(*round));
            // First: a destructor may panic.
            scope.0.alarms.wake(None);
            drop(child);
        }
    }

    /// Returns whether it has ended, with an output or without.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::scope;
    ///
    /// polliwog::block_on(scope(async |scope| {
    ///     let child = scope.spawn(async { 7 });
    ///     assert!(!child.is_finished());
    ///     polliwog::yield_now().await;
    ///     assert!(child.is_finished());
    ///     assert_eq!(child.await.unwrap(), 7);
    /// }));
    /// ```
    pub fn is_finished(&self) -> bool {
        let Some((scope, index, round)) = &self.child else {
            return true;
        };
        let children = scope.0.children.borrow();
        (children.all.get(*index))
            .is_none_or(|place| place.round != *round || place.child.is_none())
    }
}

impl<T> Future for ScopedJoinHandle<'_, T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let output = ready!(Pin::new(&mut self.output).poll(cx));
        Poll::Ready(output.map_err(|_| JoinError::Aborted))
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle")
            .field("finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
