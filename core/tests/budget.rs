//! What a task may do in one poll. Beyond it chance decides, which is the same in each run where an executor has dice of its
//! own; without `std` and `simulation` the tests of a process share one row of numbers.
#![cfg(all(
    feature = "alloc",
    any(feature = "std", feature = "simulation"),
    not(lean)
))]

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::task::budget::{poll_proceed, poll_within};
use polliwog_core::task::{consume_budget, has_budget, unconstrained};
use polliwog_core::{Executor, Reactor};

fn executor() -> Executor<ThreadReactor> {
    Executor::with_capacity(8, ThreadReactor::new())
}

/// Does an operation of so many bytes `times` times, and notes how many went ahead in each poll.
async fn operations(times: usize, bytes: usize) -> Vec<usize> {
    let mut polls = Vec::new();
    let mut left = times;
    poll_fn(|cx| {
        polls.push(0);
        while left > 0 {
            let Poll::Ready(permit) = poll_proceed(cx) else {
                return Poll::Pending;
            };
            permit.charge(bytes);
            *polls.last_mut().unwrap() += 1;
            left -= 1;
        }
        Poll::Ready(())
    })
    .await;
    polls
}

#[test]
fn so_many_operations_go_ahead_in_a_poll() {
    let polls = executor().block_on(operations(300, 0));
    assert_eq!(polls, [128, 128, 44]);
}

#[test]
fn bytes_count_too() {
    let executor = executor();
    for (bytes, each) in [
        (4095, 128),
        (4096, 64),
        (64 << 10, 8),
        (256 << 10, 2),
        (32 << 20, 1),
    ] {
        let polls = executor.block_on(operations(3 * each, bytes));
        assert_eq!(polls, [each; 3], "{bytes} bytes");
        // An operation that overdraws is the last of its poll; none moves more than that.
        assert!(each == 1 || (each - 1) * bytes < 512 << 10);
    }
}

#[test]
fn what_turns_out_to_wait_costs_nothing() {
    executor().block_on(poll_fn(|cx| {
        for _ in 0..1000 {
            let Poll::Ready(permit) = poll_proceed(cx) else {
                panic!("nothing has been charged for");
            };
            drop(permit);
        }
        Poll::Ready(())
    }));
}

/// What is made of operations that draw themselves costs all of them: 32 units each here.
#[test]
fn an_operation_made_of_others_costs_them_all() {
    let polls = executor().block_on(async {
        let (mut polls, mut left) = (Vec::new(), 10);
        poll_fn(|cx| {
            polls.push(0);
            while left > 0 {
                let made_of_others = poll_within(cx, |cx| {
                    (0..31).for_each(|_| {
                        if let Poll::Ready(permit) = poll_proceed(cx) {
                            permit.charge(0);
                        }
                    });
                    Poll::Ready(())
                });
                if made_of_others.is_pending() {
                    return Poll::Pending;
                }
                *polls.last_mut().unwrap() += 1;
                left -= 1;
            }
            Poll::Ready(())
        })
        .await;
        polls
    });
    assert_eq!(polls, [4, 4, 2]);
}

#[test]
fn the_others_have_their_turn() {
    let executor = executor();
    let trace = Rc::new(RefCell::new(Vec::new()));
    let worker = |name: char, times: usize| {
        let trace = Rc::clone(&trace);
        async move {
            for _ in 0..times {
                consume_budget().await;
                let mut trace = trace.borrow_mut();
                match trace.last_mut() {
                    Some((last, count)) if *last == name => *count += 1,
                    _ => trace.push((name, 1)),
                }
            }
        }
    };
    let tasks = [worker('a', 300), worker('b', 130), worker('c', 1)]
        .map(|task| executor.spawner().spawn(task).ok().unwrap());
    executor.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    let expected = [
        ('a', 128),
        ('b', 128),
        ('c', 1),
        ('a', 128),
        ('b', 2),
        ('a', 44),
    ];
    assert_eq!(*trace.borrow(), expected);
}

#[test]
fn every_poll_begins_with_a_whole_budget() {
    let executor = executor();
    executor.block_on(async {
        for _ in 0..5 {
            for _ in 0..127 {
                consume_budget().await;
            }
            assert!(has_budget());
            consume_budget().await;
            assert!(!has_budget());
            polliwog_core::yield_now().await;
        }
    });
}

#[test]
fn several_in_one_task_share_it() {
    use futures_util::future::join;
    let (one, other) = executor().block_on(async {
        let one = pin!(operations(100, 0));
        let other = pin!(operations(100, 0));
        join(one, other).await
    });
    assert_eq!((one, other), (vec![100], vec![28, 72]));
}

#[test]
fn unconstrained_is_without_an_end_and_gives_back_what_was_left() {
    executor().block_on(async {
        for _ in 0..100 {
            consume_budget().await;
        }
        let polls = unconstrained(operations(10_000, 1 << 20)).await;
        assert_eq!(polls, [10_000]);
        assert_eq!(operations(40, 0).await, [28, 12]);
        // Also if it panics.
        let panics = unconstrained(async { panic!("on purpose") });
        let mut panics = Box::pin(panics);
        let caught = poll_fn(|cx| {
            let poll = std::panic::AssertUnwindSafe(|| panics.as_mut().poll(cx).map(|()| ()));
            Poll::Ready(std::panic::catch_unwind(poll).is_err())
        });
        assert!(caught.await);
        assert_eq!(operations(128, 0).await, [116, 12]);
    });
}

#[test]
fn outside_of_an_executor_there_is_no_end() {
    let mut cx = Context::from_waker(Waker::noop());
    let all = || (0..100_000).all(|_| pin!(consume_budget()).poll(&mut cx).is_ready());
    let mut all = all;
    assert!(all() && has_budget());
    // Nor where one is entered and polls nothing; not even after one of its tasks has used up its own.
    let executor = executor();
    executor.block_on(async {
        for _ in 0..128 {
            consume_budget().await;
        }
    });
    assert!(executor.enter(all));
    assert!(executor.enter(has_budget));
}

#[test]
fn an_executor_inside_a_task_has_a_budget_of_its_own() {
    let (outer, inner) = (executor(), executor());
    outer.block_on(async {
        for _ in 0..120 {
            consume_budget().await;
        }
        assert_eq!(inner.block_on(operations(300, 0)), [128, 128, 44]);
        assert!(outer.enter(has_budget));
        assert_eq!(operations(10, 0).await, [8, 2]);
    });
}

/// `futures::executor::block_on` in a task: no poll of ours begins until it is done.
#[test]
fn an_executor_of_others_inside_a_task_goes_on() {
    let polls = Cell::new(0);
    executor().block_on(async {
        let mut work = pin!(async {
            for _ in 0..1000 {
                consume_budget().await;
            }
        });
        let mut cx = Context::from_waker(Waker::noop());
        while work.as_mut().poll(&mut cx).is_pending() {
            polls.set(polls.get() + 1);
            assert!(polls.get() < 100_000, "tries the same for ever");
        }
    });
    assert!(polls.get() > 0);
}

#[test]
fn timers_and_foreign_wakes_come_in_between() {
    // Nothing here depends on how fast the machine is: without the budget this would not end.
    let executor = executor();
    let done = Rc::new(Cell::new(false));
    let seen = Rc::clone(&done);
    let flood = executor.spawner().spawn(async move {
        while !seen.get() {
            consume_budget().await;
        }
    });
    executor.block_on(async {
        polliwog_core::time::sleep(core::time::Duration::from_millis(1)).await;
        let (ready, wait) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let waker: Waker = wait.recv().unwrap();
            waker.wake();
        });
        let mut polled = false;
        poll_fn(|cx| {
            if polled {
                return Poll::Ready(());
            }
            polled = true;
            ready.send(cx.waker().clone()).unwrap();
            Poll::Pending
        })
        .await;
        thread.join().unwrap();
        done.set(true);
        flood.ok().unwrap().await.unwrap();
    });
    assert!(executor.reactor().now() > polliwog_core::Instant::ZERO);
}

#[test]
fn sleeps_of_no_length_yield_now_and_then() {
    let executor = executor();
    let turns = Rc::new(Cell::new(0));
    let count = turns.clone();
    let other = executor.spawner().spawn(async move {
        loop {
            count.set(count.get() + 1);
            polliwog_core::yield_now().await;
        }
    });
    executor.block_on(async {
        let before = turns.get();
        for _ in 0..1280 {
            polliwog_core::time::sleep(core::time::Duration::ZERO).await;
        }
        assert!(turns.get() - before >= 9, "{} turns", turns.get() - before);
    });
    other.ok().unwrap().abort();
}
