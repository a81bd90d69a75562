//! [`Service`]: one address for several servers.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use super::control::Control;
use super::pattern::Pattern;
use super::slab::Key;
use super::trace::What;
use super::world::{HostId, State};

/// How a [`Service`] chooses a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadBalancing {
    /// One after the other.
    #[default]
    RoundRobin,
    /// Each equally often, by the seed.
    Random,
    /// For a connection one of those that have the fewest open by this service; datagrams go to one after the other.
    LeastConnections,
}

/// An address for several servers, as a load balancer has it: each connection by TCP to it, and each datagram, goes to the
/// server whose turn it is. [`Control::add_service`] adds one.
///
/// It is as Linux' IPVS with direct routing (and one-packet scheduling for datagrams): messages go to the servers as they are, so a
/// server listens at all of its addresses, or at the service's, which is its own, too, and its end of a connection has the service's
/// address. Answers come from there: a socket for datagrams that is bound to all addresses answers from the one at which it was
/// asked last by that peer. Who sends takes its turn when it does, a server, too, which may get its own.
///
/// Nobody looks after the servers' health. A connection whose turn is that of a server without power times out, one without a program
/// or without a listener there refuses it, and datagrams to such a one are lost; a client tries again and gets the next one. A service
/// that has no servers refuses connections, as do ports that it does not have.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::{TcpListener, TcpStream};
/// use polliwog::sim::{self, Service, Simulation};
///
/// let mut simulation = Simulation::new(7);
/// for name in ["web-1", "web-2"] {
///     simulation.host(name, || async {
///         let listener = TcpListener::bind("0.0.0.0:80").await?;
///         loop {
///             let (stream, _) = listener.accept().await?;
///             stream.write_all(sim::host_name().unwrap().as_bytes()).await?;
///         }
///         # #[allow(unreachable_code)]
///         Ok::<(), polliwog::Error>(())
///     });
/// }
/// let web = Service::new([10, 1, 0, 1].into()).port(80);
/// simulation.control().add_service("web", web, "web-*");
/// simulation.client("client", async {
///     for expected in ["web-1", "web-2", "web-1"] {
///         let stream = TcpStream::connect("web:80").await?;
///         assert_eq!(stream.peer_addr()?.to_string(), "10.1.0.1:80");
///         let mut name = [0; 5];
///         stream.read_exact(&mut name).await?;
///         assert_eq!(&name, expected.as_bytes());
///     }
///     Ok::<(), polliwog::Error>(())
/// });
/// simulation.run().unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    addr: IpAddr,
    /// All, if there are none.
    ports: Vec<u16>,
    balancing: LoadBalancing,
}

impl Service {
    /// One at this address, at all ports, whose servers take turns.
    pub fn new(addr: IpAddr) -> Self {
        Self {
            addr,
            ports: Vec::new(),
            balancing: LoadBalancing::default(),
        }
    }

    /// Adds a port: it has these only then. Others may be those of further services at this address.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Service;
    ///
    /// let web = Service::new("2001:db8::80".parse().unwrap()).port(80).port(443);
    /// ```
    pub fn port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Sets how servers are chosen; one after the other, unless set.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::{LoadBalancing, Service};
    ///
    /// let database = Service::new([10, 1, 0, 1].into()).balancing(LoadBalancing::LeastConnections);
    /// ```
    pub fn balancing(mut self, balancing: LoadBalancing) -> Self {
        self.balancing = balancing;
        self
    }

    fn has(&self, port: u16) -> bool {
        self.ports.is_empty() || self.ports.contains(&port)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let shares = |one: &Self, other: &Self| {
            one.ports.is_empty() || one.ports.iter().any(|port| other.has(*port))
        };
        self.addr == other.addr && shares(self, other) && shares(other, self)
    }

    fn text(&self) -> String {
        let mut text = self.addr.to_string();
        for port in &self.ports {
            text += &format!(" port {port}");
        }
        text
    }
}

/// A service, with its servers: the one whose turn it is first.
struct Row {
    service: Service,
    connections: Vec<HostId>,
    datagrams: Vec<HostId>,
}

/// All services, by their names.
#[derive(Default)]
pub(crate) struct Services {
    rows: BTreeMap<Arc<str>, Row>,
    /// The service's address at which a port of a host was asked last by a peer, if it was that.
    asked: BTreeMap<(HostId, u16, SocketAddr), IpAddr>,
}

impl Services {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The name of a service at an address.
    pub(crate) fn at(&self, addr: IpAddr) -> Option<&str> {
        let mut rows = self.rows.iter();
        let row = rows.find(|(_, row)| row.service.addr == addr);
        row.map(|(name, _)| &**name)
    }

    /// The address of the service with this name.
    pub(crate) fn addr(&self, name: &str) -> Option<IpAddr> {
        self.rows.get(name).map(|row| row.service.addr)
    }

    /// Whether an address is that of a service which the host is a server of.
    pub(crate) fn is_server(&self, host: HostId, addr: IpAddr) -> bool {
        let mut rows = self.rows.values();
        rows.any(|row| row.service.addr == addr && row.connections.contains(&host))
    }

    /// A datagram from a peer is at an address of a host.
    pub(crate) fn note(&mut self, (host, to): (HostId, SocketAddr), from: SocketAddr) {
        let key = (host, to.port(), unscoped(from));
        match self.at(to.ip()) {
            Some(_) => self.asked.insert(key, to.ip()),
            None => self.asked.remove(&key),
        };
    }

    /// From where a port of a host answers a peer, if that has asked by a service.
    pub(crate) fn asked(&self, host: HostId, port: u16, peer: SocketAddr) -> Option<IpAddr> {
        self.asked.get(&(host, port, unscoped(peer))).copied()
    }

    fn row(&mut self, name: &str) -> Result<&mut Row, String> {
        let row = self.rows.get_mut(name);
        row.ok_or_else(|| format!("no service has the name {name}"))
    }
}

/// Hosts have no scopes, with which a peer may have been given.
fn unscoped(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip(), addr.port())
}

impl State {
    /// The server that gets what goes to a service's address now: the connection of an end, or a datagram.
    pub(crate) fn next_server(
        &mut self,
        to: SocketAddr,
        connection: Option<Key>,
    ) -> Option<HostId> {
        let rows = &mut self.services.rows;
        let mut rows = rows.values_mut();
        let row = rows.find(|row| row.service.addr == to.ip() && row.service.has(to.port()))?;
        let turns = match connection {
            Some(_) => &mut row.connections,
            None => &mut row.datagrams,
        };
        let at = match (row.service.balancing, connection) {
            (LoadBalancing::Random, _) => self.chance.below(turns.len() as u64) as usize,
            (LoadBalancing::LeastConnections, Some(connecting)) => {
                let ends = self.ends.iter().filter(|(key, _)| *key != connecting);
                let leads = ends.filter_map(|(_, end)| end.leads_to());
                let ours = leads
                    .filter(|(_, to)| row.service.addr == to.ip() && row.service.has(to.port()));
                let mut open = BTreeMap::<HostId, usize>::new();
                for (server, _) in ours {
                    *open.entry(server).or_default() += 1;
                }
                let count = |server: &HostId| open.get(server).copied().unwrap_or_default();
                let least = turns
                    .iter()
                    .enumerate()
                    .min_by_key(|(_, server)| count(server));
                least?.0
            }
            _ => 0,
        };
        let server = (at < turns.len()).then(|| turns.remove(at))?;
        turns.push(server);
        Some(server)
    }

    /// The names of hosts, for the story.
    fn names_of(&self, hosts: &[HostId]) -> String {
        let names = hosts.iter().map(|id| &*self.hosts[*id as usize].name);
        names.collect::<Vec<_>>().join(", ")
    }
}

impl Control {
    /// Adds a [`Service`], which is known to all by its name and its address, with the hosts of this pattern as its servers.
    ///
    /// # Panics
    ///
    /// If its name or its address is a host's, or another service has one of its ports there; if its address can be nobody's, and if no
    /// host has one of those names.
    #[track_caller]
    pub fn add_service(&self, name: &str, service: Service, servers: &str) {
        let (name, servers): (Arc<str>, _) = (name.into(), Pattern::new(servers));
        self.change(move |state| {
            state.is_free(&name)?;
            let mut others = state.services.rows.iter();
            if let Some((other, _)) = others.find(|(_, other)| other.service.overlaps(&service)) {
                return Err(format!(
                    "{} is an address of the service {other} already",
                    service.text()
                ));
            }
            if state.services.at(service.addr).is_none() {
                state.check_addr(service.addr)?;
            }
            let servers = state.hosts_of(&servers)?;
            let (at, names) = (service.text(), state.names_of(&servers));
            let text = format!("the service {name} at {at} has the servers {names}");
            state.record_text(None, text, What::Note);
            let row = Row {
                service,
                connections: servers.clone(),
                datagrams: servers,
            };
            state.services.rows.insert(name, row);
            Ok(())
        });
    }

    /// Gives a service further servers, whose turn is the last; those of these hosts that are servers already stay so.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    ///
    /// // By nobody's doing: a service does not look whether its servers are there.
    /// fn health_check(control: &Control, name: &str) {
    ///     match control.is_up(name) {
    ///         true => control.add_servers("web", name),
    ///         false => control.remove_servers("web", name),
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no such service, or no host has such a name.
    #[track_caller]
    pub fn add_servers(&self, service: &str, servers: &str) {
        self.change_servers(
            service,
            servers,
            "has the further servers",
            |turns, server| {
                if !turns.contains(&server) {
                    turns.push(server);
                }
            },
        );
    }

    /// Takes servers from a service: they get nothing new. Connections go on.
    ///
    /// # Panics
    ///
    /// If there is no such service, or no host has such a name.
    #[track_caller]
    pub fn remove_servers(&self, service: &str, servers: &str) {
        self.change_servers(
            service,
            servers,
            "has no more the servers",
            |turns, server| {
                turns.retain(|other| *other != server);
            },
        );
    }

    #[track_caller]
    fn change_servers(
        &self,
        service: &str,
        servers: &str,
        verb: &'static str,
        change: fn(&mut Vec<HostId>, HostId),
    ) {
        let (name, servers) = (service.to_owned(), Pattern::new(servers));
        self.change(move |state| {
            let servers = state.hosts_of(&servers)?;
            let row = state.services.row(&name)?;
            for server in &servers {
                change(&mut row.connections, *server);
                change(&mut row.datagrams, *server);
            }
            let text = format!("the service {name} {verb} {}", state.names_of(&servers));
            state.record_text(None, text, What::Note);
            Ok(())
        });
    }

    /// Takes a service away: its name and its ports are nobody's. Connections go on.
    ///
    /// # Panics
    ///
    /// If there is no such service.
    #[track_caller]
    pub fn remove_service(&self, service: &str) {
        let name = service.to_owned();
        self.change(move |state| {
            state.services.row(&name)?;
            state.services.rows.remove(&*name);
            let mut asked = core::mem::take(&mut state.services.asked);
            asked.retain(|_, addr| state.services.at(*addr).is_some());
            state.services.asked = asked;
            let text = format!("there is no service {name} any more");
            state.record_text(None, text, What::Note);
            Ok(())
        });
    }
}
