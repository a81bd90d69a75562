//! What the task of a stack does: frames in, frames out, and whoever waits for them.

use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context, Poll};

use polliwog_core::Instant;
use polliwog_core::time::sleep_until;
use smoltcp::iface::{PollIngressSingleResult as Ingress, PollResult, SocketHandle};
use smoltcp::socket::{Socket, tcp};
use smoltcp::time::{Duration, Instant as NetInstant};
use smoltcp::wire::IpEndpoint;

use super::neighbors::Answer;
use super::table::{LISTENERS, Owner, forget};
use super::tap::{Ears, Tap, transmit};
use super::waits::Queue;
use super::{Driver, Inner, Stack, time};
use crate::Error;

/// Rounds without a pause for other tasks.
const ROUNDS: usize = 4;
/// Frames taken in a round.
const FRAMES: usize = 4;
/// Datagrams sent in a round.
const DATAGRAMS: usize = 4;
/// A device that is full is asked again after this long, should its driver forget to say that there is
/// room.
const FULL: Duration = Duration::from_millis(100);
/// When there is something to do that cannot be done, of which the protocol stack should not say that it
/// is to be done at once.
const STUCK: Duration = Duration::from_millis(1);

/// What there is to do when the work is done.
enum Next {
    /// More, but others have their turn first.
    Yield,
    /// Nothing before this instant.
    At(Instant),
}

impl Stack {
    /// Moves frames between the device and the sockets, for ever: the body of one task.
    ///
    /// It takes a bounded number of frames each time that it is polled, then other tasks have their
    /// turn, however many frames there are.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::{Driver, Stack};
    ///
    /// /// The task that the sockets need.
    /// async fn network_task(stack: &'static Stack, mut device: impl Driver) {
    ///     stack.run(&mut device).await;
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// It can be given up and begun anew; meanwhile nothing comes in and nothing is sent.
    pub async fn run(&self, device: &mut impl Driver) -> ! {
        let mut timer = pin!(sleep_until(Instant::MAX));
        loop {
            poll_fn(|cx| {
                let next = self.poll(device, cx);
                self.notify();
                match next {
                    Next::Yield => {
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                    Next::At(at) => {
                        timer.as_mut().reset(at);
                        timer.as_mut().poll(cx)
                    }
                }
            })
            .await;
        }
    }

    fn poll<D: Driver>(&self, device: &mut D, cx: &mut Context<'_>) -> Next {
        device.register(cx.waker());
        // From now on, whoever leaves something to be sent has to wake us.
        self.runner.set(Some(cx.waker().clone()));
        let mut inner = self.inner.borrow_mut();
        let inner = &mut *inner;
        let now = time();
        inner.look_at_link(device.link_is_up());
        // First of all what was asked for since: a frame may be there for a new listener.
        inner.maintain(now);
        let mut full = false;
        let mut more = false;
        for _ in 0..ROUNDS {
            let taken = inner.take_frames(device, &mut full, now);
            inner.maintain(now);
            let sent = inner.send_frames(device, &mut full, now);
            let changed = inner.maintain(now);
            more = taken == FRAMES || sent || changed;
            if !more {
                break;
            }
        }
        let next = inner.next_check(now);
        if full {
            inner.take_turns();
            device.register_transmit(cx.waker());
            let next = next.filter(|&at| now < at);
            return Next::At(instant(next.unwrap_or(now + FULL).min(now + FULL)));
        }
        match next {
            _ if more => Next::Yield,
            Some(at) if at <= now => Next::At(instant(now + STUCK)),
            Some(at) => Next::At(instant(at)),
            None => Next::At(Instant::MAX),
        }
    }

    /// Wakes those for whom something has happened.
    fn notify(&self) {
        let waits = &self.waits;
        for (index, queues) in waits.tcp.iter().enumerate() {
            let (wakers, queued) = self.look(|inner| inner.table.take_wakes(index));
            wakers.into_iter().flatten().for_each(|waker| waker.wake());
            notify(queues, queued);
        }
        for (index, queues) in waits.udp.iter().enumerate() {
            let (wakers, queued) = self.look(|inner| inner.udp.take_wakes(index));
            wakers.into_iter().flatten().for_each(|waker| waker.wake());
            notify(queues, queued);
        }
        for number in 0..LISTENERS {
            let (waker, clients) = self.look(|inner| inner.table.take_clients(number));
            if let Some(waker) = waker {
                waker.wake();
            }
            // One client wakes one of those who wait, who passes it on if it gives up.
            for _ in 0..clients {
                waits.listeners[number].notify_one(0);
            }
        }
        if self.look(|inner| core::mem::take(&mut inner.has_changed)) {
            waits.changes.notify_all(0);
        }
    }
}

/// Wakes all who wait in those queues that have a bit.
fn notify(queues: &[Queue], bits: u8) {
    for (number, queue) in queues.iter().enumerate() {
        if bits & 1 << number != 0 {
            queue.notify_all(0);
        }
    }
}

fn instant(at: NetInstant) -> Instant {
    Instant::from_micros(at.total_micros() as u64)
}

impl Inner {
    /// Takes over what has become of the sockets; `true` if there may be something to do for that.
    fn maintain(&mut self, now: NetInstant) -> bool {
        let changed = self.table.maintain(&mut self.sockets, now);
        #[cfg(feature = "dhcp")]
        let changed = self.look_at_dhcp() || changed;
        self.note_addresses() || changed
    }

    fn look_at_link(&mut self, is_up: bool) {
        if core::mem::replace(&mut self.link_is_up, is_up) == is_up {
            return;
        }
        self.has_changed = true;
        if is_up {
            // It may be another network.
            self.neighbors.clear();
            self.iface.update_ip_addrs(|_| {});
            #[cfg(feature = "dhcp")]
            self.restart_dhcp();
        }
    }

    /// Takes frames from the device; how many.
    fn take_frames<D: Driver>(
        &mut self,
        device: &mut D,
        full: &mut bool,
        now: NetInstant,
    ) -> usize {
        let ears = Ears {
            identity: &self.identity,
            neighbors: &mut self.neighbors,
            udp: &mut self.udp,
            rows: self.table.rows,
            now,
        };
        let mut tap = Tap::new(device, full, ears);
        let mut taken = 0;
        while taken < FRAMES {
            match self
                .iface
                .poll_ingress_single(now, &mut tap, &mut self.sockets)
            {
                Ingress::None => break,
                Ingress::PacketProcessed | Ingress::SocketStateChanged => taken += 1,
            }
        }
        taken
    }

    /// Sends what there is to send; whether there was something.
    fn send_frames<D: Driver>(&mut self, device: &mut D, full: &mut bool, now: NetInstant) -> bool {
        self.iface.poll_maintenance(now);
        self.find_peers(now);
        let datagrams_first = !self.segments_first;
        let mut sent = datagrams_first && self.send_datagrams(device, full, now);
        sent |= self.send_segments(device, full, now);
        sent |= !datagrams_first && self.send_datagrams(device, full, now);
        sent |= self.ask_for_neighbors(device, full, now);
        self.tell_peers(device, full, now);
        sent
    }

    /// Tells peers that have lost their memory that there is a connection.
    fn tell_peers<D: Driver>(&mut self, device: &mut D, full: &mut bool, now: NetInstant) {
        for row in self.table.rows.iter_mut() {
            let Some(challenge) = row.peer.challenge(now) else {
                continue;
            };
            match transmit(device, full, now) {
                Some(token) => self.identity.tell(token, &challenge),
                None => row.peer.not_told(&challenge),
            }
        }
    }

    fn send_datagrams<D: Driver>(
        &mut self,
        device: &mut D,
        full: &mut bool,
        now: NetInstant,
    ) -> bool {
        let mut sent = false;
        for _ in 0..DATAGRAMS {
            let next = self
                .udp
                .next(&mut self.neighbors, &self.identity, &self.gateways, now);
            let Some(next) = next else { break };
            let source = self.iface.get_source_address(&next.to.addr);
            let Some(source) = next.source.or(source) else {
                // The address is gone.
                self.udp.sent(&next);
                continue;
            };
            let from = IpEndpoint::new(source, next.port);
            let Some(token) = transmit(device, full, now) else {
                break;
            };
            self.identity.send(token, from, &next, self.udp.data(&next));
            self.udp.sent(&next);
            sent = true;
        }
        sent
    }

    fn ask_for_neighbors<D: Driver>(
        &mut self,
        device: &mut D,
        full: &mut bool,
        now: NetInstant,
    ) -> bool {
        let mut sent = false;
        while let Some(addr) = self.neighbors.asks_for(now) {
            if let Some(source) = self.iface.get_source_address(&addr) {
                let Some(token) = transmit(device, full, now) else {
                    break;
                };
                self.identity.ask(token, addr, source);
                sent = true;
            }
            self.neighbors.asked(addr, now);
        }
        self.neighbors.forget_the_gone(now);
        sent
    }

    /// Sends what the protocol stack has: segments, and what its own services ask.
    fn send_segments<D: Driver>(
        &mut self,
        device: &mut D,
        full: &mut bool,
        now: NetInstant,
    ) -> bool {
        let ears = Ears {
            identity: &self.identity,
            neighbors: &mut self.neighbors,
            udp: &mut self.udp,
            rows: self.table.rows,
            now,
        };
        let mut tap = Tap::new(device, full, ears);
        while let Some((addr, mac)) = tap.neighbor_to_tell(now) {
            tap.announce(self.identity.announcement(addr, mac));
            // It has no effect on the sockets.
            let _ = self
                .iface
                .poll_ingress_single(now, &mut tap, &mut self.sockets);
        }
        tap.announce_nothing();
        let result = self.iface.poll_egress(now, &mut tap, &mut self.sockets);
        result == PollResult::SocketStateChanged
    }

    /// The device is full: whoever is first when it has room again is another one. The protocol stack
    /// begins with the socket in the first place, and would serve nobody else as long as that has
    /// something to send.
    fn take_turns(&mut self) {
        self.segments_first = !self.segments_first;
        self.turn += 1;
        let count = self.handles().count().max(1);
        let turn = self.turn % count;
        let first = self.handles().map(|handle| *handle).min();
        let second = self.handles().nth(turn).copied();
        let (Some(first), Some(second)) = (first, second) else {
            return;
        };
        if first == second {
            return;
        }
        let sockets = &mut self.sockets;
        let (one, other) = (sockets.remove(first), sockets.remove(second));
        // Each goes into the first place that is free.
        let places = [other, one].map(|socket| match socket {
            Socket::Tcp(socket) => sockets.add(socket),
            #[cfg(feature = "dhcp")]
            Socket::Dhcpv4(socket) => sockets.add(socket),
            #[cfg(feature = "dns")]
            Socket::Dns(socket) => sockets.add(socket),
            _ => unreachable!("there are no sockets of other kinds in the set"),
        });
        for handle in self.handles() {
            if *handle == first {
                *handle = places[1];
            } else if *handle == second {
                *handle = places[0];
            }
        }
    }

    /// All that know a socket of the protocol stack.
    fn handles(&mut self) -> impl Iterator<Item = &mut SocketHandle> {
        let handles = self
            .table
            .rows
            .iter_mut()
            .filter_map(|row| row.handle.as_mut());
        #[cfg(feature = "dhcp")]
        let handles = handles.chain(self.dhcp.handle.as_mut());
        #[cfg(feature = "dns")]
        let handles = handles.chain(self.dns.handle.as_mut());
        handles
    }

    /// Has the neighbors found that lead to the peers of connections. Ends the
    /// attempts to connect to those that are not there.
    fn find_peers(&mut self, now: NetInstant) {
        for row in self.table.rows.iter_mut() {
            let Some(handle) = row.handle else { continue };
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(handle);
            let Some(peer) = socket.remote_endpoint() else {
                continue;
            };
            let hop = self.identity.hop(&self.gateways, peer.addr);
            let is_connecting = socket.state() == tcp::State::SynSent;
            let Ok(hop) = hop else {
                // The address or the gateway is gone.
                if is_connecting {
                    row.fail(socket, Error::NetworkUnreachable);
                }
                continue;
            };
            match self.neighbors.find_for_connection(hop, now) {
                Answer::Gone => match row.owner {
                    Owner::Stream(_) if is_connecting => {
                        row.fail(socket, Error::HostUnreachable);
                    }
                    // A client that was not one, or a connection that has ended.
                    Owner::Listener { .. } if socket.state() == tcp::State::SynReceived => {
                        forget(socket);
                    }
                    Owner::Free => forget(socket),
                    _ => {}
                },
                Answer::Known(_) | Answer::Asked => {}
            }
        }
        #[cfg(feature = "dns")]
        if self.dns.asking > 0 {
            for server in self.dns.servers() {
                if let Ok(hop) = self.identity.hop(&self.gateways, server) {
                    let _ = self.neighbors.find_for_connection(hop, now);
                }
            }
        }
    }

    fn next_check(&mut self, now: NetInstant) -> Option<NetInstant> {
        let mut next = self.iface.poll_at(now, &self.sockets);
        let others = [
            self.table.next_check(),
            self.neighbors.next_check(),
            self.udp.next_check(),
        ];
        for at in others.into_iter().flatten() {
            next = Some(next.map_or(at, |next| next.min(at)));
        }
        next
    }
}
