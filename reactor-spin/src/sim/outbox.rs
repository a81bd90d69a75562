//! [`Outbox`]: what programs do to others that are ahead of the simulation, until its time has come.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::string::String;
use core::net::SocketAddr;

use super::ambient::current;
use super::command::Command;
use super::net::Net;
use super::packet::Body;
use super::trace::What;
use super::world::{Happening, HostId, State, World};

/// What is done to the world, and why not.
pub(crate) type Act = Box<dyn FnOnce(&World) -> Result<(), String>>;

/// Something that a program does and that others may notice.
pub(crate) enum Effect {
    /// It sends a message to that host and address, from its own.
    Send(SocketAddr, (HostId, SocketAddr), Body),
    /// Anything else, which may turn out to be misuse.
    Act(Act),
}

/// What the programs of all hosts have done at instants that are still to come, host by host in the order of the instants.
///
/// A process that is stopped leaves its part until it goes on. That of one that is ended is not done: it would have come
/// after the end.
#[derive(Default)]
pub(crate) struct Outbox {
    rows: BTreeMap<(HostId, u64, u64), Effect>,
    /// Counts them, so that what has one instant stays in its order.
    made: u64,
}

impl Outbox {
    /// Takes the next of what a host has done up to `until`.
    fn take(&mut self, host: HostId, until: u64) -> Option<Effect> {
        let rows = (host, 0, 0)..=(host, until, u64::MAX);
        let first = *self.rows.range(rows).next()?.0;
        self.rows.remove(&first)
    }
}

impl State {
    /// Leaves what a program does at the instant `at`, which is still to come.
    pub(crate) fn later(&mut self, host: HostId, at: u64, effect: Effect) {
        let number = self.outbox.made;
        self.outbox.made += 1;
        self.outbox.rows.insert((host, at, number), effect);
        self.schedule(at, Happening::Outbox(host));
    }

    /// Whether the program of a host that runs now is ahead, and where it is.
    pub(crate) fn ahead(&self, host: HostId) -> Option<u64> {
        let instant = self.hosts[host as usize].clock.instant();
        (instant > self.now).then_some(instant)
    }
}

impl World {
    /// Does what the program of a host has done up to now.
    pub(crate) fn let_out(&self, host: HostId) {
        while let Some(effect) = self.with(|state| state.outbox.take(host, state.now)) {
            match effect {
                Effect::Send(from, to, body) => self.send((host, from), to, body),
                Effect::Act(act) => {
                    if let Err(text) = act(self) {
                        // Whoever has asked for it is gone on, and learns nothing any more.
                        let misused = Command::Misused(host, text);
                        self.with(|state| state.commands.push_back(misused));
                    }
                }
            }
        }
    }

    /// The process of a host has come to its end: what it would have done later is not done. Its system closes its
    /// connections, of which the bytes that it has not written keep their places.
    pub(crate) fn forget(&self, host: HostId) {
        while let Some(effect) = self.with(|state| state.outbox.take(host, u64::MAX)) {
            let Effect::Send(from, to, body) = effect else {
                continue;
            };
            self.with(|state| match body.at_a_kill() {
                Some(body) if state.hosts[host as usize].up => {
                    state.send((host, from), to, body);
                }
                _ => {}
            });
        }
    }

    /// The host of whoever asks, if it is one of this world's.
    fn here(self: &Rc<Self>) -> Option<Net> {
        current().filter(|net| Rc::ptr_eq(&net.world, self))
    }

    /// The virtual time, as whoever asks finds it: the program of a host may be ahead.
    pub(crate) fn instant(self: &Rc<Self>) -> u64 {
        match self.here() {
            Some(Net { host, .. }) => self.with(|state| state.hosts[host as usize].clock.instant()),
            None => self.now.get(),
        }
    }

    /// Whether the host with this name asks.
    pub(crate) fn is_here(self: &Rc<Self>, name: &str) -> bool {
        let id = self.here().map(|net| net.host);
        id.is_some_and(|id| self.with(|state| *state.hosts[id as usize].name == *name))
    }

    /// Whether what is asked for now is done now: not if whoever asks is ahead, or is a process that is gone.
    pub(crate) fn acts_now(self: &Rc<Self>) -> bool {
        let now = |net: Net| {
            self.with(|state| {
                let is_alive = state.hosts[net.host as usize].is_alive();
                is_alive && state.ahead(net.host).is_none()
            })
        };
        self.here().is_none_or(now)
    }

    /// Whether whoever asks is ahead of the simulation.
    pub(crate) fn is_ahead(self: &Rc<Self>) -> bool {
        self.instant() > self.now.get()
    }

    /// Does something to other hosts, or for the test to see, at the instant of whoever asks for it.
    pub(crate) fn act(self: &Rc<Self>, act: impl FnOnce(&World) + 'static) {
        match self.here() {
            Some(net) => net.act(act),
            None => act(self),
        }
    }

    /// Drops something at the instant of whoever drops it; at once, if that is a process that is gone.
    pub(crate) fn drop_later(self: &Rc<Self>, it: impl Sized + 'static) {
        self.act(move |_| drop(it));
    }

    /// As [`act`](Self::act), of what may be misuse: that is a panic of whoever asks, or where it is found out only when the
    /// instant has come, the run's failure.
    #[track_caller]
    pub(crate) fn try_act(
        self: &Rc<Self>,
        act: impl FnOnce(&World) -> Result<(), String> + 'static,
    ) {
        let done = match self.here() {
            Some(net) => net.try_act(act),
            None => act(self),
        };
        if let Err(text) = done {
            panic!("{text}");
        }
    }
}

impl Net {
    /// Takes a text of the program that runs on this host down.
    pub(crate) fn note(&self, text: String) {
        let host = self.host;
        self.act(move |world| {
            world.with(|state| state.record_text(Some(host), text, What::Note));
        });
    }

    /// As [`World::act`], for the program that runs on this host. What destructors of a process do that is gone is not done.
    pub(crate) fn act(&self, act: impl FnOnce(&World) + 'static) {
        let done = self.try_act(move |world| {
            act(world);
            Ok(())
        });
        debug_assert_eq!(done, Ok(()));
    }

    fn try_act(
        &self,
        act: impl FnOnce(&World) -> Result<(), String> + 'static,
    ) -> Result<(), String> {
        let host = |state: &mut State| {
            let is_alive = state.hosts[self.host as usize].is_alive();
            is_alive.then(|| state.ahead(self.host))
        };
        match self.world.with(host) {
            None => {}
            Some(None) => return act(&self.world),
            Some(Some(at)) => {
                let effect = Effect::Act(Box::new(act));
                self.world.with(|state| state.later(self.host, at, effect));
            }
        }
        Ok(())
    }
}
