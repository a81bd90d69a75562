//! `select!`, `join!`, `try_join!`, `pin!`, `task_local!`.
#![cfg(feature = "std")]

use std::cell::{Cell, RefCell};
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::sync::local::{Notify, mpsc};
use polliwog_core::{Executor, join, select, task_local, try_join, yield_now};

fn run<F: Future>(future: F) -> F::Output {
    Executor::with_capacity(16, ThreadReactor::new()).block_on(future)
}

/// What a future gives at once.
fn now<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

async fn never_or<T>(value: T, wanted: T) -> T
where
    T: PartialEq,
{
    if value != wanted {
        pending::<()>().await;
    }
    value
}

#[test]
fn the_first_that_ends_is_handled() {
    let first = now(async {
        select! {
            one = ready(1) => one,
            () = pending() => 2,
        }
    });
    assert_eq!(first, Some(1));
    // All forms of a branch: with blocks and without, with commas and without.
    let text = now(async {
        let on = true;
        select! {
            _ = pending::<()>() => { "one" }
            _ = pending::<()>(), if on => { "two" },
            _ = pending::<()>(), if !on => "three",
            text = async { "four" }, if on => text
        }
    });
    assert_eq!(text, Some("four"));
    assert_eq!(
        now(async {
            select! { () = pending() => 0 }
        }),
        None
    );
}

#[test]
fn preconditions_and_patterns_leave_branches_out() {
    let mut left: Option<u8> = None;
    let result = now(async {
        select! {
            biased;
            _ = ready(()), if left.is_some() => "disabled",
            Some(0) = ready(left) => "does not fit",
            Ok(mut value) | Err(mut value) = ready(Ok::<_, u8>(3)), if { left = Some(1); true } => {
                value += 1;
                assert_eq!(value, 4);
                "fits"
            }
            else => "none left",
        }
    });
    assert_eq!((result, left), (Some("fits"), Some(1)));
    let result = now(async {
        select! {
            Some(()) = ready(None) => "no",
            () = ready(()), if false => "no",
            else => "none left",
        }
    });
    assert_eq!(result, Some("none left"));
    assert_eq!(
        now(async {
            select! { else => 7 }
        }),
        Some(7)
    );
}

#[test]
#[should_panic(expected = "all branches are disabled and there is no else branch")]
fn without_else_there_must_be_a_branch() {
    now(async {
        select! {
            Some(()) = ready(None) => {}
        }
    });
}

/// One that is left out waits for the others, which go on.
#[test]
fn a_branch_that_does_not_fit_does_not_end_the_others() {
    let (sender, mut receiver) = mpsc::channel(1);
    let result = run(async {
        join!(
            async {
                select! {
                    biased;
                    Some(1) = ready(Some(2)) => "no",
                    Some("hello") = receiver.recv() => "yes",
                    else => "none",
                }
            },
            async {
                yield_now().await;
                sender.send("hello").await.unwrap();
            }
        )
    });
    assert_eq!(result.0, "yes");
}

/// What a pattern takes by value is moved once, into the handler.
#[test]
fn outputs_are_moved_into_handlers() {
    struct Flag<'a>(&'a Cell<usize>);
    impl Drop for Flag<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let drops = Cell::new(0);
    let flag = now(async {
        select! {
            (flag, ref number) = async { (Flag(&drops), 7) } => {
                assert_eq!(*number, 7);
                flag
            }
        }
    });
    assert_eq!(drops.get(), 0);
    drop(flag);
    assert_eq!(drops.get(), 1);
}

/// Handlers may use what the futures have borrowed, and control the code around.
#[test]
fn handlers_are_ordinary_code() {
    async fn sum(numbers: &[&str]) -> Result<u32, std::num::ParseIntError> {
        let (sender, mut receiver) = mpsc::channel(8);
        for number in numbers {
            sender.send(*number).await.unwrap();
        }
        let mut sender = Some(sender);
        let mut sum = 0;
        loop {
            select! {
                biased;
                text = receiver.recv() => {
                    let Some(text) = text else { break };
                    // Borrowed by the future until now.
                    if receiver.is_empty() {
                        sender = None;
                    }
                    if text == "skip" {
                        continue;
                    }
                    yield_now().await;
                    sum += text.parse::<u32>()?;
                }
                () = pending(), if sender.is_some() => return Ok(0),
            }
        }
        Ok(sum)
    }
    assert_eq!(run(sum(&["1", "skip", "2"])), Ok(3));
    assert!(run(sum(&["1", "x"])).is_err());
}

/// Names of the macro's own do not stand in the way of others'.
#[test]
fn names_of_handlers_are_the_callers() {
    #[derive(Debug, PartialEq)]
    enum Out {
        Nothing,
        B0(u32),
    }
    const BRANCHES: u32 = 70;
    let (disabled, futures, output, fits, start) = (1, 2, 3, 4, 5);
    let out = now(async {
        select! {
            Out::B0(cx) = async { Out::B0(BRANCHES + start) }, if disabled == 1 => {
                assert_eq!((futures, output, fits), (2, 3, 4));
                Out::B0(cx + disabled)
            }
            else => Out::Nothing,
        }
    });
    assert_eq!(out, Some(Out::B0(76)));
}

/// A future that goes on from round to round is pinned outside.
#[test]
fn a_future_may_be_given_by_reference() {
    let rounds = run(async {
        let long = async {
            for _ in 0..5 {
                yield_now().await;
            }
        };
        polliwog_core::pin!(long);
        let mut rounds = 0;
        loop {
            select! {
                () = &mut long => break rounds,
                () = yield_now() => rounds += 1,
            }
        }
    });
    assert!((1..=5).contains(&rounds), "{rounds}");
    now(async {
        polliwog_core::pin! {
            let one = ready(1);
            let two = ready(2);
        }
        assert_eq!(one.as_mut().await + two.as_mut().await, 3);
    })
    .unwrap();
}

#[test]
fn up_to_64_branches() {
    let sum = now(async {
        select! {
            x = never_or(0, 63) => x,
            x = never_or(1, 63) => x + 1,
            x = never_or(2, 63) => x + 2,
            x = never_or(3, 63) => x + 3,
            x = never_or(4, 63) => x + 4,
            x = never_or(5, 63) => x + 5,
            x = never_or(6, 63) => x + 6,
            x = never_or(7, 63) => x + 7,
            x = never_or(8, 63) => x + 8,
            x = never_or(9, 63) => x + 9,
            x = never_or(10, 63) => x + 10,
            x = never_or(11, 63) => x + 11,
            x = never_or(12, 63) => x + 12,
            x = never_or(13, 63) => x + 13,
            x = never_or(14, 63) => x + 14,
            x = never_or(15, 63) => x + 15,
            x = never_or(16, 63) => x + 16,
            x = never_or(17, 63) => x + 17,
            x = never_or(18, 63) => x + 18,
            x = never_or(19, 63) => x + 19,
            x = never_or(20, 63) => x + 20,
            x = never_or(21, 63) => x + 21,
            x = never_or(22, 63) => x + 22,
            x = never_or(23, 63) => x + 23,
            x = never_or(24, 63) => x + 24,
            x = never_or(25, 63) => x + 25,
            x = never_or(26, 63) => x + 26,
            x = never_or(27, 63) => x + 27,
            x = never_or(28, 63) => x + 28,
            x = never_or(29, 63) => x + 29,
            x = never_or(30, 63) => x + 30,
            x = never_or(31, 63) => x + 31,
            x = never_or(32, 63) => x + 32,
            x = never_or(33, 63) => x + 33,
            x = never_or(34, 63) => x + 34,
            x = never_or(35, 63) => x + 35,
            x = never_or(36, 63) => x + 36,
            x = never_or(37, 63) => x + 37,
            x = never_or(38, 63) => x + 38,
            x = never_or(39, 63) => x + 39,
            x = never_or(40, 63) => x + 40,
            x = never_or(41, 63) => x + 41,
            x = never_or(42, 63) => x + 42,
            x = never_or(43, 63) => x + 43,
            x = never_or(44, 63) => x + 44,
            x = never_or(45, 63) => x + 45,
            x = never_or(46, 63) => x + 46,
            x = never_or(47, 63) => x + 47,
            x = never_or(48, 63) => x + 48,
            x = never_or(49, 63) => x + 49,
            x = never_or(50, 63) => x + 50,
            x = never_or(51, 63) => x + 51,
            x = never_or(52, 63) => x + 52,
            x = never_or(53, 63) => x + 53,
            x = never_or(54, 63) => x + 54,
            x = never_or(55, 63) => x + 55,
            x = never_or(56, 63) => x + 56,
            x = never_or(57, 63) => x + 57,
            x = never_or(58, 63) => x + 58,
            x = never_or(59, 63) => x + 59,
            x = never_or(60, 63) => x + 60,
            x = never_or(61, 63) => x + 61,
            x = never_or(62, 63) => x + 62,
            x = never_or(63, 63) => x + 63,
        }
    });
    assert_eq!(sum, Some(126));
    let all = now(async {
        join!(
            async { 0 },
            async { 1 },
            async { 2 },
            async { 3 },
            async { 4 },
            async { 5 },
            async { 6 },
            async { 7 },
            async { 8 },
            async { 9 },
            async { 10 },
            async { 11 },
            async { 12 },
            async { 13 },
            async { 14 },
            async { 15 },
            async { 16 },
            async { 17 },
            async { 18 },
            async { 19 },
            async { 20 },
            async { 21 },
            async { 22 },
            async { 23 },
            async { 24 },
            async { 25 },
            async { 26 },
            async { 27 },
            async { 28 },
            async { 29 },
            async { 30 },
            async { 31 },
            async { 32 },
            async { 33 },
            async { 34 },
            async { 35 },
            async { 36 },
            async { 37 },
            async { 38 },
            async { 39 },
            async { 40 },
            async { 41 },
            async { 42 },
            async { 43 },
            async { 44 },
            async { 45 },
            async { 46 },
            async { 47 },
            async { 48 },
            async { 49 },
            async { 50 },
            async { 51 },
            async { 52 },
            async { 53 },
            async { 54 },
            async { 55 },
            async { 56 },
            async { 57 },
            async { 58 },
            async { 59 },
            async { 60 },
            async { 61 },
            async { 62 },
            async { 63 }
        )
    })
    .unwrap();
    assert_eq!((all.0, all.31, all.63), (0, 31, 63));
}

/// As often the one as the other, if they are ready all the time.
#[test]
#[cfg_attr(miri, ignore = "statistics, without any unsafe code")]
fn the_start_is_fair() {
    let counts = run(async {
        let mut counts = [0; 3];
        for _ in 0..3000 {
            select! {
                () = ready(()) => counts[0] += 1,
                () = ready(()) => counts[1] += 1,
                () = ready(()) => counts[2] += 1,
            }
        }
        counts
    });
    assert!(
        counts.iter().all(|count| (850..1150).contains(count)),
        "{counts:?}"
    );
    // Also outside of any executor.
    let first = (0..100).filter(|_| {
        now(async {
            select! { one = ready(1) => one, two = ready(2) => two }
        }) == Some(1)
    });
    assert!((30..70).contains(&first.count()));
}

/// The same seed, the same run, a thousand times; another seed, another run.
#[test]
fn the_same_seed_gives_the_same_run() {
    fn trace(seed: u64) -> Vec<u8> {
        let executor = Executor::with_capacity(16, ThreadReactor::new());
        executor.set_schedule_seed(seed);
        let trace = Rc::new(RefCell::new(Vec::new()));
        let notify = Notify::new();
        executor.block_on(async {
            let handles: Vec<_> = (0..3)
                .map(|task| {
                    let trace = trace.clone();
                    polliwog_core::spawn(async move {
                        for _ in 0..5 {
                            let choice = select! {
                                () = yield_now() => 0,
                                () = ready(()) => 1,
                                () = ready(()) => 2,
                            };
                            trace.borrow_mut().push(task * 3 + choice);
                        }
                    })
                    .unwrap()
                })
                .collect();
            for handle in handles {
                handle.await.unwrap();
            }
            notify.notify_one();
        });
        trace.take()
    }
    let first = trace(7);
    for _ in 0..if cfg!(miri) { 2 } else { 1000 } {
        assert_eq!(trace(7), first);
    }
    assert!((1..20).any(|seed| trace(seed) != first));
    assert_eq!(trace(0), trace(0));
}

#[test]
fn all_are_joined() {
    let mut number = 1;
    let (one, two, ()) = run(async {
        join!(
            async {
                yield_now().await;
                number += 1;
                number
            },
            ready("two"),
            yield_now(),
        )
    });
    assert_eq!((one, two), (2, "two"));
    now(async { join!() }).unwrap();
    assert_eq!(now(async { join!(ready(1)) }), Some((1,)));
}

#[test]
fn the_first_error_ends_all() {
    let dropped = Rc::new(());
    let kept = dropped.clone();
    let result = run(async {
        try_join!(
            async {
                let _kept = kept;
                pending::<Result<(), &str>>().await
            },
            async {
                yield_now().await;
                Err::<u8, _>("error")
            },
            ready(Ok(1)),
        )
    });
    assert_eq!(result, Err("error"));
    assert_eq!(Rc::strong_count(&dropped), 1);
    let result = now(async { try_join!(ready(Ok::<_, ()>(1)), ready(Ok("two"))) });
    assert_eq!(result, Some(Ok((1, "two"))));
}

task_local! {
    static NUMBER: u32;
    /// Another one.
    pub static TEXT: String;
}

#[test]
fn each_task_has_its_own_value() {
    run(async {
        let tasks: Vec<_> = (0..3)
            .map(|number| {
                polliwog_core::spawn(NUMBER.scope(number, async move {
                    for _ in 0..3 {
                        assert_eq!(NUMBER.get(), number);
                        yield_now().await;
                        NUMBER.sync_scope(9, || assert_eq!(NUMBER.get(), 9));
                        TEXT.try_with(|_| ()).unwrap_err();
                    }
                    let inner = TEXT.scope("text".into(), async {
                        yield_now().await;
                        TEXT.with(|text| format!("{text}{}", NUMBER.get()))
                    });
                    inner.await
                }))
                .unwrap()
            })
            .collect();
        for (number, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap(), format!("text{number}"));
        }
    });
    NUMBER.try_with(|_| ()).unwrap_err();
}

/// Also while a future that has not ended is dropped, and for one that gives its value back.
#[test]
fn a_destructor_sees_the_value() {
    struct Sees<'a>(&'a Cell<u32>);
    impl Drop for Sees<'_> {
        fn drop(&mut self) {
            self.0.set(NUMBER.get());
        }
    }
    let seen = Cell::new(0);
    let sees = Sees(&seen);
    let mut future = Box::pin(NUMBER.scope(7, async move {
        let _sees = sees;
        pending::<()>().await;
    }));
    assert!(now(&mut future).is_none());
    drop(future);
    assert_eq!(seen.get(), 7);
    let mut future = Box::pin(NUMBER.scope(8, ready(())));
    now(&mut future).unwrap();
    assert_eq!(future.as_mut().take_value(), Some(8));
}

/// A future is dropped wherever that may be: without the value where nobody can get in to exchange it.
#[test]
fn a_scope_is_dropped_without_its_value_where_that_cannot_be_had() {
    struct Sees(Rc<Cell<bool>>);
    impl Drop for Sees {
        fn drop(&mut self) {
            self.0
                .set(TEXT.try_with(|text| text == "inner").unwrap_or(false));
        }
    }
    let scope = |sees: &Rc<Cell<bool>>| {
        let sees = Sees(sees.clone());
        TEXT.scope("inner".into(), async move {
            let _sees = sees;
            pending::<()>().await;
        })
    };
    // While the value is in use, also by who panics.
    let sees = Rc::new(Cell::new(true));
    TEXT.sync_scope("outer".into(), || {
        TEXT.with(|_| drop(scope(&sees)));
        let used = AssertUnwindSafe(|| {
            TEXT.with(|_| {
                let _scope = scope(&sees);
                panic!("by the one who uses it");
            })
        });
        assert!(catch_unwind(used).is_err());
        TEXT.with(|text| assert_eq!(text, "outer"));
    });
    assert!(!sees.get() && Rc::strong_count(&sees) == 1);

    // At the end of a thread, when the value's place has gone: it was made later, so it goes first.
    type Kept = std::cell::RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>;
    std::thread_local! {
        static KEPT: Kept = const { std::cell::RefCell::new(None) };
    }
    let ended = std::thread::spawn(|| {
        KEPT.with(|kept| {
            let mut future = Box::pin(TEXT.scope("kept".into(), pending()));
            assert!(now(&mut future).is_none());
            *kept.borrow_mut() = Some(future);
        });
    });
    ended.join().unwrap();
}
