//! [`Net`]: the network as a host sees it, and the handles of what it has there.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::task::{Context, Poll, ready};

use polliwog_core::sources::{Direction, WaiterId, Waiters, Wakeups};
use polliwog_core::task::budget::poll_proceed;

use super::letter::Letter;
use super::listener::Sharing;
use super::options::Options;
use super::packet::Body;
use super::slab::Key;
use super::world::{HostId, State, World};
use super::{listener, tcp, udp};
use crate::Error;
use crate::io::flow::{Step, leave};

/// The network of a simulation, as one of its hosts sees it.
#[derive(Clone)]
pub(crate) struct Net {
    pub(crate) world: Rc<World>,
    pub(crate) host: HostId,
}

impl Net {
    /// Takes an address, at which nobody listens yet.
    pub(crate) fn bind(&self, addr: SocketAddr, shares: Sharing) -> Result<SimListener, Error> {
        let key = self
            .world
            .with(|state| listener::bind(state, self.host, addr, shares))?;
        Ok(SimListener {
            world: self.world.clone(),
            key,
        })
    }

    pub(crate) fn listen(&self, addr: SocketAddr, backlog: u32) -> Result<SimListener, Error> {
        // As the listeners of the system's sockets do.
        let shares = Sharing {
            addr: true,
            port: false,
        };
        let listener = self.bind(addr, shares)?;
        listener.listen(backlog);
        Ok(listener)
    }

    /// What a socket's options are as long as nobody sets them.
    pub(crate) fn options(&self) -> Options {
        Options::new(&self.world.settings)
    }

    pub(crate) fn connect(
        &self,
        from: Option<SocketAddr>,
        to: SocketAddr,
        options: Options,
    ) -> Result<SimEnd, Error> {
        let key = self
            .world
            .with(|state| tcp::connect(state, self.host, from, to, options))?;
        Ok(SimEnd {
            world: self.world.clone(),
            key,
        })
    }

    pub(crate) fn bind_udp(&self, addr: SocketAddr) -> Result<SimSocket, Error> {
        let key = self.world.with(|state| udp::bind(state, self.host, addr))?;
        Ok(SimSocket {
            world: self.world.clone(),
            key,
        })
    }
}

impl State {
    /// Closes all that the process of a host has open. Returns whom to wake.
    pub(crate) fn close_all(&mut self, host: HostId) -> Vec<Wakeups> {
        let row = &self.hosts[host as usize];
        let listeners: Vec<Key> = row.listeners.values().flatten().copied().collect();
        let sockets: Vec<Key> = row.sockets.values().flatten().copied().collect();
        let mut woken = Vec::new();
        // These first: the connections that nobody has accepted go with them.
        woken.extend(
            listeners
                .into_iter()
                .map(|key| listener::unlisten(self, key)),
        );
        let ends = self.hosts[host as usize].ends.clone();
        woken.extend(ends.into_iter().map(|key| tcp::close(self, key)));
        woken.extend(sockets.into_iter().map(|key| udp::close(self, key)));
        woken
    }
}

/// Tries `attempt` within the task's budget; for as long as it says [`Error::WouldBlock`], leaves the task's
/// waker among `waiters`.
fn poll_with<T>(
    world: &World,
    (id, direction): (WaiterId, Direction),
    cx: &mut Context<'_>,
    mut attempt: impl FnMut(&mut State) -> Result<T, Error>,
    waiters: impl Fn(&State) -> Option<&Waiters>,
    bytes: impl FnOnce(&T) -> usize,
) -> Poll<Result<T, Error>> {
    let permit = ready!(poll_proceed(cx));
    let mut spare = None;
    loop {
        let step = world.with(|state| match attempt(state) {
            Err(Error::WouldBlock) => match waiters(state) {
                Some(waiters) => leave(waiters, (id, direction), cx, &mut spare),
                None => Step::Done(Err(Error::NotConnected)),
            },
            done => Step::Done(done),
        });
        if let Some(poll) = step.settle(cx, &mut spare) {
            if let Poll::Ready(result) = &poll {
                permit.charge(result.as_ref().map_or(0, bytes));
            }
            return poll;
        }
    }
}

/// An end of a connection between simulated hosts.
pub(crate) struct SimEnd {
    world: Rc<World>,
    key: Key,
}

impl SimEnd {
    fn poll<T>(
        &self,
        waiter: (WaiterId, Direction),
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut State, Key) -> Result<T, Error>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<Result<T, Error>> {
        let key = self.key;
        poll_with(
            &self.world,
            waiter,
            cx,
            |state| attempt(state, key),
            |state| state.ends.get(key).map(tcp::End::waiters),
            bytes,
        )
    }

    pub(crate) fn poll_read(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, Error>> {
        self.poll(
            (id, Direction::Read),
            cx,
            |state, key| tcp::read(state, key, buf),
            |n| *n,
        )
    }

    pub(crate) fn poll_peek(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, Error>> {
        self.poll(
            (id, Direction::Read),
            cx,
            |state, key| {
                let end = state.ends.get_mut(key).ok_or(Error::NotConnected)?;
                end.peek(buf)
            },
            |n| *n,
        )
    }

    pub(crate) fn poll_write(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<Result<usize, Error>> {
        self.poll(
            (id, Direction::Write),
            cx,
            |state, key| tcp::write(state, key, data),
            |n| *n,
        )
    }

    pub(crate) fn poll_readable(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let look = |state: &mut State, key| match end(state, key)?.readable() {
            Err(Error::WouldBlock) => Err(Error::WouldBlock),
            // What it is the read will say.
            _ => Ok(()),
        };
        self.poll((id, Direction::Read), cx, look, |()| 0)
    }

    pub(crate) fn poll_writable(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        let look = |state: &mut State, key| match tcp::writable(state, key) {
            Err(Error::WouldBlock) => Err(Error::WouldBlock),
            _ => Ok(()),
        };
        self.poll((id, Direction::Write), cx, look, |()| 0)
    }

    pub(crate) fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let waiter = (WaiterId::ANONYMOUS, Direction::Write);
        self.poll(
            waiter,
            cx,
            |state, key| end(state, key)?.connected(),
            |()| 0,
        )
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> Result<usize, Error> {
        self.world.with(|state| tcp::read(state, self.key, buf))
    }

    pub(crate) fn try_write(&self, data: &[u8]) -> Result<usize, Error> {
        self.world.with(|state| tcp::write(state, self.key, data))
    }

    /// Works on the options.
    pub(crate) fn with_options<T>(&self, f: impl FnOnce(&mut Options) -> T) -> Result<T, Error> {
        let (done, woken) = self
            .world
            .with(|state| tcp::with_options(state, self.key, f))?;
        woken.wake();
        Ok(done)
    }

    /// Whether a read or a write has an answer, be it an error.
    pub(crate) fn is_ready(&self, direction: Direction) -> bool {
        self.world.with(|state| {
            let ready = match (end(state, self.key), direction) {
                (Err(error), _) => Err(error),
                (Ok(end), Direction::Read) => end.readable(),
                (Ok(end), Direction::Write) => end.writable(),
            };
            ready != Err(Error::WouldBlock)
        })
    }

    pub(crate) fn stop_reading(&self) {
        self.world
            .with(|state| tcp::stop_reading(state, self.key))
            .wake();
    }

    pub(crate) fn finish(&self) {
        self.world.with(|state| tcp::finish(state, self.key)).wake();
    }

    pub(crate) fn share(&self) -> Self {
        self.world.with(|state| {
            if let Some(end) = state.ends.get_mut(self.key) {
                end.share();
            }
        });
        Self {
            world: self.world.clone(),
            key: self.key,
        }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.world, &other.world) && self.key == other.key
    }

    /// The addresses of this side and the other one; of a host that has crashed none is left.
    pub(crate) fn addrs(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.world.with(|state| {
            state
                .ends
                .get(self.key)
                .map(|end| (end.local(), end.remote()))
        })
    }

    /// Whether the connection has failed.
    pub(crate) fn has_failed(&self) -> bool {
        let look = |state: &mut State| state.ends.get(self.key).is_none_or(tcp::End::has_failed);
        self.world.with(look)
    }

    pub(crate) fn take_error(&self) -> Option<Error> {
        self.world
            .with(|state| state.ends.get_mut(self.key)?.take_error())
    }

    fn with_waiters<R>(&self, f: impl FnOnce(&Waiters) -> R) -> Option<R> {
        self.world
            .with(|state| state.ends.get(self.key).map(|end| f(end.waiters())))
    }

    pub(crate) fn forget(&self, direction: Direction, id: WaiterId) {
        let waker = self.with_waiters(|waiters| waiters.forget(direction, id));
        drop(waker);
    }

    pub(crate) fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.with_waiters(|waiters| waiters.waits(direction, id))
            .unwrap_or(false)
    }
}

fn end(state: &State, key: Key) -> Result<&tcp::End, Error> {
    state.ends.get(key).ok_or(Error::NotConnected)
}

impl Drop for SimEnd {
    fn drop(&mut self) {
        self.world
            .with(|state| tcp::release(state, self.key))
            .wake();
    }
}

/// A listener of a simulated host.
pub(crate) struct SimListener {
    world: Rc<World>,
    key: Key,
}

impl SimListener {
    /// Begins to listen.
    pub(crate) fn listen(&self, backlog: u32) {
        self.world
            .with(|state| listener::listen(state, self.key, backlog));
    }

    /// Works on the options of the connections that it accepts.
    pub(crate) fn with_options<T>(&self, f: impl FnOnce(&mut Options) -> T) -> Result<T, Error> {
        self.world.with(|state| {
            let row = state.listeners.get_mut(self.key);
            Ok(f(&mut row.ok_or(Error::NotConnected)?.options))
        })
    }

    pub(crate) fn poll_accept(
        &self,
        id: WaiterId,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(SimEnd, SocketAddr), Error>> {
        let key = self.key;
        let mut mine = None;
        let accepted = poll_with(
            &self.world,
            (id, Direction::Read),
            cx,
            |state| {
                let accepted = listener::accept(state, key).ok_or(Error::WouldBlock)?;
                // It has not waited for this one if it was polled for another reason.
                mine = state
                    .listeners
                    .get(key)
                    .map(|row| row.acceptors.forget(Direction::Read, id));
                Ok(accepted)
            },
            |state| state.listeners.get(key).map(|row| &row.acceptors),
            |_| 0,
        );
        drop(mine);
        accepted.map_ok(|end| self.accepted(end))
    }

    pub(crate) fn try_accept(&self) -> Result<(SimEnd, SocketAddr), Error> {
        let end = self
            .world
            .with(|state| listener::accept(state, self.key))
            .ok_or(Error::WouldBlock)?;
        Ok(self.accepted(end))
    }

    fn accepted(&self, key: Key) -> (SimEnd, SocketAddr) {
        let end = SimEnd {
            world: self.world.clone(),
            key,
        };
        let peer = end.addrs().map_or(NOWHERE, |(_, peer)| peer);
        (end, peer)
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.world.with(|state| {
            state
                .listeners
                .get(self.key)
                .map_or(NOWHERE, |row| row.addr)
        })
    }

    pub(crate) fn forget(&self, direction: Direction, id: WaiterId) {
        let (mine, next) = self.world.with(|state| {
            let mine = state
                .listeners
                .get(self.key)
                .and_then(|row| row.acceptors.forget(direction, id));
            // If it does not wait any more, it may have been woken for a connection.
            let next = mine
                .is_none()
                .then(|| listener::next_acceptor(state, self.key));
            (mine, next)
        });
        drop(mine);
        next.unwrap_or_default().wake();
    }

    pub(crate) fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.world.with(|state| {
            let row = state.listeners.get(self.key);
            row.is_some_and(|row| row.acceptors.waits(direction, id))
        })
    }
}

/// The address of what is not there any more.
const NOWHERE: SocketAddr = crate::net::NO_ADDR;

impl Drop for SimListener {
    fn drop(&mut self) {
        self.world
            .with(|state| listener::unlisten(state, self.key))
            .wake();
    }
}

/// A socket for datagrams of a simulated host.
pub(crate) struct SimSocket {
    world: Rc<World>,
    key: Key,
}

impl SimSocket {
    pub(crate) fn poll<T>(
        &self,
        waiter: (WaiterId, Direction),
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut udp::Socket) -> Result<T, Error>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<Result<T, Error>> {
        let key = self.key;
        poll_with(
            &self.world,
            waiter,
            cx,
            |state| attempt(state.sockets.get_mut(key).ok_or(Error::NotConnected)?),
            |state| state.sockets.get(key).map(|socket| &socket.waiters),
            bytes,
        )
    }

    /// Works on the socket.
    pub(crate) fn with<T>(
        &self,
        f: impl FnOnce(&mut udp::Socket) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.world
            .with(|state| f(state.sockets.get_mut(self.key).ok_or(Error::NotConnected)?))
    }

    pub(crate) fn connect(&self, to: SocketAddr) -> Result<(), Error> {
        self.world.with(|state| udp::connect(state, self.key, to))
    }

    pub(crate) fn send(&self, data: &[u8], to: Option<SocketAddr>) -> Result<usize, Error> {
        let route = self
            .world
            .with(|state| udp::route(state, self.key, data.len(), to))?;
        self.world.send_along(route, Body::Datagram(data.into()));
        Ok(data.len())
    }

    /// Sends an endpoint's message.
    pub(crate) fn send_letter(&self, letter: Letter, to: SocketAddr) -> Result<(), Error> {
        let route = self
            .world
            .with(|state| udp::route(state, self.key, 0, Some(to)))?;
        self.world.send_along(route, Body::Value(letter));
        Ok(())
    }

    pub(crate) fn world(&self) -> &Rc<World> {
        &self.world
    }

    pub(crate) fn join(&self, group: IpAddr, interface: IpAddr) -> Result<(), Error> {
        self.world
            .with(|state| udp::join(state, self.key, group, interface))
    }

    pub(crate) fn leave(&self, group: IpAddr, interface: IpAddr) -> Result<(), Error> {
        self.world
            .with(|state| udp::leave(state, self.key, group, interface))
    }

    pub(crate) fn forget(&self, direction: Direction, id: WaiterId) {
        let (mine, next) = self.world.with(|state| match state.sockets.get(self.key) {
            Some(socket) => {
                let mine = socket.waiters.forget(direction, id);
                // If it does not wait any more, it may have been woken for a datagram.
                let next = (mine.is_none() && socket.readable().is_ok())
                    .then(|| socket.waiters.take_one(direction));
                (mine, next.unwrap_or_default())
            }
            None => (None, Wakeups::default()),
        });
        drop(mine);
        next.wake();
    }

    pub(crate) fn waits(&self, direction: Direction, id: WaiterId) -> bool {
        self.with(|socket| Ok(socket.waiters.waits(direction, id)))
            .unwrap_or(false)
    }
}

impl Drop for SimSocket {
    fn drop(&mut self) {
        self.world.with(|state| udp::close(state, self.key)).wake();
    }
}
