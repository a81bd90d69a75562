//! Foreign code that does what nobody expects: constructors and wakers that run or drop the
//! executor in the middle of one of its functions.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::{Executor, Instant, JoinError, TaskPool, spawn, time, yield_now};

fn claim<const N: usize, const BYTES: usize>(
    pool: &'static TaskPool<N, BYTES>,
) -> Executor<ThreadReactor> {
    Executor::new(pool, ThreadReactor::new()).expect("one test per pool")
}

/// A task function that drops the executor which is about to run its task.
#[test]
fn a_task_function_may_drop_the_executor() {
    static POOL: TaskPool<3> = TaskPool::new();

    struct Noisy(Rc<Cell<u32>>);
    impl Drop for Noisy {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    fn last(
        executor: Executor<ThreadReactor>,
        noisy: Noisy,
    ) -> impl Future<Output = [u64; 4]> + use<> {
        drop(executor);
        async move {
            yield_now().await;
            drop(noisy);
            [7; 4]
        }
    }

    for _ in 0..3 {
        let dropped = Rc::new(Cell::new(0));
        let executor = claim(&POOL);
        let spawner = executor.spawner();
        // So that the slot in question is one that was never used before.
        let other = spawn!(spawner, [std::future::pending::<()>]()).unwrap();
        let handle = spawn!(spawner, [last](executor, Noisy(dropped.clone()))).unwrap();
        assert!(other.is_finished());
        assert_eq!(dropped.get(), 1, "the future is gone");
        assert!(handle.is_finished());
        handle.abort();
        // Another executor gets the slots, all of them.
        let executor = claim(&POOL);
        assert_eq!(executor.stats().live, 0);
        let next = spawn!(executor.spawner(), [std::future::pending::<()>]()).unwrap();
        handle.abort();
        executor.run_until_stalled().unwrap();
        assert!(!next.is_finished(), "it was not meant");
        let outcome = executor.block_on(handle);
        assert!(matches!(outcome, Err(JoinError::Aborted)));
    }
}

thread_local! {
    static ON_CLONE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
    static WAKES: Cell<u32> = const { Cell::new(0) };
}

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        if let Some(action) = ON_CLONE.take() {
            action();
        }
        RawWaker::new(data, &VTABLE)
    },
    |_| WAKES.set(WAKES.get() + 1),
    |_| WAKES.set(WAKES.get() + 1),
    |_| {},
);

/// A waker that runs `action` the first time that it is cloned.
fn waker(action: impl FnOnce() + 'static) -> Waker {
    ON_CLONE.set(Some(Box::new(action)));
    WAKES.set(0);
    // SAFETY: no function of the table uses the data.
    unsafe { Waker::new(std::ptr::null(), &VTABLE) }
}

/// The task ends, and another one gets its slot, while its joiner's waker is being cloned.
#[test]
fn a_waker_may_run_the_executor_when_a_join_handle_clones_it() {
    static POOL: TaskPool<1, 512> = TaskPool::new();
    let executor = Rc::new(claim(&POOL));
    let spawner = executor.spawner();
    let mut first = pin!(spawner.spawn(async { 1 }).unwrap());
    let second = Rc::new(RefCell::new(None));
    let (inner, slot) = (executor.clone(), second.clone());
    let waker = waker(move || {
        inner.run_until_stalled().unwrap();
        *slot.borrow_mut() = inner.spawner().spawn(yield_now()).ok();
    });
    let mut cx = Context::from_waker(&waker);
    match first.as_mut().poll(&mut cx) {
        Poll::Ready(output) => assert_eq!(output.unwrap(), 1),
        Poll::Pending => panic!("it has ended, and nobody would say so"),
    }
    executor.run_until_stalled().unwrap();
    // Without `alloc` the pool's only body was still taken by the first output.
    if let Some(second) = second.take() {
        assert!(second.is_finished());
    }
}

/// The same when the handle has been polled before: the waker that counts is the new one.
#[test]
fn a_waker_may_run_the_executor_when_a_linked_handle_clones_it() {
    static POOL: TaskPool<1, 512> = TaskPool::new();
    let executor = Rc::new(claim(&POOL));
    let mut first = pin!(executor.spawner().spawn(async { 1 }).unwrap());
    let mut noop = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut noop).is_pending());
    let inner = executor.clone();
    let waker = waker(move || drop(inner.run_until_stalled()));
    let polled = first.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_ready(), "it has ended, and nobody would say so");
}

/// A sleep that ends while the waker is being cloned that it is to wake.
#[test]
fn a_waker_may_run_the_executor_when_a_sleep_clones_it() {
    static POOL: TaskPool<1, 512> = TaskPool::new();
    let executor = Rc::new(claim(&POOL));
    // Not due at the poll, unless that is late, but before the one within.
    let limit = Duration::from_millis(if cfg!(miri) { 500 } else { 50 });
    let mut sleep: Pin<Box<time::Sleep>> = Box::pin(executor.spawner().sleep(limit));
    let inner = executor.clone();
    let waker = waker(move || inner.block_on(time::sleep(limit)));
    let polled = executor.enter(|| sleep.as_mut().poll(&mut Context::from_waker(&waker)));
    // A lean build makes it wait for the waker's clone: it waits still, though it is due, and the
    // executor will find out.
    let woken = || executor.run_until_stalled().is_ok() && WAKES.take() == 1;
    assert!(
        polled.is_ready() || cfg!(lean) && woken(),
        "nobody says that it has ended"
    );

    // The executor goes away: whoever waits has to look again.
    let mut sleep = Box::pin(executor.spawner().sleep_until(Instant::MAX));
    let holder = Rc::new(RefCell::new(Some(executor)));
    let spawner = holder.borrow().as_ref().unwrap().spawner();
    let inner = holder.clone();
    let waker = self::waker(move || drop(inner.take()));
    assert!(
        sleep
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert_eq!((WAKES.get(), spawner.now()), (1, None));
}

/// A clone of a waker that panics leaves everything as it was.
#[test]
#[cfg(feature = "std")]
fn a_waker_may_panic_when_it_is_cloned() {
    static POOL: TaskPool<2, 512> = TaskPool::new();
    let executor = claim(&POOL);
    let mut handle = pin!(executor.spawner().spawn(async { 1 }).unwrap());
    let waker = waker(|| panic!("a clone"));
    let poll = std::panic::AssertUnwindSafe(|| {
        handle
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
    });
    assert!(std::panic::catch_unwind(poll).is_err());
    let output = executor.block_on(std::future::poll_fn(|cx| handle.as_mut().poll(cx)));
    assert_eq!(output.unwrap(), 1);
}

/// The same of a handle that other threads use, too.
#[test]
#[cfg(feature = "std")]
fn a_waker_may_run_the_executor_when_a_remote_handle_clones_it() {
    static POOL: TaskPool<1, 512> = TaskPool::new();
    let executor = Rc::new(claim(&POOL));
    let mut remote = pin!(executor.handle().spawn(async { 1 }).unwrap());
    let inner = executor.clone();
    let waker = waker(move || drop(inner.run_until_stalled()));
    let polled = remote.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(matches!(polled, Poll::Ready(Ok(1))));
}

/// A waker that sends a task to its own executor, when nothing else is left to do.
#[test]
#[cfg(feature = "std")]
fn what_a_waker_sends_is_done_before_the_executor_is_stalled() {
    use polliwog_core::Handle;

    struct Send(Handle);
    impl std::task::Wake for Send {
        fn wake(self: std::sync::Arc<Self>) {
            drop(self.0.spawn(async { DONE.set(true) }).unwrap());
        }
    }
    thread_local!(static DONE: Cell<bool> = const { Cell::new(false) });

    static POOL: TaskPool<1, 512> = TaskPool::new();
    let executor = claim(&POOL);
    let waker = std::sync::Arc::new(Send(executor.handle())).into();
    let mut sleep = pin!(executor.enter(|| time::sleep(Duration::from_secs(1_000_000))));
    let polled = executor.enter(|| sleep.as_mut().poll(&mut Context::from_waker(&waker)));
    assert!(polled.is_pending());
    // Due at the next look.
    sleep.as_mut().reset(Instant::ZERO);
    executor.run_until_stalled().unwrap();
    assert!(sleep.is_elapsed() && DONE.get());
}
