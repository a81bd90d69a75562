//! Tasks that borrow: `task::scope`.
#![cfg(feature = "std")]

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use polliwog_core::sync::local::{Notify, mpsc};
use polliwog_core::task::{Scope, consume_budget, scope, yield_now};
use polliwog_core::{Executor, conformance::ThreadReactor};

fn run<T>(future: impl Future<Output = T>) -> T {
    Executor::with_capacity(8, ThreadReactor::new()).block_on(future)
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[track_caller]
fn poll<F: Future>(future: Pin<&mut F>, wakes: &Arc<Wakes>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(wakes.clone())))
}

/// Tells when it is dropped.
struct Tell<'a>(&'a Cell<usize>);

impl Drop for Tell<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn children_borrow_and_have_ended_when_the_scope_has() {
    let mut text = String::from("quak");
    let count = Cell::new(0);
    let output = run(async {
        let longest = scope(async |scope| {
            for _ in 0..100 {
                scope.spawn(async {
                    yield_now().await;
                    count.set(count.get() + 1);
                });
            }
            let length = scope.spawn(async { text.len() });
            length.await.unwrap()
        })
        .await;
        assert_eq!(count.get(), 100);
        text.push('!');
        longest
    });
    assert_eq!((output, text.as_str()), (4, "quak!"));
}

#[test]
fn one_that_is_spawned_spawns_more() {
    fn tree<'env>(scope: Scope<'env>, depth: u32, leaves: &'env Cell<u32>) {
        if depth == 0 {
            leaves.set(leaves.get() + 1);
            return;
        }
        for _ in 0..2 {
            let inner = scope.clone();
            scope.spawn(async move {
                yield_now().await;
                tree(inner, depth - 1, leaves);
            });
        }
    }
    let leaves = Cell::new(0);
    run(scope(async |scope| tree(scope, 6, &leaves)));
    assert_eq!(leaves.get(), 64);
}

#[test]
fn only_those_that_are_woken_are_polled() {
    let polls = RefCell::new([0; 3]);
    let notify = [Notify::new(), Notify::new(), Notify::new()];
    let bodies = Cell::new(0);
    let mut all = Box::pin(scope(|scope| {
        for index in 0..3 {
            let (polls, notify) = (&polls, &notify);
            scope.spawn(async move {
                let mut notified = Box::pin(notify[index].notified());
                poll_fn(|cx| {
                    polls.borrow_mut()[index] += 1;
                    notified.as_mut().poll(cx)
                })
                .await;
            });
        }
        let bodies = &bodies;
        poll_fn(move |_| {
            bodies.set(bodies.get() + 1);
            Poll::Ready(())
        })
    }));
    let wakes = Arc::default();
    assert!(poll(all.as_mut(), &wakes).is_pending());
    assert_eq!((*polls.borrow(), bodies.get()), ([1, 1, 1], 1));
    notify[1].notify_one();
    notify[1].notify_one();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert!(poll(all.as_mut(), &wakes).is_pending());
    assert_eq!((*polls.borrow(), bodies.get()), ([1, 2, 1], 1));
    // A poll for nothing polls nobody.
    assert!(poll(all.as_mut(), &wakes).is_pending());
    assert_eq!(*polls.borrow(), [1, 2, 1]);
    notify[0].notify_one();
    notify[2].notify_one();
    assert!(poll(all.as_mut(), &wakes).is_ready());
    assert_eq!(*polls.borrow(), [2, 2, 2]);
}

#[test]
fn dropped_at_any_point_it_drops_all_of_them_once() {
    for polls in 0..4 {
        let dropped = Cell::new(0);
        let kept = Rc::new(RefCell::new(None));
        let (keep, dropped) = (kept.clone(), &dropped);
        let mut all = Box::pin(scope(async move |scope| {
            // The scope and a handle in a child: a cycle that must not keep anything.
            let sibling = scope.spawn(async {
                let _tell = Tell(dropped);
                yield_now().await;
                pending::<()>().await;
            });
            let own = scope.clone();
            scope.spawn(async move {
                let _tell = Tell(dropped);
                let _own = own;
                let _ = sibling.await;
            });
            *keep.borrow_mut() = Some(scope.clone());
            let _tell = Tell(dropped);
            pending::<()>().await;
        }));
        let wakes = Arc::default();
        for _ in 0..polls {
            assert!(poll(all.as_mut(), &wakes).is_pending());
        }
        drop(all);
        // The body has its first turn first.
        assert_eq!(dropped.get(), [0, 1, 3, 3][polls]);
        // What comes later is not run.
        if let Some(late) = kept.borrow_mut().take() {
            let late = late.spawn(async { unreachable!("its scope has ended") });
            assert!(late.is_finished());
            assert!(run(late).unwrap_err().is_aborted());
        }
    }
}

#[test]
fn aborted_children_are_dropped_and_their_handles_tell() {
    let dropped = Cell::new(0);
    run(scope(async |scope| {
        let endless = scope.spawn(async {
            let _tell = Tell(&dropped);
            pending::<()>().await;
        });
        yield_now().await;
        assert_eq!(scope.len(), 1);
        endless.abort();
        assert_eq!((dropped.get(), scope.len()), (1, 0));
        assert!(endless.is_finished() && endless.await.unwrap_err().is_aborted());

        // The place is another's now: an abort by the old handle's name would hit that.
        let first = scope.spawn(async { 1 });
        yield_now().await;
        let second = scope.spawn(async { 2 });
        first.abort();
        assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 2));

        // One aborts itself, and all others.
        let own = scope.clone();
        let suicide = scope.spawn(async move {
            own.abort_all();
            yield_now().await;
            unreachable!("aborted")
        });
        let other = scope.spawn(pending::<()>());
        let error: polliwog_core::task::JoinError = suicide.await.unwrap_err();
        assert!(error.is_aborted() && other.await.unwrap_err().is_aborted());
    }));
}

#[test]
fn an_abort_ends_a_scope_that_waits_for_nothing_else() {
    let handle = Rc::new(RefCell::new(None));
    let keep = handle.clone();
    let mut all = Box::pin(scope(move |scope| {
        *keep.borrow_mut() = Some(scope.spawn(pending::<()>()));
        async { 7 }
    }));
    let wakes = Arc::default();
    assert!(poll(all.as_mut(), &wakes).is_pending());
    handle.borrow_mut().take().unwrap().abort();
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    assert_eq!(poll(all.as_mut(), &wakes), Poll::Ready(7));
}

#[test]
fn a_child_that_is_always_ready_leaves_all_others_their_turns() {
    let turns = Rc::new(Cell::new(0));
    run(async {
        let outside = turns.clone();
        let done = Rc::new(Cell::new(false));
        let until = done.clone();
        let other = polliwog_core::spawn(async move {
            while !until.get() {
                outside.set(outside.get() + 1);
                yield_now().await;
            }
        })
        .unwrap();
        scope(async |scope| {
            let greedy = scope.spawn(async {
                loop {
                    consume_budget().await;
                }
            });
            // Each has its turn beside it, also those that have to wait for theirs.
            let many: Vec<_> = (0..300).map(|n| scope.spawn(async move { n })).collect();
            let mut sum = 0;
            for one in many {
                sum += one.await.unwrap();
            }
            assert_eq!(sum, 300 * 299 / 2);
            greedy.abort();
        })
        .await;
        done.set(true);
        other.await.unwrap();
    });
    assert!(turns.get() > 2, "{}", turns.get());
}

#[test]
fn a_panic_passes_through_and_drops_the_others() {
    let dropped = Cell::new(0);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        run(scope(async |scope| {
            for _ in 0..3 {
                scope.spawn(async {
                    let _tell = Tell(&dropped);
                    pending::<()>().await;
                });
            }
            scope.spawn(async { panic!("a child") });
            pending::<()>().await;
        }))
    }));
    assert_eq!(
        *caught.unwrap_err().downcast_ref::<&str>().unwrap(),
        "a child"
    );
    assert_eq!(dropped.get(), 3);

    // Whoever catches it between two polls can go on with the others.
    let mut all = Box::pin(scope(async |scope| {
        scope.spawn(async { panic!("a child") });
        let good = scope.spawn(async {
            yield_now().await;
            7
        });
        good.await.unwrap()
    }));
    let wakes = Arc::default();
    let mut output = None;
    for _ in 0..10 {
        match catch_unwind(AssertUnwindSafe(|| poll(all.as_mut(), &wakes))) {
            Ok(Poll::Ready(value)) => {
                output = Some(value);
                break;
            }
            Ok(Poll::Pending) | Err(_) => {}
        }
    }
    assert_eq!(output, Some(7));
}

#[test]
fn wakes_come_from_other_threads() {
    let (sender, mut receiver) = polliwog_core::sync::mpsc::channel(1);
    let thread = std::thread::spawn(move || {
        for number in 0..1000 {
            sender.blocking_send(number).unwrap();
        }
    });
    let sum = Cell::new(0);
    run(scope(async |scope| {
        scope.spawn(async {
            while let Some(number) = receiver.recv().await {
                sum.set(sum.get() + number);
            }
        });
    }));
    assert_eq!(sum.get(), 499_500);
    thread.join().unwrap();
}

#[test]
fn channels_connect_children() {
    let total = run(scope(async |scope| {
        let (sender, mut receiver) = mpsc::channel(2);
        for worker in 0..4 {
            let sender = sender.clone();
            scope.spawn(async move {
                for number in 0..100 {
                    sender.send(worker * 100 + number).await.unwrap();
                }
            });
        }
        drop(sender);
        let mut total = 0;
        while let Some(number) = receiver.recv().await {
            total += number;
        }
        total
    }));
    assert_eq!(total, (0..400).sum::<u32>());
}

/// A destructor that panics.
struct Bad;

impl Drop for Bad {
    fn drop(&mut self) {
        panic!("a bad destructor");
    }
}

#[test]
fn a_destructor_that_panics_keeps_no_other_child_from_being_aborted() {
    let dropped = Cell::new(0);
    run(scope(async |scope| {
        for number in 0..4 {
            let tell = Tell(&dropped);
            scope.spawn(async move {
                let _tell = tell;
                let _bad = (number == 1).then(|| Bad);
                pending::<()>().await;
            });
        }
        // Each of them has its destructor only once it has been polled.
        yield_now().await;
        assert!(catch_unwind(AssertUnwindSafe(|| scope.abort_all())).is_err());
        assert_eq!((dropped.get(), scope.len()), (4, 0));
    }));
}

#[test]
fn a_child_has_ended_also_if_its_destructor_panics() {
    let wakes = Arc::<Wakes>::default();
    let mut future = Box::pin(scope(async |scope| {
        let mut bad = Some(Bad);
        drop(scope.spawn(poll_fn(move |_| {
            // Kept until the future itself is dropped.
            let _ = &mut bad;
            Poll::Ready(())
        })));
    }));
    let panicked =
        (0..8).any(|_| catch_unwind(AssertUnwindSafe(|| poll(future.as_mut(), &wakes))).is_err());
    assert!(panicked);
    // Nothing is left.
    assert!((0..8).any(|_| poll(future.as_mut(), &wakes).is_ready()));
}
