//! Groups: datagrams that go to all who have joined.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::generic::NetError;
use super::udp::UdpSocket;
use crate::Error;

impl<E: NetError> UdpSocket<E> {
    /// Joins a group of IPv4: what is sent to it, to this socket's port, is received from now on. A host has one interface,
    /// which is named by the host's address, or by [`UNSPECIFIED`](Ipv4Addr::UNSPECIFIED).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// use polliwog::sim::Simulation;
    /// use polliwog::time::sleep;
    /// use std::net::Ipv4Addr;
    /// use std::time::Duration;
    ///
    /// let mut simulation = Simulation::new(7);
    /// simulation.client("printer", async {
    ///     let socket = UdpSocket::bind("0.0.0.0:5353").await?;
    ///     socket.join_multicast_v4(Ipv4Addr::new(224, 0, 0, 251), Ipv4Addr::UNSPECIFIED)?;
    ///     let (count, _) = socket.recv_from(&mut [0; 100]).await?;
    ///     assert_eq!(count, 16);
    ///     Ok::<(), polliwog::Error>(())
    /// });
    /// simulation.client("frog", async {
    ///     let socket = UdpSocket::bind("0.0.0.0:0").await?;
    ///     sleep(Duration::from_secs(1)).await; // the printer joins meanwhile
    ///     socket.send_to(b"who is a printer", "224.0.0.251:5353").await?;
    ///     Ok::<(), polliwog::Error>(())
    /// });
    /// simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for an address that is no group's, and for a socket of IPv6; [`Error::AddrInUse`] if the socket is in
    /// the group; [`Error::AddrNotAvailable`] for the interface of another host; [`Error::NotConnected`] once the host has
    /// crashed.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), E> {
        let joined = self.socket.join(group.into(), interface.into());
        joined.map_err(E::of)
    }

    /// Leaves a group of IPv4.
    ///
    /// # Errors
    ///
    /// As [`join_multicast_v4`](Self::join_multicast_v4), and [`Error::AddrNotAvailable`] if the socket is not in the group.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), E> {
        let left = self.socket.leave(group.into(), interface.into());
        left.map_err(E::of)
    }

    /// Joins a group of IPv6. A host has one interface, with the index 1; 0 is the system's choice.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::UdpSocket;
    /// # let mut simulation = polliwog::sim::Simulation::new(7);
    /// # simulation.client("frog", async {
    ///
    /// let socket = UdpSocket::bind("[::]:5353").await?;
    /// socket.join_multicast_v6(&"ff02::fb".parse().unwrap(), 0)?;
    /// socket.send_to(b"quak", "[ff02::fb]:5353").await?;
    /// assert_eq!(socket.recv(&mut [0; 10]).await?, 4); // its own
    /// # Ok::<(), polliwog::Error>(())
    /// # });
    /// # simulation.run().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] for an address that is no group's, and for a socket of IPv4; [`Error::AddrInUse`] if the socket is in
    /// the group; [`Error::AddrNotAvailable`] for another interface; [`Error::NotConnected`] once the host has crashed.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> Result<(), E> {
        let interface = index(interface).map_err(E::of)?;
        let joined = self.socket.join(IpAddr::V6(*group), interface);
        joined.map_err(E::of)
    }

    /// Leaves a group of IPv6.
    ///
    /// # Errors
    ///
    /// As [`join_multicast_v6`](Self::join_multicast_v6), and [`Error::AddrNotAvailable`] if the socket is not in the group.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> Result<(), E> {
        let interface = index(interface).map_err(E::of)?;
        let left = self.socket.leave(IpAddr::V6(*group), interface);
        left.map_err(E::of)
    }
}

/// The host's interface by its index.
fn index(interface: u32) -> Result<IpAddr, Error> {
    match interface {
        0 | 1 => Ok(Ipv6Addr::UNSPECIFIED.into()),
        _ => Err(Error::AddrNotAvailable),
    }
}

/// Getter and setter of what a socket for groups remembers.
macro_rules! option {
    ($get:ident, $set:ident, $field:ident: $type:ty, $what:literal) => {
        impl<E: NetError> UdpSocket<E> {
            #[doc = concat!("Returns ", $what)]
            ///
            /// # Errors
            ///
            /// [`Error::NotConnected`] once the host has crashed.
            pub fn $get(&self) -> Result<$type, E> {
                self.with(|socket| Ok(socket.multicast.$field))
            }

            #[doc = concat!("Sets ", $what)]
            ///
            /// # Errors
            ///
            /// [`Error::NotConnected`] once the host has crashed.
            pub fn $set(&self, value: $type) -> Result<(), E> {
                self.with(|socket| {
                    socket.multicast.$field = value;
                    Ok(())
                })
            }
        }
    };
}

option!(multicast_loop_v4, set_multicast_loop_v4, comes_back: bool,
    "whether what goes to a group of IPv4 comes back to the sockets of this host that have joined it; at first it does.");
option!(multicast_loop_v6, set_multicast_loop_v6, comes_back: bool,
    "whether what goes to a group of IPv6 comes back to the sockets of this host that have joined it; at first it does.");
option!(multicast_ttl_v4, set_multicast_ttl_v4, hops: u32,
    "how many routers what goes to a group of IPv4 may pass; there are none here.");
option!(multicast_hops_v6, set_multicast_hops_v6, hops: u32,
    "how many routers what goes to a group of IPv6 may pass; there are none here.");
