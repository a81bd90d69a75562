//! What can name a socket.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::Error;

/// What [`TcpListener::bind`](super::TcpListener::bind) and
/// [`TcpStream::connect`](super::TcpStream::connect) take: a socket address, an address and a
/// port, text such as `"127.0.0.1:80"`, `"[::1]:80"` and `"localhost:80"`, or several addresses, of which the first
/// counts: the types that [`std::net::ToSocketAddrs`](https://doc.rust-lang.org/std/net/trait.ToSocketAddrs.html) has.
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
}

impl ToSocketAddrs for str {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        if let Ok(addr) = self.parse() {
            return Ok(addr);
        }
        let (name, port) = self.rsplit_once(':').ok_or(Error::InvalidAddress)?;
        let port = port.parse().map_err(|_| Error::InvalidAddress)?;
        Ok(SocketAddr::new(host(name)?, port))
    }
}

#[cfg(feature = "alloc")]
impl ToSocketAddrs for alloc::string::String {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        self.as_str().to_socket_addr()
    }
}

#[cfg(feature = "alloc")]
impl ToSocketAddrs for (alloc::string::String, u16) {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        (self.0.as_str(), self.1).to_socket_addr()
    }
}

/// The first one: in memory an address is not tried in vain for long.
impl ToSocketAddrs for [SocketAddr] {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        self.first().copied().ok_or(Error::InvalidAddress)
    }
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {
    fn to_socket_addr(&self) -> Result<SocketAddr, Error> {
        (**self).to_socket_addr()
    }
}

fn host(name: &str) -> Result<IpAddr, Error> {
    if name.eq_ignore_ascii_case("localhost") {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    if let Ok(addr) = name.parse() {
        return Ok(addr);
    }
    #[cfg(feature = "sim")]
    if let Some(net) = super::Network::current().sim() {
        return net
            .world
            .with(|state| state.lookup(name))
            .ok_or(Error::NameNotFound);
    }
    Err(Error::InvalidAddress)
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
