//! TCP and UDP on a real network, by the `smoltcp` protocol stack: for microcontrollers, and on
//! the host over whatever implements [`Driver`]. No allocator, static buffers.
//!
//! A [`Stack`] has a fixed number of TCP sockets with buffers of a fixed size. A
//! [`TcpListener`] keeps some of them listening, so that as many clients can connect at the same
//! time as its backlog says; a socket is used again once its [`TcpStream`] was dropped and the
//! connection has ended. A [`UdpSocket`] brings its memory along. The names of the methods are those of
//! the mio reactor's. Any number of tasks may wait for one socket.
//!
//! One task runs [`Stack::run`], which moves frames between the device and the sockets. It is
//! woken by the device's interrupt, by timers of the protocols, and by every operation on a
//! socket that leaves something to be sent, so a frame goes out before the chip falls asleep. It takes
//! a few frames at a time, and lets other tasks run in between, also under a flood of frames.
//!
//! # Defaults
//!
//! Every TCP socket has a keep-alive of [`KEEP_ALIVE`] and a timeout of [`TIMEOUT`], and never
//! holds small segments back (Nagle's algorithm is off). Without them a peer that vanishes
//! would keep its socket for ever, and a lost window update could stall a connection. A client
//! that begins to connect and is not heard of again is given up after five seconds. These and more are
//! [`TcpSettings`].
//!
//! # Hosts that are not there
//!
//! Each host of the local network that somebody wants to talk to is asked for by itself, three times
//! within three seconds. A connection to one that does not answer fails then, and datagrams to it are
//! lost; nothing else is held up by it, whoever had the idea to talk to it.
//!
//! # Features
//!
//! `dhcp` gets an address from the network (`Stack::start_dhcp`), `dns` looks up names
//! (`Stack::start_dns`, `lookup_host`), `ipv6` adds IPv6: a link-local address, and those
//! that the program adds ([`Stack::add_address`]); what routers announce is not heard. `edge-nal`
//! and `embedded-nal-async` implement the traits of these crates (`EdgeStack`, `NalStack`).
//!
//! # Cancel safety
//!
//! Every wait here can be given up without loss of data: what was read has been returned, what
//! was not returned will be read by the next call.

mod datagrams;
#[cfg(feature = "dhcp")]
mod dhcp;
#[cfg(feature = "dns")]
mod dns;
#[cfg(feature = "edge-nal")]
mod edge;
mod ending;
mod io_traits;
mod listener;
mod memory;
#[cfg(feature = "embedded-nal-async")]
mod nal;
mod neighbors;
mod peer;
mod run;
mod settings;
mod split;
mod stream;
mod table;
mod tap;
mod udp;
mod udp_socket;
mod waits;
mod wire;

use core::cell::{Cell, RefCell};
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::task::Waker;

use polliwog_core::time::now;
/// The protocol stack itself: for drivers, and for what this module does not offer.
pub use smoltcp;
use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::{Socket, tcp};
use smoltcp::wire::{
    EthernetAddress, HardwareAddress, IpAddress, IpCidr, IpEndpoint, IpListenEndpoint,
};

pub use crate::net::ToSocketAddrs;
#[cfg(feature = "dns")]
pub use dns::{DnsBuffers, lookup_host};
#[cfg(feature = "edge-nal")]
pub use edge::EdgeStack;
pub use listener::{Incoming, TcpListener};
pub use memory::{Buffers, Sockets};
#[cfg(feature = "embedded-nal-async")]
pub use nal::NalStack;
pub use settings::{
    CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT, KEEP_ALIVE, LINGER, Settings, TIMEOUT, TcpSettings,
};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::{Shutdown, TcpStream};
pub use udp::UdpBuffers;
pub use udp_socket::UdpSocket;

use neighbors::{Neighbor, Neighbors};
use table::{Row, Table};
use udp::Udp;
use waits::{Queue, Waits, wait};
use wire::{Gateways, Identity};

use crate::{Error, Limit};

/// The first of the ports that their registry leaves for sockets which are not told one (RFC 6335,
/// section 6).
const FIRST_PORT: u16 = 49_152;
/// Bytes of a datagram's own header.
const UDP_HEADER: usize = 8;

/// A network device: frames in and out, and a waker for the interrupt that says that a frame has
/// come in, that there is room for one to send, or that the link has changed.
pub trait Driver: Device {
    /// Takes the waker that the device's interrupt handler is to wake when a frame has come in, or the
    /// link has changed, in the place of an earlier one. A frame that came in before this call and was
    /// not taken since need not be told of.
    fn register(&mut self, waker: &Waker);

    /// Takes the waker that is to be woken when there is room to send a frame, in the place of an
    /// earlier one. Called when [`transmit`](Device::transmit) has said that there is none.
    ///
    /// As it is, it [`register`](Self::register)s the waker, which is the same one: right for a device
    /// with one interrupt for everything, which has to wake when there is room, too.
    fn register_transmit(&mut self, waker: &Waker) {
        self.register(waker);
    }

    /// Whether the device is connected to a network: `true`, if it does not know. When that changes,
    /// the waker of [`register`](Self::register) is to be woken.
    fn link_is_up(&mut self) -> bool {
        true
    }
}

/// A TCP/IP stack: see the [module](self).
///
/// It belongs to one executor. Its sockets refer to it, so it has to live as long as they do:
/// on a chip that is a `static`, or `main`'s stack frame.
pub struct Stack {
    inner: RefCell<Inner>,
    runner: Cell<Option<Waker>>,
    next_port: Cell<u16>,
    waits: Waits,
}

pub(crate) struct Inner {
    iface: Interface,
    sockets: SocketSet<'static>,
    table: Table,
    udp: Udp,
    neighbors: Neighbors,
    identity: Identity,
    gateways: Gateways,
    /// Sockets that there can be.
    places: usize,
    /// Bytes of the longest packet that the device takes.
    mtu: usize,
    link_is_up: bool,
    /// Segments go before datagrams: by turns, while the device is full.
    segments_first: bool,
    /// How often the device was full.
    turn: usize,
    /// Those who wait for changes are to be woken.
    has_changed: bool,
    #[cfg(feature = "dhcp")]
    dhcp: dhcp::Dhcp,
    #[cfg(feature = "dns")]
    dns: dns::Dns,
}

impl Inner {
    /// Whether there can be another socket.
    fn need_place(&self) -> Result<(), Error> {
        if self.sockets.iter().count() + self.udp.count() < self.places {
            Ok(())
        } else {
            Err(Error::LimitReached(Limit::Sockets))
        }
    }

    /// Bytes of the longest datagram that a packet to an address can have.
    fn most_payload(&self, addr: IpAddress) -> usize {
        let header = match addr {
            IpAddress::Ipv4(_) => 20,
            #[cfg(feature = "ipv6")]
            IpAddress::Ipv6(_) => 40,
        };
        self.mtu.saturating_sub(header + UDP_HEADER)
    }

    fn add_address(&mut self, address: IpCidr) -> Result<(), Error> {
        if !address.address().is_unicast() {
            return Err(Error::InvalidAddress);
        }
        let mut added = Err(Error::LimitReached(Limit::Addresses));
        self.iface.update_ip_addrs(|addresses| {
            addresses.retain(|old| old.address() != address.address());
            if addresses.push(address).is_ok() {
                added = Ok(());
            }
        });
        self.note_addresses();
        added
    }

    /// Takes note of our addresses; `true` if they have changed.
    fn note_addresses(&mut self) -> bool {
        let changed = self.identity.set_addresses(self.iface.ip_addrs());
        if changed {
            self.neighbors.clear();
            self.has_changed = true;
        }
        changed
    }

    fn set_gateway_v4(&mut self, gateway: Option<Ipv4Addr>) {
        let routes = self.iface.routes_mut();
        routes.remove_default_ipv4_route();
        // There is room for one of each kind at least.
        let _ = gateway.map(|gateway| routes.add_default_ipv4_route(gateway));
        self.gateways.v4 = gateway.map(IpAddress::Ipv4);
    }

    fn has_port(&self, port: u16) -> bool {
        self.table.listens_at(port)
            || self.udp.has_port(port)
            || self.sockets.iter().any(|(_, socket)| match socket {
                Socket::Tcp(socket) => socket
                    .local_endpoint()
                    .is_some_and(|local| local.port == port),
                _ => false,
            })
    }
}

impl Stack {
    /// Makes a stack that uses this memory and talks through `device`, which has to be the one that
    /// [`run`](Self::run) gets later.
    pub fn new<const SOCKETS: usize, const TCP: usize, const BYTES: usize>(
        settings: &Settings,
        memory: &'static mut Sockets<SOCKETS, TCP>,
        buffers: &'static mut Buffers<TCP, BYTES>,
        device: &mut impl Device,
    ) -> Self {
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(settings.mac)));
        config.random_seed = settings.seed;
        let iface = Interface::new(config, device, time());
        let rows = memory.rows.fill([const { Row::new() }; TCP]);
        let mut sockets =
            SocketSet::new(&mut memory.sockets.fill([SocketStorage::EMPTY; SOCKETS])[..]);
        for (row, [receive, send]) in rows.iter_mut().zip(&mut buffers.0) {
            let socket = tcp::Socket::new(
                tcp::SocketBuffer::new(&mut receive[..]),
                tcp::SocketBuffer::new(&mut send[..]),
            );
            row.handle = Some(sockets.add(socket));
        }
        let capabilities = device.capabilities();
        let mut inner = Inner {
            iface,
            sockets,
            table: Table::new(rows),
            udp: Udp::new(&mut memory.udp),
            neighbors: Neighbors::new(memory.neighbors.fill([Neighbor::NOBODY; SOCKETS])),
            mtu: capabilities.ip_mtu(),
            identity: Identity::new(settings.mac, capabilities.checksum),
            gateways: Gateways::default(),
            places: SOCKETS,
            link_is_up: true,
            segments_first: false,
            turn: 0,
            has_changed: false,
            #[cfg(feature = "dhcp")]
            dhcp: dhcp::Dhcp::default(),
            #[cfg(feature = "dns")]
            dns: dns::Dns::default(),
        };
        #[cfg(feature = "ipv6")]
        if let Some(own) = EthernetAddress(settings.mac).as_eui_64() {
            let [a, b, c, d, e, f, g, h] = own;
            let address = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, d, e, f, g, h];
            // There is room for one of each kind at least.
            let _ = inner.add_address(IpCidr::new(IpAddress::Ipv6(address.into()), 64));
        }
        if !settings.address.is_unspecified() {
            // As above.
            let _ = inner.add_address(IpCidr::new(settings.address.into(), settings.prefix));
        }
        inner.set_gateway_v4(settings.gateway);
        Self {
            inner: RefCell::new(inner),
            runner: Cell::new(None),
            next_port: Cell::new(FIRST_PORT | settings.seed as u16 & 0x3FFF),
            waits: Waits {
                tcp: &memory.tcp_waits,
                udp: &memory.udp_waits,
                listeners: [const { Queue::new() }; table::LISTENERS],
                changes: Queue::new(),
            },
        }
    }

    /// Returns the stack's address in the local network, if it has one by now.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::Stack;
    ///
    /// fn is_configured(stack: &Stack) -> bool {
    ///     stack.address().is_some()
    /// }
    /// ```
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.look(|inner| inner.iface.ipv4_addr())
    }

    /// Waits until the stack has an address.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::Stack;
    ///
    /// async fn ready(stack: &Stack) {
    ///     let address = stack.wait_address().await;
    ///     println!("at {address}");
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The wait can be given up and begun anew.
    pub async fn wait_address(&self) -> Ipv4Addr {
        wait(&self.waits.changes, || self.address()).await
    }

    /// Returns one of the stack's addresses, of any kind, by its number from zero; `None` if it has no more.
    pub fn nth_address(&self, number: usize) -> Option<IpAddr> {
        self.look(|inner| {
            let address = inner.iface.ip_addrs().get(number)?;
            Some(address.address().into())
        })
    }

    /// Gives the stack another address; `prefix` bits of it the local network has in common.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::Stack};
    ///
    /// fn second_address(stack: &Stack) -> Result<(), Error> {
    ///     stack.add_address("10.0.2.16".parse().unwrap(), 24)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`] for one that is not a single host's, or for IPv6 without feature
    /// `ipv6`; [`Error::LimitReached`] if there is no room for more.
    pub fn add_address(&self, address: IpAddr, prefix: u8) -> Result<(), Error> {
        let address = ip(address)?;
        let longest = match address {
            IpAddress::Ipv4(_) => 32,
            #[cfg(feature = "ipv6")]
            IpAddress::Ipv6(_) => 128,
        };
        if prefix > longest {
            return Err(Error::InvalidAddress);
        }
        self.with(|inner| inner.add_address(IpCidr::new(address, prefix)))
    }

    /// Sets what leads beyond the local network, for addresses of the same kind.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::Stack};
    ///
    /// fn way_out(stack: &Stack) -> Result<(), Error> {
    ///     stack.set_gateway("10.0.2.2".parse().unwrap())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAddress`] for IPv6 without feature `ipv6`.
    pub fn set_gateway(&self, gateway: IpAddr) -> Result<(), Error> {
        let gateway = ip(gateway)?;
        self.with(|inner| match gateway {
            IpAddress::Ipv4(gateway) => inner.set_gateway_v4(Some(gateway)),
            #[cfg(feature = "ipv6")]
            IpAddress::Ipv6(gateway) => {
                let routes = inner.iface.routes_mut();
                routes.remove_default_ipv6_route();
                // There is room for one of each kind at least.
                let _ = routes.add_default_ipv6_route(gateway);
                inner.gateways.v6 = Some(gateway.into());
            }
        });
        Ok(())
    }

    /// Returns whether the device is connected to a network, as far as its driver knows.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::Stack;
    ///
    /// fn light(stack: &Stack, mut led: impl FnMut(bool)) {
    ///     led(stack.link_is_up());
    /// }
    /// ```
    pub fn link_is_up(&self) -> bool {
        self.look(|inner| inner.link_is_up)
    }

    /// Waits until the device is connected to a network, or until it is not, for `up == false`.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::Stack;
    ///
    /// async fn light(stack: &Stack, mut led: impl FnMut(bool)) {
    ///     loop {
    ///         stack.wait_link(true).await;
    ///         led(true);
    ///         stack.wait_link(false).await;
    ///         led(false);
    ///     }
    /// }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The wait can be given up and begun anew.
    pub async fn wait_link(&self, up: bool) {
        let is_so = || (self.link_is_up() == up).then_some(());
        wait(&self.waits.changes, is_so).await;
    }

    /// Returns what connections start with.
    pub fn tcp(&self) -> TcpSettings {
        self.look(|inner| inner.table.settings)
    }

    /// Sets what connections start with, those that a listener waits for included.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::stack::{Stack, TcpSettings};
    ///
    /// fn defaults(stack: &Stack) {
    ///     stack.set_tcp(TcpSettings::new());
    /// }
    /// ```
    pub fn set_tcp(&self, settings: TcpSettings) {
        self.with(|inner| inner.table.set_settings(settings, &mut inner.sockets));
    }

    /// Runs `f` on the stack's inside, then has the runner look whether there is anything to
    /// send.
    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        let result = self.look(f);
        self.kick();
        result
    }

    /// Runs `f` on the stack's inside, when it leaves nothing to be sent.
    fn look<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.borrow_mut())
    }

    /// Has the runner look whether there is anything to do.
    fn kick(&self) {
        if let Some(runner) = self.runner.take() {
            runner.wake();
        }
    }

    /// A port for a socket that is not told one: the next that no socket has.
    fn any_port(&self) -> u16 {
        let mut port = self.next_port.get();
        // There are far more ports than sockets.
        self.look(|inner| {
            while inner.has_port(port) {
                port = after(port);
            }
        });
        self.next_port.set(after(port));
        port
    }
}

/// The port to be given away after this one.
fn after(port: u16) -> u16 {
    port.checked_add(1).unwrap_or(FIRST_PORT)
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").finish_non_exhaustive()
    }
}

/// The protocol stack's name for an address.
fn ip(addr: IpAddr) -> Result<IpAddress, Error> {
    match addr {
        IpAddr::V4(addr) => Ok(IpAddress::Ipv4(addr)),
        #[cfg(feature = "ipv6")]
        IpAddr::V6(addr) => Ok(IpAddress::Ipv6(addr)),
        #[cfg(not(feature = "ipv6"))]
        IpAddr::V6(_) => Err(Error::InvalidAddress),
    }
}

/// The protocol stack's name for a peer.
fn endpoint(addr: SocketAddr) -> Result<IpEndpoint, Error> {
    Ok(IpEndpoint::new(ip(addr.ip())?, addr.port()))
}

/// The protocol stack's name for where a socket listens.
fn listen_endpoint(addr: SocketAddr) -> Result<IpListenEndpoint, Error> {
    let IpEndpoint { addr: ip, port } = endpoint(addr)?;
    Ok(IpListenEndpoint {
        addr: (!addr.ip().is_unspecified()).then_some(ip),
        port,
    })
}

/// How many routers a packet may pass, as it stands in the packet.
fn ttl(ttl: u32) -> Result<u8, Error> {
    let ttl = u8::try_from(ttl).map_err(|_| Error::InvalidInput)?;
    if ttl == 0 {
        Err(Error::InvalidInput)
    } else {
        Ok(ttl)
    }
}

/// The executor's time as the protocols have it; zero while no executor runs.
fn time() -> smoltcp::time::Instant {
    let micros = now().unwrap_or_default().as_nanos() / 1_000;
    smoltcp::time::Instant::from_micros(micros as i64)
}
