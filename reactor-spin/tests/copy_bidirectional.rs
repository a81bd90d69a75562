//! `copy_bidirectional` in memory: both directions, half-close, back-pressure, flushes, errors, budget.
#![cfg(feature = "std")]

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use polliwog_core::time::sleep;
use polliwog_core::{join, yield_now};
use polliwog_spin::io::{DuplexStream, copy_bidirectional, copy_bidirectional_with_sizes, duplex};
use polliwog_spin::net::{Shutdown, TcpListener, TcpStream};
use polliwog_spin::{block_on, spawn, test_seeds};

/// Everything until the end.
async fn read_all(stream: &DuplexStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buf = [0; 100];
    loop {
        match stream.read(&mut buf).await.unwrap() {
            0 => return all,
            count => all.extend_from_slice(&buf[..count]),
        }
    }
}

fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length).map(|n| (n / 3) as u8 ^ seed).collect()
}

/// Client, proxy's two ends, server.
fn line(capacity: usize) -> (DuplexStream, DuplexStream, DuplexStream, DuplexStream) {
    let (client, down) = duplex(capacity);
    let (up, server) = duplex(capacity);
    (client, down, up, server)
}

/// Pending at first, an error or the number of bytes of each direction after some polls.
async fn once<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    let mut future = Some(future);
    poll_fn(|cx| Poll::Ready(future.take().expect("one poll").poll(cx))).await
}

#[test]
fn every_byte_arrives_whatever_the_schedule_and_the_sizes() {
    test_seeds(0..50, |seed| async move {
        let (client, mut down, mut up, server) = line(1 + seed as usize * 13 % 97);
        let (question, answer) = (pattern(3000 + seed as usize, 1), pattern(5000, 2));
        let sizes = (1 + seed as usize % 7 * 50, 1 + seed as usize % 11 * 30);
        let proxy = spawn(async move {
            copy_bidirectional_with_sizes(&mut down, &mut up, sizes.0, sizes.1).await
        })
        .unwrap();
        let ask = async {
            client.write_all(&question).await.unwrap();
            client.close();
        };
        let reply = async {
            server.write_all(&answer).await.unwrap();
            server.close();
        };
        let (got_answer, got_question) = (read_all(&client), read_all(&server));
        let ((), (), got_answer, got_question) = join!(ask, reply, got_answer, got_question);
        assert!(got_answer == answer && got_question == question);
        let copied = proxy.await.unwrap().unwrap();
        assert_eq!(copied, (question.len() as u64, answer.len() as u64));
    });
}

/// The end of one direction is passed on at once, and the other goes on for as long as it likes.
#[test]
fn half_close_is_passed_on() {
    block_on(async {
        let (client, mut down, mut up, server) = line(16);
        let proxy = spawn(async move { copy_bidirectional(&mut down, &mut up).await }).unwrap();
        client.write_all(b"all").await.unwrap();
        client.close();
        assert_eq!(read_all(&server).await, b"all");
        for byte in b'a'..=b'z' {
            sleep(Duration::from_secs(1)).await;
            server.write_all(&[byte]).await.unwrap();
            let mut got = [0];
            assert_eq!(client.read(&mut got).await.unwrap(), 1);
            assert_eq!(got[0], byte);
        }
        server.close();
        assert_eq!(read_all(&client).await, b"");
        assert_eq!(proxy.await.unwrap().unwrap(), (3, 26));
    });
}

#[test]
fn over_the_network_in_memory() {
    block_on(async {
        let front = TcpListener::bind("10.0.0.1:80").await.unwrap();
        let back = TcpListener::bind("10.0.0.2:80").await.unwrap();
        let proxy = spawn(async move {
            let (mut client, _) = front.accept().await.unwrap();
            let mut server = TcpStream::connect("10.0.0.2:80").await.unwrap();
            copy_bidirectional(&mut client, &mut server).await
        })
        .unwrap();
        let client = TcpStream::connect("10.0.0.1:80").await.unwrap();
        let (server, _) = back.accept().await.unwrap();
        client.write_all(b"question").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut buf = [0; 8];
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!(server.read(&mut [0; 8]).await.unwrap(), 0);
        server.write_all(b"answer").await.unwrap();
        drop(server);
        client.read_exact(&mut buf[..6]).await.unwrap();
        assert_eq!(&buf, b"answeron");
        assert_eq!(client.read(&mut buf).await.unwrap(), 0);
        assert_eq!(proxy.await.unwrap().unwrap(), (8, 6));
    });
}

/// Who does not read stops the one who writes: nothing but the buffers fills.
#[test]
fn a_reader_that_stops_stops_the_writer() {
    block_on(async {
        let (client, mut down, mut up, server) = line(10);
        let proxy =
            spawn(async move { copy_bidirectional_with_sizes(&mut down, &mut up, 7, 7).await })
                .unwrap();
        let written = Rc::new(Cell::new(0));
        let count = Rc::clone(&written);
        let writer = spawn(async move {
            for byte in 0..100 {
                client.write_all(&[byte]).await.unwrap();
                count.set(count.get() + 1);
            }
        })
        .unwrap();
        sleep(Duration::from_secs(1000)).await;
        // What is in the buffers of the two streams and of the proxy.
        assert!((20..=27).contains(&written.get()), "{}", written.get());
        assert_eq!(read_all(&server).await, (0..100).collect::<Vec<_>>());
        writer.await.unwrap();
        server.close();
        assert_eq!(proxy.await.unwrap().unwrap(), (100, 0));
    });
}

/// One way of a stream, in pieces that the test has chosen; notes what is done to it.
#[derive(Default)]
struct Script {
    reads: Vec<Poll<io::Result<&'static [u8]>>>,
    writes: Vec<Poll<io::Result<usize>>>,
    log: Rc<RefCell<Vec<String>>>,
    name: &'static str,
}

impl Script {
    fn note(&self, what: impl AsRef<str>) {
        self.log
            .borrow_mut()
            .push(format!("{} {}", self.name, what.as_ref()));
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.reads.is_empty() {
            return Poll::Pending;
        }
        self.reads.remove(0).map_ok(|data| {
            buf[..data.len()].copy_from_slice(data);
            data.len()
        })
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = match self.writes.is_empty() {
            true => Poll::Ready(Ok(data.len())),
            false => self.writes.remove(0),
        };
        self.note(format!("{result:?} of {}", data.len()));
        result
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note("flush");
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note("close");
        Poll::Ready(Ok(()))
    }
}

/// Two scripts with one log.
fn scripts() -> (Script, Script, Rc<RefCell<Vec<String>>>) {
    let log = Rc::new(RefCell::new(Vec::new()));
    let script = |name| Script {
        name,
        log: Rc::clone(&log),
        ..Script::default()
    };
    (script("a"), script("b"), Rc::clone(&log))
}

fn ready(data: &'static [u8]) -> Poll<io::Result<&'static [u8]>> {
    Poll::Ready(Ok(data))
}

fn failing<T>(kind: ErrorKind) -> Poll<io::Result<T>> {
    Poll::Ready(Err(kind.into()))
}

/// A writer with a buffer of its own shows what it has as soon as there is nothing more to copy.
#[test]
fn flushes_when_there_is_nothing_to_read() {
    block_on(async {
        let (mut a, mut b, log) = scripts();
        a.reads = vec![ready(b"one"), ready(b"two"), Poll::Pending];
        b.writes = vec![Poll::Ready(Ok(2))];
        let mut proxy = pin!(copy_bidirectional(&mut a, &mut b));
        assert!(once(proxy.as_mut()).await.is_pending());
        let so_far = std::mem::take(&mut *log.borrow_mut());
        let wrote = |count, of| format!("b Ready(Ok({count})) of {of}");
        assert_eq!(
            so_far,
            [wrote(2, 3), wrote(1, 1), wrote(3, 3), "b flush".into()]
        );
        // Once is enough.
        assert!(once(proxy.as_mut()).await.is_pending());
        assert!(log.borrow().is_empty());
    });
}

/// What a peer has said before it took no more is not lost, and neither is the error.
#[test]
fn what_was_said_before_hanging_up_arrives() {
    for (kind, end, closed) in [
        (ErrorKind::BrokenPipe, ready(b""), 1),
        (ErrorKind::ConnectionReset, ready(b""), 1),
        (ErrorKind::ConnectionAborted, ready(b""), 1),
        (ErrorKind::NotConnected, ready(b""), 1),
        // The first error is the one that counts.
        (
            ErrorKind::BrokenPipe,
            failing(ErrorKind::ConnectionReset),
            0,
        ),
    ] {
        block_on(async {
            let (mut a, mut b, log) = scripts();
            a.reads = vec![ready(b"upload")];
            b.writes = vec![failing(kind)];
            b.reads = vec![Poll::Pending, ready(b"too large"), end];
            let mut proxy = pin!(copy_bidirectional(&mut a, &mut b));
            assert!(once(proxy.as_mut()).await.is_pending());
            let Poll::Ready(result) = once(proxy.as_mut()).await else {
                panic!("both directions have ended");
            };
            assert_eq!(result.unwrap_err().kind(), kind);
            let log = log.borrow();
            assert_eq!(
                log[1..2 + closed],
                ["a Ready(Ok(9)) of 9", "a close"][..1 + closed]
            );
        });
    }
}

/// Other errors, and all that happen while reading, end both directions.
#[test]
fn other_errors_end_it_at_once() {
    let (read, write) = (ErrorKind::ConnectionReset, ErrorKind::TimedOut);
    block_on(async {
        let (mut a, mut b, log) = scripts();
        a.reads = vec![failing(read)];
        b.reads = vec![ready(b"more")];
        let error = copy_bidirectional(&mut a, &mut b).await.unwrap_err();
        assert_eq!((error.kind(), log.borrow().len()), (read, 0));

        let (mut a, mut b, log) = scripts();
        b.reads = vec![failing(read)];
        let error = copy_bidirectional(&mut a, &mut b).await.unwrap_err();
        assert_eq!((error.kind(), log.borrow().len()), (read, 0));

        let (mut a, mut b, _) = scripts();
        a.reads = vec![ready(b"upload")];
        b.writes = vec![failing(write)];
        let error = copy_bidirectional(&mut a, &mut b).await.unwrap_err();
        assert_eq!(error.kind(), write);

        let (mut a, mut b, _) = scripts();
        b.reads = vec![ready(b"download")];
        a.writes = vec![Poll::Ready(Ok(0))];
        let error = copy_bidirectional(&mut a, &mut b).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
    });
}

/// A stream of another crate, always ready and never at its end.
struct Endless;

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn streams_that_are_always_ready_leave_others_their_turn() {
    block_on(async {
        let copying =
            spawn(async { copy_bidirectional(&mut Endless, &mut Endless).await }).unwrap();
        for _ in 0..10 {
            yield_now().await;
        }
        copying.abort();
        assert!(copying.await.unwrap_err().is_cancelled());
    });
}

#[test]
#[should_panic(expected = "a buffer of no bytes copies nothing")]
fn a_buffer_of_no_bytes_is_refused() {
    let _ = block_on(copy_bidirectional_with_sizes(
        &mut Endless,
        &mut Endless,
        1,
        0,
    ));
}
