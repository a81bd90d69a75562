//! Events that are out of date by the time a program gets to them, and how to survive them.
//!
//! `poll` returns a *batch* of events. Each says that a source was ready when the batch was made;
//! what the program does about the first event can make the rest untrue. So an event is a hint,
//! never a promise. Three scenes, all with two sources in one batch:
//!
//! 1. Two handles of one socket, and one datagram. Both handles are readable; whoever reads first
//!    leaves nothing to the other, which gets `WouldBlock`. Treat `WouldBlock` as "not ready
//!    after all" and wait again; a program that gives up here, or blocks, is broken.
//! 2. The first event makes the program close the second source. Its event is still in the batch,
//!    with a token that means nothing any more. Look tokens up, and ignore the unknown.
//! 3. As before, and the program opens a new source in the slot that has become free. If a token
//!    is only the number of a slot, the old event goes to the new source (harmless only because
//!    of rule 1). If the token carries a generation as well, the event is seen to be stale.
//!
//! ```sh
//! cargo run --example spurious-events
//! ```
//!
//! It prints a headline and the events of each scene, then `tolerated: 3 events, failures: 0`.
//! Which of two sources comes first is up to the operating system.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket as BlockingSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

/// How many bits of a token hold the slot's number; the generation lies above.
const SLOT_BITS: u32 = 8;

/// The sources by slot. A slot's generation goes up whenever its source leaves.
#[derive(Default)]
struct Sources {
    slots: Vec<(usize, Option<UdpSocket>)>,
}

impl Sources {
    // ANCHOR: open
    /// Puts a socket into the first free slot, and registers it there.
    fn open(&mut self, poll: &Poll, mut socket: UdpSocket) -> io::Result<Token> {
        let free = self.slots.iter().position(|(_, source)| source.is_none());
        let slot = free.unwrap_or_else(|| {
            self.slots.push((0, None));
            self.slots.len() - 1
        });
        let (generation, source) = &mut self.slots[slot];
        let token = Token((*generation << SLOT_BITS) | slot);
        poll.registry()
            .register(&mut socket, token, Interest::READABLE)?;
        *source = Some(socket);
        Ok(token)
    }
    // ANCHOR_END: open

    /// The slot of a token, whatever its generation.
    fn slot(token: Token) -> usize {
        token.0 & ((1 << SLOT_BITS) - 1)
    }

    /// The source that lies in the token's slot now: perhaps not the one the token was made for.
    fn by_slot(&self, token: Token) -> Option<&UdpSocket> {
        self.slots.get(Self::slot(token))?.1.as_ref()
    }

    // ANCHOR: get
    /// The source that the token was made for, if it is still open.
    fn get(&self, token: Token) -> Option<&UdpSocket> {
        let (generation, source) = self.slots.get(Self::slot(token))?;
        (*generation == token.0 >> SLOT_BITS)
            .then_some(source.as_ref())
            .flatten()
    }
    // ANCHOR_END: get

    /// Deregisters and closes a source.
    fn close(&mut self, poll: &Poll, token: Token) -> io::Result<()> {
        if self.get(token).is_some() {
            let (generation, source) = &mut self.slots[Self::slot(token)];
            *generation += 1;
            if let Some(mut socket) = source.take() {
                poll.registry().deregister(&mut socket)?;
            }
        }
        Ok(())
    }
}

/// What has been counted over all scenes.
#[derive(Default)]
struct Tally {
    tolerated: u32,
    failures: u32,
}

impl Tally {
    /// Reads a source until `WouldBlock`, as an edge-triggered event demands.
    fn drain(&mut self, name: &str, socket: &UdpSocket) {
        let mut buffer = [0; 64];
        let mut datagrams = 0;
        loop {
            match socket.recv_from(&mut buffer) {
                Ok(_) => datagrams += 1,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => {
                    println!("  {name}: failed: {e}");
                    self.failures += 1;
                    return;
                }
            }
        }
        if datagrams == 0 {
            self.tolerate(name, "reported readable, but WouldBlock: spurious");
        } else {
            println!("  {name}: reported readable, datagrams read: {datagrams}");
        }
    }

    fn tolerate(&mut self, name: &str, what: &str) {
        println!("  {name}: {what}");
        self.tolerated += 1;
    }
}

fn bind() -> io::Result<BlockingSocket> {
    let socket = BlockingSocket::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Polls until one batch holds events of both sources, and returns their tokens in order.
fn batch(poll: &mut Poll) -> Result<[Token; 2], Box<dyn Error>> {
    // Give both datagrams time to arrive, so that one poll finds both.
    std::thread::sleep(Duration::from_millis(10));
    let mut events = Events::with_capacity(8);
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline {
        match poll.poll(&mut events, Some(Duration::from_millis(100))) {
            Err(e) if e.kind() != ErrorKind::Interrupted => return Err(e.into()),
            _ => {}
        }
        let mut tokens: Vec<Token> = events.iter().map(|event| event.token()).collect();
        tokens.dedup();
        match tokens[..] {
            [first, second] => return Ok([first, second]),
            [] => {}
            _ => return Err(format!("expected two events in one batch, got {events:?}").into()),
        }
    }
    Err("no events".into())
}

/// Opens two sockets and sends a datagram to each.
fn two_readable(poll: &Poll, sources: &mut Sources) -> io::Result<()> {
    for _ in 0..2 {
        let socket = bind()?;
        bind()?.send_to(b"croak", socket.local_addr()?)?;
        sources.open(poll, UdpSocket::from_std(socket))?;
    }
    Ok(())
}

fn drained_by_a_sibling(tally: &mut Tally) -> Result<(), Box<dyn Error>> {
    println!("scene 1: two handles of one socket, one datagram");
    let mut poll = Poll::new()?;
    let mut sources = Sources::default();
    let socket = bind()?;
    let twin = socket.try_clone()?;
    bind()?.send_to(b"croak", socket.local_addr()?)?;
    sources.open(&poll, UdpSocket::from_std(socket))?;
    sources.open(&poll, UdpSocket::from_std(twin))?;
    for token in batch(&mut poll)? {
        if let Some(socket) = sources.get(token) {
            tally.drain(&format!("handle {}", Sources::slot(token)), socket);
        }
    }
    Ok(())
}

fn closed_by_a_sibling(tally: &mut Tally) -> Result<(), Box<dyn Error>> {
    println!("scene 2: the first event makes the program close the second source");
    let mut poll = Poll::new()?;
    let mut sources = Sources::default();
    two_readable(&poll, &mut sources)?;
    let [first, second] = batch(&mut poll)?;
    for token in [first, second] {
        let name = format!("source {}", Sources::slot(token));
        match sources.get(token) {
            Some(socket) => tally.drain(&name, socket),
            None => tally.tolerate(&name, "its token is unknown: stale, ignored"),
        }
        sources.close(&poll, second)?;
    }
    Ok(())
}

fn slot_used_again(tally: &mut Tally) -> Result<(), Box<dyn Error>> {
    println!("scene 3: the same, and a new source is opened in the slot of the closed one");
    let mut poll = Poll::new()?;
    let mut sources = Sources::default();
    two_readable(&poll, &mut sources)?;
    let [first, second] = batch(&mut poll)?;

    if let Some(socket) = sources.get(first) {
        tally.drain(&format!("source {}", Sources::slot(first)), socket);
    }
    sources.close(&poll, second)?;
    let new = sources.open(&poll, UdpSocket::from_std(bind()?))?;

    let slot = Sources::slot(second);
    match sources.by_slot(second) {
        Some(_) if Sources::slot(new) == slot => {
            println!("  source {slot}: by slot alone, the event would go to the new source");
        }
        _ => tally.failures += 1,
    }
    match sources.get(second) {
        None => tally.tolerate(
            &format!("source {slot}"),
            "its token is of an older generation: stale, ignored",
        ),
        Some(_) => tally.failures += 1,
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut tally = Tally::default();
    for scene in [drained_by_a_sibling, closed_by_a_sibling, slot_used_again] {
        if let Err(e) = scene(&mut tally) {
            eprintln!("spurious-events: {e}");
            return ExitCode::FAILURE;
        }
    }
    let Tally {
        tolerated,
        failures,
    } = tally;
    println!("tolerated: {tolerated} events, failures: {failures}");
    ExitCode::from(u8::from(failures > 0))
}
