//! TCP between simulated hosts: the ends of connections, and what segments do to them.
//!
//! Each end has what has arrived and was not read, and counts what it has sent and the other side has not
//! read. A segment carries bytes and its place in the order, so what comes out of order waits at the receiver.
//! A segment that cannot arrive is sent again, later each time; so a partition is a silence, after which the
//! connection goes on or, when it has lasted too long, fails.

mod closing;
mod handshake;
pub(crate) mod persist;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::net::SocketAddr;

use polliwog_core::sources::{Readiness, Waiters, Wakeups};

use super::addr::shown;
use super::keepalive;
use super::options::Options;
use super::packet::{Room, Segment};
use super::slab::Key;
use super::world::{HostId, State};
use crate::Error;

use persist::Persist;

pub(crate) use closing::{close, fail, finish, release, reset, stop_reading};
pub(crate) use handshake::{FIRST_EPHEMERAL, connect, fail_connect, next_port};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Open,
    /// With the error, until an operation or `take_error` has told of it: that is once, as on Linux.
    Failed(Option<Error>),
}

/// An end of a connection.
pub(crate) struct End {
    host: HostId,
    /// Whether it shows addresses as IPv6 does.
    is_v6: bool,
    local: SocketAddr,
    remote: SocketAddr,
    remote_host: HostId,
    /// The other end, as soon as it is known.
    peer: Option<Key>,
    phase: Phase,
    /// How many owners it has.
    handles: u32,
    arrived: VecDeque<u8>,
    /// Which segment is the next one.
    expected: u64,
    /// Segments that have come too early; none is the stream's end.
    early: BTreeMap<u64, Option<Vec<u8>>>,
    ended: bool,
    /// Nobody wants to read any more.
    deaf: bool,
    /// Bytes read, and those that the other side was told of.
    read: u64,
    told: u64,
    /// How often it was told of its room, and the last word of the other side's that was heard.
    tellings: u64,
    heard_of: u64,
    /// Segments sent.
    sent: u64,
    /// Bytes written, and those that the other side is known to have read.
    written: u64,
    taken: u64,
    /// Bytes sent that have not arrived.
    flying: usize,
    finished: bool,
    pub(crate) options: Options,
    /// How many bytes the other side holds that were not read, as far as is known.
    window: usize,
    /// Segments sent that have not arrived.
    pub(crate) unacknowledged: u32,
    /// When something came last.
    pub(crate) heard: u64,
    /// How often the other side was asked in vain whether it is there.
    pub(crate) probes: u32,
    /// Counts the plans to ask it, of which only the last is one.
    pub(crate) plan: u32,
    persist: Persist,
    waiters: Waiters,
}

impl End {
    pub(crate) fn local(&self) -> SocketAddr {
        shown(self.local, self.is_v6)
    }

    pub(crate) fn remote(&self) -> SocketAddr {
        shown(self.remote, self.is_v6)
    }

    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether the other side has sent its last byte.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// How many bytes a write may have.
    fn room(&self) -> usize {
        let unread = (self.written - self.taken) as usize;
        let buffer = (self.options.sends as usize).saturating_sub(self.flying);
        self.window.saturating_sub(unread).min(buffer)
    }

    /// Tells how many bytes were read, and how many may be there before they are: the last word on that from now on.
    fn tell(&mut self) -> Room {
        self.tellings += 1;
        Room {
            number: self.tellings,
            read: self.read,
            window: self.options.receives as usize,
        }
    }

    pub(crate) fn share(&mut self) {
        self.handles += 1;
    }

    fn here(&self) -> (HostId, SocketAddr) {
        (self.host, self.local)
    }

    fn there(&self) -> (HostId, SocketAddr) {
        (self.remote_host, self.remote)
    }

    /// Where it leads, as long as it does or is to.
    pub(crate) fn leads_to(&self) -> Option<(HostId, SocketAddr)> {
        let leads = self.phase == Phase::Connecting || self.is_in_use();
        leads.then(|| self.there())
    }

    fn wake_all(&self) -> Wakeups {
        self.waiters.take(Readiness::READABLE | Readiness::WRITABLE)
    }

    fn next_segment(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    /// Whether there is a connection, and one side at least still says something.
    pub(crate) fn is_in_use(&self) -> bool {
        self.phase == Phase::Open && !(self.ended && self.finished)
    }

    /// Whether a read has an answer.
    pub(crate) fn readable(&self) -> Result<(), Error> {
        match self.phase {
            _ if !self.arrived.is_empty() || self.ended => Ok(()),
            Phase::Failed(Some(error)) => Err(error),
            Phase::Failed(None) => Ok(()),
            _ if self.deaf => Ok(()),
            _ => Err(Error::WouldBlock),
        }
    }

    /// Whether a write has an answer.
    pub(crate) fn writable(&self) -> Result<(), Error> {
        match self.phase {
            Phase::Connecting => Err(Error::WouldBlock),
            Phase::Failed(Some(error)) => Err(error),
            Phase::Failed(None) => Err(Error::BrokenPipe),
            Phase::Open if self.finished => Err(Error::BrokenPipe),
            Phase::Open if self.room() > 0 => Ok(()),
            Phase::Open => Err(Error::WouldBlock),
        }
    }

    /// Whether the connect has come to its end.
    pub(crate) fn connected(&self) -> Result<(), Error> {
        match self.phase {
            Phase::Connecting => Err(Error::WouldBlock),
            Phase::Open => Ok(()),
            Phase::Failed(error) => Err(error.unwrap_or(Error::NotConnected)),
        }
    }

    /// Whether there was a connection that has failed.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.phase, Phase::Failed(_))
    }

    /// The error of a connection that has failed, if nobody was told of it.
    pub(crate) fn take_error(&mut self) -> Option<Error> {
        match &mut self.phase {
            Phase::Failed(error) => error.take(),
            _ => None,
        }
    }

    /// Copies what is there and stays there.
    pub(crate) fn peek(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        if let Err(error) = self.readable() {
            self.take_error();
            return Err(error);
        }
        let (one, two) = self.arrived.as_slices();
        let first = one.len().min(buf.len());
        buf[..first].copy_from_slice(&one[..first]);
        let second = two.len().min(buf.len() - first);
        buf[first..first + second].copy_from_slice(&two[..second]);
        Ok(first + second)
    }
}

fn end(state: &mut State, key: Key) -> Result<&mut End, Error> {
    state.ends.get_mut(key).ok_or(Error::NotConnected)
}

fn new_end(
    state: &mut State,
    (host, local): (HostId, SocketAddr),
    (remote_host, remote): (HostId, SocketAddr),
    is_v6: bool,
    options: Options,
) -> Key {
    let (window, heard) = (state.settings.window, state.now);
    let key = state.ends.insert(End {
        host,
        is_v6,
        local,
        remote,
        remote_host,
        peer: None,
        phase: Phase::Connecting,
        handles: 1,
        arrived: VecDeque::new(),
        expected: 1,
        early: BTreeMap::new(),
        ended: false,
        deaf: false,
        read: 0,
        told: 0,
        tellings: 0,
        heard_of: 0,
        sent: 0,
        written: 0,
        taken: 0,
        flying: 0,
        finished: false,
        options,
        window,
        unacknowledged: 0,
        heard,
        probes: 0,
        plan: 0,
        persist: Persist::default(),
        waiters: Waiters::new(),
    });
    let host = &mut state.hosts[host as usize];
    host.ports.insert((local.port(), remote));
    host.ends.insert(key);
    key
}

/// Reads what is there.
pub(crate) fn read(state: &mut State, key: Key, buf: &mut [u8]) -> Result<usize, Error> {
    let end = end(state, key)?;
    let count = end.peek(buf)?;
    end.arrived.drain(..count);
    if end.arrived.is_empty() && end.arrived.capacity() > 4096 {
        // Many connections are idle most of the time.
        end.arrived = VecDeque::new();
    }
    end.read += count as u64;
    if end.read - end.told >= u64::from(end.options.receives) / 4 {
        tell_window(state, key);
    }
    Ok(count)
}

/// Tells the other side that there is room again, if there is.
fn tell_window(state: &mut State, key: Key) {
    if end(state, key).is_ok_and(|end| end.read > end.told) {
        tell_room(state, key);
    }
}

/// Tells the other side how much was read, and what there is room for.
fn tell_room(state: &mut State, key: Key) {
    let Ok(end) = end(state, key) else { return };
    end.told = end.read;
    let room = end.tell();
    let (here, there) = (end.here(), end.there());
    if let Some(to) = end.peer {
        state.send_segment(here, there, Segment::Window { to, room });
    }
}

/// Works on the options of a connection, and lets what was set come true.
pub(crate) fn with_options<T>(
    state: &mut State,
    key: Key,
    f: impl FnOnce(&mut Options) -> T,
) -> Result<(T, Wakeups), Error> {
    let end = end(state, key)?;
    let before = end.options;
    let done = f(&mut end.options);
    let after = end.options;
    let woken = match after.sends > before.sends {
        true => end.waiters.take(Readiness::WRITABLE),
        false => Wakeups::default(),
    };
    if after.receives != before.receives {
        tell_room(state, key);
    }
    if after.keepalive != before.keepalive {
        keepalive::start(state, key);
    }
    Ok((done, woken))
}

/// Asks the other side whether it is there.
pub(crate) fn probe(state: &mut State, key: Key) {
    let Ok(end) = end(state, key) else { return };
    let (here, there) = (end.here(), end.there());
    if let Some(to) = end.peer {
        state.send_segment(here, there, Segment::Probe { to, from: key });
    }
}

/// Whether a write has an answer, for somebody who will wait for one.
pub(crate) fn writable(state: &mut State, key: Key) -> Result<(), Error> {
    let writable = end(state, key)?.writable();
    if writable == Err(Error::WouldBlock) {
        persist::wait(state, key);
    }
    writable
}

/// Writes as much as there is room for.
pub(crate) fn write(state: &mut State, key: Key, data: &[u8]) -> Result<usize, Error> {
    let writable = writable(state, key);
    let end = end(state, key)?;
    if let Err(error) = writable {
        end.take_error();
        return Err(error);
    }
    let count = data.len().min(end.room());
    if count == 0 {
        return Ok(0);
    }
    end.written += count as u64;
    end.flying += count;
    let order = end.next_segment();
    let (here, there) = (end.here(), end.there());
    if let Some(to) = end.peer {
        end.unacknowledged += 1;
        let bytes = data[..count].to_vec();
        state.send_segment(
            here,
            there,
            Segment::Data {
                to,
                from: key,
                order,
                bytes,
            },
        );
    }
    Ok(count)
}

/// The other side has a segment.
pub(crate) fn acknowledge(state: &mut State, segment: &Segment) -> Wakeups {
    let Some(Ok(end)) = segment.acknowledges().map(|from| end(state, from)) else {
        return Wakeups::default();
    };
    end.unacknowledged = end.unacknowledged.saturating_sub(1);
    let had_room = end.room() > 0;
    if let Segment::Data { bytes, .. } = segment {
        end.flying = end.flying.saturating_sub(bytes.len());
    }
    match had_room {
        false if end.room() > 0 => end.waiters.take(Readiness::WRITABLE),
        _ => Wakeups::default(),
    }
}

/// A segment is there.
pub(crate) fn arrive(
    state: &mut State,
    here: (HostId, SocketAddr),
    there: (HostId, SocketAddr),
    segment: Segment,
) -> Wakeups {
    let now = state.now;
    if let Some(Ok(end)) = segment.receiver().map(|to| end(state, to)) {
        end.heard = now;
        end.probes = 0;
    }
    match segment {
        Segment::Syn { from, window } => handshake::asked(state, (here, there), from, window),
        Segment::SynAck { to, from, window } => {
            handshake::accepted(state, (here, there), (to, from), window)
        }
        Segment::Refused(to) => fail_connect(state, to, Error::ConnectionRefused),
        Segment::Reset(to) => fail(state, to, Error::ConnectionReset),
        Segment::Window { to, room } | Segment::Alive { to, room } => told(state, to, room),
        Segment::Data {
            to,
            from,
            order,
            bytes,
        } => take(state, (here, there), (to, from), order, Some(bytes)),
        Segment::Fin { to, from, order } => take(state, (here, there), (to, from), order, None),
        Segment::Probe { to, from } => {
            let answer = match end(state, to) {
                Ok(end) if end.is_open() => Segment::Alive {
                    to: from,
                    room: end.tell(),
                },
                // It waits for the acceptance, which this has overtaken.
                Ok(end) if end.phase == Phase::Connecting => return Wakeups::default(),
                _ => Segment::Reset(from),
            };
            state.send_segment(here, there, answer);
            Wakeups::default()
        }
    }
}

/// The other side has said how much it has read, and what it has room for. What it has said before may come later.
fn told(state: &mut State, key: Key, room: Room) -> Wakeups {
    let Ok(end) = end(state, key) else {
        return Wakeups::default();
    };
    if room.number <= end.heard_of {
        return Wakeups::default();
    }
    (end.heard_of, end.taken, end.window) = (room.number, room.read, room.window);
    if end.room() == 0 {
        return Wakeups::default();
    }
    let woken = end.waiters.take(Readiness::WRITABLE);
    persist::end(state, key);
    woken
}

/// Takes what a segment brings: bytes, or the end.
fn take(
    state: &mut State,
    (here, there): ((HostId, SocketAddr), (HostId, SocketAddr)),
    (to, from): (Key, Key),
    order: u64,
    bytes: Option<Vec<u8>>,
) -> Wakeups {
    let Ok(end) = end(state, to) else {
        // Nobody is there any more who could read it.
        if bytes.is_some() {
            state.send_segment(here, there, Segment::Reset(from));
        }
        return Wakeups::default();
    };
    if end.deaf && end.finished && bytes.is_some() {
        // Neither does anybody read, nor is anything said any more.
        state.send_segment(here, there, Segment::Reset(from));
        return fail(state, to, Error::ConnectionReset);
    }
    let mut next = match order == end.expected {
        // Most come in their order, and need no table.
        true => Some(bytes),
        false => {
            end.early.insert(order, bytes);
            None
        }
    };
    let woken = match next {
        Some(_) => end.waiters.take(Readiness::READABLE),
        None => Wakeups::default(),
    };
    while let Some(bytes) = next {
        end.expected += 1;
        match bytes {
            None => end.ended = true,
            Some(bytes) if end.deaf => end.read += bytes.len() as u64,
            Some(bytes) if end.arrived.is_empty() => end.arrived = bytes.into(),
            Some(bytes) => end.arrived.extend(bytes),
        }
        next = end.early.remove(&end.expected);
    }
    if end.deaf {
        tell_window(state, to);
    }
    woken
}
