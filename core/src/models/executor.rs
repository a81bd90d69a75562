//! Whole executors between threads.

use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};
use std::vec::Vec;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use super::{Parker, leak};
use crate::{Deadline, Executor, Instant, Reactor};

/// A reactor of a parker.
struct LoomReactor(Arc<Parker>);

struct Unpark(Arc<Parker>);

impl Wake for Unpark {
    fn wake(self: StdArc<Self>) {
        self.0.unpark();
    }
}

impl Reactor for LoomReactor {
    type Error = core::convert::Infallible;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, until: Deadline) -> Result<(), Self::Error> {
        if until == Deadline::Never {
            self.0.park();
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        StdArc::new(Unpark(self.0.clone())).into()
    }
}

fn executor() -> Executor<LoomReactor> {
    Executor::with_capacity(2, LoomReactor(Arc::new(Parker::new())))
}

/// The whole: a task that two other threads wake is polled after each wake; an executor that
/// sleeps wakes up.
#[test]
fn an_executor_sees_the_wakes_of_other_threads() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let executor = executor();
        let woken: Arc<[AtomicBool; 2]> = Arc::new([false; 2].map(AtomicBool::new));
        let mut threads = Vec::new();
        executor.block_on(core::future::poll_fn(|cx| {
            if threads.is_empty() {
                for index in 0..2 {
                    let (woken, waker) = (woken.clone(), cx.waker().clone());
                    threads.push(thread::spawn(move || {
                        woken[index].store(true, Ordering::Release);
                        waker.wake();
                    }));
                }
            }
            if woken.iter().all(|one| one.load(Ordering::Acquire)) {
                core::task::Poll::Ready(())
            } else {
                core::task::Poll::Pending
            }
        }));
        // A wake may still be on its way: into an executor that is gone.
        drop(executor);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// Promise 10 and the abort half of 5, with a whole executor: aborted from another thread while
/// it runs, the task ends, its future is dropped here, and the joiner is woken.
#[test]
fn an_abort_from_another_thread_ends_the_task() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(6);
    model.check(|| {
        let executor = executor();
        let task = executor
            .spawner()
            .spawn(core::future::pending::<()>())
            .unwrap();
        let abort = task.abort_handle();
        let thread = thread::spawn(move || abort.abort());
        assert!(executor.block_on(task).unwrap_err().is_aborted());
        thread.join().unwrap();
    });
}

/// A task from another thread gets a slot and its output arrives; or the executor is gone, and
/// the handle says so.
#[test]
#[cfg(feature = "std")]
fn a_spawn_from_another_thread_arrives_or_fails() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(|| {
        let executor = executor();
        let handle = executor.handle();
        let thread = thread::spawn(move || {
            let spawned = handle.spawn(async { 7 });
            handle.shutdown();
            spawned
        });
        executor.run().unwrap();
        executor.run_until_stalled().unwrap();
        let remote = thread.join().unwrap().expect("the executor is alive");
        assert_eq!(executor.block_on(remote).unwrap(), 7);
    });
}

/// What another thread sends while the executor empties its inbox is taken over in that turn, or in the
/// next one, which comes.
#[test]
#[cfg(feature = "std")]
fn an_inbox_that_is_being_emptied_loses_nothing() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let executor = executor();
        let handle = executor.handle();
        let thread = thread::spawn(move || {
            let left = Arc::new(AtomicUsize::new(2));
            for _ in 0..2 {
                let left = left.clone();
                let task = async move {
                    if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                        handle.shutdown();
                    }
                };
                drop(handle.spawn(task).unwrap());
            }
        });
        executor.run().unwrap();
        thread.join().unwrap();
    });
}

/// Promise 5 for tasks of other threads: one that is aborted while the executor starts it ends all the
/// same.
#[test]
#[cfg(feature = "std")]
fn an_abort_reaches_a_task_that_is_being_started() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let executor = executor();
        let handle = executor.handle();
        let mut remote = handle.spawn(core::future::pending::<()>()).unwrap();
        let thread = thread::spawn(move || {
            remote.abort();
            let parker = Arc::new(Parker::new());
            let waker = Waker::from(StdArc::new(Unpark(parker.clone())));
            let mut cx = core::task::Context::from_waker(&waker);
            let outcome = loop {
                match core::pin::Pin::new(&mut remote).poll(&mut cx) {
                    core::task::Poll::Ready(outcome) => break outcome,
                    core::task::Poll::Pending => parker.park(),
                }
            };
            assert!(outcome.unwrap_err().is_aborted());
            handle.shutdown();
        });
        executor.run().unwrap();
        thread.join().unwrap();
    });
}

/// Shutting down from another thread ends a run, wherever in its park the executor is.
#[test]
fn a_shutdown_from_another_thread_ends_a_run() {
    loom::model(|| {
        let executor = executor();
        let handle = executor.handle();
        let thread = thread::spawn(move || assert!(handle.shutdown()));
        executor.run().unwrap();
        thread.join().unwrap();
    });
}

/// Promise 1 and the reuse of slots: two threads wake a task that ends meanwhile, and whose
/// slot gets another task. The bits are never lost: whoever has the slot by then is polled and
/// sees what the threads did before.
#[test]
fn a_stale_wake_polls_the_next_tenant() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let executor = executor();
        let spawner = executor.spawner();
        let data: Arc<[AtomicBool; 2]> = Arc::new([false; 2].map(AtomicBool::new));
        let theirs = data.clone();
        let first = spawner
            .spawn(core::future::poll_fn(move |cx| {
                let wakers = [0, 1].map(|index| {
                    let (data, waker) = (theirs.clone(), cx.waker().clone());
                    thread::spawn(move || {
                        data[index].store(true, Ordering::Relaxed);
                        waker.wake();
                    })
                });
                core::task::Poll::Ready(wakers)
            }))
            .unwrap();
        let mut wakers = None;
        executor.block_on(async {
            let slot = first.id().0.slot;
            wakers = Some(first.await.unwrap());
            let second = spawner
                .spawn(core::future::poll_fn(move |_| {
                    // Nobody else wakes this task.
                    if data.iter().all(|one| one.load(Ordering::Relaxed)) {
                        core::task::Poll::Ready(())
                    } else {
                        core::task::Poll::Pending
                    }
                }))
                .unwrap();
            assert!(second.id().0.slot == slot);
            second.await.unwrap();
        });
        for waker in wakers.into_iter().flatten() {
            waker.join().unwrap();
        }
        assert_eq!(executor.stats().live, 0);
    });
}

/// Promise 8 towards other threads: while an executor is dropped they wake and abort its tasks
/// and spawn others. Nothing is touched that is gone, and every handle has an answer.
#[test]
#[cfg(feature = "std")]
fn an_executor_may_be_dropped_while_others_use_it() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(|| {
        let executor = executor();
        let handle = executor.handle();
        let (send, receive) = loom::sync::mpsc::channel();
        let task = executor
            .spawner()
            .spawn(core::future::poll_fn(move |cx| {
                let _ = send.send(cx.waker().clone());
                core::task::Poll::<()>::Pending
            }))
            .unwrap();
        let abort = task.abort_handle();
        executor.tick().unwrap();
        let waker = receive.recv().unwrap();
        let waking = thread::spawn(move || {
            waker.wake();
            abort.abort();
        });
        let spawning = thread::spawn(move || handle.spawn(async { 7 }).ok());
        drop(executor);
        assert!(resolved(task).unwrap().unwrap_err().is_aborted());
        waking.join().unwrap();
        if let Some(remote) = spawning.join().unwrap() {
            assert!(resolved(remote).expect("no executor").is_err());
        }
    });
}

/// What a future gives in its first poll.
#[cfg(feature = "std")]
fn resolved<F: Future>(future: F) -> Option<F::Output> {
    let mut cx = core::task::Context::from_waker(Waker::noop());
    match core::pin::pin!(future).poll(&mut cx) {
        core::task::Poll::Ready(output) => Some(output),
        core::task::Poll::Pending => None,
    }
}

/// Whoever joins from another thread's executor is woken when the output is there.
#[test]
#[cfg(feature = "std")]
fn a_joiner_on_another_thread_is_woken() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(|| {
        let here = executor();
        let handle = here.handle();
        let there = thread::spawn(move || {
            let remote = handle.spawn(async { 7 }).unwrap();
            let there = executor();
            assert_eq!(there.block_on(remote).unwrap(), 7);
            handle.shutdown();
        });
        here.run().unwrap();
        there.join().unwrap();
    });
}

/// One executor after the other: of two threads that want the same core at most one has it at a
/// time, and it finds what the former one left.
#[test]
fn a_core_belongs_to_one_executor_at_a_time() {
    loom::model(|| {
        let shared = leak(crate::executor::shared::Shared::new());
        let uses = Arc::new(AtomicUsize::new(0));
        let claims: Vec<_> = (0..2)
            .map(|_| {
                let uses = uses.clone();
                move || {
                    let Some(claim) = shared.get().claim() else {
                        return;
                    };
                    assert!(claim.get().is_some());
                    shared.get().open(2, true, Some(Waker::noop().clone()));
                    let used = uses.fetch_add(1, Ordering::Relaxed);
                    (0..used).for_each(|_| shared.get().count_poll());
                    let slot = shared.get().claim_or_grow().unwrap();
                    shared.get().release_slot(slot);
                    shared.get().close();
                    assert!(claim.get().is_none());
                }
            })
            .collect();
        let mut claims = claims.into_iter();
        let other = thread::spawn(claims.next().unwrap());
        claims.next().unwrap()();
        other.join().unwrap();
        assert!(uses.load(Ordering::Relaxed) >= 1);
    });
}

/// The stack of idle cores gives each of them to one taker, and there is one for each taker, whatever
/// the order of takes and puts.
#[test]
fn an_idle_core_is_taken_once() {
    use crate::executor::idle::Idle;
    use crate::executor::shared::Shared;
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(6);
    model.check(|| {
        let idle = leak(Idle::new());
        let cores = [leak(Shared::new()), leak(Shared::new())];
        for shared in cores {
            idle.get().put(shared.get());
        }
        let use_one = move || {
            let shared = idle.get().take().expect("two for two");
            // Loom's cells notice if two have the same.
            shared.count_poll();
            idle.get().put(shared);
        };
        let other = thread::spawn(use_one);
        use_one();
        other.join().unwrap();
        let mut polls = 0;
        for _ in 0..2 {
            polls += idle.get().take().expect("both are back").polls();
        }
        assert!(idle.get().take().is_none());
        assert_eq!(polls, 2);
    });
}

/// Promise 10 for a value that was sent away and is dropped elsewhere while its executor ends: it is dropped at
/// home, or leaked, and neither twice.
#[test]
#[cfg(feature = "std")]
fn what_is_dropped_elsewhere_goes_home_or_nowhere() {
    // Not loom's: what is leaked is meant to be.
    struct Value(thread::ThreadId, StdArc<std::sync::atomic::AtomicUsize>);
    impl Drop for Value {
        fn drop(&mut self) {
            assert_eq!(thread::current().id(), self.0, "dropped on another thread");
            assert_eq!(
                self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
                0,
                "dropped twice"
            );
        }
    }
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let executor = executor();
        let dropped = StdArc::default();
        let value = Value(thread::current().id(), dropped);
        let value = executor.block_on(async move { crate::SendWrapper::new(value) });
        let thread = thread::spawn(move || drop(value));
        executor.block_on(async {});
        let alive = executor.handle();
        drop(executor);
        assert!(!alive.is_alive());
        thread.join().unwrap();
    });
}
