//! Who has which address, and what names stand for.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::addr;
use super::control::Control;
use super::net::Net;
use super::pattern::Pattern;
use super::trace::What;
use super::world::{HostId, State};

/// Names that are no host's, each with the hosts that it stands for: the one whose turn it is first.
pub(crate) type Names = BTreeMap<Arc<str>, Vec<HostId>>;

impl State {
    /// The addresses of a new host: those of its number, unless its name is an address itself.
    pub(crate) fn addrs_for(&self, name: &str, id: HostId) -> (Ipv4Addr, Ipv6Addr) {
        let of = |number: u32| (Ipv4Addr::from_bits((10 << 24) + number), addr::v6(number));
        let is_taken = |addr: IpAddr| self.check_addr(addr).is_err();
        // 10.0.0.1 and fd00::1 are the first host's. Tests may have given away some of those that follow.
        let mut pairs = (id + 1..1 << 24).map(of);
        let free = pairs.find(|(v4, v6)| !is_taken((*v4).into()) && !is_taken((*v6).into()));
        let (mut v4, mut v6) = free.expect("a test leaves some addresses");
        match name.parse() {
            Ok(IpAddr::V4(own)) => v4 = own,
            Ok(IpAddr::V6(own)) => v6 = own,
            Err(_) => {}
        }
        (v4, v6)
    }

    /// The host with this name.
    pub(crate) fn named(&self, name: &str) -> Result<HostId, String> {
        let id = self.by_name.get(name).copied();
        id.ok_or_else(|| format!("no host has the name {name}"))
    }

    /// Fails if a name stands for something already.
    pub(crate) fn is_free(&self, name: &str) -> Result<(), String> {
        if self.services.addr(name).is_some() {
            return Err(format!("there is a service with the name {name} already"));
        }
        match self.by_name.contains_key(name) || self.names.contains_key(name) {
            true => Err(format!("there is a host with the name {name} already")),
            false => Ok(()),
        }
    }

    /// Fails if an address is somebody's, or can be nobody's.
    pub(crate) fn check_addr(&self, addr: IpAddr) -> Result<(), String> {
        let special = addr.is_loopback() || addr.is_unspecified() || addr.is_multicast();
        let special = special || addr == IpAddr::V4(Ipv4Addr::BROADCAST);
        if special {
            return Err(format!("{addr} is no host's address"));
        }
        if let Some(owner) = self.by_addr.get(&addr) {
            let owner = &self.hosts[*owner as usize].name;
            return Err(format!("{addr} is an address of {owner} already"));
        }
        if let Some(service) = self.services.at(addr) {
            return Err(format!(
                "{addr} is the address of the service {service} already"
            ));
        }
        Ok(())
    }

    /// Gives an address to a host.
    ///
    /// # Errors
    ///
    /// As [`check_addr`](Self::check_addr).
    fn give(&mut self, host: HostId, addr: IpAddr) -> Result<(), String> {
        self.check_addr(addr)?;
        self.by_addr.insert(addr, host);
        Ok(())
    }

    /// The address that the name of a host stands for.
    fn named_addr(&self, host: HostId) -> IpAddr {
        let host = &self.hosts[host as usize];
        match self.settings.prefer_ipv6 {
            false => host.v4.into(),
            true => host.v6.into(),
        }
    }

    /// The addresses that a name stands for. Of one that stands for several hosts that whose turn it is is the first.
    fn addrs_of(&self, name: &str) -> Vec<IpAddr> {
        if let Some(host) = self.by_name.get(name) {
            return vec![self.named_addr(*host)];
        }
        let hosts = self.names.get(name).into_iter().flatten();
        let addrs = hosts.map(|host| self.named_addr(*host));
        addrs.chain(self.services.addr(name)).collect()
    }
}

impl Net {
    /// The addresses that a name stands for, whose turn it is first: that is taken at the instant of the program that asks.
    pub(crate) fn lookup_all(&self, name: &str) -> Vec<IpAddr> {
        let (found, turns) = self.world.with(|state| {
            let turns = state.names.get_key_value(name);
            (state.addrs_of(name), turns.map(|(name, _)| name.clone()))
        });
        if let Some(name) = turns {
            self.act(move |world| {
                world.with(|state| {
                    if let Some(turns) = state.names.get_mut(&name) {
                        turns.rotate_left(1);
                    }
                });
            });
        }
        found
    }

    /// The first of the addresses that a name stands for.
    pub(crate) fn lookup(&self, name: &str) -> Option<IpAddr> {
        self.lookup_all(name).first().copied()
    }
}

impl Control {
    /// The host with this name.
    #[track_caller]
    pub(crate) fn the_host(&self, name: &str) -> HostId {
        let id = self.world.with(|state| state.named(name));
        match id {
            Ok(id) => id,
            Err(text) => panic!("{text}"),
        }
    }

    /// Sets the address that a host has, of the family of this one: that by which it is known to those that it connects
    /// to, and that its name stands for (see [`Builder::prefer_ipv6`](super::Builder::prefer_ipv6)). Its former one is
    /// nobody's from now on; connections go on.
    ///
    /// Unless set, the first host has 10.0.0.1 and fd00::1, the second one 10.0.0.2 and so on, and a host whose name is an
    /// address has that.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::{TcpListener, TcpStream};
    /// use polliwog::sim::Simulation;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.host("server", || async {
    ///     let listener = TcpListener::bind("192.168.7.1:80").await?;
    ///     let (_, client) = listener.accept().await?;
    ///     assert_eq!(client.ip().to_string(), "192.168.7.2");
    ///     Ok::<(), polliwog::Error>(())
    /// });
    /// simulation.client("client", async { TcpStream::connect("server:80").await.map(drop) });
    /// simulation.control().set_addr("server", [192, 168, 7, 1].into());
    /// simulation.control().set_addr("client", [192, 168, 7, 2].into());
    /// simulation.run().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If no host has that name, or the address is another host's, or one that no host can have.
    #[track_caller]
    pub fn set_addr(&self, host: &str, addr: IpAddr) {
        self.change_host(host, move |state, id| {
            let host = &state.hosts[id as usize];
            let former: IpAddr = match addr {
                IpAddr::V4(_) => host.v4.into(),
                IpAddr::V6(_) => host.v6.into(),
            };
            if former == addr {
                return Ok(());
            }
            state.give(id, addr)?;
            state.by_addr.remove(&former);
            let host = &mut state.hosts[id as usize];
            match addr {
                IpAddr::V4(v4) => host.v4 = v4,
                IpAddr::V6(v6) => host.v6 = v6,
            }
            state.record_text(Some(id), format!("has the address {addr}"), What::Note);
            Ok(())
        });
    }

    /// Gives a host a further address, at which it is reached, too.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Control;
    /// use std::net::IpAddr;
    ///
    /// // Who asks for the service finds the other one from now on.
    /// fn fail_over(control: &Control, service: IpAddr) {
    ///     control.remove_addr(service);
    ///     control.add_addr("standby", service);
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`set_addr`](Self::set_addr), and if the host has the address already.
    #[track_caller]
    pub fn add_addr(&self, host: &str, addr: IpAddr) {
        self.change_host(host, move |state, id| {
            state.give(id, addr)?;
            let text = format!("has the further address {addr}");
            state.record_text(Some(id), text, What::Note);
            Ok(())
        });
    }

    /// Takes a further address from the host that has it. Connections go on.
    ///
    /// # Panics
    ///
    /// If it is nobody's, or was not [added](Self::add_addr).
    #[track_caller]
    pub fn remove_addr(&self, addr: IpAddr) {
        self.change(move |state| {
            let id = state.by_addr.get(&addr).copied();
            let id = id.ok_or_else(|| format!("{addr} is nobody's address"))?;
            let host = &state.hosts[id as usize];
            if addr == IpAddr::from(host.v4) || addr == IpAddr::from(host.v6) {
                return Err(format!("{addr} is no further address of {}", host.name));
            }
            state.by_addr.remove(&addr);
            state.record_text(Some(id), format!("has {addr} no more"), What::Note);
            Ok(())
        });
    }

    /// Lets a name stand for hosts from now on, beside those that hosts have by themselves; for the former ones no more.
    ///
    /// Of several hosts (a pattern with a `*`, or names with a `|` between them) each lookup has another one as the first:
    /// one after the other, as a name service that shares the load does. A connect tries them in this order until one
    /// accepts.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::{TcpListener, TcpStream};
    /// use polliwog::sim::{self, Simulation};
    ///
    /// let mut simulation = Simulation::new(7);
    /// for name in ["db-1", "db-2"] {
    ///     simulation.host(name, || async {
    ///         let listener = TcpListener::bind("0.0.0.0:80").await?;
    ///         loop {
    ///             listener.accept().await?;
    ///         }
    ///         # #[allow(unreachable_code)]
    ///         Ok::<(), polliwog::Error>(())
    ///     });
    /// }
    /// simulation.control().set_name("db.example", "db-*");
    /// simulation.client("client", async {
    ///     for name in ["db-1", "db-2", "db-1"] {
    ///         let stream = TcpStream::connect("db.example:80").await?;
    ///         let host = sim::control().name_of(stream.peer_addr()?.ip());
    ///         assert_eq!(host.as_deref(), Some(name));
    ///     }
    ///     Ok::<(), polliwog::Error>(())
    /// });
    /// simulation.run().unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// If it is the name of a host, or no host has one of those.
    #[track_caller]
    pub fn set_name(&self, name: &str, hosts: &str) {
        let (name, hosts): (Arc<str>, _) = (name.into(), Pattern::new(hosts));
        self.change(move |state| {
            if !state.names.contains_key(&name) {
                state.is_free(&name)?;
            }
            let found = state.hosts_of(&hosts)?;
            let text = format!("the name {name} stands for {hosts}");
            state.names.insert(name, found);
            state.record_text(None, text, What::Note);
            Ok(())
        });
    }

    /// The address that a name stands for, of a host, of a [service](Self::add_service), or [set](Self::set_name) by the test.
    pub fn addr(&self, name: &str) -> Option<IpAddr> {
        self.world
            .with(|state| state.addrs_of(name).first().copied())
    }

    /// The name of the host that has an address.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("frog", async {});
    /// let control = simulation.control();
    /// let addr = control.addr("frog").unwrap();
    /// assert_eq!(control.name_of(addr).as_deref(), Some("frog"));
    /// ```
    pub fn name_of(&self, addr: IpAddr) -> Option<Arc<str>> {
        self.world.with(|state| {
            let id = state.by_addr.get(&addr)?;
            Some(state.hosts[*id as usize].name.clone())
        })
    }
}
