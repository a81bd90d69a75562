//! Tasks that never wait, because what they ask for is there at once each time: the others have their turn.

use std::cell::Cell;
use std::rc::Rc;

use polliwog_core::{spawn, yield_now};
use polliwog_mio::fs::File;
use polliwog_mio::net::{TcpListener, TcpStream, UdpSocket, lookup_host};
use polliwog_mio::{Runtime, UserEvent, io};

/// How often each of them asks.
const TIMES: usize = 1000;

/// How often another task runs while one goes on with what is always ready, since that has set the count to
/// zero.
fn turns_beside<F: Future<Output = ()> + 'static>(
    greedy: impl FnOnce(Rc<Cell<usize>>) -> F,
) -> usize {
    let turns = Rc::new(Cell::new(0));
    let seen = turns.clone();
    let greedy = greedy(turns.clone());
    Runtime::new().unwrap().block_on(async move {
        drop(spawn(async move {
            loop {
                yield_now().await;
                turns.set(turns.get() + 1);
            }
        }));
        spawn(greedy).unwrap().await.unwrap();
    });
    seen.get()
}

/// Asks so often, and fails if that has taken all turns.
macro_rules! ask {
    ([$($setup:tt)*] $ask:expr) => {{
        let turns = turns_beside(|turns| async move {
            $($setup)*
            turns.set(0);
            for _ in 0..TIMES {
                let _ = $ask.await;
            }
        });
        assert!(turns > 4, "{}: {turns} turns of others", stringify!($ask));
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
fn what_moves_nothing_leaves_the_others_their_turn() {
    ask!([let (stream, _peer) = connection().await;] stream.read(&mut []));
    ask!([let (stream, _peer) = connection().await;] stream.read_vectored(&mut []));
    ask!([let (stream, _peer) = connection().await;] stream.write(&[]));
    ask!([let (stream, _peer) = connection().await;] stream.write_vectored(&[]));
    ask!([let (stream, _peer) = connection().await;] stream.peek(&mut []));
    ask!([let mut input = io::stdin();] input.read(&mut []));
    ask!([let mut output = io::stdout();] output.write(&[]));
    ask!([let mut output = io::stderr();] output.flush());
}

#[test]
fn a_file_with_nothing_to_do_leaves_the_others_their_turn() {
    let file = || File::from_std(std::fs::File::open(std::env::current_exe().unwrap()).unwrap());
    let mut read = file();
    ask!([] read.read(&mut []));
    let mut flushed = file();
    ask!([] flushed.flush());
    let mut written = file();
    ask!([] written.write(&[]));
    let mut traits = file();
    ask!([use futures_io::AsyncWrite as _;]
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut traits).poll_flush(cx)));
    let positional = file();
    ask!([] positional.read_at(&mut [], 0));
}

#[test]
fn sockets_that_come_and_go_leave_the_others_their_turn() {
    ask!([] TcpListener::bind("127.0.0.1:0"));
    ask!([] UdpSocket::bind("127.0.0.1:0"));
    ask!([let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
          let addr = socket.local_addr().unwrap();] socket.connect(addr));
    ask!([] lookup_host("127.0.0.1:80"));
}

#[test]
fn an_event_that_is_triggered_again_and_again_leaves_the_others_their_turn() {
    ask!([let mut event = UserEvent::new();] {
        event.trigger();
        event.wait()
    });
}

#[cfg(unix)]
#[test]
fn the_end_of_a_process_is_told_again_and_again_and_leaves_the_others_their_turn() {
    use polliwog_mio::process::Command;
    ask!([
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().await.unwrap();
    ] child.wait());
}
