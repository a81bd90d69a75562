//! Any number of tasks wait for one socket; one that gives up costs the others nothing.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;

use polliwog_core::yield_now;

use super::*;

/// Waits for a future and counts how often it is polled.
async fn counted<F: Future>(polls: &Cell<usize>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls.set(polls.get() + 1);
        future.as_mut().poll(cx)
    })
    .await
}

#[test]
fn promise_17_one_client_wakes_one_acceptor_and_all_have_their_turn() {
    test(1, async {
        let (_, server, client) = pair(1);
        let listener = Rc::new(TcpListener::bind(server, "0.0.0.0:7", 4).await.unwrap());
        let polls = Rc::new(Cell::new(0));
        let served = Rc::new(RefCell::new(Vec::new()));
        for worker in 0..3 {
            let (listener, polls, served) = (listener.clone(), polls.clone(), served.clone());
            spawn(async move {
                loop {
                    let (stream, _) = counted(&polls, listener.accept()).await.unwrap();
                    served.borrow_mut().push(worker);
                    let _ = stream.read(&mut [0; 1]).await;
                }
            })
            .unwrap()
            .detach();
        }
        sleep(Duration::from_secs(1)).await;
        assert_eq!(polls.get(), 3);
        let mut streams = Vec::new();
        for count in 1..=3 {
            streams.push(TcpStream::connect(client, (SERVER, 7)).await.unwrap());
            sleep(Duration::from_secs(1)).await;
            assert_eq!((served.borrow().len(), polls.get()), (count, 3 + count));
        }
        served.borrow_mut().sort_unstable();
        assert_eq!(*served.borrow(), [0, 1, 2]);
        // A fourth waits in the backlog until one is done.
        streams.push(TcpStream::connect(client, (SERVER, 7)).await.unwrap());
        sleep(Duration::from_secs(1)).await;
        assert_eq!(served.borrow().len(), 3);
        drop(streams.remove(0));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(served.borrow().len(), 4);
    });
}

#[test]
fn promise_17_an_acceptor_that_gives_up_passes_its_client_on() {
    test_seeds(0..20, |seed| async move {
        let (_, server, client) = pair(seed);
        let listener = Rc::new(TcpListener::bind(server, "0.0.0.0:7", 2).await.unwrap());
        // They wait in any order, and the impatient one gives up in the very moment or before.
        let at = Duration::from_millis(seed % 4);
        let impatient = listener.clone();
        let first = spawn(async move {
            timeout(Duration::from_millis(3), impatient.accept())
                .await
                .is_ok()
        });
        let second = spawn(async move { listener.accept().await.unwrap().1 });
        sleep(at).await;
        let near = TcpStream::connect(client, (SERVER, 7)).await.unwrap();
        if first.unwrap().await.unwrap() {
            drop(near);
            let next = TcpStream::connect(client, (SERVER, 7)).await.unwrap();
            let peer = timeout(Duration::from_secs(9), second.unwrap())
                .await
                .unwrap();
            assert_eq!(peer.unwrap(), next.local_addr().unwrap());
        } else {
            let peer = timeout(Duration::from_secs(9), second.unwrap())
                .await
                .unwrap();
            assert_eq!(peer.unwrap(), near.local_addr().unwrap());
        }
    });
}

#[test]
fn promise_17_many_wait_for_one_stream_and_one_datagram_socket() {
    test(3, async {
        let (_, server, client) = pair(3);
        let (far, near) = connect(server, client).await;
        let far = Rc::new(far);
        let got = Rc::new(Cell::new(0));
        let mut tasks = Vec::new();
        for number in 0..6 {
            let (far, got) = (far.clone(), got.clone());
            tasks.push(
                spawn(async move {
                    if number == 0 {
                        // One that gives up.
                        let limit = Duration::from_millis(500);
                        assert!(timeout(limit, far.read(&mut [0; 1])).await.is_err());
                    } else if number == 1 {
                        far.readable().await.unwrap();
                    } else {
                        far.read_exact(&mut [0; 1]).await.unwrap();
                        got.set(got.get() + 1);
                    }
                })
                .unwrap(),
            );
        }
        sleep(Duration::from_secs(1)).await;
        near.write_all(b"1").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(got.get(), 1);
        near.write_all(b"234").await.unwrap();
        for task in tasks {
            timeout(Duration::from_secs(1), task)
                .await
                .unwrap()
                .unwrap();
        }

        let socket = Rc::new(udp(server, 53).await.unwrap());
        let sender = udp(client, 0).await.unwrap();
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let socket = socket.clone();
                spawn(async move { socket.recv_from(&mut [0; 8]).await.unwrap().0 }).unwrap()
            })
            .collect();
        sleep(Duration::from_secs(1)).await;
        for _ in 0..4 {
            sender.send_to(b"frog", (SERVER, 53)).await.unwrap();
        }
        for task in tasks {
            let count = timeout(Duration::from_secs(1), task).await.unwrap();
            assert_eq!(count.unwrap(), 4);
        }
    });
}

#[test]
fn promise_17_many_wait_for_room() {
    test(4, async {
        let (_, server, client) = pair(4);
        let (far, near) = connect(server, client).await;
        let near = Rc::new(near);
        let writers: Vec<_> = (0..4u8)
            .map(|number| {
                let near = near.clone();
                let write = async move { near.write_all(&[number; 5_000]).await.unwrap() };
                spawn(write).unwrap()
            })
            .collect();
        let flushed = near.clone();
        let mut received = vec![0; 20_000];
        sleep(Duration::from_secs(1)).await;
        far.read_exact(&mut received).await.unwrap();
        for writer in writers {
            writer.await.unwrap();
        }
        timeout(Duration::from_secs(1), flushed.flush())
            .await
            .unwrap()
            .unwrap();
        for number in 0..4 {
            assert_eq!(
                received.iter().filter(|&&byte| byte == number).count(),
                5_000
            );
        }
    });
}

#[test]
fn promise_17_many_wait_for_an_address() {
    test(5, async {
        let (_, _, other) = Cable::new(5);
        let client = stack(Ipv4Addr::UNSPECIFIED, 2, other, 5);
        let tasks: Vec<_> = (0..3)
            .map(|_| spawn(async move { client.wait_address().await }).unwrap())
            .collect();
        let given_up = timeout(Duration::from_secs(1), client.wait_address()).await;
        assert!(given_up.is_err());
        client.add_address(CLIENT.into(), 24).unwrap();
        for task in tasks {
            let address = timeout(Duration::from_secs(1), task).await.unwrap();
            assert_eq!(address.unwrap(), CLIENT);
        }
    });
}

/// What is ready each time, at the end of a stream for example, leaves the others their turn.
#[test]
fn promise_15_what_never_waits_leaves_the_others_their_turn() {
    /// How often another task runs while one asks a thousand times.
    async fn turns_beside<F: Future>(mut greedy: impl FnMut() -> F + 'static) -> usize {
        let turns = Rc::new(Cell::new(0));
        let seen = turns.clone();
        let other = spawn(async move {
            loop {
                yield_now().await;
                seen.set(seen.get() + 1);
            }
        });
        let greedy = spawn(async move {
            for _ in 0..1000 {
                greedy().await;
            }
        });
        greedy.unwrap().await.unwrap();
        other.unwrap().abort();
        turns.get()
    }
    test(1, async {
        let (_, server, client) = pair(1);
        let listener = TcpListener::bind(server, "0.0.0.0:7", 2).await.unwrap();
        let near = Rc::new(TcpStream::connect(client, (SERVER, 7)).await.unwrap());
        let (far, _) = listener.accept().await.unwrap();
        far.write_all(b"hop").await.unwrap();
        near.read_exact(&mut [0; 3]).await.unwrap();
        drop(far);
        sleep(Duration::from_secs(1)).await;
        let stream = near.clone();
        let ended = turns_beside(move || {
            let stream = stream.clone();
            async move { assert_eq!(stream.read(&mut [0; 1]).await, Ok(0)) }
        });
        assert!(ended.await > 4);
        let stream = near.clone();
        let polled = turns_beside(move || {
            let stream = stream.clone();
            poll_fn(move |cx| stream.poll_read(cx, &mut [0; 1]))
        });
        assert!(polled.await > 4);
        let stream = near.clone();
        let readable = turns_beside(move || {
            let stream = stream.clone();
            async move { stream.readable().await }
        });
        assert!(readable.await > 4);
        let addressed = turns_beside(|| client.wait_address());
        assert!(addressed.await > 4);
    });
}

/// Who polls a listener or a socket by hand is woken as those are who wait for it.
#[test]
fn who_polls_is_woken() {
    test_seeds(0..4, |seed| async move {
        let (_cable, server, client) = pair(seed);
        let listener = TcpListener::bind(server, "0.0.0.0:7", 1).await.unwrap();
        let accepted = spawn(poll_fn(move |cx| listener.poll_accept(cx))).unwrap();
        yield_now().await;
        let near = TcpStream::connect(client, (SERVER, 7)).await.unwrap();
        let (_far, peer) = accepted.await.unwrap().unwrap();
        assert_eq!(peer, near.local_addr().unwrap());

        let one = udp(server, 9).await.unwrap();
        let other = udp(client, 9).await.unwrap();
        let received = spawn(async move {
            let mut buf = [0; 8];
            let (count, from) = poll_fn(|cx| one.poll_recv_from(cx, &mut buf)).await?;
            Ok::<_, Error>((buf[..count].to_vec(), from))
        });
        yield_now().await;
        let to = SocketAddr::from((SERVER, 9));
        poll_fn(|cx| other.poll_send_to(cx, b"quak", to))
            .await
            .unwrap();
        let received = received.unwrap().await.unwrap();
        assert_eq!(received, Ok((b"quak".to_vec(), (CLIENT, 9).into())));
        // A socket whose memory is full: the stack has had no turn yet.
        while other.try_send_to(&[7; 100], to).is_ok() {}
        assert_eq!(other.try_send_to(b"full", to), Err(Error::WouldBlock));
        poll_fn(|cx| other.poll_send_to(cx, b"last", to))
            .await
            .unwrap();
    });
}
