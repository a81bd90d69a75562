//! Who uses which TCP socket.

use core::task::Waker;

use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{self, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::IpListenEndpoint;

use super::TcpSettings;
use super::ending::Ending;
use super::peer::Peer;
use super::waits::{FLUSH, READ, WRITE};
use crate::{Error, Limit};

/// Listeners of a stack.
pub(super) const LISTENERS: usize = 4;

/// A TCP socket's use.
pub(super) struct Row {
    pub(super) handle: Option<SocketHandle>,
    pub(super) owner: Owner,
    /// When a handshake that is under way is given up.
    pub(super) handshake: Option<Instant>,
    /// Why there is no connection, or none any more.
    pub(super) error: Option<Error>,
    /// Nobody wants to read what comes in.
    pub(super) deaf: bool,
    /// The peer had sent its last byte, and all had been read, when the socket last knew.
    pub(super) finished: bool,
    /// The peer had acknowledged everything when the socket last knew.
    pub(super) flushed: bool,
    /// Who is at the other end.
    pub(super) peer: Peer,
    /// Dropping the stream resets the connection.
    pub(super) resets: bool,
    /// How long a dropped stream waits, if not as long as the settings say.
    pub(super) linger: Option<Duration>,
    /// Of the tasks that polled last, for each queue of waiters.
    pub(super) wakers: [Option<Waker>; 3],
    /// Whom to wake: a bit for each queue of waiters.
    wakes: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody's.
    Free,
    /// It waits, on behalf of a listener, for a client, or has one.
    Listener {
        number: usize,
        /// Since when a client waits to be accepted; somebody has been woken for it.
        client: Option<Instant>,
    },
    /// A stream's, of which there are so many handles.
    Stream(usize),
    /// Its stream was dropped.
    Ending(Ending),
}

impl Row {
    pub(super) const fn new() -> Self {
        Self {
            handle: None,
            owner: Owner::Free,
            handshake: None,
            error: None,
            deaf: false,
            finished: false,
            flushed: true,
            peer: Peer::new(),
            resets: false,
            linger: None,
            wakers: [None, None, None],
            wakes: 0,
        }
    }

    /// Forgets what the last user wanted.
    fn clean(&mut self) {
        *self = Self {
            handle: self.handle,
            wakes: self.wakes,
            peer: core::mem::replace(&mut self.peer, Peer::new()),
            ..Self::new()
        };
    }

    /// Gives a socket without a connection to a new user.
    fn begin(&mut self, settings: &TcpSettings, ttl: u8, socket: &mut tcp::Socket<'_>) {
        forget(socket);
        self.peer = Peer::new();
        apply(settings, ttl, socket);
    }

    fn is_listening(&self, number: usize, sockets: &SocketSet<'_>) -> bool {
        matches!(self.owner, Owner::Listener { number: n, .. } if n == number)
            && self.handle.is_some_and(|handle| {
                sockets.get::<tcp::Socket<'_>>(handle).state() == State::Listen
            })
    }
}

/// All TCP sockets and listeners.
pub(super) struct Table {
    pub(super) rows: &'static mut [Row],
    listeners: [Option<Listener>; LISTENERS],
    /// For connections that are made from now on.
    pub(super) settings: TcpSettings,
}

struct Listener {
    endpoint: IpListenEndpoint,
    backlog: usize,
    ttl: Option<u8>,
    /// Of the task that polled last.
    waker: Option<Waker>,
    /// Clients for whom somebody is to be woken.
    clients: usize,
}

impl Table {
    pub(super) fn new(rows: &'static mut [Row]) -> Self {
        Self {
            rows,
            listeners: [const { None }; LISTENERS],
            settings: TcpSettings::new(),
        }
    }

    /// Takes a socket for a stream that is about to connect: a free one, or one of several with which
    /// a listener waits, or one whose connection has ended but for the last word.
    pub(super) fn claim(
        &mut self,
        sockets: &mut SocketSet<'_>,
        now: Instant,
    ) -> Result<usize, Error> {
        let free = |row: &Row| row.owner == Owner::Free;
        let found = self.rows.iter().position(free).or_else(|| {
            let spare = self.spare(sockets);
            spare.or_else(|| self.overdue(sockets, now))
        });
        let index = found.ok_or(Error::LimitReached(Limit::Connections))?;
        let row = &mut self.rows[index];
        row.clean();
        row.owner = Owner::Stream(1);
        if let Some(handle) = row.handle {
            row.begin(&self.settings, self.settings.ttl, sockets.get_mut(handle));
        }
        Ok(index)
    }

    /// A socket that waits for a client, of a listener that has another one.
    fn spare(&self, sockets: &SocketSet<'_>) -> Option<usize> {
        (0..LISTENERS).find_map(|number| {
            let waits = |&index: &usize| self.rows[index].is_listening(number, sockets);
            let mut waiting = (0..self.rows.len()).filter(waits);
            waiting.next()?;
            waiting.next()
        })
    }

    /// A socket that has been ending for longer than others should have to wait for it.
    fn overdue(&self, sockets: &SocketSet<'_>, now: Instant) -> Option<usize> {
        let since = |row: &Row| match (row.owner, row.handle) {
            (Owner::Ending(ending), Some(handle)) => {
                let linger = self.settings.linger.into();
                ending
                    .is_overdue(sockets.get(handle), linger, now)
                    .then_some(ending.since)
            }
            _ => None,
        };
        let rows = self.rows.iter().enumerate();
        let overdue = rows.filter_map(|(index, row)| Some((since(row)?, index)));
        overdue.min().map(|(_, index)| index)
    }

    /// A stream is done with its socket, whose connection may still have to end.
    pub(super) fn release(&mut self, index: usize, sockets: &mut SocketSet<'_>, now: Instant) {
        let row = &mut self.rows[index];
        match row.owner {
            Owner::Stream(handles) if handles > 1 => row.owner = Owner::Stream(handles - 1),
            _ => {
                let linger = row.linger.unwrap_or(self.settings.linger.into());
                if let Some(handle) = row.handle {
                    let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
                    if row.resets || (socket.recv_queue() > 0 && !row.deaf) {
                        socket.abort();
                    } else {
                        socket.close();
                    }
                    row.clean();
                    row.owner = Owner::Ending(Ending::new(socket, linger, now));
                }
            }
        }
    }

    pub(super) fn listens_at(&self, port: u16) -> bool {
        let mut listeners = self.listeners.iter().flatten();
        listeners.any(|listener| listener.endpoint.port == port)
    }

    /// Adds a listener; its number.
    pub(super) fn listen(
        &mut self,
        endpoint: IpListenEndpoint,
        backlog: usize,
        sockets: &mut SocketSet<'_>,
    ) -> Result<usize, Error> {
        if self.listens_at(endpoint.port) {
            return Err(Error::AddrInUse);
        }
        let free = self.listeners.iter().position(Option::is_none);
        let number = free.ok_or(Error::LimitReached(Limit::Listeners))?;
        self.listeners[number] = Some(Listener {
            endpoint,
            backlog,
            ttl: None,
            waker: None,
            clients: 0,
        });
        self.share(sockets);
        if backlog > 0 && self.waiting(number) == 0 {
            self.listeners[number] = None;
            return Err(Error::LimitReached(Limit::Connections));
        }
        Ok(number)
    }

    /// Takes a listener away, and the clients that it has not accepted.
    pub(super) fn close(&mut self, number: usize, sockets: &mut SocketSet<'_>, now: Instant) {
        self.listeners[number] = None;
        for row in self.rows.iter_mut() {
            let Some(handle) = row.handle else { continue };
            if row.is_listening(number, sockets) {
                sockets.get_mut::<tcp::Socket<'_>>(handle).close();
                row.owner = Owner::Free;
            } else if matches!(row.owner, Owner::Listener { number: n, .. } if n == number) {
                let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
                socket.abort();
                row.owner = Owner::Ending(Ending::new(socket, Duration::ZERO, now));
            }
        }
    }

    /// Takes the client that has been waiting for a listener longest.
    pub(super) fn accept(&mut self, number: usize, sockets: &SocketSet<'_>) -> Option<usize> {
        let since = |row: &Row| match row.owner {
            Owner::Listener {
                number: n,
                client: Some(since),
            } if n == number && row.has_client(sockets) => Some(since),
            _ => None,
        };
        let rows = self.rows.iter().enumerate();
        let waiting = rows.filter_map(|(index, row)| Some((since(row)?, index)));
        let (_, index) = waiting.min()?;
        self.rows[index].clean();
        self.rows[index].owner = Owner::Stream(1);
        Some(index)
    }

    /// Has a listener's task woken when a client has connected.
    pub(super) fn register(&mut self, number: usize, waker: &Waker) {
        if let Some(listener) = &mut self.listeners[number] {
            keep(&mut listener.waker, waker);
        }
    }

    /// Whom to wake for a listener's clients: a task that polls, and so many of those that wait.
    pub(super) fn take_clients(&mut self, number: usize) -> (Option<Waker>, usize) {
        match &mut self.listeners[number] {
            Some(listener) if listener.clients > 0 => (
                listener.waker.take(),
                core::mem::take(&mut listener.clients),
            ),
            _ => (None, 0),
        }
    }

    /// Whom to wake for a socket: tasks that poll, and queues.
    pub(super) fn take_wakes(&mut self, index: usize) -> ([Option<Waker>; 3], u8) {
        let row = &mut self.rows[index];
        let wakes = core::mem::take(&mut row.wakes);
        let mut take = |queue: usize| row.wakers[queue].take_if(|_| wakes & 1 << queue != 0);
        ([take(READ), take(WRITE), take(FLUSH)], wakes)
    }

    /// Sets what connections start with, those for which sockets are waiting included.
    pub(super) fn set_settings(&mut self, settings: TcpSettings, sockets: &mut SocketSet<'_>) {
        self.settings = settings;
        for row in self.rows.iter() {
            if let (Owner::Listener { number, .. }, Some(handle)) = (row.owner, row.handle) {
                apply(&settings, self.ttl(number), sockets.get_mut(handle));
            }
        }
    }

    pub(super) fn ttl(&self, number: usize) -> u8 {
        let listener = self.listeners[number].as_ref();
        let own = listener.and_then(|listener| listener.ttl);
        own.unwrap_or(self.settings.ttl)
    }

    pub(super) fn set_ttl(&mut self, number: usize, ttl: u8, sockets: &mut SocketSet<'_>) {
        if let Some(listener) = &mut self.listeners[number] {
            listener.ttl = Some(ttl);
        }
        for row in self.rows.iter() {
            if row.is_listening(number, sockets) {
                if let Some(handle) = row.handle {
                    let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
                    socket.set_hop_limit(Some(ttl.max(1)));
                }
            }
        }
    }

    /// Frees sockets whose connection has ended, keeps the listeners' backlogs full and notes whom
    /// to wake. `true` if a socket has changed in a way that the stack has to look at.
    pub(super) fn maintain(&mut self, sockets: &mut SocketSet<'_>, now: Instant) -> bool {
        let mut changed = false;
        for row in self.rows.iter_mut() {
            let Some(handle) = row.handle else { continue };
            let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
            changed |= row.peer.look(socket);
            match &mut row.owner {
                Owner::Free => {}
                Owner::Stream(_) => changed |= row.look(socket, now),
                Owner::Ending(ending) => {
                    let (done, moved) = ending.go_on(socket, now);
                    changed |= moved;
                    if done {
                        row.owner = Owner::Free;
                        changed = true;
                    }
                }
                Owner::Listener { number, .. } => {
                    let number = *number;
                    let is_late = row.is_late(socket.state(), self.settings.handshake_timeout, now);
                    if let Some(listener) = &mut self.listeners[number] {
                        if is_late {
                            forget(socket);
                        }
                        // New, or a client that gave up before it was accepted.
                        if !socket.is_open() {
                            let _ = socket.listen(listener.endpoint);
                            changed = true;
                        }
                        listener.clients += usize::from(row.note_client(socket, now));
                    }
                }
            }
        }
        self.share(sockets) || changed
    }

    /// How many sockets a listener has, with and without a client that waits to be accepted.
    fn waiting(&self, number: usize) -> usize {
        let is_its =
            |row: &&Row| matches!(row.owner, Owner::Listener { number: n, .. } if n == number);
        self.rows.iter().filter(is_its).count()
    }

    /// Gives free sockets to the listeners, those with the fewest first, and of one that waits with
    /// several one to each that has none. `true` if any was given.
    fn share(&mut self, sockets: &mut SocketSet<'_>) -> bool {
        let mut changed = false;
        loop {
            let wants = |&number: &usize| {
                let listener = self.listeners[number].as_ref();
                listener.is_some_and(|listener| self.waiting(number) < listener.backlog)
            };
            let poorest = (0..LISTENERS)
                .filter(wants)
                .min_by_key(|&number| self.waiting(number));
            let Some(number) = poorest else {
                return changed;
            };
            let free = self.rows.iter().position(|row| row.owner == Owner::Free);
            let found = free.or_else(|| {
                let none = self.waiting(number) == 0;
                none.then(|| self.spare(sockets)).flatten()
            });
            let Some(index) = found else { return changed };
            let (Some(listener), Some(handle)) =
                (self.listeners[number].as_ref(), self.rows[index].handle)
            else {
                return changed;
            };
            self.rows[index].clean();
            self.rows[index].owner = Owner::Listener {
                number,
                client: None,
            };
            let socket = sockets.get_mut::<tcp::Socket<'_>>(handle);
            let ttl = listener.ttl.unwrap_or(self.settings.ttl);
            self.rows[index].begin(&self.settings, ttl, socket);
            let _ = socket.listen(listener.endpoint);
            changed = true;
        }
    }

    /// When a socket has to be looked at again, for a reason that the protocols know nothing of.
    pub(super) fn next_check(&self) -> Option<Instant> {
        let ends = |row: &Row| match row.owner {
            Owner::Ending(ending) => Some(ending.until),
            Owner::Listener { .. } | Owner::Stream(_) => row.handshake,
            Owner::Free => None,
        };
        self.rows.iter().filter_map(ends).min()
    }
}

impl Row {
    /// Whether a handshake has taken too long. Takes note of its beginning and of its end.
    fn is_late(&mut self, state: State, patience: core::time::Duration, now: Instant) -> bool {
        if state != State::SynReceived {
            self.handshake = None;
            return false;
        }
        let until = *self.handshake.get_or_insert(now + patience.into());
        if until <= now {
            self.handshake = None;
        }
        until <= now
    }

    /// Whether a client of a listener waits to be accepted.
    fn has_client(&self, sockets: &SocketSet<'_>) -> bool {
        self.handle.is_some_and(|handle| {
            let state = sockets.get::<tcp::Socket<'_>>(handle).state();
            matches!(state, State::Established | State::CloseWait)
        })
    }

    /// Takes note of a client that has come, or has gone; `true` if it has come.
    fn note_client(&mut self, socket: &tcp::Socket<'_>, now: Instant) -> bool {
        let Owner::Listener { client, .. } = &mut self.owner else {
            return false;
        };
        if !matches!(socket.state(), State::Established | State::CloseWait) {
            *client = None;
            return false;
        }
        let is_new = client.is_none();
        client.get_or_insert(now);
        is_new
    }

    /// Looks what has become of a stream's connection, and notes whom to wake.
    fn look(&mut self, socket: &mut tcp::Socket<'_>, now: Instant) -> bool {
        let mut changed = false;
        if let Some(until) = self.handshake {
            match socket.state() {
                State::SynSent | State::SynReceived if until <= now => {
                    self.fail(socket, Error::TimedOut);
                    changed = true;
                }
                State::SynSent | State::SynReceived => {}
                _ => self.handshake = None,
            }
        }
        if self.deaf && socket.recv_queue() > 0 {
            let _ = socket.recv(|data| (data.len(), ()));
            changed = true;
        }
        self.note(socket);
        if is_readable(socket) || self.deaf {
            self.wakes |= 1 << READ;
        }
        if is_writable(socket) {
            self.wakes |= 1 << WRITE;
        }
        if socket.send_queue() == 0 || socket.state() == State::Closed {
            self.wakes |= 1 << FLUSH;
        }
        changed
    }

    /// Ends a connection that never came about, without a word to the peer.
    pub(super) fn fail(&mut self, socket: &mut tcp::Socket<'_>, error: Error) {
        self.handshake = None;
        self.error.get_or_insert(error);
        forget(socket);
    }

    /// Takes note of what the socket will not know any more when the connection is gone.
    pub(super) fn note(&mut self, socket: &tcp::Socket<'_>) {
        match socket.state() {
            State::Closed => return,
            State::CloseWait | State::LastAck | State::Closing | State::TimeWait => {
                self.finished = socket.recv_queue() == 0;
            }
            _ => {}
        }
        self.flushed = socket.send_queue() == 0;
    }
}

/// Whether a read need not wait.
pub(super) fn is_readable(socket: &tcp::Socket<'_>) -> bool {
    socket.can_recv()
        || !matches!(
            socket.state(),
            State::SynSent
                | State::SynReceived
                | State::Established
                | State::FinWait1
                | State::FinWait2
        )
}

/// Whether a write need not wait.
pub(super) fn is_writable(socket: &tcp::Socket<'_>) -> bool {
    match socket.state() {
        State::SynSent | State::SynReceived => false,
        State::Established | State::CloseWait => socket.can_send(),
        _ => true,
    }
}

/// Has a socket forget its connection, of which the peer is not told.
pub(super) fn forget(socket: &mut tcp::Socket<'_>) {
    socket.abort();
    // Only the beginning of a new use clears everything.
    if socket.listen(1).is_ok() {
        socket.close();
    }
}

/// Gives a socket its settings.
fn apply(settings: &TcpSettings, ttl: u8, socket: &mut tcp::Socket<'_>) {
    socket.set_keep_alive(settings.keep_alive.map(Into::into));
    socket.set_timeout(settings.timeout.map(Into::into));
    socket.set_nagle_enabled(!settings.nodelay);
    socket.set_hop_limit(Some(ttl.max(1)));
}

/// Keeps a waker in the place of an earlier one, unless that wakes the same task.
pub(super) fn keep(place: &mut Option<Waker>, waker: &Waker) {
    if !place.as_ref().is_some_and(|old| old.will_wake(waker)) {
        *place = Some(waker.clone());
    }
}
