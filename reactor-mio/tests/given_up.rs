//! Waits that are given up, each polled by a waker of its own, as sets of futures do: none of them leaves its
//! waker behind, however long nothing happens.
#![cfg(unix)]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use polliwog_mio::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use polliwog_mio::process::Command;
use polliwog_mio::signal::unix::{SignalKind, signal};
use polliwog_mio::{block_on, io};
use std::process::Stdio;

/// A waker that can be told from all others.
struct Own;

impl Wake for Own {
    fn wake(self: Arc<Self>) {}
}

/// How many wakers are left behind.
#[derive(Default)]
struct Count(Vec<Arc<Own>>);

impl Count {
    /// Polls a future, which has to wait, by a waker of its own, and gives it up.
    #[track_caller]
    fn give_up(&mut self, future: impl Future) {
        let own = Arc::new(Own);
        let waker = Waker::from(own.clone());
        let polled = pin!(future).poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        self.0.push(own);
    }

    fn left(&self) -> usize {
        let left = self.0.iter().filter(|own| Arc::strong_count(own) > 1);
        left.count()
    }
}

/// Gives a wait up again and again.
macro_rules! give_up {
    ($wait:expr) => {{
        let mut count = Count::default();
        for _ in 0..20 {
            count.give_up($wait);
        }
        // The first that waits for a direction is known by its waker alone.
        assert!(count.left() <= 1, "{}: {}", stringify!($wait), count.left());
    }};
}

async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (here, listener.accept().await.unwrap().0)
}

#[test]
fn waits_for_sockets() {
    block_on(async {
        let (stream, _peer) = connection().await;
        give_up!(stream.peek(&mut [0; 4]));
        let (stream, _peer) = UnixStream::pair().unwrap();
        give_up!(stream.peek(&mut [0; 4]));
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        give_up!(socket.recv(&mut [0; 4]));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        give_up!(listener.accept());
    });
}

/// Reads are known by their wakers alone, and so are the poll functions: they leave some behind, but ever so many of
/// them no more than a few, and those who wait beside them are not lost.
#[test]
fn reads_that_are_given_up_do_not_pile_up() {
    block_on(async {
        let (near, far) = connection().await;
        let (local, _peer) = UnixStream::pair().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let near = std::rc::Rc::new(near);
        let reader = near.clone();
        let reader = polliwog_mio::spawn(async move {
            let mut buf = [0; 4];
            reader.read_exact(&mut buf).await.map(|()| buf)
        });
        polliwog_core::yield_now().await;
        let mut count = Count::default();
        for turn in 0..100_000 {
            count.give_up(near.read(&mut [0; 4]));
            match turn % 3 {
                0 => count.give_up(poll_fn(|cx| local.poll_read(cx, &mut [0; 4]))),
                1 => count.give_up(poll_fn(|cx| socket.poll_recv(cx, &mut [0; 4]))),
                _ => count.give_up(poll_fn(|cx| socket.poll_recv_ready(cx))),
            }
            if turn % 1000 == 0 {
                let left = count.left();
                assert!(left <= 3 * 80, "{left} are left after {turn}");
                count.0.retain(|own| Arc::strong_count(own) > 1);
                polliwog_core::yield_now().await;
            }
        }
        far.write_all(b"quak").await.unwrap();
        assert_eq!(&reader.unwrap().await.unwrap().unwrap(), b"quak");
    });
}

#[test]
fn waits_for_processes_and_signals() {
    block_on(async {
        let mut child = Command::new("sleep")
            .arg("60")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        give_up!(output.read(&mut [0; 4]));
        give_up!(child.wait());
        let mut signals = signal(SignalKind::user_defined2()).unwrap();
        let mut others = signal(SignalKind::user_defined2()).unwrap();
        give_up!(signals.recv());
        give_up!(others.recv());
    });
}

#[test]
fn reads_of_the_standard_input() {
    // The test's own may be at its end: another process has one that is not.
    let me = std::env::current_exe().unwrap();
    let mut child = std::process::Command::new(me)
        .args(["--exact", "in_a_process_with_input", "--ignored"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Kept open until it has ended.
    let input = child.stdin.take();
    assert!(child.wait().unwrap().success());
    drop(input);
}

#[test]
#[ignore = "run by `reads_of_the_standard_input`, with an input that stays open"]
fn in_a_process_with_input() {
    block_on(async {
        let mut input = io::stdin();
        give_up!(input.read(&mut [0; 4]));
        let mut count = Count::default();
        for _ in 0..20 {
            count.give_up(io::stdin().read(&mut [0; 4]));
        }
        assert_eq!(count.left(), 0);
    });
}
