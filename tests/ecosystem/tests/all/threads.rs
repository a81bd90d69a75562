//! Libraries with threads of their own, or none: smol's sockets and processes on its thread, rayon and notify, which call
//! back from theirs, rusqlite and ureq on our blocking pool. Unchanged.

use std::io::{BufRead, Write};
use std::time::Duration;

use futures_util::{AsyncReadExt, AsyncWriteExt};
use notify::Watcher;
use polliwog::time::timeout;
use polliwog::{spawn, spawn_blocking};

use crate::run;

#[test]
fn sockets_processes_and_files_of_smol() {
    run(async {
        let listener = smol::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let echo = spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut writer = stream.clone();
            smol::io::copy(&mut stream, &mut writer).await.unwrap();
        });
        // One of ours talks to it, and our timer ends a wait for it.
        let mut ours = polliwog::net::TcpStream::connect(addr).await.unwrap();
        ours.write_all(b"quak").await.unwrap();
        let mut got = [0; 4];
        AsyncReadExt::read_exact(&mut ours, &mut got).await.unwrap();
        assert_eq!(&got, b"quak");
        let nothing = timeout(
            Duration::from_millis(5),
            AsyncReadExt::read(&mut ours, &mut got),
        );
        assert!(nothing.await.is_err());
        drop(ours);
        echo.unwrap().await.unwrap();

        let path = std::env::temp_dir().join(format!("polliwog-smol-{}", std::process::id()));
        smol::fs::write(&path, "a frog in a pond").await.unwrap();
        assert_eq!(smol::fs::read(&path).await.unwrap().len(), 16);
        smol::fs::remove_file(&path).await.unwrap();
        smol::Timer::after(Duration::from_millis(1)).await;
        assert_eq!(smol::unblock(|| 7).await, 7);
        if cfg!(unix) {
            let output = smol::process::Command::new("echo").arg("quak").output();
            assert_eq!(output.await.unwrap().stdout, b"quak\n");
        }
        // An executor in a task, whose tasks use our timers.
        let inner = smol::LocalExecutor::new();
        let task = inner.spawn(async {
            polliwog::time::sleep(Duration::from_millis(1)).await;
            8
        });
        assert_eq!(inner.run(task).await, 8);
    });
}

#[test]
fn work_on_all_cores_by_rayon() {
    run(async {
        let (send, receive) = polliwog::sync::oneshot::channel();
        rayon::spawn(move || {
            use rayon::prelude::*;
            let sum = (0..100_000_u64).into_par_iter().map(|n| n * n).sum::<u64>();
            let _ = send.send(sum);
        });
        let expected = (0..100_000_u64).map(|n| n * n).sum::<u64>();
        assert_eq!(receive.await.unwrap(), expected);
    });
}

#[test]
fn changes_of_a_folder_by_notify() {
    run(async {
        let name = format!("polliwog-notify-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        // Its thread waits for room, if there is none.
        let (send, receive) = async_channel::bounded(4);
        let mut watcher = notify::recommended_watcher(move |event| {
            let _ = send.send_blocking(event);
        })
        .unwrap();
        let how = notify::RecursiveMode::NonRecursive;
        watcher.watch(&folder, how).unwrap();
        for name in ["frog", "toad"] {
            polliwog::fs::write(folder.join(name), "quak")
                .await
                .unwrap();
            loop {
                let event: notify::Event = receive.recv().await.unwrap().unwrap();
                if event.paths.iter().any(|path| path.ends_with(name)) {
                    break;
                }
            }
        }
        drop(watcher);
        while receive.recv().await.is_ok() {}
        std::fs::remove_dir_all(&folder).unwrap();
    });
}

#[test]
fn a_database_that_blocks() {
    run(async {
        let count = spawn_blocking(|| {
            let database = rusqlite::Connection::open_in_memory()?;
            database.execute("CREATE TABLE frogs (name TEXT UNIQUE)", ())?;
            for n in 0..100 {
                database.execute("INSERT INTO frogs VALUES (?1)", [format!("frog {n}")])?;
            }
            assert!(
                database
                    .execute("INSERT INTO frogs VALUES ('frog 7')", ())
                    .is_err()
            );
            database.query_row("SELECT count(*) FROM frogs", (), |row| row.get::<_, i64>(0))
        });
        assert_eq!(count.await.unwrap().unwrap(), 100);
    });
}

#[test]
fn a_client_that_blocks_while_the_server_does_not() {
    run(async {
        let listener = polliwog::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serving = spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                AsyncReadExt::read_exact(&mut stream, &mut byte)
                    .await
                    .unwrap();
                head.extend(byte);
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nquak";
            stream.write_all(answer).await.unwrap();
        });
        let asked = spawn_blocking(move || ureq::get(&url).call()?.body_mut().read_to_string());
        assert_eq!(asked.await.unwrap().unwrap(), "quak");
        serving.unwrap().await.unwrap();
    });
}

/// A serial port, here both ends of a pseudo-terminal, in our wrapper for any of mio's sources.
#[cfg(target_os = "linux")]
#[test]
fn a_serial_port() {
    run(async {
        let (near, mut far) = mio_serial::SerialStream::pair().unwrap();
        let thread = std::thread::spawn(move || {
            use std::io::ErrorKind::WouldBlock;
            let mut reader = std::io::BufReader::new(&far);
            let mut line = String::new();
            // It does not block, so it is asked again and again.
            while reader
                .read_line(&mut line)
                .is_err_and(|error| error.kind() == WouldBlock)
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            far.write_all(line.to_uppercase().as_bytes()).unwrap();
            far
        });
        let port = polliwog::AsyncSource::new(near).unwrap();
        let mut port = &port;
        AsyncWriteExt::write_all(&mut port, b"quak\n")
            .await
            .unwrap();
        let mut got = [0; 5];
        AsyncReadExt::read_exact(&mut port, &mut got).await.unwrap();
        assert_eq!(&got, b"QUAK\n");
        drop(thread.join().unwrap());
    });
}
