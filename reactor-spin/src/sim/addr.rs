//! [`Addr`]: the address of a simulated host in few bytes, since each message on its way has two.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The addresses by IPv6 of hosts, without the number.
const HOSTS: u128 = 0xFD00 << 112;

/// The address by IPv6 of a host that has this one by IPv4, without the network's byte.
pub(crate) fn v6(number: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(HOSTS + u128::from(number))
}

/// The address by which a host reaches itself, as what is sent to nobody's address does.
pub(crate) fn localhost(is_v4: bool) -> IpAddr {
    match is_v4 {
        true => Ipv4Addr::LOCALHOST.into(),
        false => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Whether what is bound to `local` is reached at `to`: 0.0.0.0 is all addresses by IPv4, and `::` all that there are, as on
/// Linux.
pub(crate) fn covers(local: IpAddr, to: IpAddr) -> bool {
    local == to || (local.is_unspecified() && (local.is_ipv6() || to.is_ipv4()))
}

/// Whether both cannot be bound at the same port.
pub(crate) fn overlap(one: IpAddr, other: IpAddr) -> bool {
    covers(one, other) || covers(other, one)
}

/// An address as a socket shows it: one of IPv6 has those by IPv4 as IPv6 writes them (RFC 4291, section 2.5.5.2).
pub(crate) fn shown(addr: SocketAddr, is_v6: bool) -> SocketAddr {
    match addr.ip() {
        IpAddr::V4(ip) if is_v6 => (ip.to_ipv6_mapped(), addr.port()).into(),
        _ => addr,
    }
}

/// The address that is meant by one that may be written so.
pub(crate) fn meant(addr: SocketAddr) -> SocketAddr {
    match addr.ip() {
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => (ip, addr.port()).into(),
            None => addr,
        },
        IpAddr::V4(_) => addr,
    }
}

std::thread_local! {
    /// Addresses by IPv6 that a test has chosen.
    static CHOSEN: RefCell<Vec<Ipv6Addr>> = const { RefCell::new(Vec::new()) };
}

/// The place of an address among those that a test has chosen. They stay there, since few of them are used.
fn chosen(ip: Ipv6Addr) -> u32 {
    CHOSEN.with_borrow_mut(|chosen| {
        let at = chosen.iter().position(|other| *other == ip);
        at.unwrap_or_else(|| {
            chosen.push(ip);
            chosen.len() - 1
        }) as u32
    })
}

/// An address and a port, for the thread of its simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Addr {
    number: u32,
    port: u16,
    family: Family,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    Hosts,
    /// The number is its place among those.
    Chosen,
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        let (family, number) = match addr.ip() {
            IpAddr::V4(ip) => (Family::V4, ip.to_bits()),
            IpAddr::V6(ip) if ip.to_bits() >> 32 == HOSTS >> 32 => {
                (Family::Hosts, ip.to_bits() as u32)
            }
            IpAddr::V6(ip) => (Family::Chosen, chosen(ip)),
        };
        Self {
            number,
            port: addr.port(),
            family,
        }
    }
}

impl From<Addr> for SocketAddr {
    fn from(addr: Addr) -> Self {
        let ip = match addr.family {
            Family::V4 => Ipv4Addr::from_bits(addr.number).into(),
            Family::Hosts => v6(addr.number).into(),
            Family::Chosen => CHOSEN.with_borrow(|chosen| chosen[addr.number as usize].into()),
        };
        SocketAddr::new(ip, addr.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in [
            "10.0.0.1:7",
            "127.0.0.9:65535",
            "255.255.255.255:1",
            "[::1]:7",
            "[fd00::3f:ffff]:80",
            "[2001:db8::7]:80",
            "[2001:db8::8]:80",
        ] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(SocketAddr::from(Addr::from(addr)), addr);
        }
        assert_eq!(v6(0x1_0001), "fd00::1:1".parse::<Ipv6Addr>().unwrap());
        assert_eq!(size_of::<Addr>(), 8);
    }
}
