//! Any number of tasks wait on one socket: none is displaced, none is lost when another gives up, and a
//! connection wakes one that accepts.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::{join, join_all};
use polliwog_core::Reactor;
use polliwog_core::reactor::Deadline;
use polliwog_core::time::{sleep, timeout};
use polliwog_mio::net::{TcpListener, TcpStream, UdpSocket};
use polliwog_mio::{MioReactor, block_on, spawn};

/// Longer than anything here takes; only a wait without end comes to it.
const LONG: Duration = Duration::from_secs(30);

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, count: &Arc<Count>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(count.clone())))
}

async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (client, server) = join(TcpStream::connect(addr), listener.accept()).await;
    (client.unwrap(), server.unwrap().0)
}

/// A listener of a reactor that is driven by hand, without an executor.
fn by_hand<T>(f: impl FnOnce(&MioReactor, TcpListener) -> T) -> T {
    let reactor = MioReactor::new().unwrap();
    reactor.enter(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        f(&reactor, TcpListener::from_std(listener).unwrap())
    })
}

#[test]
#[cfg_attr(
    windows,
    ignore = "who accepts wakes the next one there, as the system tells of no more than one connection"
)]
fn promise_17_a_connection_wakes_the_one_that_has_waited_longest() {
    by_hand(|reactor, listener| {
        let addr = listener.local_addr().unwrap();
        let counts: Vec<_> = (0..5).map(|_| Arc::new(Count::default())).collect();
        let woken = || -> Vec<_> {
            let counts = counts.iter();
            counts
                .map(|count| count.0.load(Ordering::Relaxed))
                .collect()
        };
        let mut accepts: Vec<_> = (0..5).map(|_| Some(Box::pin(listener.accept()))).collect();
        for (accept, count) in accepts.iter_mut().flatten().zip(&counts) {
            assert!(poll(accept.as_mut(), count).is_pending());
        }
        // One gives up while it waits: its waker is gone.
        accepts[1] = None;
        assert_eq!(Arc::strong_count(&counts[1]), 1);
        let _one = std::net::TcpStream::connect(addr).unwrap();
        reactor.park(Deadline::Never).unwrap();
        assert_eq!(woken(), [1, 0, 0, 0, 0]);
        // One that was woken gives up: the next is woken for the connection, and no other.
        accepts[0] = None;
        assert_eq!(woken(), [1, 0, 1, 0, 0]);
        assert!(poll(accepts[2].as_mut().unwrap().as_mut(), &counts[2]).is_ready());
        assert_eq!(woken(), [1, 0, 1, 0, 0]);
        // Two that come before the reactor looks are one event: who takes the first wakes the next.
        let _two = [(); 2].map(|()| std::net::TcpStream::connect(addr).unwrap());
        reactor.park(Deadline::Never).unwrap();
        assert_eq!(woken()[3..].iter().sum::<usize>(), 1);
        assert!(poll(accepts[3].as_mut().unwrap().as_mut(), &counts[3]).is_ready());
        assert_eq!(woken(), [1, 0, 1, 1, 1]);
        // It may still be on its way, for the system is done with a connect before it is with the accept.
        while poll(accepts[4].as_mut().unwrap().as_mut(), &counts[4]).is_pending() {
            reactor.park(Deadline::Never).unwrap();
        }
        drop(accepts);
        assert!(counts.iter().all(|count| Arc::strong_count(count) == 1));
    });
}

#[test]
#[cfg_attr(
    windows,
    ignore = "who accepts wakes the next one there, as the system tells of no more than one connection"
)]
fn who_accepts_without_having_waited_leaves_the_others_their_turn() {
    by_hand(|reactor, listener| {
        let addr = listener.local_addr().unwrap();
        let counts = [(); 3].map(|()| Arc::new(Count::default()));
        let load = |at: usize| counts[at].0.load(Ordering::Relaxed);
        let mut one = Box::pin(listener.accept());
        let mut other = Box::pin(listener.accept());
        assert!(poll(one.as_mut(), &counts[0]).is_pending());
        assert!(poll(other.as_mut(), &counts[1]).is_pending());
        let _first = std::net::TcpStream::connect(addr).unwrap();
        reactor.park(Deadline::Never).unwrap();
        // Neither the one that was woken, nor one that has waited: both find nothing and wait on.
        let mut quick = Box::pin(listener.accept());
        assert!(poll(quick.as_mut(), &counts[2]).is_ready());
        assert!(poll(one.as_mut(), &counts[0]).is_pending());
        let _second = std::net::TcpStream::connect(addr).unwrap();
        reactor.park(Deadline::Never).unwrap();
        assert_eq!((load(0), load(1)), (1, 1));
        // Polled for another reason than the connection, it is out of the way of those to come.
        assert!(poll(one.as_mut(), &counts[0]).is_ready());
        drop(one);
        assert!(poll(other.as_mut(), &counts[1]).is_pending());
        let _third = std::net::TcpStream::connect(addr).unwrap();
        reactor.park(Deadline::Never).unwrap();
        assert_eq!(load(1), 2);
        assert!(poll(other.as_mut(), &counts[1]).is_ready());
    });
}

#[test]
fn streams_and_poll_functions_accept_beside_futures() {
    block_on(async {
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        let served = Rc::new(Cell::new(0));
        let mut tasks = Vec::new();
        for kind in 0..9 {
            let (listener, served) = (listener.clone(), served.clone());
            tasks.push(spawn(async move {
                let stream = match kind % 3 {
                    0 => listener.accept().await.unwrap().0,
                    1 => listener.incoming().next().await.unwrap().unwrap(),
                    _ => poll_fn(|cx| listener.poll_accept(cx)).await.unwrap().0,
                };
                served.set(served.get() + 1);
                // The others get on although this one goes on with its connection.
                assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
            }));
        }
        let tasks: Vec<_> = tasks.into_iter().map(|task| task.ok().unwrap()).collect();
        sleep(Duration::from_millis(1)).await;
        let mut clients = Vec::new();
        for _ in 0..9 {
            clients.push(TcpStream::connect(addr).await.unwrap());
            polliwog_core::yield_now().await;
        }
        let all = async {
            while served.get() < 9 {
                polliwog_core::yield_now().await;
            }
        };
        timeout(LONG, all).await.expect("some wait for ever");
        drop(clients);
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn acceptors_that_come_and_go_lose_no_connection() {
    block_on(async {
        const CLIENTS: usize = 200;
        let listener = Rc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        let accepted = Rc::new(Cell::new(0));
        let workers = (0..6_u64).map(|number| {
            let (listener, accepted) = (listener.clone(), accepted.clone());
            spawn(async move {
                let mut seed = number + 1;
                while accepted.get() < CLIENTS {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let patience = Duration::from_micros(seed >> 33 & 255);
                    if let Ok(Ok(_)) = timeout(patience, listener.accept()).await {
                        accepted.set(accepted.get() + 1);
                    }
                }
            })
        });
        let workers: Vec<_> = workers.map(|task| task.ok().unwrap()).collect();
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            clients.push(TcpStream::connect(addr).await.unwrap());
        }
        for worker in workers {
            timeout(LONG, worker)
                .await
                .expect("a connection is lost")
                .unwrap();
        }
        assert_eq!(accepted.get(), CLIENTS);
    });
}

#[test]
fn one_that_gives_up_costs_those_that_receive_nothing() {
    block_on(async {
        let socket = Rc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let addr = socket.local_addr().unwrap();
        let got = Rc::new(RefCell::new(Vec::new()));
        let receivers: Vec<_> = (0..4)
            .map(|_| {
                let (socket, got) = (socket.clone(), got.clone());
                let receive = async move {
                    let mut buf = [0; 8];
                    let (n, _) = socket.recv_from(&mut buf).await.unwrap();
                    got.borrow_mut().push(buf[..n].to_vec());
                };
                spawn(receive).ok().unwrap()
            })
            .collect();
        sleep(Duration::from_millis(1)).await;
        let mut buf = [0; 8];
        for _ in 0..3 {
            let given_up = timeout(Duration::from_millis(1), socket.recv_from(&mut buf));
            assert!(given_up.await.is_err());
            let given_up = timeout(Duration::from_millis(1), socket.recv(&mut buf));
            assert!(given_up.await.is_err());
        }
        let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for number in 0..4_u8 {
            sender.send_to(&[number], addr).await.unwrap();
        }
        for receiver in receivers {
            timeout(LONG, receiver)
                .await
                .expect("waits for ever")
                .unwrap();
        }
        got.borrow_mut().sort();
        assert_eq!(*got.borrow(), [[0], [1], [2], [3]]);
    });
}

#[test]
fn all_who_wait_for_readiness_are_woken() {
    block_on(async {
        let (client, server) = connection().await;
        let mut peeked = [[0; 1]; 3];
        // Two peek, two wait for readiness, one polls by the trait, and one has given up before.
        assert!(
            timeout(Duration::from_millis(1), server.readable())
                .await
                .is_err()
        );
        let server = &server;
        let peeks = join_all(peeked.iter_mut().map(|buf| server.peek(buf)));
        let waits = join_all((0..2).map(|_| server.readable()));
        let send = async {
            sleep(Duration::from_millis(1)).await;
            client.write_all(b"x").await.unwrap();
        };
        let all = join(join(peeks, waits), send);
        let ((peeks, waits), ()) = timeout(LONG, all).await.expect("waits for ever");
        assert!(peeks.into_iter().all(|n| n.unwrap() == 1));
        assert!(waits.into_iter().all(|ready| ready.is_ok()));
        assert_eq!(peeked, [*b"x"; 3]);

        // The same to write: all that wait go on when there is room.
        // What the system itself has still under way may make room for a while.
        let more = || timeout(Duration::from_millis(1), client.write(&[0; 1 << 16]));
        while more().await.is_ok() {}
        let writes = join_all((0..3).map(|_| client.write(b"z")));
        let drain = async {
            let mut buf = vec![0; 1 << 16];
            let mut writes = pin!(writes);
            let mut reads = pin!(async {
                loop {
                    server.read(&mut buf).await.unwrap();
                }
            });
            poll_fn(|cx| {
                let _: Poll<()> = reads.as_mut().poll(cx);
                writes.as_mut().poll(cx)
            })
            .await
        };
        let writes = timeout(LONG, drain).await.expect("waits for ever");
        assert!(writes.into_iter().all(|n| n.unwrap() == 1));
    });
}
