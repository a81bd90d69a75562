//! Unix sockets of a simulated host ([`sim`](crate::sim)): addresses, and the halves of a
//! [`UnixStream`](super::UnixStream).
//!
//! They lead from task to task of one host, take no time and lose nothing: a write waits while the reader's buffer is
//! full, and whoever is gone is seen to be gone at once.
//!
//! # Names
//!
//! Binding makes a name on the host's disk, and nothing removes it but [`remove_file`](crate::sim::fs::remove_file) and a
//! crash: a program that was killed finds it when it starts again, with nobody behind it. To bind it again is
//! [`Error::AddrInUse`]. A path that begins with a zero byte is an abstract name, which goes with its
//! socket.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::fs; }
//! use polliwog::fs;
//! use polliwog::net::UnixListener;
//! use polliwog::sim::Simulation;
//!
//! let mut simulation = Simulation::new(7);
//! simulation.client("frog", async {
//!     drop(UnixListener::bind("/run.sock").unwrap());
//!     assert!(UnixListener::bind("/run.sock").is_err());
//!     fs::remove_file("/run.sock").await.unwrap();
//!     let _listener = UnixListener::bind("/run.sock").unwrap();
//! });
//! simulation.run().unwrap();
//! ```

use alloc::sync::Arc;
use core::fmt;
use std::path::Path;

use super::network::Network;
use crate::Error;
use crate::sim::{Name, Net};

#[cfg(unix)]
mod addr;
pub(super) mod datagram;
mod inbox;
pub(super) mod listener;
pub(super) mod split;
pub(super) mod stream;

use super::generic::sealed;
pub(crate) use inbox::Inbox;

super::generic::halves_names!(
    generic::unix,
    Error,
    "[`Error`]",
    "[`UnixStream`](super::UnixStream)"
);

/// The address of a Unix socket: a path, an abstract name, or none.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::unix::SocketAddr;
///
/// let addr = SocketAddr::from_pathname("/run/frog").unwrap();
/// assert_eq!(addr.as_pathname().unwrap().to_str(), Some("/run/frog"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SocketAddr(Option<Arc<Name>>);

impl SocketAddr {
    const UNNAMED: SocketAddr = SocketAddr(None);

    fn named(name: Name) -> Self {
        Self(Some(Arc::new(name)))
    }

    /// The address of a path; of an abstract name if it begins with a zero byte.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidInput`] if it is empty or longer than 107 bytes, or has a zero byte elsewhere.
    pub fn from_pathname(path: impl AsRef<Path>) -> Result<Self, Error> {
        Name::of(path.as_ref()).map(Self::named)
    }

    /// Whether it is nobody's name.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::unix::SocketAddr;
    ///
    /// assert!(!SocketAddr::from_pathname("/run/frog").unwrap().is_unnamed());
    /// ```
    pub fn is_unnamed(&self) -> bool {
        self.0.is_none()
    }

    /// The path, if it is one.
    pub fn as_pathname(&self) -> Option<&Path> {
        match self.0.as_deref() {
            Some(Name::Path(path)) => Some(path),
            _ => None,
        }
    }

    /// The abstract name without its zero byte, if it is one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::net::unix::SocketAddr;
    ///
    /// let addr = SocketAddr::from_pathname("\0frog").unwrap();
    /// assert_eq!(addr.as_abstract_name(), Some(&b"frog"[..]));
    /// ```
    pub fn as_abstract_name(&self) -> Option<&[u8]> {
        match self.0.as_deref() {
            Some(Name::Abstract(name)) => Some(name),
            _ => None,
        }
    }

    /// The name, which whoever connects has to give.
    fn name(&self) -> Result<&Name, Error> {
        self.0.as_deref().ok_or(Error::InvalidInput)
    }
}

impl sealed::Addr for SocketAddr {
    fn of(addr: &SocketAddr) -> Result<Self, Error> {
        Ok(addr.clone())
    }

    fn to_own(&self) -> Result<SocketAddr, Error> {
        Ok(self.clone())
    }
}

impl fmt::Debug for SocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_deref() {
            None => f.write_str("(unnamed)"),
            Some(Name::Path(path)) => write!(f, "{path:?} (pathname)"),
            Some(Name::Abstract(name)) => write!(f, "\"{}\" (abstract)", name.escape_ascii()),
        }
    }
}

/// The host that the caller runs on.
fn host() -> Result<Net, Error> {
    Network::current().sim().cloned().ok_or(Error::Unsupported)
}
