//! [`MessageFilter`]: messages that are lost by what they say.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::fmt;
use core::net::SocketAddr;

use super::control::Control;
use super::listed::{Entry, Listed};
use super::outbox::Effect;
use super::packet::Body;
use super::pattern::Pattern;
use super::trace::What;
use super::udp::{Hosts, Route};
use super::world::{HostId, World};

/// Messages of a type, from some hosts to others.
struct Filter<T: ?Sized> {
    pairs: BTreeSet<(HostId, HostId)>,
    drops: Box<dyn Fn(&T) -> bool>,
}

/// Whether a filter drops this message. It is foreign code: nothing is borrowed.
pub(crate) fn drops<T: ?Sized + 'static>(
    filters: &Listed,
    pair: (HostId, HostId),
    message: Option<&T>,
) -> bool {
    let mut those = filters.of::<Filter<T>>();
    message.is_some_and(|message| {
        those.any(|filter| filter.pairs.contains(&pair) && (filter.drops)(message))
    })
}

impl World {
    /// Sends a message to all that it goes to.
    pub(crate) fn send_along(&self, route: Route, body: Body) {
        let Route { from, to, hosts } = route;
        match hosts {
            Hosts::One(None) => {}
            Hosts::One(Some(host)) => self.send(from, (host, to), body),
            Hosts::Some(hosts) => {
                for host in hosts {
                    self.send(from, (host, to), body.clone());
                }
            }
            Hosts::Server => self.send_to_service(from, to, body),
        }
    }

    /// Sends a message to the server of a service whose turn it is. One to none is lost.
    fn send_to_service(&self, from: (HostId, SocketAddr), to: SocketAddr, body: Body) {
        let send = move |world: &World| {
            if let Some(server) = world.with(|state| state.next_server(to, None)) {
                world.send(from, (server, to), body);
            }
            Ok(())
        };
        match self.with(|state| state.ahead(from.0)) {
            None => drop(send(self)),
            Some(at) => {
                let effect = Effect::Act(Box::new(send));
                self.with(|state| state.later(from.0, at, effect));
            }
        }
    }

    /// Sends a message, unless a filter drops it.
    pub(crate) fn send(&self, from: (HostId, SocketAddr), to: (HostId, SocketAddr), body: Body) {
        // A program that is ahead has its messages looked at when their time has come.
        let is_dropped = !self.filters.is_empty()
            && self.with(|state| state.ahead(from.0)).is_none()
            && match &body {
                Body::Datagram(bytes) => drops::<[u8]>(&self.filters, (from.0, to.0), Some(bytes)),
                Body::Value(letter) => letter.is_dropped(&self.filters, (from.0, to.0)),
                Body::Tcp(_) => false,
            };
        self.with(|state| match is_dropped {
            true => state.send_in_vain(from, to, body, "a filter drops it"),
            false => state.send(from, to, body),
        });
    }
}

/// Lets messages be lost by what they say, until it is dropped: made by [`Control::drop_messages`].
#[must_use = "a filter that is dropped drops nothing any more"]
pub struct MessageFilter {
    world: Rc<World>,
    /// There until this is dropped.
    entry: Option<Entry>,
}

impl Drop for MessageFilter {
    fn drop(&mut self) {
        self.world.drop_later(self.entry.take());
    }
}

impl fmt::Debug for MessageFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageFilter").finish_non_exhaustive()
    }
}

impl Control {
    /// Loses those messages from these hosts to those that `drops` says `true` of, until the [`MessageFilter`] is dropped.
    ///
    /// It is asked once for each message of type `T` as it is sent, before chance decides about it: for `[u8]` those of UDP
    /// sockets, for any other type those of an [`Endpoint`](super::Endpoint), requests and answers of calls among them. Of
    /// several filters that one which was made first is asked first, and when one drops a message, no further one is
    /// asked. What a host sends to itself passes, and so does what a stream carries.
    ///
    /// `drops` decides by the message, and by what it keeps itself, in cells; with another source, runs are not the same any more.
    /// It may use everything here.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// use polliwog::sim::{self, Simulation};
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("pond", async {
    ///     let socket = UdpSocket::bind("0.0.0.0:7").await?;
    ///     let mut buf = [0; 1500];
    ///     let count = socket.recv(&mut buf).await?;
    ///     assert_eq!(&buf[..count], b"croak");
    ///     Ok::<(), polliwog::Error>(())
    /// });
    /// simulation.client("frog", async {
    ///     let socket = UdpSocket::bind("0.0.0.0:0").await?;
    ///     let filter = sim::control().drop_messages("*", "pond", |message: &[u8]| message == b"quak");
    ///     socket.send_to(b"quak", "pond:7").await?;
    ///     socket.send_to(b"croak", "pond:7").await?;
    ///     drop(filter);
    ///     Ok::<(), polliwog::Error>(())
    /// });
    /// simulation.run().unwrap();
    /// ```
    #[track_caller]
    pub fn drop_messages<T: ?Sized + 'static>(
        &self,
        from: &str,
        to: &str,
        drops: impl Fn(&T) -> bool + 'static,
    ) -> MessageFilter {
        let text = format!("some messages from {from} to {to} are lost");
        let (from, to) = (Pattern::new(from), Pattern::new(to));
        let entry = Entry::new(&self.world, |world| &world.filters);
        let number = entry.number;
        self.world.try_act(move |world| {
            let pairs = world.with(|state| {
                let pairs = state.pairs(&from, &to)?;
                state.record_text(None, text, What::Fault);
                Ok::<_, String>(pairs)
            })?;
            let filter = Filter {
                pairs: pairs.into_iter().collect(),
                drops: Box::new(drops),
            };
            world.filters.add(number, filter);
            Ok(())
        });
        MessageFilter {
            world: self.world.clone(),
            entry: Some(entry),
        }
    }
}
