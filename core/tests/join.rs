//! Join handles that are polled by reference.
#![cfg(feature = "alloc")]

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::{select, select_all, try_join_all};
use futures_util::stream::{FuturesUnordered, StreamExt};
use polliwog_core::conformance::ThreadReactor;
use polliwog_core::time::{sleep, timeout};
use polliwog_core::{Executor, JoinHandle, yield_now};

fn executor() -> Executor<ThreadReactor> {
    Executor::with_capacity(100, ThreadReactor::new())
}

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_handle_is_unpin_whatever_the_output() {
    fn assert_unpin<T: Unpin>() {}
    assert_unpin::<JoinHandle<std::marker::PhantomPinned>>();
}

#[test]
fn a_timeout_takes_a_handle_by_reference() {
    let executor = executor();
    let spawner = executor.spawner();
    let output = executor.block_on(async {
        let mut handle = spawner
            .spawn(async {
                sleep(Duration::from_millis(20)).await;
                7
            })
            .unwrap();
        let early = timeout(Duration::from_millis(1), &mut handle).await;
        assert!(early.is_err() && !handle.is_finished());
        handle.await.unwrap()
    });
    assert_eq!(output, 7);
}

#[test]
fn sets_of_handles_work_as_everyone_writes_them() {
    let executor = executor();
    let spawner = executor.spawner();
    executor.block_on(async {
        let spawn = |n: usize| {
            let task = async move {
                for _ in 0..n {
                    yield_now().await;
                }
                n
            };
            spawner.spawn(task).unwrap()
        };
        let (first, index, rest) = select_all([5, 2, 9].map(spawn)).await;
        assert_eq!((first.unwrap(), index, rest.len()), (2, 1, 2));
        let mut rest: FuturesUnordered<_> = rest.into_iter().collect();
        assert_eq!(rest.next().await.unwrap().unwrap(), 5);
        assert_eq!(rest.next().await.unwrap().unwrap(), 9);
        assert!(rest.next().await.is_none());
        assert_eq!(try_join_all([3, 1].map(spawn)).await.unwrap(), [3, 1]);

        let mut short = spawn(1);
        let mut never = spawner.spawn(pending::<()>()).unwrap();
        let either = select(&mut never, &mut short).await;
        assert_eq!(either.factor_first_or().unwrap(), 1);
        never.abort();
        assert!(never.await.unwrap_err().is_aborted());
    });
}

/// What [`sets_of_handles_work_as_everyone_writes_them`] asks of the outcome of a `select`.
trait FactorFirstOr<T> {
    fn factor_first_or(self) -> T;
}

impl<A, B, T> FactorFirstOr<T> for futures_util::future::Either<A, (T, B)> {
    fn factor_first_or(self) -> T {
        match self {
            Self::Left(_) => panic!("a task that never ends has ended"),
            Self::Right((output, _)) => output,
        }
    }
}

/// The waker of the last poll is woken, once; no waker is kept longer than the handle or the task.
#[test]
fn the_last_waker_is_woken_and_none_is_leaked() {
    let executor = executor();
    let wakers = [(); 3].map(|()| Arc::new(Count::default()));
    let poll = |handle: &mut JoinHandle<()>, waker: usize| {
        let waker = Waker::from(wakers[waker].clone());
        Pin::new(handle).poll(&mut Context::from_waker(&waker))
    };
    let mut handle = executor.spawner().spawn(yield_now()).unwrap();
    for waker in [0, 1, 1, 2] {
        assert!(poll(&mut handle, waker).is_pending());
    }
    executor.run_until_stalled().unwrap();
    let woken = wakers
        .each_ref()
        .map(|waker| waker.0.load(Ordering::Relaxed));
    assert_eq!(woken, [0, 0, 1]);
    assert!(handle.is_finished());
    assert!(matches!(poll(&mut handle, 0), Poll::Ready(Ok(()))));
    drop(handle);

    // Given up while the task runs, and after it has ended; with an executor that ends first.
    let mut first = executor.spawner().spawn(yield_now()).unwrap();
    assert!(poll(&mut first, 0).is_pending());
    drop(first);
    let mut second = executor.spawner().spawn(yield_now()).unwrap();
    assert!(poll(&mut second, 1).is_pending());
    let mut third = executor.spawner().spawn(pending()).unwrap();
    assert!(poll(&mut third, 2).is_pending());
    executor.run_until_stalled().unwrap();
    drop(second);
    drop(executor);
    assert!(matches!(poll(&mut third, 2), Poll::Ready(Err(error)) if error.is_aborted()));
    for waker in &wakers {
        assert_eq!(Arc::strong_count(waker), 1);
    }
}

#[test]
#[should_panic = "polled after it had given its result"]
fn a_handle_gives_its_output_once() {
    let executor = executor();
    let mut handle = executor.spawner().spawn(async {}).unwrap();
    executor.block_on(async { (&mut handle).await.unwrap() });
    let _ = Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop()));
}

/// A task that drops, keeps or joins handles of others, and its own.
#[test]
fn a_task_may_have_its_own_handle() {
    let executor = executor();
    let spawner = executor.spawner();
    for keep in [true, false] {
        let (send, receive) = std::sync::mpsc::channel::<JoinHandle<String>>();
        let (back, returned) = std::sync::mpsc::channel();
        let task = async move {
            yield_now().await;
            let own = receive.recv().unwrap();
            assert!(!own.is_finished());
            if keep {
                back.send(own).unwrap();
            }
            "an output that nobody wants".to_string()
        };
        send.send(spawner.spawn(task).unwrap()).unwrap();
        executor.run_until_stalled().unwrap();
        assert_eq!(executor.stats().live, 0);
        if keep {
            let own: JoinHandle<String> = returned.recv().unwrap();
            assert!(executor.block_on(own).unwrap().starts_with("an output"));
        }
    }
}
