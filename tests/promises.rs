//! The promises of the runtime, each after a real bug in some executor, on every reactor of
//! the build and on one that is written here.
//!
//! The bodies are generic over the reactor and use static pools, so that they run the same
//! with and without `alloc` and `std`.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use polliwog::{
    AbortHandle, Executor, Instant, JoinError, Reactor, SpawnErrorKind, TaskPool, executor::spawn,
    time, yield_now,
};

mod support;
use support::reactor::ThreadReactor;

/// An executor over a pool that tests on other threads may be using at the moment.
fn claim<R: Reactor, const N: usize, const BYTES: usize>(
    pool: &'static TaskPool<N, BYTES>,
    mut reactor: R,
) -> Executor<R> {
    loop {
        match Executor::new(pool, reactor) {
            Ok(executor) => return executor,
            Err(taken) => reactor = taken.into_inner(),
        }
        thread::yield_now();
    }
}

/// Runs until nothing is ready; a panic that passes through (builds without `std`) is caught
/// and the run goes on.
fn settle<R: Reactor>(executor: &Executor<R>) {
    loop {
        let run = AssertUnwindSafe(|| executor.run_until_stalled().map(drop));
        match catch_unwind(run) {
            Ok(outcome) => return outcome.expect("the reactor works"),
            Err(_) => continue,
        }
    }
}

/// Counts its drops and notes the thread of the last one.
#[derive(Clone, Default)]
struct Drops(Arc<(AtomicUsize, Mutex<Option<ThreadId>>)>);

impl Drops {
    fn count(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    fn thread(&self) -> Option<ThreadId> {
        *self.0.1.lock().unwrap()
    }

    fn guard(&self) -> DropGuard {
        DropGuard(self.clone())
    }
}

struct DropGuard(Drops);

impl Drop for DropGuard {
    fn drop(&mut self) {
        *self.0.0.1.lock().unwrap() = Some(thread::current().id());
        self.0.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn stale_wake_keeps_no_slot_busy<R: Reactor>(reactor: R) {
    static POOL: TaskPool<1, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let waker = Rc::new(RefCell::new(None::<Waker>));
    for round in 0..100 {
        let kept = waker.clone();
        let first = spawner
            .spawn(poll_fn(move |cx| {
                *kept.borrow_mut() = Some(cx.waker().clone());
                Poll::Ready(round)
            }))
            .unwrap();
        settle(&executor);
        // The slot is free whether or not the output has been taken; the pool has one body, so
        // the output must go.
        assert!(first.is_finished());
        drop(first);
        let stale = waker.borrow_mut().take().unwrap();
        stale.wake_by_ref();
        // The slot is free at once, before the executor has looked at the stale wake.
        let second = spawner.spawn(async { "second" }).unwrap();
        stale.wake();
        assert_eq!(executor.stats().live, 1);
        settle(&executor);
        assert!(second.is_finished());
        assert_eq!(executor.stats().live, 0);
    }
    assert_eq!(executor.stats().refused, 0);
}

fn panic_in_a_batch_loses_no_other_task<R: Reactor>(reactor: R) {
    static POOL: TaskPool<24, 256> = TaskPool::new();
    struct PanicOnDrop;
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            panic!("a destructor");
        }
    }
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let polled = Rc::new(Cell::new(0));
    let mut handles = Vec::new();
    for index in 0..24 {
        let polled = polled.clone();
        let task = async move {
            yield_now().await;
            polled.set(polled.get() + 1);
            match index {
                5 | 6 => panic!("a task"),
                11 => {
                    let _bomb = PanicOnDrop;
                    pending::<()>().await;
                }
                17 => drop(PanicOnDrop),
                _ => yield_now().await,
            }
            index
        };
        handles.push(spawner.spawn(task).unwrap());
    }
    settle(&executor);
    assert_eq!(polled.get(), 24, "every task was polled");
    handles[11].abort();
    settle(&executor);
    assert_eq!(executor.stats().live, 0, "every slot is free again");
    let join = async {
        for (index, handle) in handles.into_iter().enumerate() {
            match (index, handle.await) {
                (5 | 6 | 11 | 17, Err(error)) => assert!(error.is_panic()),
                (_, outcome) => assert_eq!(outcome.unwrap(), index),
            }
        }
    };
    executor.block_on(join);
}

#[cfg(feature = "std")]
fn panic_in_a_joiners_waker_loses_no_other_task<R: Reactor>(reactor: R) {
    static POOL: TaskPool<8, 256> = TaskPool::new();
    struct Bomb;
    impl std::task::Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a waker");
        }
    }
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let done = Rc::new(Cell::new(0));
    let bomb = Waker::from(Arc::new(Bomb));
    let mut handles: Vec<_> = (0..8)
        .map(|_| {
            let done = done.clone();
            Box::pin(
                spawner
                    .spawn(async move { done.set(done.get() + 1) })
                    .unwrap(),
            )
        })
        .collect();
    for handle in &mut handles {
        assert!(
            handle
                .as_mut()
                .poll(&mut Context::from_waker(&bomb))
                .is_pending()
        );
    }
    settle(&executor);
    assert_eq!((done.get(), executor.stats().live), (8, 0));
}

fn abort_of_an_idle_task<R: Reactor>(reactor: R) {
    static POOL: TaskPool<3, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let drops = Drops::default();
    let guard = drops.guard();
    let idle = spawner
        .spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .unwrap();
    let abort = idle.abort_handle();
    let joiner = spawner.spawn(idle).unwrap();
    settle(&executor);
    assert_eq!((drops.count(), executor.stats().live), (0, 2));

    abort.abort();
    settle(&executor);
    assert_eq!(drops.count(), 1, "the future is dropped");
    assert_eq!(
        executor.stats().live,
        0,
        "its slot is free and the joiner has ended"
    );
    assert!(abort.is_finished());
    let outcome = executor.block_on(joiner).unwrap();
    assert!(outcome.unwrap_err().is_aborted());
}

fn abort_of_self_of_a_finished_task_and_of_a_reused_slot<R: Reactor>(reactor: R) {
    static POOL: TaskPool<2, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();

    // Self, and then waiting: dropped.
    let own = Rc::new(RefCell::new(None::<AbortHandle>));
    let (mine, drops) = (own.clone(), Drops::default());
    let guard = drops.guard();
    let handle = spawner
        .spawn(async move {
            let _guard = guard;
            mine.borrow().unwrap().abort();
            yield_now().await;
            unreachable!("aborted before it could go on");
        })
        .unwrap();
    *own.borrow_mut() = Some(handle.abort_handle());
    assert!(executor.block_on(handle).unwrap_err().is_aborted());
    assert_eq!(drops.count(), 1);

    // Self, but ready in the same poll: the output counts.
    let mine = own.clone();
    let handle = spawner
        .spawn(async move {
            mine.borrow().unwrap().abort();
            7
        })
        .unwrap();
    *own.borrow_mut() = Some(handle.abort_handle());
    assert_eq!(executor.block_on(handle).unwrap(), 7);

    // A finished task: nothing, and the output stays.
    let handle = spawner.spawn(async { 8 }).unwrap();
    let finished = handle.abort_handle();
    settle(&executor);
    finished.abort();
    settle(&executor);
    assert_eq!(executor.block_on(handle).unwrap(), 8);

    // A slot with a new tenant: that one is left alone.
    let tenants: Vec<_> = (0..2)
        .map(|_| spawner.spawn(pending::<()>()).unwrap())
        .collect();
    finished.abort();
    own.borrow().unwrap().abort();
    settle(&executor);
    assert!(tenants.iter().all(|tenant| !tenant.is_finished()));
    assert_eq!(executor.stats().live, 2);
}

fn all_tasks_woken_at_once_from_another_thread<R: Reactor>(reactor: R) {
    const TASKS: usize = 31;
    const ROUNDS: usize = 200;
    static POOL: TaskPool<32, 512> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let (send, receive) = mpsc::channel::<(Waker, Arc<AtomicBool>)>();
    let helper = thread::spawn(move || {
        let mut waiting = Vec::new();
        for one in receive {
            waiting.push(one);
            if waiting.len() == TASKS {
                for (_, flag) in &waiting {
                    flag.store(true, Ordering::Release);
                }
                waiting.drain(..).for_each(|(waker, _)| waker.wake());
            }
        }
    });
    let handles: Vec<_> = (0..TASKS)
        .map(|_| {
            let send = send.clone();
            let task = async move {
                for _ in 0..ROUNDS {
                    let flag = Arc::new(AtomicBool::new(false));
                    let mut sent = false;
                    poll_fn(|cx| {
                        if flag.load(Ordering::Acquire) {
                            return Poll::Ready(());
                        }
                        if !sent {
                            sent = true;
                            send.send((cx.waker().clone(), flag.clone())).unwrap();
                        }
                        Poll::Pending
                    })
                    .await;
                }
            };
            spawner.spawn(task).unwrap()
        })
        .collect();
    drop(send);
    executor.block_on(async {
        for handle in handles {
            handle.await.unwrap();
        }
    });
    helper.join().unwrap();
}

fn a_dropped_executor_drops_its_futures_once_on_its_own_thread<R: Reactor>(reactor: R) {
    static POOL: TaskPool<8, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let drops = Drops::default();
    struct SpawnOnDrop(Rc<Cell<Option<SpawnErrorKind>>>);
    impl Drop for SpawnOnDrop {
        fn drop(&mut self) {
            // The context is entered; spawning fails.
            self.0.set(spawn(async {}).err().map(|error| error.kind()));
        }
    }
    let refusal = Rc::new(Cell::new(None));
    let mut handles = Vec::new();
    for index in 0..8 {
        let (guard, refusal) = (drops.guard(), refusal.clone());
        let task = async move {
            let _guard = guard;
            let _spawn = SpawnOnDrop(refusal);
            if index % 2 == 0 {
                pending::<()>().await;
            }
            loop {
                yield_now().await;
            }
        };
        handles.push(spawner.spawn(task).unwrap());
    }
    executor.tick().unwrap();
    let wakers: Vec<_> = handles.iter().map(|handle| handle.abort_handle()).collect();
    drop(executor);
    assert_eq!(drops.count(), 8);
    assert_eq!(drops.thread(), Some(thread::current().id()));
    assert_eq!(refusal.get(), Some(SpawnErrorKind::Closed));
    assert_eq!(
        spawner.spawn(async {}).unwrap_err().kind(),
        SpawnErrorKind::Closed
    );
    wakers.iter().for_each(AbortHandle::abort);
    for handle in handles {
        let mut handle = pin!(handle);
        let Poll::Ready(outcome) = handle
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("a task of a dropped executor has ended");
        };
        assert!(outcome.unwrap_err().is_aborted());
    }
    assert_eq!(drops.count(), 8);
}

fn a_local_future_is_never_dropped_on_a_foreign_thread<R: Reactor>(reactor: R) {
    static POOL: TaskPool<4, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    for round in 0..50 {
        let drops = Drops::default();
        let (guard, local) = (drops.guard(), Rc::new(()));
        let (send, receive) = mpsc::channel::<Waker>();
        let handle = spawner
            .spawn(async move {
                let _both = (guard, local);
                poll_fn(|cx| {
                    send.send(cx.waker().clone()).unwrap();
                    Poll::<()>::Pending
                })
                .await;
            })
            .unwrap();
        executor.tick().unwrap();
        let (abort, waker) = (handle.abort_handle(), receive.recv().unwrap());
        // Wakes, aborts and drops the last waker, all on another thread.
        let helper = thread::spawn(move || {
            if round % 2 == 0 {
                waker.wake_by_ref();
            }
            abort.abort();
            drop(waker);
        });
        let outcome = executor.block_on(handle);
        helper.join().unwrap();
        assert!(outcome.unwrap_err().is_aborted());
        assert_eq!(drops.count(), 1);
        assert_eq!(drops.thread(), Some(thread::current().id()));
    }
}

fn a_task_that_wakes_itself_and_completes_is_freed_once<R: Reactor>(reactor: R) {
    static POOL: TaskPool<2, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    for _ in 0..100 {
        let drops = Drops::default();
        let guard = drops.guard();
        let mut guard = Some(guard);
        spawner
            .spawn(poll_fn(move |cx| {
                cx.waker().wake_by_ref();
                drop(guard.take());
                Poll::Ready(())
            }))
            .unwrap()
            .detach();
        // The bit is still set when the slot has been freed and has a new tenant.
        executor.tick().unwrap();
        assert_eq!((drops.count(), executor.stats().live), (1, 0));
        let polls = Rc::new(Cell::new(0));
        let counted = polls.clone();
        let next = spawner
            .spawn(poll_fn(move |_| {
                counted.set(counted.get() + 1);
                Poll::<()>::Pending
            }))
            .unwrap();
        settle(&executor);
        assert_eq!((drops.count(), executor.stats().live), (1, 1));
        assert!(polls.get() >= 1);
        next.abort();
        settle(&executor);
    }
    assert_eq!(executor.stats().live, 0);
}

async fn add(a: Box<u32>, b: String) -> u32 {
    yield_now().await;
    *a + b.len() as u32
}

fn a_full_pool_gives_the_future_or_the_arguments_back<R: Reactor>(reactor: R) {
    static POOL: TaskPool<3, 64> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();

    // The bodies of a spawn site.
    let more = |b: &str| polliwog::spawn!(spawner, [add; 2](Box::new(1), b.to_string()));
    let running = [more("a").unwrap(), more("bc").unwrap()];
    let refused = more("def").unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::BodiesFull { capacity: 2 });
    assert_eq!(refused.into_inner(), (Box::new(1), "def".to_string()));

    // The slots of the executor.
    let third = spawner.spawn(pending::<()>()).unwrap();
    let refused = spawner.spawn(async { 5 }).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::TasksFull { capacity: 3 });
    let future = refused.into_inner();
    assert_eq!(executor.stats().refused, 2);
    third.abort();
    settle(&executor);
    let fifth = spawner.spawn(future).unwrap();
    assert_eq!(executor.block_on(fifth).unwrap(), 5);

    let sum = executor.block_on(async {
        let mut sum = 0;
        for handle in running {
            sum += handle.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 2 + 3);
    assert!(more("g").is_ok(), "bodies are free again");
}

fn a_sleep_wakes_the_waker_that_polled_it_last<R: Reactor>(reactor: R) {
    static POOL: TaskPool<4, 1024> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    executor.block_on(async {
        // First polled with one waker, then by the task: the task is woken.
        let mut sleep = pin!(time::sleep(Duration::from_millis(5)));
        assert!(
            sleep
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()))
                .is_pending()
        );
        sleep.await;

        // Many in one task, each with a waker of the set's own.
        let mut set: FuturesUnordered<_> = [7, 1, 5, 3]
            .into_iter()
            .map(|millis| async move {
                time::sleep(Duration::from_millis(millis)).await;
                millis
            })
            .collect();
        let mut order = Vec::new();
        while let Some(millis) = set.next().await {
            order.push(millis);
        }
        assert_eq!(order.len(), 4);
        assert_eq!(order.last(), Some(&7));

        // select and join
        let short = pin!(time::sleep(Duration::from_millis(1)));
        let long = pin!(time::sleep(Duration::from_secs(1_000_000)));
        assert!(matches!(
            futures_util::future::select(long, short).await,
            futures_util::future::Either::Right(_)
        ));
        futures_util::future::join(
            time::sleep(Duration::from_millis(2)),
            time::sleep(Duration::from_millis(1)),
        )
        .await;
    });
}

fn a_sleep_until_the_end_of_time_hinders_no_other<R: Reactor>(reactor: R) {
    static POOL: TaskPool<4, 512> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let forever = [
        spawner.spawn(time::sleep_until(Instant::MAX)).unwrap(),
        spawner.spawn(time::sleep(Duration::MAX)).unwrap(),
    ];
    executor.block_on(async {
        time::sleep(Duration::from_millis(2)).await;
        yield_now().await;
    });
    assert!(forever.iter().all(|handle| !handle.is_finished()));
}

/// A waker that outlives everything: wakes into a pool whose executor is gone, and into one
/// that has been claimed again.
fn wakers_outlive_their_executor<R: Reactor>(make: impl Fn() -> R) {
    static POOL: TaskPool<2, 256> = TaskPool::new();
    let mut wakers: Vec<Waker> = Vec::new();
    for _ in 0..5 {
        let executor = claim(&POOL, make());
        wakers.iter().for_each(Waker::wake_by_ref);
        let kept = Rc::new(RefCell::new(None));
        let keep = kept.clone();
        executor.block_on(poll_fn(move |cx| {
            *keep.borrow_mut() = Some(cx.waker().clone());
            Poll::Ready(())
        }));
        assert_eq!(executor.stats().live, 0);
        drop(executor);
        wakers.extend(kept.take());
        let stale = wakers.clone();
        thread::spawn(move || stale.iter().for_each(Waker::wake_by_ref))
            .join()
            .unwrap();
    }
}

/// Errors that a user can hit and handle: nothing hangs, nothing panics.
fn misuse_is_an_error<R: Reactor>(make: impl Fn() -> R) {
    static POOL: TaskPool<2, 64> = TaskPool::new();
    let executor = Rc::new(claim(&POOL, make()));
    assert!(
        Executor::new(&POOL, make()).is_err(),
        "one executor per pool"
    );
    let inner = executor.clone();
    executor.block_on(async move {
        let nested = inner.try_block_on(async {});
        assert!(
            matches!(nested, Err(polliwog::RunError::Nested)),
            "{nested:?}"
        );
    });
    // The core's: with `mio` the facade's falls back to the thread's default runtime.
    assert_eq!(
        polliwog::executor::spawn(async {}).unwrap_err().kind(),
        SpawnErrorKind::NoExecutor
    );
    let _tasks: Vec<_> = (0..2)
        .map(|_| executor.spawner().spawn(pending::<()>()).unwrap())
        .collect();
    let full = executor.try_block_on(async {});
    assert!(matches!(
        full,
        Err(polliwog::RunError::TasksFull { capacity: 2 })
    ));
    assert!(JoinError::Aborted.to_string().contains("aborted"));
}

/// A task that awaits itself is stuck, not unsound; aborting it frees everything.
fn a_task_that_holds_its_own_handle<R: Reactor>(reactor: R) {
    static POOL: TaskPool<2, 256> = TaskPool::new();
    type Own = Rc<RefCell<Option<Pin<Box<polliwog::JoinHandle<()>>>>>>;
    let executor = claim(&POOL, reactor);
    let own: Own = Rc::default();
    let (mine, drops) = (own.clone(), Drops::default());
    let guard = drops.guard();
    let handle = executor
        .spawner()
        .spawn(async move {
            let _guard = guard;
            yield_now().await;
            let mut own = mine.borrow_mut().take().unwrap();
            let _ = own.as_mut().await;
        })
        .unwrap();
    let abort = handle.abort_handle();
    *own.borrow_mut() = Some(Box::pin(handle));
    settle(&executor);
    assert_eq!((drops.count(), executor.stats().live), (0, 1));
    abort.abort();
    settle(&executor);
    assert_eq!((drops.count(), executor.stats().live), (1, 0));
}

macro_rules! on {
    ($reactor:ident, $make:expr) => {
        mod $reactor {
            use super::*;

            #[test]
            fn promise_01_a_stale_wake_after_a_task_ended_does_not_keep_its_slot_busy() {
                stale_wake_keeps_no_slot_busy($make());
            }

            #[test]
            fn promise_03_a_panic_in_the_middle_of_a_batch_loses_no_other_task() {
                panic_in_a_batch_loses_no_other_task($make());
            }

            #[test]
            #[cfg(feature = "std")]
            fn promise_03_nor_does_a_panic_in_a_waker() {
                panic_in_a_joiners_waker_loses_no_other_task($make());
            }

            #[test]
            fn promise_04_abort_of_an_idle_task_drops_it_frees_its_slot_and_wakes_its_joiner() {
                abort_of_an_idle_task($make());
            }

            #[test]
            fn promise_05_abort_of_self_of_a_finished_task_of_a_reused_slot() {
                abort_of_self_of_a_finished_task_and_of_a_reused_slot($make());
            }

            #[test]
            fn promise_06_a_sleep_polled_again_with_another_waker_wakes_that_one() {
                a_sleep_wakes_the_waker_that_polled_it_last($make());
            }

            #[test]
            fn promise_07_all_tasks_woken_at_once_from_another_thread() {
                all_tasks_woken_at_once_from_another_thread($make());
            }

            #[test]
            fn promise_08_a_dropped_executor_drops_its_futures_once_on_its_own_thread() {
                a_dropped_executor_drops_its_futures_once_on_its_own_thread($make());
            }

            #[test]
            fn promise_09_a_sleep_until_the_end_of_time_then_a_short_one() {
                a_sleep_until_the_end_of_time_hinders_no_other($make());
            }

            #[test]
            fn promise_10_a_local_future_is_never_dropped_on_a_foreign_thread() {
                a_local_future_is_never_dropped_on_a_foreign_thread($make());
            }

            #[test]
            fn promise_12_a_task_that_wakes_itself_and_completes_is_freed_exactly_once() {
                a_task_that_wakes_itself_and_completes_is_freed_once($make());
            }

            #[test]
            fn promise_13_a_full_pool_gives_the_future_or_its_arguments_back() {
                a_full_pool_gives_the_future_or_the_arguments_back($make());
            }

            #[test]
            fn wakers_outlive_executors() {
                wakers_outlive_their_executor($make);
            }

            #[test]
            fn misuse_is_an_error_that_can_be_handled() {
                misuse_is_an_error($make);
            }

            #[test]
            fn a_task_may_hold_its_own_handle() {
                a_task_that_holds_its_own_handle($make());
            }
        }
    };
}

on!(thread_reactor, ThreadReactor::new);

#[cfg(feature = "mio")]
on!(mio_reactor, || polliwog::mio::MioReactor::new().unwrap());

// Virtual time, in which tasks of other threads are waited for.
#[cfg(all(feature = "spin", feature = "std"))]
on!(spin_virtual_time, || {
    use polliwog::spin::{Jump, SpinReactor, VirtualClock};
    SpinReactor::new(VirtualClock::new(), Jump::or_wait())
});

#[cfg(all(feature = "spin", feature = "std"))]
on!(spin_wall_clock, || {
    use polliwog::spin::{Block, SpinReactor, WallClock};
    SpinReactor::new(WallClock::new(), Block)
});

/// As on a microcontroller: a clock, a flag and no allocator. It burns time instead of sleeping.
#[cfg(feature = "spin")]
mod busy {
    use polliwog::spin::{Clock, Flag, SpinLoop, SpinReactor};

    pub(crate) struct HostClock(std::time::Instant);

    impl Clock for HostClock {
        fn now(&self) -> polliwog::Instant {
            polliwog::Instant::from_duration(self.0.elapsed())
        }
    }

    pub(crate) fn reactor() -> SpinReactor<HostClock, SpinLoop> {
        // Each reactor needs one of its own, and static.
        let flag = Box::leak(Box::new(Flag::new()));
        SpinReactor::with_flag(HostClock(std::time::Instant::now()), SpinLoop, flag)
    }
}

#[cfg(feature = "spin")]
on!(spin_busy, busy::reactor);
