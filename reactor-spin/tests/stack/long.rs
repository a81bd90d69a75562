//! What a device in the field goes through in weeks: peers that restart, clients by the thousand, readers that
//! stop for an hour.

use super::*;

/// Connects, says a word and hears it again.
async fn call(stack: &'static Stack) -> Result<(), Error> {
    let stream = TcpStream::connect(stack, (SERVER, 7)).await?;
    stream.write_all(b"frog").await?;
    let mut buf = [0; 4];
    stream.read_exact(&mut buf).await?;
    assert_eq!(&buf, b"frog");
    Ok(())
}

/// Some tasks share a listener, each of which accepts, serves and accepts again.
fn pool_of_acceptors(listener: TcpListener, count: usize) {
    let listener = Rc::new(listener);
    for _ in 0..count {
        let listener = listener.clone();
        let work = async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // A lost client is its own business.
                let _ = echo(stream).await;
            }
        };
        spawn(work).unwrap().detach();
    }
}

#[test]
fn a_pool_of_acceptors_serves_thousands_of_clients_one_after_the_other() {
    test(1, async {
        // The client's first port is one of the last, so that their numbers come round.
        let (_, server, client) = pair(0x3FF0);
        pool_of_acceptors(
            TcpListener::bind(server, "0.0.0.0:7", TCP).await.unwrap(),
            2,
        );
        for _ in 0..2_000 {
            call(client).await.unwrap();
        }
        let stream = TcpStream::connect(client, (SERVER, 7)).await.unwrap();
        assert!(stream.local_addr().unwrap().port() < 0xFFF0);
    });
}

/// The peer is switched off in the middle and comes back with the same address and, having no source of
/// randomness, with the same ports and sequence numbers.
#[test]
fn a_peer_that_restarts_is_served_again_at_once() {
    test(2, async {
        let (cable, one, other) = Cable::new(2);
        let server = stack(SERVER, 1, one, 2);
        pool_of_acceptors(
            TcpListener::bind(server, "0.0.0.0:7", TCP).await.unwrap(),
            2,
        );
        let (mut client, mut power) = mortal(CLIENT, 2, other, 3);
        for round in 0..20 {
            let stream = TcpStream::connect(client, (SERVER, 7)).await.unwrap();
            let pause = Duration::from_millis(500);
            match round % 4 {
                // In the middle of a conversation: something of the server's is on its way.
                0 => {
                    stream.write_all(b"tadpole").await.unwrap();
                    stream.read_exact(&mut [0; 7]).await.unwrap();
                }
                1 => sleep(pause).await,
                // Before the server's program knows.
                2 => {}
                // The server waits for what is late of a connection that has ended.
                _ => {
                    stream.shutdown(Shutdown::Write).unwrap();
                    sleep(pause).await;
                }
            }
            power.abort();
            assert!(power.await.is_err());
            // Nobody is told.
            core::mem::forget(stream);
            sleep(pause).await;
            (client, power) = mortal(CLIENT, 2, cable.end(1), 3);
            let start = now().unwrap();
            call(client).await.unwrap();
            let took = now().unwrap() - start;
            assert!(took < Duration::from_secs(10), "round {round}: {took:?}");
            // What the peer does not ask for under the same number the keep-alives find out.
            sleep(Duration::from_secs(6)).await;
        }
    });
}

/// A reader that pauses for longer than any timeout, while the peer's stack answers, loses nothing.
#[test]
fn a_reader_may_pause_for_an_hour() {
    test(3, async {
        let (_, server, client) = pair(3);
        let (far, near) = connect(server, client).await;
        let written = spawn(async move {
            for n in 0..100_u8 {
                near.write_all(&[n; 100]).await?;
            }
            near.flush().await
        })
        .unwrap();
        let mut buf = [0; 100];
        for n in 0..100_u8 {
            if n % 25 == 0 {
                sleep(Duration::from_secs(3600)).await;
            }
            far.read_exact(&mut buf).await.unwrap();
            assert_eq!(buf, [n; 100]);
        }
        assert_eq!(written.await.unwrap(), Ok(()));
    });
}

/// Connecting is given up again and again; each time the socket is there for the next.
#[test]
fn attempts_that_are_given_up_cost_no_socket() {
    test(4, async {
        let (cable, server, client) = pair(4);
        let listener = TcpListener::bind(server, "0.0.0.0:7", 2).await.unwrap();
        for round in 0..200 {
            let patience = Duration::from_millis(round % 40);
            cable.loss.set(if round % 2 == 0 { 100 } else { 0 });
            let nobody = (Ipv4Addr::new(10, 0, 0, 77 + (round % 3) as u8), 7);
            let (one, two, three) = (
                timeout(patience, TcpStream::connect(client, nobody)),
                timeout(patience, TcpStream::connect(client, (SERVER, 7))),
                timeout(patience, TcpStream::connect(client, (SERVER, 7))),
            );
            let _ = polliwog_core::join!(one, two, three);
        }
        cable.loss.set(0);
        // Whoever has got as far as the backlog is not a client any more.
        sleep(Duration::from_secs(60)).await;
        let near = TcpStream::connect(client, (SERVER, 7)).await.unwrap();
        let peer = near.local_addr().unwrap();
        let waiting = async {
            loop {
                let (stream, from) = listener.accept().await.unwrap();
                if from == peer {
                    return stream;
                }
            }
        };
        let far = timeout(Duration::from_secs(1), waiting).await.unwrap();
        near.write_all(b"still there").await.unwrap();
        far.read_exact(&mut [0; 11]).await.unwrap();
    });
}

/// Empty datagrams are datagrams, up to the number of places.
#[test]
fn empty_datagrams_arrive_and_fill_the_places() {
    test(5, async {
        let (_, server, client) = pair(5);
        let (far, near) = (
            udp(server, 53).await.unwrap(),
            udp(client, 54).await.unwrap(),
        );
        let mut buf = [0; 8];
        for _ in 0..100 {
            assert_eq!(near.send_to(b"", (SERVER, 53)).await, Ok(0));
            let (count, from) = far.recv_from(&mut buf).await.unwrap();
            assert_eq!((count, from), (0, SocketAddr::from((CLIENT, 54))));
        }
        for _ in 0..50 {
            near.send_to(b"", (SERVER, 53)).await.unwrap();
        }
        sleep(Duration::from_secs(1)).await;
        let mut got = 0;
        while far.try_recv_from(&mut buf).is_ok() {
            got += 1;
        }
        assert!((1..=50).contains(&got), "{got}");
        near.send_to(b"frog", (SERVER, 53)).await.unwrap();
        assert_eq!(far.recv_from(&mut buf).await.unwrap().0, 4);
    });
}

/// The task that moves frames is ended and begun anew, as a driver does that resets its device.
#[test]
fn the_task_of_a_stack_may_be_begun_anew() {
    test(6, async {
        let (cable, one, other) = Cable::new(6);
        let server = stack(SERVER, 1, one, 6);
        let (client, mut power) = mortal(CLIENT, 2, other, 7);
        let (far, near) = connect(server, client).await;
        for round in 0..50_u8 {
            power.abort();
            assert!(power.await.is_err());
            far.write_all(&[round]).await.unwrap();
            near.write_all(&[round]).await.unwrap();
            sleep(Duration::from_millis(u64::from(round) * 50)).await;
            let mut end = cable.end(1);
            power = spawn(async move {
                client.run(&mut end).await;
            })
            .unwrap();
            let mut buf = [0];
            near.read_exact(&mut buf).await.unwrap();
            assert_eq!(buf, [round]);
            far.read_exact(&mut buf).await.unwrap();
            assert_eq!(buf, [round]);
        }
    });
}
