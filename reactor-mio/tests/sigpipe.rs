//! A program that lets `SIGPIPE` end it again is not ended by a socket whose peer has gone.
#![cfg(unix)]

use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use polliwog_mio::block_on;
use polliwog_mio::net::{TcpListener, TcpStream, UnixDatagram, UnixStream};
use polliwog_mio::signal::unix::{SignalKind, restore_default};

fn in_a_process(test: &str) -> std::process::ExitStatus {
    let me = std::env::current_exe().unwrap();
    let mut command = Command::new(me);
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command.stdout(Stdio::null()).status().unwrap()
}

#[test]
fn a_peer_that_has_gone_is_an_error_and_no_signal() {
    assert!(in_a_process("writes_to_peers_that_have_gone").success());
    // It would have ended it.
    let signal = in_a_process("a_write_to_a_pipe_that_nobody_reads").signal();
    assert_eq!(signal, Some(SignalKind::pipe().as_raw_value()));
}

/// Writes until it fails: at first the peer's end may not have come yet.
async fn fails<F: Future<Output = io::Result<usize>>>(mut write: impl FnMut() -> F) {
    for _ in 0..1000 {
        if let Err(error) = write().await {
            let gone = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
            assert!(gone.contains(&error.kind()), "{error}");
            // The second time it is the pipe in any case.
            let again = write().await.unwrap_err();
            assert_eq!(again.kind(), ErrorKind::BrokenPipe);
            return;
        }
        polliwog_core::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("a peer that is gone takes everything");
}

#[test]
#[ignore = "run by `a_peer_that_has_gone_is_an_error_and_no_signal`"]
fn writes_to_peers_that_have_gone() {
    restore_default(SignalKind::pipe()).unwrap();
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for vectored in [false, true] {
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
            let stream = stream.unwrap();
            drop(listener.accept().await.unwrap());
            let (local, other) = UnixStream::pair().unwrap();
            drop(other);
            let bufs = [IoSlice::new(b"qu"), IoSlice::new(b"ak")];
            if vectored {
                fails(|| stream.write_vectored(&bufs)).await;
                fails(|| local.write_vectored(&bufs)).await;
                assert!(local.try_write_vectored(&bufs).is_err());
                assert!(stream.try_write_vectored(&bufs).is_err());
            } else {
                fails(|| stream.write(b"quak")).await;
                fails(|| local.write(b"quak")).await;
                assert!(local.try_write(b"quak").is_err());
                assert!(stream.try_write(b"quak").is_err());
                let input = io::stdin();
                let fds = [std::os::fd::AsFd::as_fd(&input)];
                assert!(local.send_fds(b"quak", &fds).await.is_err());
            }
        }
        let (here, there) = UnixDatagram::pair().unwrap();
        drop(there);
        assert!(here.send(b"quak").await.is_err());
    });
}

#[test]
#[ignore = "run by `a_peer_that_has_gone_is_an_error_and_no_signal`; a signal ends it"]
fn a_write_to_a_pipe_that_nobody_reads() {
    restore_default(SignalKind::pipe()).unwrap();
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    drop(reader);
    let written = rustix::io::write(&writer, b"quak");
    panic!("still there: {written:?}");
}
