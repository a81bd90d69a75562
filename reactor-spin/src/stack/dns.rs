//! Names: the `dns` feature.

use core::fmt;
use core::future::poll_fn;
use core::net::{IpAddr, SocketAddr};
use core::task::Poll;

use smoltcp::iface::SocketHandle;
use smoltcp::socket::dns::{DnsQuery, GetQueryResultError, QueryHandle, Socket, StartQueryError};
use smoltcp::wire::{DnsQueryType, IpAddress};

use super::memory::Lazy;
use super::waits::wait;
use super::{Inner, Stack, ip};
use crate::Error;

/// Servers that are asked at most, one after the other.
const SERVERS: usize = 2;
/// Addresses of a name that are told at most.
const ADDRESSES: usize = 4;

/// Memory for questions to the name service, `QUERIES` at the same time. It is all zero at first and
/// need not lie in flash.
pub struct DnsBuffers<const QUERIES: usize>(Lazy<[Option<DnsQuery>; QUERIES]>);

impl<const QUERIES: usize> DnsBuffers<QUERIES> {
    /// Makes unused memory for questions.
    pub const fn new() -> Self {
        Self(Lazy::Empty)
    }
}

impl<const QUERIES: usize> Default for DnsBuffers<QUERIES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const QUERIES: usize> fmt::Debug for DnsBuffers<QUERIES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsBuffers").finish_non_exhaustive()
    }
}

/// The name service, once it has been started.
#[derive(Default)]
pub(super) struct Dns {
    pub(super) handle: Option<SocketHandle>,
    servers: [Option<IpAddress>; SERVERS],
    /// The program has named them.
    are_chosen: bool,
    /// Questions without an answer so far.
    pub(super) asking: usize,
}

impl Dns {
    /// The servers that are asked.
    pub(super) fn servers(&self) -> impl Iterator<Item = IpAddress> + use<> {
        self.servers.into_iter().flatten()
    }

    fn set(&mut self, servers: impl Iterator<Item = IpAddress>) {
        self.servers = [None; SERVERS];
        for (place, server) in self.servers.iter_mut().zip(servers) {
            *place = Some(server);
        }
    }
}

impl Inner {
    /// The network has named servers.
    #[cfg(feature = "dhcp")]
    pub(super) fn offer_dns(&mut self, servers: impl Iterator<Item = IpAddress>) {
        if !self.dns.are_chosen {
            self.dns.set(servers);
            self.update_dns();
        }
    }

    fn update_dns(&mut self) {
        let mut servers = [IpAddress::v4(0, 0, 0, 0); SERVERS];
        let mut count = 0;
        for (place, server) in servers.iter_mut().zip(self.dns.servers()) {
            *place = server;
            count += 1;
        }
        if let Some(handle) = self.dns.handle {
            let socket = self.sockets.get_mut::<Socket<'_>>(handle);
            socket.update_servers(&servers[..count]);
        }
    }
}

impl Stack {
    /// Begins to look up names. It asks the servers that are named here, or, if there are none, those
    /// that the network names by DHCP (feature `dhcp`). To be called once; later calls only change
    /// the servers, of which two are asked at most.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::{DnsBuffers, Stack}};
    ///
    /// fn start(stack: &Stack, memory: &'static mut DnsBuffers<2>) -> Result<(), Error> {
    ///     stack.start_dns(memory, &["10.0.2.3".parse().unwrap()])
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::LimitReached`] if the stack has no place for a socket that is not for TCP;
    /// [`Error::InvalidAddress`] for IPv6 without feature `ipv6`.
    pub fn start_dns<const QUERIES: usize>(
        &self,
        memory: &'static mut DnsBuffers<QUERIES>,
        servers: &[IpAddr],
    ) -> Result<(), Error> {
        for server in servers {
            ip(*server)?;
        }
        self.with(|inner| {
            if inner.dns.handle.is_none() {
                inner.need_place()?;
                let queries = memory.0.fill([const { None }; QUERIES]);
                let socket = Socket::new(&[], &mut queries[..]);
                inner.dns.handle = Some(inner.sockets.add(socket));
            }
            if !servers.is_empty() {
                inner.dns.are_chosen = true;
                let servers = servers.iter().filter_map(|server| ip(*server).ok());
                inner.dns.set(servers);
            }
            inner.update_dns();
            Ok(())
        })
    }

    /// Looks up the addresses of a name; an address in writing stands for itself. With feature `ipv6`,
    /// a name that has no IPv4 address is asked for its IPv6 addresses.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::Stack};
    ///
    /// async fn look_up(stack: &Stack) -> Result<(), Error> {
    ///     for address in stack.resolve("example.org").await? {
    ///         println!("{address}");
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NameNotFound`] if the name has no address, or if no server answers, which takes ten
    /// seconds for each of them; [`Error::NotConnected`] if [`start_dns`](Self::start_dns) was not
    /// called; [`Error::NoAddress`] if the stack has none yet; [`Error::InvalidAddress`] for what
    /// cannot be a name.
    ///
    /// # Cancel safety
    ///
    /// The question is given up, and its place is free.
    pub async fn resolve(&self, name: &str) -> Result<impl Iterator<Item = IpAddr> + use<>, Error> {
        let mut found = [None; ADDRESSES];
        if let Ok(address) = name.parse() {
            found[0] = Some(address);
        } else {
            let answer = self.ask(name, DnsQueryType::A, &mut found).await;
            #[cfg(feature = "ipv6")]
            let answer = match answer {
                Err(Error::NameNotFound) => self.ask(name, DnsQueryType::Aaaa, &mut found).await,
                answer => answer,
            };
            answer?;
        }
        Ok(found.into_iter().flatten())
    }

    async fn ask(
        &self,
        name: &str,
        kind: DnsQueryType,
        found: &mut [Option<IpAddr>; ADDRESSES],
    ) -> Result<(), Error> {
        // As many at the same time as there is memory for.
        let handle = wait(&self.waits.changes, || self.start(name, kind)).await?;
        let mut question = Question {
            stack: self,
            handle: Some(handle),
        };
        poll_fn(|cx| {
            let answer = self.look(|inner| {
                let socket = inner.dns.handle.unwrap_or_default();
                let socket = inner.sockets.get_mut::<Socket<'_>>(socket);
                match socket.get_query_result(handle) {
                    Ok(addresses) => {
                        for (place, address) in found.iter_mut().zip(&addresses) {
                            *place = Some((*address).into());
                        }
                        Poll::Ready(Ok(()))
                    }
                    Err(GetQueryResultError::Failed) => Poll::Ready(Err(Error::NameNotFound)),
                    Err(GetQueryResultError::Pending) => {
                        socket.register_query_waker(handle, cx.waker());
                        Poll::Pending
                    }
                }
            });
            if answer.is_ready() {
                // The socket has given up the question's place.
                question.handle = None;
            }
            answer
        })
        .await
    }

    /// Asks the servers; `None` if there is no memory for another question now.
    fn start(&self, name: &str, kind: DnsQueryType) -> Option<Result<QueryHandle, Error>> {
        let started = self.look(|inner| {
            let handle = inner.dns.handle.ok_or(Error::NotConnected)?;
            if let Some(server) = inner.dns.servers().next() {
                // Otherwise the next server may be within reach.
                if let Err(Error::NoAddress) = inner.identity.hop(&inner.gateways, server) {
                    return Err(Error::NoAddress);
                }
            }
            let socket = inner.sockets.get_mut::<Socket<'_>>(handle);
            let started = socket.start_query(inner.iface.context(), name, kind);
            if started.is_ok() {
                inner.dns.asking += 1;
            }
            started.map_err(|error| match error {
                StartQueryError::NoFreeSlot => Error::WouldBlock,
                _ => Error::InvalidAddress,
            })
        });
        match started {
            Err(Error::WouldBlock) => None,
            started => {
                self.kick();
                Some(started)
            }
        }
    }
}

/// A question that ends when it is no longer waited for.
struct Question<'a> {
    stack: &'a Stack,
    /// `None` once it has been answered.
    handle: Option<QueryHandle>,
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.stack.with(|inner| {
            if let (Some(socket), Some(handle)) = (inner.dns.handle, self.handle) {
                inner
                    .sockets
                    .get_mut::<Socket<'_>>(socket)
                    .cancel_query(handle);
            }
            inner.dns.asking -= 1;
            // Others may be waiting for the memory.
            inner.has_changed = true;
        });
    }
}

/// Looks up a name with a port, as in `"example.org:80"`; an address in writing stands for itself.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// # use polliwog_spin::Error;
/// use polliwog::stack::{Stack, TcpStream, lookup_host};
///
/// async fn connect(stack: &'static Stack) -> Result<TcpStream, Error> {
///     let mut last = Error::NameNotFound;
///     for address in lookup_host(stack, "example.org:80").await? {
///         match TcpStream::connect(stack, address).await {
///             Ok(stream) => return Ok(stream),
///             Err(error) => last = error,
///         }
///     }
///     Err(last)
/// }
/// ```
///
/// # Errors
///
/// As [`Stack::resolve`]; [`Error::InvalidAddress`] for text without a port.
///
/// # Cancel safety
///
/// The question is given up.
pub async fn lookup_host(
    stack: &Stack,
    host: &str,
) -> Result<impl Iterator<Item = SocketAddr> + use<>, Error> {
    let (name, port) = host.rsplit_once(':').ok_or(Error::InvalidAddress)?;
    let port = port.parse::<u16>().map_err(|_| Error::InvalidAddress)?;
    // An IPv6 address with a port has brackets.
    let name = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    let found = stack.resolve(name).await?;
    Ok(found.map(move |address| SocketAddr::new(address, port)))
}
