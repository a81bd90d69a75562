//! Tasks of one executor that join, wake, abort and drop those of another one, on the same thread and on
//! another.
#![cfg(feature = "alloc")]

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
#[cfg(feature = "std")]
use std::pin::Pin;
use std::rc::Rc;
#[cfg(feature = "std")]
use std::sync::Arc;
#[cfg(feature = "std")]
use std::task::Context;
use std::task::{Poll, Waker};

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::{Executor, Handle, JoinHandle, yield_now};

fn executor() -> Executor<ThreadReactor> {
    Executor::with_capacity(100, ThreadReactor::new())
}

/// Joins the task, and checks that every poll of this is by `home`.
async fn join_at<T>(home: Handle, mut task: JoinHandle<T>) -> T {
    let mut task = std::pin::Pin::new(&mut task);
    poll_fn(|cx| {
        assert!(Handle::current() == Some(home), "polled by another one");
        task.as_mut().poll(cx)
    })
    .await
    .unwrap()
}

/// Whoever joins a task of another executor is woken by its end, and polled by its own executor.
#[test]
fn a_task_joins_one_of_another_executor_of_the_thread() {
    let (one, two) = (executor(), executor());
    let start = |n| async move {
        yield_now().await;
        n
    };
    // In both directions, and several at once: the only one that is woken goes another way than a
    // second one.
    for count in [1, 2, 5] {
        for (home, abroad) in [(&one, &two), (&two, &one)] {
            let joins: Vec<_> = (0..count)
                .map(|n| {
                    let task = abroad.spawner().spawn(start(n)).unwrap();
                    let join = join_at(home.handle(), task);
                    home.spawner().spawn(join).unwrap()
                })
                .collect();
            assert_eq!(home.run_until_stalled().unwrap(), count);
            assert_eq!(abroad.run_until_stalled().unwrap(), 2 * count);
            // Woken, but not by whom they are polled.
            assert!(joins.iter().all(|join| !join.is_finished()));
            assert_eq!(home.stats().live, count);
            assert_eq!(home.run_until_stalled().unwrap(), count);
            for (n, join) in joins.into_iter().enumerate() {
                assert_eq!(home.block_on(join).unwrap(), n);
            }
            assert_eq!(home.stats().live + abroad.stats().live, 0);
        }
    }
}

/// The same while one of the two executors runs inside a task of the other.
#[test]
fn a_task_joins_one_of_an_executor_that_runs_inside() {
    let (outer, inner) = (executor(), executor());
    let (home, away) = (outer.handle(), inner.handle());
    let gate = Rc::new(Cell::new(false));
    let open = gate.clone();
    // Joined by the outer one.
    let task = inner.spawner().spawn(async { 1 }).unwrap();
    let join = outer.spawner().spawn(join_at(home, task)).unwrap();
    // Joined by the inner one; it ends after the inner one's run.
    let task = outer
        .spawner()
        .spawn(async move {
            while !open.get() {
                yield_now().await;
            }
            2
        })
        .unwrap();
    let inside = inner.spawner().spawn(join_at(away, task)).unwrap();
    outer.block_on(async {
        yield_now().await;
        assert!(!join.is_finished());
        inner.run_until_stalled().unwrap();
        assert!(!join.is_finished() && !inside.is_finished());
        assert!(Handle::current() == Some(home));
        assert_eq!(join.await.unwrap(), 1);
        gate.set(true);
        for _ in 0..2 {
            yield_now().await;
        }
        assert!(!inside.is_finished());
        assert_eq!(inner.block_on(inside).unwrap(), 2);
    });
}

/// Wakes and aborts of tasks of another executor of this thread are noticed when that one runs.
#[test]
fn a_task_wakes_and_aborts_those_of_another_executor_of_the_thread() {
    let (one, two) = (executor(), executor());
    let home = two.handle();
    let waker = Rc::new(RefCell::new(None::<Waker>));
    let polls = Rc::new(Cell::new(0));
    let (keep, count) = (waker.clone(), polls.clone());
    let waits = two
        .spawner()
        .spawn(poll_fn(move |cx| {
            assert!(Handle::current() == Some(home));
            count.set(count.get() + 1);
            *keep.borrow_mut() = Some(cx.waker().clone());
            match count.get() {
                3 => Poll::Ready(()),
                _ => Poll::Pending,
            }
        }))
        .unwrap();
    let forever = two.spawner().spawn(pending::<()>()).unwrap();
    assert_eq!(two.run_until_stalled().unwrap(), 2);
    let abort = forever.abort_handle();
    for round in 1..3 {
        let waker = waker.borrow_mut().take().unwrap();
        one.block_on(async {
            waker.wake_by_ref();
            yield_now().await;
            // A second wake before the poll counts for nothing.
            waker.wake();
            abort.abort();
        });
        assert_eq!(polls.get(), round);
        // The waker of a task inside of its executor's context, but by another task.
        assert_eq!(two.run_until_stalled().unwrap(), 1);
        assert_eq!(polls.get(), round + 1);
    }
    assert!(waits.is_finished() && forever.is_finished());
    one.block_on(async {
        waits.await.unwrap();
        assert!(forever.await.unwrap_err().is_aborted());
    });
}

/// A handle may outlive the executor of its task, in a task of another one.
#[test]
fn a_task_joins_one_whose_executor_ends_first() {
    let one = executor();
    let ended = {
        let two = executor();
        let done = two.spawner().spawn(async { vec![1] }).unwrap();
        let unasked = two.spawner().spawn(async { vec![2] }).unwrap();
        two.run_until_stalled().unwrap();
        let never = two.spawner().spawn(pending::<Vec<i32>>()).unwrap();
        let ended = one
            .spawner()
            .spawn(async move {
                let never = never.await;
                drop(unasked);
                (done.await, never)
            })
            .unwrap();
        one.run_until_stalled().unwrap();
        assert!(!ended.is_finished());
        ended
    };
    let (done, never) = one.block_on(ended).unwrap();
    assert_eq!(done.unwrap(), [1]);
    assert!(never.unwrap_err().is_aborted());
}

#[cfg(feature = "std")]
mod threads {
    use std::pin::pin;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, mpsc};
    use std::task::{Context, Wake};
    use std::thread;

    use futures_util::task::AtomicWaker;
    use polliwog_core::AbortHandle;

    use super::*;

    #[derive(Default)]
    struct Gate {
        open: AtomicBool,
        waker: AtomicWaker,
    }

    impl Gate {
        async fn wait(self: Arc<Self>) {
            poll_fn(|cx| {
                self.waker.register(cx.waker());
                match self.open.load(Ordering::Acquire) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
        }

        fn open(&self) {
            self.open.store(true, Ordering::Release);
            self.waker.wake();
        }
    }

    /// Tells the other executor that this one needs it no more, also by a panic.
    struct Bye(Handle);

    impl Drop for Bye {
        fn drop(&mut self) {
            self.0.shutdown();
        }
    }

    /// Joins, wakes and aborts tasks of the other executor, which does the same meanwhile.
    async fn visit(other: Handle, rounds: usize) {
        let home = Handle::current();
        for round in 0..rounds {
            let task = other.spawn(async move {
                assert!(Handle::current() == Some(other));
                yield_now().await;
                round
            });
            assert_eq!(task.unwrap().await.unwrap(), round);
            assert!(Handle::current() == home);

            let gate = Arc::new(Gate::default());
            let waits = other.spawn(gate.clone().wait()).unwrap();
            if round % 2 == 0 {
                yield_now().await;
            }
            gate.open();
            waits.await.unwrap();

            let forever = other.spawn(pending::<()>()).unwrap();
            if round % 3 == 0 {
                yield_now().await;
            }
            forever.abort();
            assert!(forever.await.unwrap_err().is_aborted());

            // A local task there, with a handle that ends it from here.
            let started = other.spawn(async {
                let task = polliwog_core::spawn(pending::<()>()).unwrap();
                let abort = task.abort_handle();
                let ended = polliwog_core::spawn(async move {
                    assert!(task.await.unwrap_err().is_aborted());
                });
                ended.unwrap().detach();
                abort
            });
            let abort: AbortHandle = started.unwrap().await.unwrap();
            abort.abort();
            while !abort.is_finished() {
                yield_now().await;
            }
        }
    }

    #[test]
    fn executors_of_two_threads_join_wake_and_abort_each_others_tasks() {
        let rounds = if cfg!(miri) { 2 } else { 200 };
        let (to_one, for_one) = mpsc::channel::<Handle>();
        let (to_two, for_two) = mpsc::channel::<Handle>();
        let side = move |mine: mpsc::Sender<Handle>, theirs: mpsc::Receiver<Handle>| {
            let executor = executor();
            mine.send(executor.handle()).unwrap();
            let other = theirs.recv().unwrap();
            let bye = Bye(other);
            executor.block_on(visit(other, rounds));
            drop(bye);
            // As long as the other one needs us.
            executor.run().unwrap();
            assert_eq!(executor.stats().live, 0);
        };
        let other = thread::spawn(move || side(to_one, for_two));
        side(to_two, for_one);
        other.join().unwrap();
    }

    /// A yield that somebody of another thread polls on behalf of a task which waits wakes that task's
    /// executor.
    #[test]
    fn a_yield_on_behalf_of_another_threads_task_wakes_it() {
        let (to_other, for_other) = mpsc::channel::<(Handle, Waker)>();
        let other = thread::spawn(move || {
            let executor = executor();
            let (home, waker) = for_other.recv().unwrap();
            while !home.is_parked() {
                thread::yield_now();
            }
            executor.block_on(async {
                let mut yielded = pin!(yield_now());
                let polled = yielded.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
            });
        });
        let mut sent = false;
        executor().block_on(poll_fn(|cx| {
            if std::mem::replace(&mut sent, true) {
                return Poll::Ready(());
            }
            let home = Handle::current().unwrap();
            to_other.send((home, cx.waker().clone())).unwrap();
            Poll::Pending
        }));
        other.join().unwrap();
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The waker of a remote handle's last poll is woken, once, and none is kept.
    #[test]
    fn the_last_waker_of_a_remote_handle_is_woken_and_none_is_leaked() {
        let executor = executor();
        let wakers = [(); 3].map(|()| Arc::new(Count::default()));
        let task = executor.handle().spawn(yield_now()).unwrap();
        let mut task = pin!(task);
        for waker in &wakers {
            let waker = Waker::from(waker.clone());
            let polled = task.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
        }
        executor.run_until_stalled().unwrap();
        let woken = wakers
            .each_ref()
            .map(|waker| waker.0.load(Ordering::Relaxed));
        assert_eq!(woken, [0, 0, 1]);
        assert!(wakers.iter().all(|waker| Arc::strong_count(waker) == 1));
        let polled = task.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(()))));
    }

    /// A task that joins one of another executor by turns with others: it is the last one that waits
    /// that is woken.
    #[test]
    fn a_remote_handle_goes_from_one_task_to_another() {
        let (one, two) = (executor(), executor());
        let mut task = Box::pin(two.handle().spawn(yield_now()).unwrap());
        one.block_on(poll_fn(|cx| {
            assert!(task.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        }));
        let join = one.spawner().spawn(task).unwrap();
        one.run_until_stalled().unwrap();
        two.run_until_stalled().unwrap();
        assert!(!join.is_finished());
        assert_eq!(one.run_until_stalled().unwrap(), 1);
        assert!(join.is_finished());
    }
}

/// A future of another thread's whose destructor panics: so ends the task, and the output is not lost but dropped.
#[cfg(feature = "std")]
#[test]
fn an_output_goes_when_the_futures_destructor_panics() {
    struct Grenade(Arc<()>);

    impl Future for Grenade {
        type Output = Arc<()>;

        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Arc<()>> {
            Poll::Ready(self.0.clone())
        }
    }

    impl Drop for Grenade {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("a destructor"));
        }
    }

    let executor = executor();
    let owner = Arc::new(());
    let task = executor.spawner().handle().spawn(Grenade(owner.clone()));
    let ended = executor.block_on(task.unwrap());
    assert!(ended.unwrap_err().is_panic());
    assert_eq!(Arc::strong_count(&owner), 1);
}
