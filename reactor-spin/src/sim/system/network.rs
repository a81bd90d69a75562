//! What a system tells a program of its network: which devices it has, and what names stand for.

use alloc::vec;
use alloc::vec::Vec;
use core::ffi::CStr;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::net::Net;
use super::is_on_host;
use crate::net::Network;

/// The error of a question that is put in a way that is not there, ...
const EAI_BADFLAGS: i32 = if cfg!(target_os = "linux") { -1 } else { 3 };
/// ... of a name that nobody has, ...
const EAI_NONAME: i32 = if cfg!(target_os = "linux") { -2 } else { 8 };
/// ... and of a service: `<netdb.h>` of each system.
const EAI_SERVICE: i32 = if cfg!(target_os = "linux") { -8 } else { 9 };

/// The families of addresses: `<sys/socket.h>` of each system.
const AF_INET: i32 = 2;
const AF_INET6: i32 = if cfg!(target_os = "linux") { 10 } else { 30 };

/// A `struct sockaddr_in` or `sockaddr_in6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct SocketAddress(pub [u8; 28]);

impl SocketAddress {
    fn new(ip: IpAddr, port: u16) -> Self {
        let mut bytes = [0; 28];
        let (family, len) = match ip {
            IpAddr::V4(ip) => {
                bytes[4..8].copy_from_slice(&ip.octets());
                (AF_INET, 16)
            }
            IpAddr::V6(ip) => {
                bytes[8..24].copy_from_slice(&ip.octets());
                (AF_INET6, 28)
            }
        };
        if cfg!(target_os = "linux") {
            bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
        } else {
            bytes[..2].copy_from_slice(&[len, family as u8]);
        }
        bytes[2..4].copy_from_slice(&port.to_be_bytes());
        Self(bytes)
    }
}

/// One address of a network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The name of the device.
    pub name: &'static CStr,
    /// `IFF_…` of `<net/if.h>`.
    pub flags: u32,
    /// An address, the bits of it that the network has, and the address that is everybody's.
    pub addrs: [Option<SocketAddress>; 3],
}

/// The devices of a host: itself, and all others.
const NAMES: [&CStr; 2] = if cfg!(target_os = "linux") {
    [c"lo", c"eth0"]
} else {
    [c"lo0", c"en0"]
};

impl Device {
    fn new(ip: IpAddr) -> Self {
        // `IFF_UP`, `IFF_RUNNING`, and either `IFF_LOOPBACK` or `IFF_BROADCAST` with `IFF_MULTICAST`.
        const UP: u32 = 0x1 | 0x40;
        const LOOPBACK: u32 = UP | 0x8;
        const MULTICAST: u32 = if cfg!(target_os = "linux") {
            0x1000
        } else {
            0x8000
        };
        let (flags, everybody) = match ip.is_loopback() {
            true => (LOOPBACK, None),
            false => (
                UP | 0x2 | MULTICAST,
                Some(IpAddr::from(Ipv4Addr::BROADCAST)),
            ),
        };
        let mask: IpAddr = match ip {
            IpAddr::V4(_) => Ipv4Addr::new(255, 0, 0, 0).into(),
            IpAddr::V6(ip) if ip.is_loopback() => Ipv6Addr::from_bits(u128::MAX).into(),
            IpAddr::V6(_) => Ipv6Addr::from_bits(u128::MAX << 64).into(),
        };
        let everybody = everybody.filter(|_| ip.is_ipv4());
        let addrs = [Some(ip), Some(mask), everybody];
        Self {
            name: NAMES[usize::from(!ip.is_loopback())],
            flags,
            addrs: addrs.map(|ip| ip.map(|ip| SocketAddress::new(ip, 0))),
        }
    }
}

/// The addresses of the host that runs, each with its device; `None` if it is the system that is to be asked.
#[must_use]
pub fn devices() -> Option<Vec<Device>> {
    let Net { world, host } = Network::current_sim()?;
    let addrs = world.try_with(|state| {
        let (v4, v6) = (state.hosts[host as usize].v4, state.hosts[host as usize].v6);
        let firsts = [v4.into(), v6.into()];
        let of_host = state.by_addr.iter().filter(|(_, owner)| **owner == host);
        let further = of_host.map(|(addr, _)| *addr);
        let further = further.filter(|addr| !firsts.contains(addr));
        let selves = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let all = selves.into_iter().chain(firsts).chain(further);
        all.collect::<Vec<IpAddr>>()
    })?;
    Some(addrs.into_iter().map(Device::new).collect())
}

/// The number of the device with this name, and zero of none; `None` if it is the system that is to be asked.
#[must_use]
pub fn device_number(name: &CStr) -> Option<u32> {
    let at = NAMES.iter().position(|known| *known == name);
    is_on_host().then_some(at.map_or(0, |at| at as u32 + 1))
}

/// What is asked of `getaddrinfo`, and answered: flags, family, kind of sockets, protocol.
pub type Hints = [i32; 4];

/// Addresses, each with its length, its family, and what sockets it is for.
type Answers = Vec<(SocketAddress, u32, Hints)>;

/// Looks a name up as the host's program does by [`lookup_host`](crate::net::lookup_host()). An error is one of `getaddrinfo`'s;
/// `None` if it is the system that is to be asked, as for names that no host has within
/// [`outside`](super::super::outside()).
#[must_use]
pub fn lookup(
    name: Option<&CStr>,
    service: Option<&CStr>,
    [flags, family, kind, protocol]: Hints,
) -> Option<Result<Answers, i32>> {
    const CANONICAL: i32 = 2;
    const NUMERIC: i32 = 4;
    // `SOCK_STREAM` with TCP, and `SOCK_DGRAM` with UDP.
    const KINDS: [[i32; 2]; 2] = [[1, 6], [2, 17]];
    let name = name.filter(|_| is_on_host())?;
    let net = Network::current_sim()?;
    // Names of hosts are no aliases.
    if flags & CANONICAL != 0 {
        return Some(Err(EAI_BADFLAGS));
    }
    let port = service.map_or(Ok("0"), CStr::to_str);
    let Some(port) = port.ok().and_then(|port| port.parse().ok()) else {
        return Some(Err(EAI_SERVICE));
    };
    let name = name.to_str().unwrap_or_default();
    let found = match (name.parse(), flags & NUMERIC) {
        (Ok(ip), _) => vec![ip],
        (Err(_), 0) => crate::net::hosts(name).unwrap_or_default(),
        (Err(_), _) => Vec::new(),
    };
    if found.is_empty() && net.world.is_outside(net.host) {
        return None;
    }
    let mut answers = Vec::new();
    for ip in found {
        let (of, len) = match ip {
            IpAddr::V4(_) => (AF_INET, 16),
            IpAddr::V6(_) => (AF_INET6, 28),
        };
        let is_meant = |[a_kind, a_protocol]: &[i32; 2]| {
            [0, of].contains(&family)
                && [0, *a_kind].contains(&kind)
                && [0, *a_protocol].contains(&protocol)
        };
        for [kind, protocol] in KINDS.into_iter().filter(is_meant) {
            let addr = SocketAddress::new(ip, port);
            answers.push((addr, len, [flags, of, kind, protocol]));
        }
    }
    Some(match answers.is_empty() {
        true => Err(EAI_NONAME),
        false => Ok(answers),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::{self as sim, Simulation};
    use super::*;

    const STREAM: Hints = [0, 0, 1, 0];

    /// What there are of addresses, with kind and protocol.
    fn told(name: &CStr, service: Option<&CStr>, hints: Hints) -> Result<Vec<[i32; 3]>, i32> {
        let answers = lookup(Some(name), service, hints).unwrap();
        let told = |(addr, len, [_, family, kind, protocol]): (SocketAddress, u32, Hints)| {
            let expected = [(AF_INET, 16), (AF_INET6, 28)];
            assert!(expected.contains(&(family, len)));
            let port = u16::from_be_bytes([addr.0[2], addr.0[3]]);
            [port.into(), kind, protocol]
        };
        answers.map(|answers| answers.into_iter().map(told).collect())
    }

    #[test]
    fn a_lookup_gives_what_is_asked_for() {
        let mut simulation = Simulation::new(1);
        simulation.client("frog", async {
            assert_eq!(told(c"frog", None, STREAM), Ok([[0, 1, 6]].into()));
            let any = Ok([[80, 1, 6], [80, 2, 17]].into());
            assert_eq!(told(c"frog", Some(c"80"), [0; 4]), any);
            assert_eq!(told(c"10.0.0.1", Some(c"80"), [4, 0, 0, 0]), any);
            for of_udp in [[0, AF_INET, 2, 0], [0, AF_INET, 0, 17]] {
                assert_eq!(told(c"frog", None, of_udp), Ok([[0, 2, 17]].into()));
            }
            for wrong in [[0, AF_INET6, 0, 0], [4, 0, 0, 0], [0, 0, 1, 17]] {
                assert_eq!(told(c"frog", None, wrong), Err(EAI_NONAME), "{wrong:?}");
            }
            assert_eq!(told(c"newt", None, STREAM), Err(EAI_NONAME));
            assert_eq!(told(c"frog", Some(c"http"), STREAM), Err(EAI_SERVICE));
            assert_eq!(told(c"frog", None, [2, 0, 0, 0]), Err(EAI_BADFLAGS));
            // Where to listen is for the system to say.
            assert_eq!(lookup(None, Some(c"80"), STREAM), None);
            let patience = core::time::Duration::from_secs(60);
            sim::outside(patience, async {
                assert_eq!(lookup(Some(c"newt"), None, STREAM), None);
                assert_eq!(told(c"frog", None, STREAM), Ok([[0, 1, 6]].into()));
            })
            .await;
        });
        simulation.run().unwrap();
        assert_eq!(lookup(Some(c"frog"), None, STREAM), None);
        assert_eq!((devices(), device_number(NAMES[0])), (None, None));
    }
}
