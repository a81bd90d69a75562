//! Ping-pong over TCP on bare `mio`, with the client and the server in one process and on one
//! thread.
//!
//! This is what a reactor does for you, done by hand: three sources (a listener and the two ends
//! of one connection) share one `Poll`. Registration is edge-triggered, so an event says only
//! that something changed: whoever gets it reads or writes until `WouldBlock`, or waits for ever
//! for an edge that has already passed. TCP is a stream of bytes, so messages are lines, and half
//! a line waits in a buffer for its other half.
//!
//! ```sh
//! cargo run --example tcp          # three rounds
//! cargo run --example tcp -- 10    # ten
//! ```
//!
//! It prints, for every round N from 1 on and in this order, `server: got ping N` and
//! `client: got pong N`; at the end `server: the client has closed the connection` and
//! `done: 3 rounds, 6 messages` (twice as many messages as rounds).

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(0);
const SERVER: Token = Token(1);
const CLIENT: Token = Token(2);

/// Nothing on the loopback takes this long: better to give up than to hang.
const PATIENCE: Duration = Duration::from_secs(5);

/// One end of a connection, with what has arrived and what is still to be sent.
struct Peer {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// The other side will send no more.
    at_end: bool,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        Peer {
            stream,
            inbox: Vec::new(),
            outbox: Vec::new(),
            at_end: false,
        }
    }

    // ANCHOR: drain
    /// Reads until there is nothing left to read: `WouldBlock`, or the end of the stream.
    fn drain(&mut self) -> io::Result<()> {
        let mut chunk = [0; 1024];
        while !self.at_end {
            match self.stream.read(&mut chunk) {
                Ok(0) => self.at_end = true,
                Ok(n) => self.inbox.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
    // ANCHOR_END: drain

    // ANCHOR: flush
    /// Writes until all is sent or the socket's buffer is full. What is left goes out at the next
    /// writable event.
    fn flush(&mut self) -> io::Result<()> {
        while !self.outbox.is_empty() {
            match self.stream.write(&self.outbox) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => drop(self.outbox.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
    // ANCHOR_END: flush

    fn send(&mut self, message: &str) -> io::Result<()> {
        self.outbox.extend_from_slice(message.as_bytes());
        self.outbox.push(b'\n');
        self.flush()
    }

    /// The next complete line that has arrived, without its end.
    fn next_line(&mut self) -> Option<String> {
        let end = self.inbox.iter().position(|&byte| byte == b'\n')?;
        let line = self.inbox.drain(..=end).collect::<Vec<u8>>();
        Some(String::from_utf8_lossy(&line[..end]).into_owned())
    }
}

/// Accepts until `WouldBlock` and returns the first connection; more than one is nobody we know.
fn accept_all(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    let mut first = None;
    loop {
        match listener.accept() {
            Ok((stream, _)) if first.is_none() => first = Some(stream),
            Ok((_, address)) => println!("server: turned {address} away"),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(first),
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        }
    }
}

fn play(rounds: u64) -> Result<(), Box<dyn Error>> {
    // ANCHOR: register
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(16);

    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into())
        .map_err(|e| format!("cannot listen on the loopback: {e}"))?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    // ANCHOR_END: register

    // `connect` only begins: the first writable event tells how it went.
    let mut client = Some(Peer::new(TcpStream::connect(listener.local_addr()?)?));
    if let Some(peer) = &mut client {
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut peer.stream, CLIENT, both)?;
    }
    let mut connected = false;
    let mut server: Option<Peer> = None;
    let mut messages = 0_u64;

    // ANCHOR: loop
    loop {
        if let Err(e) = poll.poll(&mut events, Some(PATIENCE)) {
            if e.kind() == ErrorKind::Interrupted {
                continue;
            }
            return Err(e.into());
        }
        if events.is_empty() {
            return Err(format!("nothing happened for {PATIENCE:?}").into());
        }

        for event in &events {
            // ANCHOR_END: loop
            match event.token() {
                LISTENER => {
                    if let Some(stream) = accept_all(&listener)? {
                        let peer = server.insert(Peer::new(stream));
                        let both = Interest::READABLE | Interest::WRITABLE;
                        poll.registry().register(&mut peer.stream, SERVER, both)?;
                    }
                }
                // ANCHOR: server
                SERVER => {
                    let Some(peer) = &mut server else { continue };
                    peer.drain()?;
                    while let Some(line) = peer.next_line() {
                        println!("server: got {line}");
                        messages += 1;
                        peer.send(&line.replace("ping", "pong"))?;
                    }
                    peer.flush()?;
                    if peer.at_end {
                        println!("server: the client has closed the connection");
                        println!("done: {rounds} rounds, {messages} messages");
                        return Ok(());
                    }
                }
                // ANCHOR_END: server
                CLIENT => {
                    let Some(peer) = &mut client else { continue };
                    if !connected {
                        if let Some(e) = peer.stream.take_error()? {
                            return Err(format!("cannot connect: {e}").into());
                        }
                        // An event may come too early: only a peer's address proves a connection.
                        if peer.stream.peer_addr().is_err() {
                            continue;
                        }
                        connected = true;
                        peer.send("ping 1")?;
                    }
                    peer.drain()?;
                    let mut finished = false;
                    while let Some(line) = peer.next_line() {
                        println!("client: got {line}");
                        messages += 1;
                        let round = line.strip_prefix("pong ").unwrap_or_default();
                        let round: u64 = round
                            .parse()
                            .map_err(|_| format!("`{line}` is not a pong"))?;
                        if round < rounds {
                            peer.send(&format!("ping {}", round + 1))?;
                        } else {
                            finished = true;
                        }
                    }
                    peer.flush()?;
                    if peer.at_end && !finished {
                        return Err("the server hung up in the middle of the game".into());
                    }
                    if finished {
                        client = None; // closes the socket
                    }
                }
                Token(other) => return Err(format!("an event for unknown token {other}").into()),
            }
        }
    }
}

fn main() -> ExitCode {
    let rounds = match std::env::args().nth(1).map(|text| text.parse::<u64>()) {
        None => 3,
        Some(Ok(n)) if n > 0 => n,
        Some(_) => {
            eprintln!("usage: tcp [ROUNDS], ROUNDS at least 1");
            return ExitCode::from(2);
        }
    };
    match play(rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("tcp: {e}");
            ExitCode::FAILURE
        }
    }
}
