//! What can name a socket.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

#[cfg(feature = "alloc")]
use alloc::{vec, vec::Vec};

use crate::Error;

/// What [`TcpListener::bind`](super::TcpListener::bind) and
/// [`TcpStream::connect`](super::TcpStream::connect) take: a socket address, an address and a
/// port, text such as `"127.0.0.1:80"`, `"[::1]:80"` and `"localhost:80"`, or several addresses, of which the first
/// counts (a connect in a simulation tries one after the other): the types that [`std::net::ToSocketAddrs`](https://doc.rust-lang.org/std/net/trait.ToSocketAddrs.html) has.
///
/// There is no name service in memory: `localhost` is the one name. In a simulation (feature `sim`) the hosts
/// have names, too.
pub trait ToSocketAddrs {
    /// The address that is meant.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`] for text that is not an address; [`Error::NameNotFound`] in a simulation for a
    /// name that no host has.
    fn to_socket_addr(&self) -> Result<SocketAddr, Error>;

    /// All addresses that are meant, that of [`to_socket_addr`](Self::to_socket_addr) first.
    ///
    /// # Errors
    ///
    /// As that.
    #[cfg(feature = "alloc")]
    fn to_socket_addrs(&self) -> Result<Vec<SocketAddr>, Error> {
        Ok(vec![self.to_socket_addr()?])
    }
}

/// Looks up a name: all addresses that it stands for.
///
/// In a simulation (feature `sim`) a name may stand for several hosts: see `sim::Control::set_name`.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::*; }
/// use polliwog::net::lookup_host;
///
/// polliwog::block_on(async {
///     let addrs = lookup_host("localhost:80").await.unwrap();
///     assert_eq!(addrs, ["127.0.0.1:80".parse().unwrap()]);
/// });
/// ```
///
/// # Errors
///
/// Those of [`ToSocketAddrs::to_socket_addr`].
///
/// # Cancel safety
///
/// It never waits.
#[cfg(feature = "alloc")]
pub async fn lookup_host(addr: impl ToSocketAddrs) -> Result<Vec<SocketAddr>, Error> {
    addr.to_socket_addrs()
}

impl ToSocketAddrs for SocketAddr {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        Ok(*self)
    }
}

impl ToSocketAddrs for SocketAddrV4 {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        Ok((*self).into())
    }
}

impl ToSocketAddrs for SocketAddrV6 {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        Ok((*self).into())
    }
}

impl ToSocketAddrs for (IpAddr, u16) {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        Ok((*self).into())
    }
}

impl ToSocketAddrs for (Ipv4Addr, u16) {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        Ok((*self).into())
    }
}

impl ToSocketAddrs for (Ipv6Addr, u16) {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        Ok((*self).into())
    }
}

impl ToSocketAddrs for (&str, u16) {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        Ok(SocketAddr::new(host(self.0)?, self.1))
    }

    #[cfg(feature = "alloc")]
    fn to_socket_addrs(&self) -> Result<Vec<SocketAddr>, Error> {
        let hosts = hosts(self.0)?.into_iter();
        Ok(hosts.map(|ip| SocketAddr::new(ip, self.1)).collect())
    }
}

impl ToSocketAddrs for str {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        match self.parse() {
            Ok(addr) => Ok(addr),
            Err(_) => name_and_port(self)?.to_socket_addr(),
        }
    }

    #[cfg(feature = "alloc")]
    fn to_socket_addrs(&self) -> Result<Vec<SocketAddr>, Error> {
        match self.parse() {
            Ok(addr) => Ok(vec![addr]),
            Err(_) => name_and_port(self)?.to_socket_addrs(),
        }
    }
}

fn name_and_port(text: &str) -> Result<(&str, u16), Error> {
    let (name, port) = text.rsplit_once(':').ok_or(Error::InvalidAddress)?;
    Ok((name, port.parse().map_err(|_| Error::InvalidAddress)?))
}

#[cfg(feature = "alloc")]
impl ToSocketAddrs for alloc::string::String {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        self.as_str().to_socket_addr()
    }

    fn to_socket_addrs(&self) -> Result<Vec<SocketAddr>, Error> {
        self.as_str().to_socket_addrs()
    }
}

#[cfg(feature = "alloc")]
impl ToSocketAddrs for (alloc::string::String, u16) {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        (self.0.as_str(), self.1).to_socket_addr()
    }

    fn to_socket_addrs(&self) -> Result<Vec<SocketAddr>, Error> {
        (self.0.as_str(), self.1).to_socket_addrs()
    }
}

/// The first one: in memory an address is not tried in vain for long.
impl ToSocketAddrs for [SocketAddr] {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        self.first().copied().ok_or(Error::InvalidAddress)
    }

    #[cfg(feature = "alloc")]
    fn to_socket_addrs(&self) -> Result<Vec<SocketAddr>, Error> {
        self.to_socket_addr()?;
        Ok(self.to_vec())
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        (**self).to_socket_addr()
    }

    #[cfg(feature = "alloc")]
    fn to_socket_addrs(&self) -> Result<Vec<SocketAddr>, Error> {
        (**self).to_socket_addrs()
    }
}

/// The address that a text stands for wherever it is.
fn literal(name: &str) -> Option<IpAddr> {
    match name.eq_ignore_ascii_case("localhost") {
        true => Some(Ipv4Addr::LOCALHOST.into()),
        false => name.parse().ok(),
    }
}

fn host(name: &str) -> Result<IpAddr, Error> {
    if let Some(addr) = literal(name) {
        return Ok(addr);
    }
    #[cfg(feature = "sim")]
    if let Some(net) = super::Network::current().sim() {
        let found = net.lookup(name);
        return found.ok_or(Error::NameNotFound);
    }
    Err(Error::InvalidAddress)
}

/// All that [`host`] could be.
#[cfg(feature = "alloc")]
pub(crate) fn hosts(name: &str) -> Result<Vec<IpAddr>, Error> {
    #[cfg(feature = "sim")]
    if let (None, Some(net)) = (literal(name), super::Network::current().sim()) {
        let found = net.lookup_all(name);
        return match found.is_empty() {
            true => Err(Error::NameNotFound),
            false => Ok(found),
        };
    }
    host(name).map(|addr| vec![addr])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
        assert_eq!("127.0.0.1:80".to_socket_addr(), Ok(addr));
        assert_eq!("LocalHost:80".to_socket_addr(), Ok(addr));
        assert_eq!(("localhost", 80).to_socket_addr(), Ok(addr));
        assert_eq!(
            "[::1]:80".to_socket_addr(),
            Ok((Ipv6Addr::LOCALHOST, 80).into())
        );
        for bad in [
            "",
            ":",
            "80",
            "localhost",
            "localhost:",
            "localhost:65536",
            "frog.example:80",
        ] {
            assert_eq!(bad.to_socket_addr(), Err(Error::InvalidAddress), "{bad:?}");
        }
    }
}
