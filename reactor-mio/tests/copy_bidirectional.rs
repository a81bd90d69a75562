//! `copy_bidirectional` between real sockets: large transfers, trickles, half-close and resets.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::thread;
use std::time::Duration;

use polliwog_core::JoinHandle;
#[cfg(unix)]
use polliwog_mio::io::copy_bidirectional;
use polliwog_mio::io::copy_bidirectional_with_sizes;
use polliwog_mio::net::{TcpListener, TcpStream};
use polliwog_mio::{block_on, spawn, spawn_blocking};

type Copied = io::Result<(u64, u64)>;

/// A proxy for one connection, and the address at which it listens.
async fn proxy(upstream: SocketAddr, size: usize) -> (SocketAddr, JoinHandle<Copied>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let task = spawn(async move {
        let (mut client, _) = listener.accept().await?;
        drop(listener);
        let mut server = TcpStream::connect(upstream).await?;
        copy_bidirectional_with_sizes(&mut client, &mut server, size, size).await
    });
    (addr, task.unwrap())
}

/// The program at each end, on threads of their own, and what the proxy between them said.
fn between<C, S>(
    size: usize,
    client: impl FnOnce(StdStream) -> C + Send + 'static,
    server: impl FnOnce(StdStream) -> S + Send + 'static,
) -> (C, S, Copied)
where
    C: Send + 'static,
    S: Send + 'static,
{
    block_on(async move {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let (addr, task) = proxy(listener.local_addr().unwrap(), size).await;
        let serving = spawn_blocking(move || {
            let stream = listener.accept().unwrap().0;
            drop(listener);
            server(stream)
        });
        let asking = spawn_blocking(move || client(StdStream::connect(addr).unwrap()));
        let copied = task.await.unwrap();
        (asking.await.unwrap(), serving.await.unwrap(), copied)
    })
}

fn read_all(mut stream: &StdStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    all
}

fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|n| (n / 251) as u8 ^ seed).collect()
}

/// Sends all and closes that direction, while it reads to the end.
fn exchange(stream: StdStream, data: Vec<u8>) -> Vec<u8> {
    let mut writer = stream.try_clone().unwrap();
    let writing = thread::spawn(move || {
        writer.write_all(&data).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let got = read_all(&stream);
    writing.join().unwrap();
    got
}

/// Closes the connection so that the peer gets a reset.
fn reset(stream: StdStream) {
    let stream = socket2::Socket::from(stream);
    stream.set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn megabytes_in_both_directions_at_once() {
    let (there, back) = (pattern(3_000_001, 1), pattern(5_000_001, 2));
    let (a, b) = (there.clone(), back.clone());
    let (got_back, got_there, copied) = between(
        8 << 10,
        move |stream| exchange(stream, a),
        move |stream| exchange(stream, b),
    );
    assert!(got_back == back && got_there == there);
    assert_eq!(copied.unwrap(), (3_000_001, 5_000_001));
}

#[test]
fn a_trickle_arrives_as_it_comes() {
    let (_, _, copied) = between(
        8 << 10,
        |mut stream| {
            stream.set_nodelay(true).unwrap();
            for byte in 0..50 {
                stream.write_all(&[byte]).unwrap();
                let mut echo = [0];
                stream.read_exact(&mut echo).unwrap();
                assert_eq!(echo, [byte]);
            }
        },
        |mut stream| {
            stream.set_nodelay(true).unwrap();
            let mut byte = [0];
            while stream.read(&mut byte).unwrap() == 1 {
                stream.write_all(&byte).unwrap();
            }
        },
    );
    assert_eq!(copied.unwrap(), (50, 50));
}

/// A question that ends with the end of the stream, as `nc -N` and old protocols ask.
#[test]
fn half_close_is_passed_on() {
    let (answer, question, copied) = between(
        3,
        |mut stream| {
            stream.write_all(b"how deep?").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            read_all(&stream)
        },
        |mut stream| {
            let question = read_all(&stream);
            stream.write_all(b"very").unwrap();
            question
        },
    );
    assert_eq!((&*question, &*answer), (&b"how deep?"[..], &b"very"[..]));
    assert_eq!(copied.unwrap(), (9, 4));
}

/// A peer that is reset, on either side, is an error, and the other side sees an end.
#[test]
fn a_reset_ends_both_sides() {
    let is_lost = |copied: Copied| {
        // Wine shows a reset as an end.
        if cfg!(windows) && copied.is_ok() {
            return;
        }
        let kind = copied.unwrap_err().kind();
        assert!(matches!(
            kind,
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
        ));
    };
    let hang_up = |mut stream: StdStream| {
        stream.read_exact(&mut [0; 5]).unwrap();
        reset(stream);
    };
    let greet = |mut stream: StdStream| {
        stream.write_all(b"hello").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    };
    is_lost(between(64, hang_up, greet).2);
    is_lost(between(64, greet, hang_up).2);
}

/// A server that has seen enough of an upload: its answer reaches the client that is still sending.
#[test]
#[cfg(unix)]
fn an_answer_in_the_middle_of_an_upload_arrives() {
    use std::os::unix::net::UnixStream;

    block_on(async {
        let (told, hung_up) = std::sync::mpsc::channel();
        let (shut, is_shut) = std::sync::mpsc::channel();
        let (wrote, has_written) = std::sync::mpsc::channel();
        let (mut client, near) = UnixStream::pair().unwrap();
        let (far, mut server) = UnixStream::pair().unwrap();
        let ours = |stream| polliwog_mio::net::UnixStream::from_std(stream).unwrap();
        for stream in [&near, &far] {
            stream.set_nonblocking(true).unwrap();
        }
        let task = spawn(async move {
            let (mut near, mut far) = (ours(near), ours(far));
            let copied = copy_bidirectional(&mut near, &mut far).await;
            // A socket with something unread would be reset.
            while near.read(&mut [0; 4096]).await? != 0 {}
            copied
        });
        let serving = spawn_blocking(move || {
            server.read_exact(&mut [0; 1000]).unwrap();
            server.write_all(b"too large").unwrap();
            // Now the proxy's writes fail, and its reads do not.
            server.shutdown(Shutdown::Read).unwrap();
            shut.send(()).unwrap();
            hung_up.recv().unwrap();
            server.write_all(b", sorry").unwrap();
            // What is not read would be a reset.
            let _ = server.read_to_end(&mut Vec::new());
        });
        let asking = spawn_blocking(move || {
            let mut writer = client.try_clone().unwrap();
            let writing = thread::spawn(move || {
                writer.write_all(&[b'x'; 4096]).unwrap();
                // So that something is on its way which nobody takes, however slow this thread is.
                is_shut.recv().unwrap();
                writer.write_all(&[b'x'; 4096]).unwrap();
                wrote.send(()).unwrap();
                while writer.write_all(&[b'x'; 4096]).is_ok() {}
            });
            let mut answer = [0; 9];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"too large");
            has_written.recv().unwrap();
            told.send(()).unwrap();
            let mut rest = String::new();
            client.read_to_string(&mut rest).unwrap();
            client.shutdown(Shutdown::Both).unwrap();
            writing.join().unwrap();
            rest
        });
        let error = task.unwrap().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        serving.await.unwrap();
        assert_eq!(asking.await.unwrap(), ", sorry");
    });
}
