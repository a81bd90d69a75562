//! Every socket, half, listener and pipe lends its descriptor, and goes to the standard library and back; and what has
//! a descriptor of another kind can be waited for.
#![cfg(unix)]

mod support;

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::Stdio;
use std::time::Duration;

use polliwog_core::sources::Direction;
use polliwog_core::time::{sleep, timeout};
use polliwog_mio::net::{
    TcpListener, TcpSocket, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream,
};
use polliwog_mio::process::Command;
use polliwog_mio::{AsyncFd, AsyncSource, block_on, spawn_blocking};
use support::connection;

/// A descriptor that is open, and the same by both names.
fn lends(of: &(impl AsFd + AsRawFd)) {
    assert_eq!(of.as_fd().as_raw_fd(), of.as_raw_fd());
    rustix::io::fcntl_getfd(of).unwrap();
}

#[test]
fn sockets_lend_their_descriptors() {
    block_on(async {
        lends(&TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (here, there) = connection().await;
        lends(&here);
        let (reader, writer) = here.split();
        lends(&reader);
        lends(&writer);
        let (reader, writer) = there.into_split();
        lends(&reader);
        lends(&writer);
        lends(&UdpSocket::bind("127.0.0.1:0").await.unwrap());
        lends(&TcpSocket::new_v4().unwrap());
        let (here, there) = UnixStream::pair().unwrap();
        lends(&here);
        let (reader, writer) = here.split();
        lends(&reader);
        lends(&writer);
        let (reader, writer) = there.into_split();
        lends(&reader);
        lends(&writer);
        lends(&UnixDatagram::unbound().unwrap());
        let mut child = Command::new("true")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        lends(&child.stdout.take().unwrap());
        lends(&child.stderr.take().unwrap());
        child.wait().await.unwrap();
        lends(&polliwog_mio::io::stdin());
        lends(&polliwog_mio::io::stdout());
    });
}

/// What is set by the descriptor is set.
#[test]
fn a_borrowed_descriptor_is_the_sockets_own() {
    block_on(async {
        let (here, there) = connection().await;
        let socket = socket2::SockRef::from(&here);
        socket.set_recv_buffer_size(100_000).unwrap();
        here.set_linger(Some(Duration::from_secs(1))).unwrap();
        assert_eq!(socket.linger().unwrap(), Some(Duration::from_secs(1)));
        // And goes on.
        there.write_all(b"quak").await.unwrap();
        let mut buf = [0; 4];
        here.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"quak");
    });
}

#[test]
fn sockets_go_to_the_standard_library_and_back() {
    block_on(async {
        let (here, there) = connection().await;
        let here = std::net::TcpStream::try_from(here).unwrap();
        let here = TcpStream::try_from(here).unwrap();
        here.write_all(b"quak").await.unwrap();
        let mut there = std::net::TcpStream::try_from(there).unwrap();
        there.set_nonblocking(false).unwrap();
        let mut buf = [0; 4];
        there.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"quak");
        let (here, _there) = UnixStream::pair().unwrap();
        let here: OwnedFd = here.try_into().unwrap();
        let here = UnixStream::try_from(std::os::unix::net::UnixStream::from(here)).unwrap();
        here.write_all(b"quak").await.unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        assert_eq!(
            UdpSocket::try_from(socket).unwrap().local_addr().unwrap(),
            addr
        );
        let (here, _there) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let here = UnixDatagram::try_from(here).unwrap();
        let _ = std::os::unix::net::UnixDatagram::try_from(here).unwrap();
        let folder = std::env::temp_dir().join(format!("polliwog-fd-{}", std::process::id()));
        let listener = std::os::unix::net::UnixListener::bind(&folder).unwrap();
        let listener = UnixListener::try_from(listener).unwrap();
        lends(&listener);
        std::fs::remove_file(folder).unwrap();
    });
}

#[test]
fn any_descriptor_is_waited_for() {
    use futures_util::{AsyncReadExt, AsyncWriteExt};
    block_on(async {
        let (theirs, ours) = rustix::pipe::pipe().unwrap();
        let (reader, writer) = (std::fs::File::from(theirs), std::fs::File::from(ours));
        let (mut reader, mut writer) =
            (AsyncFd::new(reader).unwrap(), AsyncFd::new(writer).unwrap());
        lends(&reader);
        // Nothing is there.
        let mut buf = [0; 4];
        let soon = timeout(Duration::from_millis(5), reader.read(&mut buf)).await;
        assert!(soon.is_err());
        let echo = polliwog_mio::spawn(async move {
            // More than a pipe holds.
            writer.write_all(&[7; 300_000]).await?;
            writer.flush().await
        });
        let mut all = Vec::new();
        reader.read_to_end(&mut all).await.unwrap();
        assert!(all.len() == 300_000 && all.iter().all(|byte| *byte == 7));
        echo.unwrap().await.unwrap().unwrap();
        assert!(reader.get_ref().metadata().is_ok());
        reader.into_inner().unwrap();
    });
}

#[test]
fn operations_of_a_descriptor_are_tried_until_they_do_not_block() {
    block_on(async {
        let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
        let ours = AsyncFd::new(ours).unwrap();
        let sender = spawn_blocking(move || {
            std::thread::sleep(Duration::from_millis(5));
            theirs.send(b"hop").unwrap();
            theirs
        });
        let mut buf = [0; 8];
        let n = ours
            .read_with(|socket| socket.recv(&mut buf))
            .await
            .unwrap();
        assert_eq!(&buf[..n], b"hop");
        let theirs = sender.await.unwrap();
        assert_eq!(
            ours.write_with(|socket| socket.send(b"back"))
                .await
                .unwrap(),
            4
        );
        assert_eq!(theirs.recv(&mut buf).unwrap(), 4);
        ours.writable().await.unwrap();
        let nothing = ours.try_with(Direction::Read, |socket| socket.recv(&mut buf));
        assert_eq!(nothing.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(
            timeout(Duration::from_millis(1), ours.readable())
                .await
                .is_err()
        );
        theirs.send(b"x").unwrap();
        ours.readable().await.unwrap();
    });
}

/// A timer of the system's, which is no stream at all.
#[cfg(target_os = "linux")]
#[test]
fn a_timerfd_is_waited_for() {
    use rustix::time::*;
    block_on(async {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::empty()).unwrap();
        let soon = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: 0,
                tv_nsec: 2_000_000,
            },
        };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &soon).unwrap();
        let timer = AsyncFd::new(timer).unwrap();
        let mut expired = [0; 8];
        let read = timer.read_with(|timer| Ok(rustix::io::read(timer, &mut expired)?));
        assert_eq!(read.await.unwrap(), 8);
        assert_eq!(u64::from_ne_bytes(expired), 1);
    });
}

#[test]
fn what_mio_has_is_a_stream_if_its_reference_reads() {
    use futures_util::AsyncReadExt;
    block_on(async {
        let (mut sender, receiver) = mio::unix::pipe::new().unwrap();
        let mut receiver = AsyncSource::new(receiver).unwrap();
        let late = polliwog_mio::spawn(async move {
            sleep(Duration::from_millis(1)).await;
            sender.write_all(b"quak")
        });
        let mut all = String::new();
        receiver.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "quak");
        late.unwrap().await.unwrap().unwrap();
        let (a, b) = mio::net::UnixStream::pair().unwrap();
        let (a, mut b) = (AsyncSource::new(a).unwrap(), AsyncSource::new(b).unwrap());
        futures_util::AsyncWriteExt::write_all(&mut &a, b"hop")
            .await
            .unwrap();
        let mut buf = [0; 3];
        b.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"hop");
        let mut second = &a;
        let n = embedded_io_async::Write::write(&mut second, b"hop")
            .await
            .unwrap();
        let mut buf = [0; 8];
        assert_eq!(
            embedded_io_async::Read::read(&mut b, &mut buf)
                .await
                .unwrap(),
            n
        );
    });
}

#[test]
fn a_stream_says_whether_it_would_wait() {
    use embedded_io_async::{ReadReady, WriteReady};
    block_on(async {
        let (mut here, there) = connection().await;
        assert!(!here.read_ready().unwrap() && here.write_ready().unwrap());
        there.write_all(b"x").await.unwrap();
        here.readable().await.unwrap();
        assert!(here.read_ready().unwrap());
        // Full.
        loop {
            match there.try_write(&[0; 65536]) {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    // What the system itself has still under way may make room.
                    if !(&there).write_ready().unwrap() {
                        break;
                    }
                }
            }
        }
        let mut buf = [0; 1];
        here.read_exact(&mut buf).await.unwrap();
        drop(there);
        // The end is something to be read.
        here.readable().await.unwrap();
        assert!(here.read_ready().unwrap());
    });
}
