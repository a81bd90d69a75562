//! Addresses, and names that have to be looked up first.

use std::io;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs as _,
};

use crate::blocking::spawn_blocking;
use polliwog_core::task::consume_budget;

/// What can be turned into socket addresses: an address, or a name with a port.
///
/// Implemented for the same types as [`std::net::ToSocketAddrs`]. The difference is in how a
/// name is looked up: on the blocking pool instead of in the calling thread. Addresses,
/// also as text, take no lookup. The trait is sealed.
pub trait ToSocketAddrs: sealed::Resolve {}

impl<T: sealed::Resolve + ?Sized> ToSocketAddrs for T {}

/// Looks up a name, on the blocking pool. Returns all of its addresses: a `Vec`, where tokio has an iterator.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// # polliwog_mio::block_on(async {
/// let addrs = polliwog::net::lookup_host(("127.0.0.1", 80)).await?;
/// assert_eq!(addrs, ["127.0.0.1:80".parse().unwrap()]);
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] when the text is no address and no name with a port,
/// otherwise what the system's resolver reports.
///
/// # Cancel safety
///
/// Dropping the future leaves the lookup to end in the background.
pub async fn lookup_host(addr: impl ToSocketAddrs) -> io::Result<Vec<SocketAddr>> {
    consume_budget().await;
    Ok(match resolve(addr).await? {
        Addrs::One(addr) => vec![addr],
        Addrs::Many(addrs) => addrs,
    })
}

/// What an address or a name stands for.
pub(super) enum Addrs {
    One(SocketAddr),
    Many(Vec<SocketAddr>),
}

pub(super) async fn resolve(addr: impl ToSocketAddrs) -> io::Result<Addrs> {
    match addr.resolve()? {
        sealed::Resolution::One(addr) => Ok(Addrs::One(addr)),
        sealed::Resolution::Many(addrs) => Ok(Addrs::Many(addrs)),
        sealed::Resolution::Name(host, port) => {
            let found = spawn_blocking(move || (host.as_str(), port).to_socket_addrs()).await??;
            Ok(Addrs::Many(found.collect()))
        }
    }
}

/// Calls `attempt` with each address of `addr` until one succeeds.
pub(crate) async fn first_that_works<T, F: Future<Output = io::Result<T>>>(
    addr: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T> {
    let addrs = match resolve(addr).await? {
        Addrs::One(addr) => return attempt(addr).await,
        Addrs::Many(addrs) => addrs,
    };
    let mut last = None;
    for addr in addrs {
        match attempt(addr).await {
            Ok(value) => return Ok(value),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(no_address))
}

/// There was nothing to try.
pub(super) fn no_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "the name has no address at all",
    )
}

mod sealed {
    use super::*;

    /// What is known of an address before any lookup.
    #[derive(Debug, PartialEq, Eq)]
    pub enum Resolution {
        One(SocketAddr),
        Many(Vec<SocketAddr>),
        Name(String, u16),
    }

    pub trait Resolve {
        fn resolve(&self) -> io::Result<Resolution>;
    }

    macro_rules! addresses {
        ($($type:ty: $value:ident => $addr:expr;)+) => {$(
            impl Resolve for $type {
                fn resolve(&self) -> io::Result<Resolution> {
                    let $value = *self;
                    Ok(Resolution::One($addr))
                }
            }
        )+};
    }

    addresses! {
        SocketAddr: addr => addr;
        SocketAddrV4: addr => addr.into();
        SocketAddrV6: addr => addr.into();
        (IpAddr, u16): addr => addr.into();
        (Ipv4Addr, u16): addr => addr.into();
        (Ipv6Addr, u16): addr => addr.into();
    }

    impl Resolve for [SocketAddr] {
        fn resolve(&self) -> io::Result<Resolution> {
            Ok(Resolution::Many(self.to_vec()))
        }
    }

    impl Resolve for (&str, u16) {
        fn resolve(&self) -> io::Result<Resolution> {
            Ok(match self.0.parse::<IpAddr>() {
                Ok(ip) => Resolution::One((ip, self.1).into()),
                Err(_) => Resolution::Name(self.0.into(), self.1),
            })
        }
    }

    impl Resolve for (String, u16) {
        fn resolve(&self) -> io::Result<Resolution> {
            (self.0.as_str(), self.1).resolve()
        }
    }

    impl Resolve for str {
        fn resolve(&self) -> io::Result<Resolution> {
            if let Ok(addr) = self.parse() {
                return Ok(Resolution::One(addr));
            }
            let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
            let (host, port) = self
                .rsplit_once(':')
                .ok_or_else(|| invalid("an address has to be of the form host:port"))?;
            let port = port
                .parse()
                .map_err(|_| invalid("the port of an address has to be a number below 65536"))?;
            Ok(Resolution::Name(host.into(), port))
        }
    }

    impl Resolve for String {
        fn resolve(&self) -> io::Result<Resolution> {
            self.as_str().resolve()
        }
    }

    impl<T: Resolve + ?Sized> Resolve for &T {
        fn resolve(&self) -> io::Result<Resolution> {
            (**self).resolve()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sealed::{Resolution, Resolve};
    use super::*;

    #[test]
    fn only_names_need_a_lookup() {
        let here: SocketAddr = "127.0.0.1:7".parse().unwrap();
        assert_eq!("127.0.0.1:7".resolve().unwrap(), Resolution::One(here));
        assert_eq!(("127.0.0.1", 7).resolve().unwrap(), Resolution::One(here));
        assert_eq!((&&here).resolve().unwrap(), Resolution::One(here));
        assert_eq!(
            [here, here][..].resolve().unwrap(),
            Resolution::Many(vec![here, here])
        );
        assert_eq!(
            String::from("localhost:7").resolve().unwrap(),
            Resolution::Name("localhost".into(), 7)
        );
        assert!(matches!("[::1]:7".resolve(), Ok(Resolution::One(_))));
        for wrong in ["localhost", "localhost:", "localhost:65536", ""] {
            let error = wrong.resolve().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{wrong}");
        }
    }
}
