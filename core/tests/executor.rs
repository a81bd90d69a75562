//! The executor on the heap and in statics, alone, nested, and seen from other threads.
#![cfg(feature = "std")]

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::executor::{TaskState, Tasks};
use polliwog_core::{Executor, Handle, SpawnErrorKind, Spawner, TaskPool, spawn, time, yield_now};

fn executor(max_tasks: usize) -> Executor<ThreadReactor> {
    Executor::with_capacity(max_tasks, ThreadReactor::new())
}

#[test]
fn grows_block_by_block_up_to_its_limit() {
    // Two blocks under Miri, where each task takes its time.
    const MANY: usize = if cfg!(miri) { 70 } else { 200 };
    let executor = executor(MANY);
    let spawner = executor.spawner();
    let handles: Vec<_> = (0..MANY)
        .map(|number| {
            let task = async move {
                yield_now().await;
                number
            };
            spawner.spawn(task).unwrap()
        })
        .collect();
    let refused = spawner.spawn(async {}).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::TasksFull { capacity: MANY });
    assert!(refused.to_string().contains(&MANY.to_string()));
    let stats = executor.stats();
    assert_eq!((stats.live, stats.capacity, stats.refused), (MANY, MANY, 1));

    executor.run_until_stalled().unwrap();
    assert_eq!(
        (executor.stats().live, executor.stats().polls),
        (0, 2 * MANY as u64)
    );
    let sum = executor.block_on(async {
        let mut sum = 0;
        for handle in handles {
            sum += handle.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, MANY * (MANY - 1) / 2);
}

#[test]
fn memory_is_recycled_not_allocated_anew() {
    // More than a block of them under Miri, too, where each takes its time.
    const TASKS: usize = if cfg!(miri) { 100 } else { 500 };
    let executor = executor(1000);
    let spawner = executor.spawner();
    let round = || {
        for _ in 0..TASKS {
            let task = async {
                let kept = [7u8; 100];
                yield_now().await;
                assert_eq!(kept[99], 7);
            };
            spawner.spawn(task).unwrap().detach();
        }
        executor.run_until_stalled().unwrap();
        executor.stats().heap_bytes
    };
    let first = round();
    assert!(first > TASKS * 100);
    for _ in 0..if cfg!(miri) { 2 } else { 5 } {
        assert_eq!(round(), first);
    }
    executor.shrink();
    assert_eq!(executor.stats().heap_bytes, 0);
    assert_eq!(round(), first);
}

#[test]
fn the_heap_has_a_limit_that_can_be_handled() {
    let executor = executor(1000);
    executor.set_heap_limit(4096);
    let spawner = executor.spawner();
    let task = || async {
        let kept = [1u8; 1000];
        yield_now().await;
        usize::from(kept[0])
    };
    let mut handles = Vec::new();
    let refused = loop {
        match spawner.try_spawn(task()) {
            Ok(handle) => handles.push(handle),
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), SpawnErrorKind::OutOfMemory { limit: 4096 });
    assert_eq!((handles.len(), executor.stats().live), (4, 4));
    let future = refused.into_inner();
    let sum = executor.block_on(async {
        let mut sum = 0;
        for handle in handles {
            sum += handle.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 4);
    // What is kept for other sizes makes room for this one.
    let large = spawner.spawn(async {
        let kept = [2u8; 3000];
        yield_now().await;
        kept[0]
    });
    assert_eq!(executor.block_on(large.unwrap()).unwrap(), 2);
    let last = spawner.spawn(future).unwrap();
    assert_eq!(executor.block_on(last).unwrap(), 1);
}

#[test]
fn futures_and_outputs_of_any_size_and_alignment() {
    #[repr(align(128))]
    #[derive(Clone, Copy)]
    struct Aligned(u8);
    let executor = executor(10);
    let spawner = executor.spawner();
    executor.block_on(async {
        let aligned = Aligned(3);
        let task = async move {
            let in_body = &aligned;
            yield_now().await;
            assert_eq!(std::ptr::from_ref(in_body).addr() % 128, 0);
            *in_body
        };
        assert_eq!(spawner.spawn(task).unwrap().await.unwrap().0, 3);
        let large = [5u8; 100_000];
        let task = async move {
            yield_now().await;
            large
        };
        assert_eq!(spawner.spawn(task).unwrap().await.unwrap()[99_999], 5);
        spawner.spawn(async {}).unwrap().await.unwrap();
        // A small future with a large output.
        let task = async { [9u64; 1000] };
        assert_eq!(spawner.spawn(task).unwrap().await.unwrap()[999], 9);
    });
}

#[test]
fn lists_its_tasks() {
    async fn named_by_type() {
        pending().await
    }
    let executor = executor(100);
    let spawner = executor.spawner();
    let first = spawner.spawn(named_by_type()).unwrap();
    let second = spawner.spawn_named("second", pending::<()>()).unwrap();
    executor.run_until_stalled().unwrap();
    let waiting = spawner.spawn(async {}).unwrap();
    second.abort();
    let tasks: Vec<_> = executor.tasks().collect();
    assert_eq!(tasks.len(), 3);
    assert_eq!((tasks[0].index, tasks[0].name), (0, None));
    assert_eq!((tasks[0].state, tasks[0].polls), (TaskState::Idle, Some(1)));
    assert!(
        tasks[0].type_name.contains("named_by_type"),
        "{:?}",
        tasks[0]
    );
    assert_eq!(tasks[0].id, first.id());
    assert_eq!(
        (tasks[1].name, tasks[1].state),
        (Some("second"), TaskState::Aborting)
    );
    assert_eq!(
        (tasks[2].state, tasks[2].polls),
        (TaskState::Ready, Some(0))
    );
    executor.block_on(async {
        waiting.await.unwrap();
        let mut tasks = Spawner::current().unwrap().tasks();
        assert!(tasks.any(|task| task.name == Some("block_on")));
    });
    let stale: Tasks = executor.tasks();
    drop(executor);
    assert_eq!(
        (stale.count(), spawner.tasks().count(), spawner.stats().live),
        (0, 0, 0)
    );
}

#[test]
fn a_task_that_wakes_itself_starves_neither_tasks_nor_timers() {
    executor(10).block_on(async {
        let done = Rc::new(Cell::new(false));
        let seen = done.clone();
        let busy = spawn(async move {
            let mut turns = 0u64;
            while !seen.get() {
                turns += 1;
                yield_now().await;
            }
            turns
        })
        .unwrap();
        // It has begun by then, however long this has taken.
        yield_now().await;
        time::sleep(Duration::from_millis(2)).await;
        done.set(true);
        assert!(busy.await.unwrap() > 0);
    });
}

/// Wakes from another thread reach an executor that never runs out of ready tasks.
#[test]
fn a_busy_executor_hears_other_threads() {
    let (send, receive) = mpsc::channel::<Waker>();
    let woken = Arc::new(AtomicUsize::new(0));
    let count = woken.clone();
    let helper = thread::spawn(move || {
        for waker in receive {
            count.fetch_add(1, Ordering::Release);
            waker.wake();
        }
    });
    executor(10).block_on(async {
        let busy = spawn(async {
            loop {
                yield_now().await;
            }
        })
        .unwrap();
        let mut sent = false;
        poll_fn(|cx| {
            if !std::mem::replace(&mut sent, true) {
                send.send(cx.waker().clone()).unwrap();
            }
            match woken.load(Ordering::Acquire) {
                0 => Poll::Pending,
                _ => Poll::Ready(()),
            }
        })
        .await;
        busy.abort();
    });
    drop(send);
    helper.join().unwrap();
}

#[test]
fn several_executors_on_one_thread_one_inside_the_other() {
    let outer = executor(10);
    let inner = Rc::new(executor(10));
    let within = inner.clone();
    let sum = outer.block_on(async move {
        let outside = spawn(async { 1 }).unwrap();
        let (one, capacity) = within.block_on(async {
            let here = spawn(async { 10 }).unwrap();
            (
                here.await.unwrap(),
                Spawner::current().unwrap().stats().capacity,
            )
        });
        assert_eq!(capacity, 10);
        // A task of the inner executor, joined by a task of the outer one.
        let joined = within.spawner().spawn(async { 100 }).unwrap();
        within.run_until_stalled().unwrap();
        one + outside.await.unwrap() + joined.await.unwrap()
    });
    assert_eq!(sum, 111);
    assert!(Spawner::current().is_none());
}

#[test]
fn an_executor_in_a_thread_local() {
    thread_local! {
        static EXECUTOR: Executor<ThreadReactor> = executor(4);
    }
    for _ in 0..3 {
        let thread = thread::spawn(|| {
            EXECUTOR.with(|executor| {
                executor.spawner().spawn(pending::<()>()).unwrap().detach();
                assert_eq!(executor.block_on(async { 3 }), 3);
            });
        });
        thread.join().unwrap();
    }
}

#[test]
fn a_static_pool_moves_from_thread_to_thread() {
    static POOL: TaskPool<4, 256> = TaskPool::new();
    let mut stale = Vec::new();
    for round in 0..20 {
        let thread = thread::spawn(move || {
            let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
            let spawner = executor.spawner();
            spawner.spawn_in(&POOL, pending::<()>()).unwrap().detach();
            let waker = executor.block_on(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
            assert_eq!(executor.stats().live, 1, "round {round}");
            (waker, executor.handle())
        });
        stale.push(thread.join().unwrap());
        for (waker, handle) in &stale {
            waker.wake_by_ref();
            assert!(!handle.is_alive() && !handle.shutdown() && !handle.unpark());
        }
    }
}

#[test]
fn other_threads_spawn_join_and_abort() {
    let executor = executor(64);
    let handle = executor.handle();
    let helper = thread::spawn(move || {
        let tasks: Vec<_> = (0..32)
            .map(|number| {
                let task = async move {
                    yield_now().await;
                    number
                };
                handle.spawn(task).unwrap()
            })
            .collect();
        let local = handle.spawn_with(|| {
            let local = Rc::new(5);
            async move {
                yield_now().await;
                *local
            }
        });
        let panics = handle.spawn(async { panic!("on purpose") });
        let panics_at_once = handle.spawn_with(|| -> std::future::Ready<()> { panic!("making") });
        let forever = handle.spawn(pending::<()>()).unwrap();
        self::executor(2).block_on(async {
            for (number, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.unwrap(), number);
            }
            assert_eq!(local.unwrap().await.unwrap(), 5);
            let error = panics.unwrap().await.unwrap_err();
            assert!(error.to_string().contains("on purpose"), "{error}");
            assert!(panics_at_once.unwrap().await.unwrap_err().is_panic());
            forever.abort();
            assert!(forever.await.unwrap_err().is_aborted());
        });
        assert!(handle.shutdown());
    });
    executor.run().unwrap();
    helper.join().unwrap();
    // Asked already: returns at once.
    executor.run().unwrap();

    let handle = executor.handle();
    let queued = handle.spawn(async { 1 }).unwrap();
    drop(executor);
    let closed = handle.spawn(async { 1 }).unwrap_err();
    assert_eq!(closed.kind(), SpawnErrorKind::Closed);
    let mut queued = pin!(queued);
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(Err(error)) = queued.as_mut().poll(&mut cx) else {
        panic!("the executor is gone");
    };
    assert!(error.is_aborted());
}

#[test]
fn the_inbox_is_bounded_and_says_so() {
    let executor = executor(2);
    let handle = executor.handle();
    let mut spawned: Vec<_> = (0..3)
        .map(|number| handle.spawn(async move { number }))
        .collect();
    let refused = spawned.pop().unwrap().unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::InboxFull { capacity: 2 });
    let mut sum = 0;
    for task in spawned {
        sum += executor.block_on(task.unwrap()).unwrap();
    }
    assert_eq!(sum, 1);
}

/// A task that is the only one and always ready does not keep out what comes from other threads.
#[test]
fn a_lone_busy_task_keeps_nobody_out() {
    let executor = executor(2);
    let handle = executor.handle();
    executor.block_on(async {
        let task = handle.spawn(async {}).unwrap();
        while !task.is_finished() {
            yield_now().await;
        }
    });
}

/// Nor does one that wakes itself, and is no other's to put off as one that yields is.
#[test]
fn a_lone_task_that_wakes_itself_keeps_nobody_out() {
    let wake_itself = || {
        let mut woken = false;
        std::future::poll_fn(move |cx| {
            if std::mem::replace(&mut woken, true) {
                return std::task::Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
    };
    let executor = executor(3);
    let (handle, spawner) = (executor.handle(), executor.spawner());
    executor.block_on(async {
        let from_elsewhere = handle.spawn(async {}).unwrap();
        let mut rounds = 0;
        while !from_elsewhere.is_finished() {
            assert!(rounds < 1000, "what comes from other threads is overlooked");
            rounds += 1;
            wake_itself().await;
        }
        // Woken from another thread, without a message.
        let (send, receive) = mpsc::channel();
        let mut polled = false;
        let woken = std::future::poll_fn(move |cx| {
            if std::mem::replace(&mut polled, true) {
                return std::task::Poll::Ready(());
            }
            send.send(cx.waker().clone()).unwrap();
            std::task::Poll::Pending
        });
        let woken = spawner.spawn(woken).unwrap();
        yield_now().await;
        let waker = receive.try_recv().expect("it has been polled");
        std::thread::spawn(move || waker.wake()).join().unwrap();
        let mut rounds = 0;
        while !woken.is_finished() {
            assert!(rounds < 1000, "what others have woken is overlooked");
            rounds += 1;
            wake_itself().await;
        }
        let from_here = spawner.spawn(async {}).unwrap();
        let mut rounds = 0;
        while !from_here.is_finished() {
            assert!(rounds < 1000, "what was woken here is overlooked");
            rounds += 1;
            wake_itself().await;
        }
    });
}

/// Tasks of other threads that wait for a slot get it when one is free, also when nothing else
/// wakes the executor.
#[test]
fn the_inbox_waits_for_a_free_slot() {
    let executor = executor(2);
    let handle = executor.handle();
    let (send, receive) = mpsc::channel();
    let hold = executor.spawner().spawn(pending::<()>()).unwrap();
    executor.block_on(async {
        // `block_on` has the other slot.
        let task = |send: mpsc::Sender<()>| async move { send.send(()).unwrap() };
        let tasks = [(); 2].map(|()| handle.spawn(task(send.clone())).unwrap());
        for _ in 0..3 {
            yield_now().await;
        }
        assert!(receive.try_recv().is_err());
        hold.abort();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(receive.try_iter().count(), 2);
}

/// The same when the run in which no slot was free is over.
#[test]
fn the_inbox_waits_for_a_later_run() {
    let executor = executor(1);
    let hold = executor.spawner().spawn(pending::<()>()).unwrap();
    let task = executor.handle().spawn(async { 1 }).unwrap();
    for _ in 0..3 {
        executor.tick().unwrap();
    }
    assert!(!task.is_finished());
    hold.abort();
    executor.run_until_stalled().unwrap();
    assert!(task.is_finished());
}

#[test]
fn handles_find_the_executor_of_their_thread() {
    assert!(Handle::current().is_none());
    let executor = executor(2);
    executor.enter(|| {
        assert!(Handle::current().unwrap().is_alive());
        spawn(async {}).unwrap().detach();
        assert!(time::now().is_some());
    });
    assert!(time::now().is_none());
    assert_eq!(executor.run_until_stalled().unwrap(), 1);
}

/// A wait for a task may be given up and taken up again, by another task.
#[test]
fn a_join_can_be_given_up_and_taken_up_again() {
    let executor = executor(4);
    let gate = Rc::new(Cell::new(false));
    let open = gate.clone();
    let task = async move {
        while !open.get() {
            yield_now().await;
        }
        "done"
    };
    let mut task = Box::pin(executor.spawner().spawn(task).unwrap());
    executor.block_on(async {
        for _ in 0..3 {
            let waited = time::timeout(Duration::from_millis(1), task.as_mut()).await;
            assert!(waited.is_err());
        }
    });
    gate.set(true);
    assert_eq!(executor.block_on(task).unwrap(), "done");
}

#[test]
#[should_panic(expected = "polled after it had given its result")]
fn a_handle_polled_after_its_end_says_so() {
    let executor = executor(2);
    let mut task = Box::pin(executor.spawner().spawn(async {}).unwrap());
    executor.block_on(async {
        task.as_mut().await.unwrap();
        let _ = task.as_mut().await;
    });
}

#[test]
#[should_panic(expected = "in the root")]
fn a_panic_of_the_root_reaches_the_caller() {
    executor(2).block_on(async { panic!("in the root") });
}

/// The root's future borrows from the stack.
#[test]
fn the_root_may_borrow() {
    let mut log = RefCell::new(Vec::new());
    executor(4).block_on(async {
        log.borrow_mut().push(1);
        let bad = spawn(async { panic!("a task") }).unwrap();
        assert!(bad.await.unwrap_err().is_panic());
        log.borrow_mut().push(2);
    });
    assert_eq!(log.get_mut(), &[1, 2]);
}

#[test]
fn a_seed_permutes_and_repeats() {
    let order = |seed| {
        let executor = executor(64);
        executor.set_schedule_seed(seed);
        let order = Rc::new(RefCell::new(Vec::new()));
        for number in 0..20 {
            let order = order.clone();
            let task = async move {
                yield_now().await;
                order.borrow_mut().push(number);
            };
            executor.spawner().spawn(task).unwrap().detach();
        }
        executor.run_until_stalled().unwrap();
        order.take()
    };
    assert_eq!(order(0), (0..20).collect::<Vec<_>>());
    assert_eq!(order(7), order(7));
    assert_ne!(order(7), order(8));
    let mut all = order(7);
    all.sort_unstable();
    assert_eq!(all, order(0));
}
