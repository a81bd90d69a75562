//! Writers that wait for room at a reader that does not read, is gone, or cannot be heard.

use std::cell::Cell;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use polliwog_core::time::{Instant, sleep, timeout};
use polliwog_spin::Error;
use polliwog_spin::net::{Shutdown, TcpListener, TcpSocket, TcpStream};
use polliwog_spin::sim::{Latency, Link, Reason, Simulation, control};

use crate::{Done, echo, millis, run, secs};

/// Accepts one connection, and reads what comes from then on.
async fn reader(from: u64) -> Done {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let (stream, _) = listener.accept().await?;
    sleep(secs(from)).await;
    while stream.read(&mut [0; 4096]).await? > 0 {}
    Ok(())
}

/// How the write ends, and after how many seconds, of a client that has filled the room of a reader that reads `from` so many
/// seconds on, when `fault` has happened.
fn written<F: Future<Output = ()>>(
    from: u64,
    fault: impl FnOnce() -> F + 'static,
) -> Option<(Result<(), Error>, u64)> {
    let seen = Rc::new(Cell::new(None));
    let mut simulation = Simulation::builder(1).time_limit(secs(100_000)).build();
    simulation.host("reader", move || reader(from));
    let result = seen.clone();
    simulation.client("writer", async move {
        let stream = TcpStream::connect("reader:7").await?;
        assert!(
            timeout(secs(1), stream.write_all(&[1; 100_000]))
                .await
                .is_err()
        );
        let start = Instant::now();
        fault().await;
        if let Ok(end) = timeout(secs(50_000), stream.write_all(&[1; 100_000])).await {
            result.set(Some((end, start.elapsed().as_secs())));
        }
        Done::Ok(())
    });
    run(simulation);
    seen.take()
}

const NEVER: u64 = u64::MAX / 2_000_000_000;

#[test]
fn a_reader_that_is_gone_is_found_by_who_waits_for_its_room() {
    // It is there again, and knows of nothing: the first question finds out.
    let restarted = || async move {
        control().crash("reader");
        control().restart("reader");
    };
    let reset = Some((Err(Error::ConnectionReset), 0));
    assert_eq!(written(NEVER, restarted), reset);
    // A reset is sent once, and this one is lost.
    let killed = || async move {
        control().partition("reader", "writer");
        control().kill("reader");
        sleep(secs(1)).await;
        control().repair("reader", "writer");
    };
    let (end, after) = written(NEVER, killed).unwrap();
    assert!(
        end == Err(Error::ConnectionReset) && after < 4,
        "{end:?} {after}"
    );
    // Nobody answers for as long as a segment would be sent again.
    let timed_out = |end: Option<(Result<(), Error>, u64)>| {
        let (end, after) = end.unwrap();
        let right = (924..990).contains(&after);
        assert!(end == Err(Error::TimedOut) && right, "{end:?} {after}");
    };
    timed_out(written(NEVER, || async move { control().crash("reader") }));
    timed_out(written(NEVER, || async move {
        control().partition("reader", "writer")
    }));
    timed_out(written(NEVER, || async move {
        control().partition_one_way("reader", "writer")
    }));
}

#[test]
fn room_that_is_told_of_in_vain_is_asked_for() {
    // It reads while nobody hears it.
    let cut = |seconds| {
        move || async move {
            control().partition("reader", "writer");
            sleep(secs(seconds)).await;
            control().repair("reader", "writer");
        }
    };
    let (end, after) = written(10, cut(100)).unwrap();
    assert!(end == Ok(()) && (100..200).contains(&after), "{after}");
    // Who waits at a reader that is there does so for as long as it takes.
    let (end, after) = written(40_000, || async {}).unwrap();
    assert!(
        end == Ok(()) && (39_000..41_000).contains(&after),
        "{after}"
    );
}

/// Who had to wait for its own buffer before, which has room without a word of the reader's.
#[test]
fn room_that_was_lost_for_good_is_asked_for() {
    let mut simulation = Simulation::builder(1).tcp_timeout(secs(1)).build();
    // It tells of what it has read by quarters of its buffer, so of the rest it says nothing.
    simulation.host("reader", || async {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        let (stream, _) = listener.accept().await?;
        sleep(secs(3)).await;
        for _ in 0..2 {
            stream.read_exact(&mut [0; 25_000]).await?;
        }
        while stream.read(&mut [0; 4096]).await? > 0 {}
        Done::Ok(())
    });
    simulation.client("writer", async {
        let socket = TcpSocket::new_v4()?;
        socket.set_send_buffer_size(4096)?;
        let reader = control().addr("reader").unwrap();
        let stream = socket.connect((reader, 7).into()).await?;
        stream.write_all(&[1; 50_000]).await?;
        sleep(secs(1)).await;
        control().partition_one_way("reader", "writer");
        // All is read, and each word of that is given up.
        sleep(secs(7)).await;
        let during = timeout(secs(20), stream.write_all(&[1; 200_000])).await;
        let error = match during {
            Ok(result) => result.unwrap_err(),
            Err(_) => {
                control().repair_all();
                let after = timeout(secs(3000), stream.write_all(&[1])).await;
                after.expect("it waits no longer").unwrap_err()
            }
        };
        assert_eq!(error, Error::TimedOut);
        Done::Ok(())
    });
    run(simulation);
}

/// Whatever sizes the buffers of both sides have, and whoever has set them when.
#[test]
fn any_buffers_let_all_through() {
    let sizes = [None, Some(1), Some(5000), Some(1 << 20)];
    for (sends, receives) in sizes
        .into_iter()
        .flat_map(|one| sizes.map(|other| (one, other)))
    {
        for early in [true, false] {
            let mut simulation = Simulation::new(1);
            simulation.host("reader", move || async move {
                let socket = TcpSocket::new_v4()?;
                if let (Some(size), true) = (receives, early) {
                    socket.set_recv_buffer_size(size)?;
                }
                socket.bind("0.0.0.0:7".parse().unwrap())?;
                let listener = socket.listen(1)?;
                let (stream, _) = listener.accept().await?;
                if let (Some(size), false) = (receives, early) {
                    stream.set_recv_buffer_size(size)?;
                }
                let mut count = 0_u32;
                loop {
                    match stream.read(&mut [0; 10_000]).await? {
                        0 => break,
                        more => count += more as u32,
                    }
                }
                stream.write_all(&count.to_le_bytes()).await
            });
            simulation.client("writer", async move {
                let stream = TcpStream::connect("reader:7").await?;
                sends
                    .map(|size| stream.set_send_buffer_size(size))
                    .transpose()?;
                let all = if sends == Some(1) || receives == Some(1) {
                    300
                } else {
                    300_000
                };
                stream.write_all(&vec![1; all as usize]).await?;
                stream.shutdown(Shutdown::Write)?;
                let mut count = [0; 4];
                stream.read_exact(&mut count).await?;
                assert_eq!(u32::from_le_bytes(count), all);
                Done::Ok(())
            });
            run(simulation);
        }
    }
}

/// Who asks for room while the acceptance of the connection is lost asks nobody yet, who would reset it.
#[test]
fn a_lost_acceptance_is_no_reset() {
    for seed in 0..100 {
        let link = Link::new(Latency::uniform(millis(1), millis(2))).loss(0.1);
        let mut simulation = Simulation::builder(seed).link(link).build();
        simulation.client("writer", async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (stream, _) = listener.accept().await?;
            stream.write_all(&[1; 200_000]).await
        });
        simulation.client("reader", async {
            sleep(millis(1)).await;
            let stream = TcpStream::connect("writer:7").await?;
            stream.read_exact(&mut [0; 200_000]).await
        });
        run(simulation);
    }
}

/// What a reader has said of its room before, and comes later, is not so any more.
#[test]
fn the_last_word_of_a_reader_is_true() {
    for seed in 0..100 {
        let link = Link::new(Latency::uniform(millis(1), millis(20)));
        let mut simulation = Simulation::builder(seed).link(link).build();
        simulation.client("reader", async {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (stream, _) = listener.accept().await?;
            stream.set_recv_buffer_size(10)?;
            stream.set_recv_buffer_size(100_000)?;
            stream.read_exact(&mut [0; 200_000]).await
        });
        simulation.client("writer", async {
            sleep(millis(1)).await;
            let stream = TcpStream::connect("reader:7").await?;
            sleep(millis(100)).await;
            stream.write_all(&[1; 200_000]).await
        });
        run(simulation);
    }
}

#[test]
fn two_sides_that_wait_for_one_another_are_stalled() {
    let mut simulation = Simulation::builder(1).build();
    simulation.client("one", async {
        let listener = TcpListener::bind("0.0.0.0:7").await?;
        let (stream, _) = listener.accept().await?;
        stream.write_all(&[1; 100_000]).await?;
        Done::Ok(())
    });
    simulation.client("other", async {
        let stream = TcpStream::connect("one:7").await?;
        stream.write_all(&[1; 100_000]).await?;
        Done::Ok(())
    });
    let failure = simulation.run().unwrap_err();
    let both = vec!["one".into(), "other".into()];
    assert_eq!(failure.reason, Reason::Stalled(both));
}

/// The answer that nobody listens is sent again, too.
#[test]
fn a_refusal_comes_on_a_bad_link() {
    for seed in 0..50 {
        let link = Link::default().loss(0.5);
        let mut simulation = Simulation::builder(seed).link(link).build();
        simulation.host("server", pending::<()>);
        simulation.client("client", async {
            let error = TcpStream::connect("server:7").await.unwrap_err();
            assert_eq!(error, Error::ConnectionRefused);
        });
        run(simulation);
    }
}

/// Nothing of a host stays that is not made.
#[test]
fn a_host_that_is_refused_leaves_nothing() {
    let mut simulation = Simulation::new(1);
    simulation.host("echo", echo);
    for name in ["echo", "127.0.0.1", "224.0.0.1", "10.0.0.1", "fd00::1"] {
        let made = catch_unwind(AssertUnwindSafe(|| simulation.host(name, echo)));
        assert!(made.is_err(), "{name}");
        let addr = simulation.control().addr(name);
        assert_eq!(addr.is_some(), name == "echo", "{name}");
    }
    assert_eq!(*simulation.control().names(), ["echo".into()]);
    simulation.host("another", echo);
    simulation.client("client", async {
        for name in ["echo", "another"] {
            let stream = TcpStream::connect((name, 7)).await?;
            let addr = control().addr(name).unwrap();
            assert_eq!(stream.peer_addr()?.ip(), addr);
        }
        Done::Ok(())
    });
    run(simulation);
}
