//! [`Addr`]: the address of a simulated host in few bytes, since each message on its way has two.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The addresses by IPv6 of hosts, without the number.
const HOSTS: u128 = 0xFD00 << 112;

/// The address by IPv6 of a host that has this one by IPv4, without the network's byte.
pub(crate) fn v6(number: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(HOSTS + u128::from(number))
}

/// An address and a port of a host. Such are all by IPv4, and by IPv6 those that hosts have and `::1`.
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
    /// `::1`, whose number that is.
    Low,
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        let (family, number) = match addr.ip() {
            IpAddr::V4(ip) => (Family::V4, ip.to_bits()),
            IpAddr::V6(ip) if ip.to_bits() >> 32 == HOSTS >> 32 => {
                (Family::Hosts, ip.to_bits() as u32)
            }
            IpAddr::V6(ip) => (Family::Low, ip.to_bits() as u32),
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
            Family::Low => Ipv6Addr::from_bits(u128::from(addr.number)).into(),
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
        ] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(SocketAddr::from(Addr::from(addr)), addr);
        }
        assert_eq!(v6(0x1_0001), "fd00::1:1".parse::<Ipv6Addr>().unwrap());
        assert_eq!(size_of::<Addr>(), 8);
    }
}
