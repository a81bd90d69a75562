//! Unix sockets and pipes of simulated hosts.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;

use polliwog_core::spawn;
use polliwog_core::time::{sleep, timeout};
use polliwog_spin::Error;
use polliwog_spin::io::{Read, duplex};
use polliwog_spin::net::{Shutdown, UnixDatagram, UnixListener, UnixStream, unix};
use polliwog_spin::sim::{self, Builder, Simulation, fs};

use crate::{Done, millis, run, secs};

/// Sends back what comes, for ever.
async fn echo(path: &str) -> Done {
    let listener = UnixListener::bind(path)?;
    loop {
        let (stream, peer) = listener.accept().await?;
        assert!(peer.is_unnamed());
        spawn(async move {
            let (reader, writer) = stream.split();
            let mut buf = [0; 1000];
            while let Ok(count @ 1..) = reader.read(&mut buf).await {
                if writer.write_all(&buf[..count]).await.is_err() {
                    break;
                }
            }
        })
        .unwrap()
        .detach();
    }
}

#[test]
fn a_stream_waits_for_its_reader_and_ends_by_halves() {
    let mut simulation = Simulation::new(1);
    simulation.client("frog", async {
        spawn(echo("/run.sock")).unwrap().detach();
        sleep(millis(1)).await;
        let stream = UnixStream::connect("/run.sock").await?;
        let path = stream.peer_addr()?;
        assert_eq!(path.as_pathname().unwrap().to_str(), Some("/run.sock"));
        let sent: Vec<u8> = (0..500_000_u32).map(|n| (n % 251) as u8).collect();
        // Nobody reads the answers: so both directions get full.
        let writing = timeout(secs(1), stream.write_all(&sent)).await;
        assert!(writing.is_err());
        drop(stream);
        let (reader, writer) = UnixStream::connect("/run.sock").await?.into_split();
        let bytes = sent.clone();
        let writing = spawn(async move { writer.write_all(&bytes).await });
        let mut got: Vec<u8> = Vec::new();
        let mut buf = [0; 777];
        loop {
            match reader.read(&mut buf).await? {
                0 => break,
                count => got.extend(&buf[..count]),
            }
        }
        assert!(got == sent);
        writing.unwrap().await.unwrap()?;
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn pairs_and_pipes() {
    let mut simulation = Simulation::new(1);
    simulation.client("frog", async {
        let (one, other) = UnixStream::pair()?;
        one.write_all(b"quak").await?;
        one.shutdown(Shutdown::Write)?;
        let mut buf = [0; 4];
        other.read_exact(&mut buf).await?;
        assert_eq!(&buf, b"quak");
        assert_eq!(other.read(&mut buf).await, Ok(0));
        assert_eq!(one.write(b"more").await, Err(Error::BrokenPipe));
        other.write_all(b"back").await?;
        drop(one);
        assert_eq!(other.read(&mut buf).await, Err(Error::ConnectionReset));

        let (one, other) = UnixDatagram::pair()?;
        one.send(b"hop").await?;
        one.send(b"").await?;
        assert_eq!(other.recv(&mut buf).await, Ok(3));
        assert_eq!(other.recv(&mut buf).await, Ok(0));
        drop(other);
        assert_eq!(one.send(b"hop").await, Err(Error::ConnectionRefused));

        let (writer, mut reader) = duplex(4);
        assert!(timeout(secs(1), writer.write_all(b"more")).await.is_ok());
        assert!(timeout(secs(1), writer.write_all(b"!")).await.is_err());
        reader.read_exact(&mut buf).await.unwrap();
        drop(writer);
        assert_eq!(reader.read(&mut buf).await, Ok(0));
        Done::Ok(())
    });
    run(simulation);
}

#[test]
fn names_are_a_hosts_own_and_end_with_a_crash_but_not_with_the_process() {
    let starts = Rc::new(Cell::new(0));
    let counts = starts.clone();
    let mut simulation = Simulation::builder(1).host_failures_end(false).build();
    simulation.host("server", move || {
        counts.set(counts.get() + 1);
        echo("/run.sock")
    });
    // The same name, another host.
    simulation.host("other", || echo("/run.sock"));
    simulation.host("careful", || async {
        fs::remove_file("/run.sock").await.ok();
        echo("/run.sock").await
    });
    simulation.client("client", async {
        let control = sim::control();
        let nobody = UnixStream::connect("/run.sock").await.unwrap_err();
        assert_eq!(nobody, Error::NameNotFound);
        sleep(millis(10)).await;
        for (host, comes_back) in [("server", false), ("careful", true)] {
            control.kill(host);
            control.restart(host);
            sleep(millis(10)).await;
            assert_eq!(control.is_up(host), comes_back);
        }
        control.crash("server");
        control.restart("server");
        sleep(millis(10)).await;
        assert!(control.is_up("server") && control.is_up("other"));
    });
    let report = run(simulation);
    assert_eq!(starts.get(), 3);
    assert_eq!(report.failed.len(), 1, "{:?}", report.failed);
    assert!(report.failed[0].1.contains("in use"));
}

#[test]
fn names_and_files() {
    let mut simulation = Simulation::new(1);
    simulation.client("frog", async {
        assert!(UnixListener::bind("/none/run.sock").is_err());
        assert!(UnixListener::bind("").is_err());
        assert!(UnixListener::bind("x".repeat(108)).is_err());
        fs::create_dir("/run").await?;
        fs::write("/run/file", "quak").await?;
        assert!(UnixListener::bind("/run/file").is_err());
        assert!(UnixStream::connect("/run/file").await.is_err());
        let listener = UnixListener::bind("/run/a.sock")?;
        assert!(fs::try_exists("/run/../run/a.sock").await?);
        assert!(UnixDatagram::bind("/run/a.sock").is_err());
        assert!(fs::read("/run/a.sock").await.is_err());
        assert!(fs::create_dir("/run/a.sock").await.is_err());
        let metadata = fs::metadata("/run/a.sock").await?;
        assert!(!metadata.is_file() && !metadata.is_dir());
        fs::rename("/run/a.sock", "/run/c.sock").await?;
        fs::rename("/run", "/ran").await?;
        assert!(!fs::try_exists("/run/c.sock").await?);
        fs::rename("/ran", "/run").await?;
        fs::rename("/run/c.sock", "/run/b.sock").await?;
        UnixStream::connect("/run/b.sock").await?;
        assert!(UnixStream::connect("/run/a.sock").await.is_err());
        let mut names = Vec::new();
        let mut entries = fs::read_dir("/run").await?;
        while let Some(entry) = entries.next_entry().await? {
            names.push(entry.file_name());
        }
        assert_eq!(names, ["b.sock", "file"]);
        drop(listener);
        let stale = UnixStream::connect("/run/b.sock").await.unwrap_err();
        assert_eq!(stale, Error::ConnectionRefused);
        fs::remove_dir_all("/run").await?;
        assert!(!fs::try_exists("/run/b.sock").await?);
        // Abstract names go with their sockets.
        for _ in 0..2 {
            let listener = UnixListener::bind("\0frog")?;
            assert!(UnixListener::bind("\0frog").is_err());
            let addr = listener.local_addr()?;
            assert_eq!(addr.as_abstract_name(), Some(&b"frog"[..]));
            UnixStream::connect_addr(&addr).await?;
        }
        assert!(!fs::try_exists("frog").await?);
        std::io::Result::Ok(())
    });
    run(simulation);
    // There are none elsewhere.
    assert_eq!(
        UnixListener::bind("/run.sock").unwrap_err(),
        Error::Unsupported
    );
    assert_eq!(UnixDatagram::unbound().unwrap_err(), Error::Unsupported);
}

#[test]
fn datagrams_wait_for_room_and_none_is_lost() {
    let test = |builder: Builder| {
        let mut simulation = builder.build();
        simulation.client("frog", async {
            let server = UnixDatagram::bind("/log.sock")?;
            let senders: Vec<_> = (0..4_u32)
                .map(|sender| {
                    spawn(async move {
                        let socket = UnixDatagram::bind(format!("/sender-{sender}"))?;
                        socket.connect("/log.sock")?;
                        for number in 0..1000_u32 {
                            socket.send(&number.to_be_bytes()).await?;
                        }
                        Done::Ok(())
                    })
                    .unwrap()
                })
                .collect();
            sleep(secs(1)).await;
            assert!(senders.iter().all(|sender| !sender.is_finished()));
            let mut next = std::collections::BTreeMap::new();
            let mut buf = [0; 4];
            for _ in 0..4000 {
                let (count, from) = server.recv_from(&mut buf).await?;
                let next = next
                    .entry(from.as_pathname().unwrap().to_owned())
                    .or_insert(0);
                assert_eq!((count, u32::from_be_bytes(buf)), (4, *next));
                *next += 1;
            }
            for sender in senders {
                sender.await.unwrap()?;
            }
            // One that waits for room finds that the socket is gone.
            let client = UnixDatagram::unbound()?;
            let sending = spawn(async move {
                loop {
                    client.send_to(b"more", "/log.sock").await?;
                }
                #[expect(unreachable_code, reason = "it says what the task's type is")]
                Done::Ok(())
            })
            .unwrap();
            sleep(secs(1)).await;
            assert!(!sending.is_finished());
            drop(server);
            assert_eq!(sending.await.unwrap(), Err(Error::ConnectionRefused));
            Done::Ok(())
        });
        simulation.run()
    };
    for seed in 0..5 {
        test(Simulation::builder(seed)).unwrap();
        sim::check(seed, test).unwrap();
    }
}

#[test]
fn other_crates_traits() {
    fn is_a_stream<T: futures_io::AsyncRead + futures_io::AsyncWrite>() {}
    is_a_stream::<UnixStream>();
    is_a_stream::<&UnixStream>();
    fn is_a_half<R: futures_io::AsyncRead, W: futures_io::AsyncWrite>() {}
    is_a_half::<unix::OwnedReadHalf, unix::OwnedWriteHalf>();
    is_a_half::<unix::ReadHalf<'_>, unix::WriteHalf<'_>>();
}

#[test]
fn datagrams_are_looked_at_and_directions_closed() {
    let mut simulation = Simulation::new(1);
    simulation.client("client", async {
        let (one, two) = UnixDatagram::pair()?;
        assert!(one.take_error()?.is_none());
        assert_eq!(two.try_peek(&mut [0]), Err(Error::WouldBlock));
        assert_eq!(poll_fn(|cx| one.poll_send(cx, b"hop")).await?, 3);
        let mut buf = [0; 4];
        poll_fn(|cx| two.poll_recv_ready(cx)).await?;
        assert_eq!(two.peek(&mut buf[..1]).await?, 1);
        assert_eq!(
            two.try_peek(&mut buf).map(|count| &buf[..count]),
            Ok(&b"hop"[..])
        );
        assert_eq!(poll_fn(|cx| two.poll_recv(cx, &mut buf)).await?, 3);
        // Whoever fills the queue waits for room.
        while one.try_send(b"x").is_ok() {}
        let waiting = timeout(millis(1), one.writable());
        assert!(waiting.await.is_err());
        two.recv(&mut buf).await?;
        poll_fn(|cx| one.poll_send_ready(cx)).await?;
        one.send(b"x").await?;
        let mut full = spawn(async move {
            let waited = one.writable().await;
            (waited, one.send(b"x").await, one)
        })
        .unwrap();
        assert!(timeout(millis(1), &mut full).await.is_err());
        two.shutdown(Shutdown::Read)?;
        let (waited, sent, one) = full.await.unwrap();
        assert_eq!((waited, sent), (Ok(()), Err(Error::BrokenPipe)));
        // What has come before is there.
        assert_eq!(two.try_recv(&mut buf), Ok(1));
        assert_eq!(two.send(b"frog").await?, 4);
        two.shutdown(Shutdown::Write)?;
        assert_eq!(two.send(b"frog").await, Err(Error::BrokenPipe));
        assert_eq!(one.recv(&mut buf).await?, 4);
        Done::Ok(())
    });
    run(simulation);
}
