//! `mio::Poll::poll` with a timeout: the wait that every timer of a runtime is built on.
//!
//! First nothing arrives, and the call returns without events once the timeout has passed. Then a
//! thread sends a datagram long before a second, generous timeout, and the call returns early
//! with the event. A runtime passes the time until its next deadline: "no events" then means
//! "a timer is due".
//!
//! ```sh
//! cargo run --example poll-timeout
//! ```
//!
//! It prints two lines, in which only the numbers of milliseconds vary:
//!
//! ```text
//! timeout of 200 ms, nothing sent: no events after 200 ms
//! timeout of 60000 ms, sent after 50 ms: an event after 50 ms, `hello`
//! ```
//!
//! The first number of milliseconds measured is never below 200, the second lies between 50 and
//! 60000.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket as BlockingSocket};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

const SOCKET: Token = Token(7);
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);
const DELAY: Duration = Duration::from_millis(50);

// ANCHOR: wait
/// Polls until an event arrives or `timeout` after `start` has come, and returns how long it is
/// since `start`.
///
/// A signal ends `poll` with `Interrupted`, and a poll may return without events a little early:
/// both times the wait goes on with what is left of it. Starting over with the whole timeout
/// would let a program that gets signals wait for ever.
fn wait(
    poll: &mut Poll,
    events: &mut Events,
    start: Instant,
    timeout: Duration,
) -> io::Result<Duration> {
    loop {
        let left = timeout.saturating_sub(start.elapsed());
        match poll.poll(events, Some(left)) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        }
        let waited = start.elapsed();
        if !events.is_empty() || waited >= timeout {
            return Ok(waited);
        }
    }
}
// ANCHOR_END: wait

fn run() -> Result<(), Box<dyn Error>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let mut socket = UdpSocket::bind(([127, 0, 0, 1], 0).into())
        .map_err(|e| format!("cannot bind a socket on the loopback: {e}"))?;
    let address = socket.local_addr()?;
    poll.registry()
        .register(&mut socket, SOCKET, Interest::READABLE)?;

    let waited = wait(&mut poll, &mut events, Instant::now(), SHORT)?;
    if let Some(event) = events.iter().next() {
        return Err(format!("nobody sent anything, and yet: {event:?}").into());
    }
    println!(
        "timeout of {} ms, nothing sent: no events after {} ms",
        SHORT.as_millis(),
        waited.as_millis()
    );

    let start = Instant::now();
    let sender = thread::spawn(move || -> io::Result<()> {
        thread::sleep(DELAY);
        let from = BlockingSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        from.send_to(b"hello", address).map(drop)
    });
    let waited = wait(&mut poll, &mut events, start, LONG)?;
    sender.join().map_err(|_| "the sender panicked")??;
    if !events.iter().any(|event| event.token() == SOCKET) {
        return Err("the datagram did not arrive".into());
    }
    let mut buffer = [0; 64];
    let (length, _) = socket.recv_from(&mut buffer)?;
    println!(
        "timeout of {} ms, sent after {} ms: an event after {} ms, `{}`",
        LONG.as_millis(),
        DELAY.as_millis(),
        waited.as_millis(),
        String::from_utf8_lossy(&buffer[..length])
    );
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("poll-timeout: {e}");
            ExitCode::FAILURE
        }
    }
}
