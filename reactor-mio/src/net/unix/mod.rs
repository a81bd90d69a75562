//! What goes with the sockets of Unix: addresses, credentials of a peer, and the halves of a
//! [`UnixStream`].
//!
//! # Names in the file system
//!
//! Binding makes a file, and nothing removes it: not dropping the socket, and not the end of the process.
//! To bind the name again is the error [`AddrInUse`](std::io::ErrorKind::AddrInUse), so remove it first, if
//! nobody listens there any more, or after the end:
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
//! use polliwog::net::UnixListener;
//!
//! # let folder = std::env::temp_dir().join(format!("polliwog-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let path = folder.join("unlink");
//! polliwog::block_on(async {
//!     drop(UnixListener::bind(&path)?);
//!     assert!(UnixListener::bind(&path).is_err());
//!     std::fs::remove_file(&path)?;
//!     let _listener = UnixListener::bind(&path)?;
//!     std::fs::remove_file(&path)
//! })
//! # .unwrap();
//! # std::fs::remove_dir(&folder).unwrap();
//! ```
//!
//! # Abstract names
//!
//! Linux has names that are not in the file system, which end with their last socket. A path that begins
//! with a zero byte is one, as the field has it; so are addresses that
//! `std::os::linux::net::SocketAddrExt::from_abstract_name` makes, for the methods that end in `_addr`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

mod credentials;
pub(super) mod datagram;
mod fds;
pub(super) mod listener;
mod split;
pub(super) mod stream;

use super::UnixStream;
pub use credentials::UCred;
pub use listener::Incoming;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use std::os::unix::net::SocketAddr;

/// The address of a path; of an abstract name if it begins with a zero byte.
fn address(path: &Path) -> io::Result<SocketAddr> {
    let bytes = OsStr::as_bytes(path.as_os_str());
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let [0, name @ ..] = bytes {
        #[cfg(target_os = "android")]
        use std::os::android::net::SocketAddrExt;
        #[cfg(target_os = "linux")]
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name);
    }
    let _ = bytes;
    SocketAddr::from_pathname(path)
}
