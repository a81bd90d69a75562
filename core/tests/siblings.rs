//! Futures of one task share its budget, and none of them has it alone: who comes after a busy one gets on.
#![cfg(all(feature = "alloc", not(lean)))]

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_util::future::{join, join_all, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use polliwog_core::conformance::ThreadReactor;
use polliwog_core::sync::local::{Semaphore, mpsc, oneshot};
use polliwog_core::task::budget::poll_proceed;
use polliwog_core::task::consume_budget;
use polliwog_core::{Executor, join, select, try_join};

type Boxed = Pin<Box<dyn Future<Output = ()>>>;
type Make = fn() -> Boxed;

/// What uses up the budget of each poll, and never ends.
fn busy() -> Vec<(&'static str, Make)> {
    vec![
        ("units", || {
            Box::pin(async {
                loop {
                    consume_budget().await;
                }
            })
        }),
        ("bytes", || {
            Box::pin(poll_fn(|cx| {
                while let Poll::Ready(permit) = poll_proceed(cx) {
                    permit.charge(40_000);
                }
                Poll::Pending
            }))
        }),
        ("a channel", || {
            Box::pin(async {
                let (sender, mut receiver) = mpsc::channel(4);
                loop {
                    sender.send(1).await.unwrap();
                    receiver.recv().await.unwrap();
                }
            })
        }),
        ("all, and no more", || {
            Box::pin(async {
                loop {
                    for _ in 0..128 {
                        consume_budget().await;
                    }
                    let mut is_over = false;
                    poll_fn(|cx| {
                        cx.waker().wake_by_ref();
                        match std::mem::replace(&mut is_over, true) {
                            true => Poll::Ready(()),
                            false => Poll::Pending,
                        }
                    })
                    .await;
                }
            })
        }),
        ("one of several", || {
            Box::pin(async {
                loop {
                    select! { biased;
                        () = consume_budget() => {}
                        () = consume_budget() => {}
                    }
                }
            })
        }),
    ]
}

/// Something that has to be done a few times, then ends.
fn other() -> Boxed {
    Box::pin(async {
        let semaphore = Semaphore::new(1);
        for _ in 0..5 {
            drop(semaphore.acquire().await.unwrap());
        }
    })
}

/// Until `future` ends, or has had so many polls.
async fn polls_of(future: impl Future, most: usize) -> usize {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        if polls > most {
            return Poll::Ready(());
        }
        future.as_mut().poll(cx).map(|_| ())
    })
    .await;
    polls
}

#[test]
fn who_comes_after_a_busy_one_gets_on() {
    type Together = fn(Boxed, Boxed) -> Boxed;
    // Each ends when the second one does.
    let ways: [(&str, Together); 10] = [
        ("join!", |busy, other| {
            Box::pin(async move {
                let (ended, wait) = oneshot::channel();
                let other = async move {
                    other.await;
                    ended.send(()).unwrap();
                };
                let both = async { join!(busy, other) };
                select! { _ = both => {} _ = wait => {} }
            })
        }),
        ("try_join!", |busy, other| {
            Box::pin(async move {
                let busy = async {
                    busy.await;
                    Ok::<(), ()>(())
                };
                let other = async {
                    other.await;
                    Err::<(), ()>(())
                };
                try_join!(busy, other).unwrap_err();
            })
        }),
        ("biased select!", |busy, other| {
            Box::pin(async move {
                select! { biased; () = busy => {} () = other => {} }
            })
        }),
        ("nested", |busy, other| {
            Box::pin(async move {
                let inner = async {
                    select! { biased; () = pending() => {} () = other => {} }
                };
                select! { biased; () = busy => {} () = inner => {} }
            })
        }),
        ("a loop of biased select!", |mut busy, mut other| {
            Box::pin(async move {
                loop {
                    select! { biased;
                        () = &mut busy => {}
                        () = consume_budget() => {}
                        () = &mut other => break,
                    }
                }
            })
        }),
        ("select!", |busy, other| {
            Box::pin(async move {
                select! { () = busy => {} () = other => {} }
            })
        }),
        ("join", |busy, other| {
            Box::pin(async move {
                let (ended, wait) = oneshot::channel();
                let other = async move {
                    other.await;
                    ended.send(()).unwrap();
                };
                select(Box::pin(join(busy, other)), wait).await;
            })
        }),
        ("select", |busy, other| {
            Box::pin(async move {
                select(busy, other).await;
            })
        }),
        ("FuturesUnordered", |busy, other| {
            Box::pin(async move {
                let mut all: FuturesUnordered<Boxed> = [busy, other].into_iter().collect();
                all.next().await;
            })
        }),
        ("several busy ones", |busy, other| {
            Box::pin(async move {
                let others = (0..20).map(|_| self::busy()[0].1());
                let all = join_all([busy].into_iter().chain(others));
                select! { biased; _ = all => {} () = other => {} }
            })
        }),
    ];
    for (name, busy) in busy() {
        for (way, together) in ways {
            let executor = Executor::with_capacity(2, ThreadReactor::new());
            let polls = executor.block_on(polls_of(together(busy(), other()), 5000));
            assert!(polls <= 2000, "{way} with {name}: not in {polls} polls");
        }
    }
}

/// However many there are.
#[test]
fn each_of_a_thousand_gets_on() {
    let executor = Executor::with_capacity(2, ThreadReactor::new());
    let mut all: Vec<Boxed> = (0..1000).map(|_| busy()[0].1()).collect();
    let mut others: Vec<Option<Boxed>> = (0..1000).map(|_| Some(other())).collect();
    let mut left = others.len();
    let together = poll_fn(|cx| {
        for (busy, other) in all.iter_mut().zip(&mut others) {
            assert!(busy.as_mut().poll(cx).is_pending());
            if other
                .as_mut()
                .is_some_and(|other| other.as_mut().poll(cx).is_ready())
            {
                *other = None;
                left -= 1;
            }
        }
        if left == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    let polls = executor.block_on(polls_of(together, 5000));
    assert!(polls <= 2000, "not in {polls} polls");
}

/// A future that tries one thing after another, whichever is possible, ends its poll all the same.
#[test]
fn a_poll_has_an_end_whatever_is_tried() {
    let executor = Executor::with_capacity(2, ThreadReactor::new());
    let most = executor.block_on(async {
        let mut polls: Vec<usize> = Vec::new();
        poll_fn(|cx| {
            if polls.len() == 100 {
                return Poll::Ready(());
            }
            let mut done = 0;
            loop {
                let before = done;
                for _ in 0..100 {
                    if let Poll::Ready(permit) = poll_proceed(cx) {
                        permit.charge(if done % 2 == 0 { 0 } else { 5000 });
                        done += 1;
                    }
                }
                if before == done {
                    break;
                }
            }
            polls.push(done);
            Poll::Pending
        })
        .await;
        polls.into_iter().max().unwrap()
    });
    assert!(most < 5000, "{most} in a poll");
}
