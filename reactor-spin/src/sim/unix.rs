//! [`Unix`]: Unix sockets of a simulated host, which lead nowhere else: a network in memory, and names.

use alloc::collections::BTreeMap;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::net::Net;
use crate::Error;
use crate::net::Network;
use crate::net::unix::Inbox;

/// The most bytes of a name, as on Linux.
const LONGEST: usize = 107;

/// What a name stands for.
#[derive(Clone)]
pub(crate) enum UnixSocket {
    /// A listener in the host's network, for as long as it lives.
    Stream(SocketAddr, Weak<()>),
    Datagram(Weak<Inbox>),
}

/// A socket with a name, and the process that has it.
#[derive(Clone)]
pub(crate) struct Bound {
    socket: UnixSocket,
    process: Weak<()>,
}

/// A name of a Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Path(PathBuf),
    Abstract(Vec<u8>),
}

impl Name {
    /// A path's; one that begins with a zero byte is an abstract one.
    pub(crate) fn of(path: &Path) -> Result<Self, Error> {
        let bytes = path.as_os_str().as_encoded_bytes();
        match bytes {
            [] => Err(Error::InvalidInput),
            _ if bytes.len() > LONGEST => Err(Error::InvalidInput),
            [0, name @ ..] => Ok(Self::Abstract(name.into())),
            _ if bytes.contains(&0) => Err(Error::InvalidInput),
            _ => Ok(Self::Path(path.into())),
        }
    }
}

/// What the process of a host has of them, apart from the names that are paths: those lie on the host's disk.
#[derive(Default)]
pub(crate) struct Unix {
    network: Option<Network>,
    names: BTreeMap<Vec<u8>, Bound>,
    /// There for as long as the process is. A socket that it has leaked is not its system's any more.
    process: Rc<()>,
}

impl Net {
    /// The network in memory that the host's listeners and streams are in.
    pub(crate) fn unix_network(&self) -> Network {
        self.world.with(|state| {
            let unix = &mut state.hosts[self.host as usize].unix;
            unix.network.get_or_insert_with(Network::new).clone()
        })
    }

    /// An address in that network at which anybody may listen who wants a free one.
    pub(crate) const ANY: SocketAddr =
        SocketAddr::V4(core::net::SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));

    /// Gives a socket its name.
    pub(crate) fn bind_unix(&self, name: &Name, socket: UnixSocket) -> Result<(), Error> {
        self.world.with(|state| {
            state.needs_process(self.host)?;
            let host = &mut state.hosts[self.host as usize];
            let process = Rc::downgrade(&host.unix.process);
            let bound = Bound { socket, process };
            match name {
                Name::Path(path) => host.disk.bind(path, bound).map_err(|error| of(&error)),
                Name::Abstract(name) if host.unix.names.contains_key(name) => Err(Error::AddrInUse),
                Name::Abstract(name) => {
                    host.unix.names.insert(name.clone(), bound);
                    Ok(())
                }
            }
        })
    }

    /// The socket that a name stands for.
    pub(crate) fn find_unix(&self, name: &Name) -> Result<UnixSocket, Error> {
        self.world.with(|state| {
            state.needs_process(self.host)?;
            let host = &mut state.hosts[self.host as usize];
            let bound = match name {
                Name::Path(path) => host.disk.bound(path).map_err(|error| of(&error))?,
                Name::Abstract(name) => host.unix.names.get(name).cloned(),
            };
            let bound = bound.filter(|bound| bound.process.strong_count() > 0);
            bound
                .map(|bound| bound.socket)
                .ok_or(Error::ConnectionRefused)
        })
    }

    /// A socket is gone, and its name with it if it is an abstract one; that of a file stays.
    pub(crate) fn unbind_unix(&self, name: &Name, is_its: impl Fn(&UnixSocket) -> bool) {
        let Name::Abstract(name) = name else { return };
        let gone = self.world.with(|state| {
            let names = &mut state.hosts[self.host as usize].unix.names;
            match names.get(name) {
                Some(bound) if is_its(&bound.socket) => names.remove(name),
                _ => None,
            }
        });
        drop(gone);
    }
}

impl UnixSocket {
    /// Whether it is the listener with this token.
    pub(crate) fn is_listener(&self, token: &Rc<()>) -> bool {
        matches!(self, Self::Stream(_, weak) if weak.as_ptr() == Rc::as_ptr(token))
    }

    /// Whether it is the socket with this inbox.
    pub(crate) fn is_datagram(&self, inbox: &Rc<Inbox>) -> bool {
        matches!(self, Self::Datagram(weak) if weak.as_ptr() == Rc::as_ptr(inbox))
    }
}

fn of(error: &std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::NameNotFound,
        _ => Error::AddrInUse,
    }
}
