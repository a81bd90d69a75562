//! Who is at the other end.

use std::io;
use std::os::fd::AsFd;

/// The credentials of a peer at the time when it connected, listened or made the pair.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::net::UnixStream;
///
/// polliwog::block_on(async {
///     let (stream, _other) = UnixStream::pair()?;
///     let peer = stream.peer_cred()?;
///     println!("user {}, group {}, process {:?}", peer.uid(), peer.gid(), peer.pid());
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UCred {
    uid: u32,
    gid: u32,
    pid: Option<i32>,
}

impl UCred {
    /// Returns the effective user.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixStream;
    ///
    /// polliwog::block_on(async {
    ///     let (stream, other) = UnixStream::pair()?;
    ///     assert_eq!(stream.peer_cred()?.uid(), other.peer_cred()?.uid());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// Returns the effective group.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UnixStream;
    ///
    /// polliwog::block_on(async {
    ///     let (stream, other) = UnixStream::pair()?;
    ///     assert_eq!(stream.peer_cred()?.gid(), other.peer_cred()?.gid());
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// Returns the process, where the system tells (Linux and Android) and it can be seen from here: one in a
    /// container that is not ours has no number.
    pub fn pid(&self) -> Option<i32> {
        self.pid
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn of_peer(socket: &impl AsFd) -> io::Result<UCred> {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    // Not by rustix, whose process identifiers are never zero.
    let cred = getsockopt(socket, PeerCredentials)?;
    Ok(UCred {
        uid: cred.uid(),
        gid: cred.gid(),
        pid: (cred.pid() != 0).then_some(cred.pid()),
    })
}

#[cfg(any(
    target_os = "macos",
    target_os = "ios",
    target_os = "tvos",
    target_os = "watchos",
    target_os = "visionos",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
))]
pub(super) fn of_peer(socket: &impl AsFd) -> io::Result<UCred> {
    let (uid, gid) = nix::unistd::getpeereid(socket)?;
    Ok(UCred {
        uid: uid.as_raw(),
        gid: gid.as_raw(),
        pid: None,
    })
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "tvos",
    target_os = "watchos",
    target_os = "visionos",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
)))]
pub(super) fn of_peer(_: &impl AsFd) -> io::Result<UCred> {
    Err(io::ErrorKind::Unsupported.into())
}
