//! Programs whose outcome must not depend on the order in which ready tasks are polled, each
//! over hundreds of orders. `POLLIWOG_SOAK=n` multiplies their number by n.
#![cfg(feature = "std")]

use std::cell::{Cell, RefCell};
use std::collections::{HashSet, VecDeque};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use polliwog_core::yield_now;
use polliwog_spin::net::{TcpListener, TcpStream};
use polliwog_spin::time::{sleep, timeout};
use polliwog_spin::{spawn, test_seeds};

fn seeds() -> std::ops::Range<u64> {
    let soak =
        std::env::var("POLLIWOG_SOAK").map_or(1, |n| n.parse().expect("POLLIWOG_SOAK is a number"));
    // Zero would be the fixed order, which other tests have.
    1..300 * soak
}

/// An echo server with short buffers, clients that write in pieces, and one that gives up.
#[test]
fn an_echo_server_gives_everybody_their_own() {
    test_seeds(seeds(), |_| async {
        let listener = TcpListener::bind("10.0.0.1:7").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let served = Rc::new(Cell::new(0));
        let count = served.clone();
        let server = spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let count = count.clone();
                spawn(async move {
                    let mut buf = [0; 3];
                    loop {
                        match stream.read(&mut buf).await {
                            Ok(0) | Err(_) => break,
                            Ok(n) if stream.write_all(&buf[..n]).await.is_err() => break,
                            Ok(_) => {}
                        }
                    }
                    count.set(count.get() + 1);
                })
                .unwrap()
                .detach();
            }
        })
        .unwrap();
        let quitter = spawn(async move {
            let stream = TcpStream::connect(addr).await.unwrap();
            stream.write_all(b"never read").await.unwrap();
            yield_now().await;
        })
        .unwrap();
        let clients: Vec<_> = (0..6u8)
            .map(|number| {
                spawn(async move {
                    let stream = TcpStream::connect(addr).await.unwrap();
                    for round in 0..5 {
                        let sent = [number, round, number ^ round, 255];
                        stream.write_all(&sent[..2]).await.unwrap();
                        yield_now().await;
                        stream.write_all(&sent[2..]).await.unwrap();
                        let mut got = [0; 4];
                        stream.read_exact(&mut got).await.unwrap();
                        assert_eq!(got, sent);
                    }
                    number
                })
                .unwrap()
            })
            .collect();
        quitter.await.unwrap();
        for (number, client) in clients.into_iter().enumerate() {
            assert_eq!(usize::from(client.await.unwrap()), number);
        }
        // The server's tasks see the ends of their streams without any time passing.
        timeout(Duration::from_secs(1), async {
            while served.get() < 7 {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .unwrap();
        server.abort();
        assert!(server.await.unwrap_err().is_aborted());
    });
}

/// A queue with a limit, as a user would write it.
struct Queue {
    items: RefCell<VecDeque<u32>>,
    waiting: RefCell<Vec<Waker>>,
    limit: usize,
}

impl Queue {
    async fn push(&self, item: u32) {
        poll_fn(|cx| {
            let mut items = self.items.borrow_mut();
            if items.len() < self.limit {
                items.push_back(item);
                self.waiting.take().into_iter().for_each(Waker::wake);
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn pop(&self) -> u32 {
        poll_fn(|cx| {
            let item = self.items.borrow_mut().pop_front();
            let Some(item) = item else {
                self.waiting.borrow_mut().push(cx.waker().clone());
                return Poll::Pending;
            };
            self.waiting.take().into_iter().for_each(Waker::wake);
            Poll::Ready(item)
        })
        .await
    }
}

/// Producers and consumers on a queue; consumers are aborted in the middle of their waits, and
/// others take over.
#[test]
fn a_queue_loses_nothing_and_doubles_nothing() {
    test_seeds(seeds(), |seed| async move {
        let queue = Rc::new(Queue {
            items: RefCell::default(),
            waiting: RefCell::default(),
            limit: 1 + (seed % 3) as usize,
        });
        let seen = Rc::new(RefCell::new(HashSet::new()));
        let consumer = |number: u32| {
            let (queue, seen) = (queue.clone(), seen.clone());
            spawn(async move {
                loop {
                    let item = queue.pop().await;
                    // Seen before anything can end this task.
                    assert!(seen.borrow_mut().insert(item), "{item} came twice");
                    if (item + number) % 3 == 0 {
                        yield_now().await;
                    }
                }
            })
            .unwrap()
        };
        let mut consumers: VecDeque<_> = (0..4).map(consumer).collect();
        let producers: Vec<_> = (0..4u32)
            .map(|number| {
                let queue = queue.clone();
                spawn(async move {
                    for item in 0..25 {
                        queue.push(number * 25 + item).await;
                        if item % 7 == number {
                            sleep(Duration::from_micros(u64::from(item))).await;
                        }
                    }
                })
                .unwrap()
            })
            .collect();
        for (round, producer) in (4..).zip(producers) {
            let victim = consumers.pop_front().unwrap();
            victim.abort();
            consumers.push_back(consumer(round));
            producer.await.unwrap();
            assert!(victim.await.unwrap_err().is_aborted());
        }
        timeout(Duration::from_secs(1), async {
            while seen.borrow().len() < 100 {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .unwrap();
        for consumer in consumers {
            consumer.abort();
        }
    });
}

/// A tree of tasks that join each other, some of which panic, are aborted or come too late.
#[test]
fn a_tree_of_joins_adds_up() {
    async fn node(depth: u64) -> u64 {
        if depth == 0 {
            yield_now().await;
            return 1;
        }
        let doomed = spawn(pending::<()>()).unwrap();
        let left = spawn(Box::pin(node(depth - 1))).unwrap();
        let right = spawn(Box::pin(node(depth - 1))).unwrap();
        let late = timeout(
            Duration::from_millis(depth),
            sleep(Duration::from_millis(9)),
        );
        let clumsy = spawn(async { std::panic::resume_unwind(Box::new("clumsy")) }).unwrap();
        let sum = right.await.unwrap() + left.await.unwrap();
        assert!(late.await.is_err());
        doomed.abort();
        assert!(doomed.await.unwrap_err().is_aborted());
        let clumsy: Result<(), _> = clumsy.await;
        assert!(clumsy.unwrap_err().is_panic());
        sum + 1
    }
    test_seeds(seeds(), |_| async {
        assert_eq!(node(4).await, 31);
    });
}
