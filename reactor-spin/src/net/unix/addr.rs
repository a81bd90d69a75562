//! Addresses of Unix sockets as the standard library has them.

use std::os::unix::net::SocketAddr as Std;

use super::SocketAddr;
use crate::Error;
use crate::net::generic::sealed;
use crate::sim::Name;

#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;

impl sealed::Addr for Std {
    fn of(addr: &SocketAddr) -> Result<Self, Error> {
        let made = match addr.0.as_deref() {
            // The empty path is what the standard library has for no name.
            None => Std::from_pathname(""),
            Some(Name::Path(path)) => Std::from_pathname(path),
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Some(Name::Abstract(name)) => Std::from_abstract_name(name),
            // Elsewhere there are no such names.
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            Some(Name::Abstract(_)) => return Err(Error::InvalidInput),
        };
        made.map_err(|_| Error::InvalidInput)
    }

    fn to_own(&self) -> Result<SocketAddr, Error> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some(name) = self.as_abstract_name() {
            return Ok(SocketAddr::named(Name::Abstract(name.into())));
        }
        match self.as_pathname() {
            Some(path) => SocketAddr::from_pathname(path),
            None => Ok(SocketAddr::UNNAMED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::generic::sealed::Addr;

    #[test]
    fn an_address_is_the_same_there_and_back() {
        let unnamed = <Std as Addr>::of(&SocketAddr::UNNAMED).unwrap();
        assert!(unnamed.is_unnamed());
        assert_eq!(unnamed.to_own(), Ok(SocketAddr::UNNAMED));
        let mut names = std::vec!["/run/frog"];
        if cfg!(any(target_os = "linux", target_os = "android")) {
            names.push("\0frog");
        }
        for name in names {
            let own = SocketAddr::from_pathname(name).unwrap();
            let there = <Std as Addr>::of(&own).unwrap();
            assert!(!there.is_unnamed(), "{name:?}");
            assert_eq!(there.to_own(), Ok(own));
        }
    }
}
