//! TCP and UDP on a real network, by the `smoltcp` protocol stack: for microcontrollers, and on
//! the host over whatever implements [`Driver`]. No allocator, static buffers.
//!
//! A [`Stack`] has a fixed number of TCP sockets with buffers of a fixed size. A
//! [`TcpListener`] keeps some of them listening, so that as many clients can connect at the same
//! time as its backlog says; a socket is used again once its [`TcpStream`] was dropped and the
//! connection has ended. The names of the methods are those of the mio reactor's.
//!
//! One task runs [`Stack::run`], which moves frames between the device and the sockets. It is
//! woken by the device's interrupt, by timers of the protocols, and by every operation on a
//! socket that leaves something to be sent, so a frame goes out before the chip falls asleep.
//!
//! # Defaults
//!
//! Every TCP socket has a keep-alive of [`KEEP_ALIVE`] and a timeout of [`TIMEOUT`], and never
//! holds small segments back (Nagle's algorithm is off). Without them a peer that vanishes
//! would keep its socket for ever, and a lost window update could stall a connection. A client
//! that begins to connect and is not heard of again is given up after five seconds.
//!
//! # Cancel safety
//!
//! Every wait here can be given up without loss of data: what was read has been returned, what
//! was not returned will be read by the next call.

#[cfg(feature = "dhcp")]
mod dhcp;
mod listener;
mod stream;
mod table;
mod udp;

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::net::SocketAddr;
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use polliwog_core::Instant;
use polliwog_core::time::{now, sleep_until};
/// The protocol stack itself: for drivers, and for what this module does not offer.
pub use smoltcp;
use smoltcp::iface::{Config, Interface, SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::{Socket, tcp};
use smoltcp::wire::{
    EthernetAddress, HardwareAddress, IpCidr, IpEndpoint, IpListenEndpoint, Ipv4Address,
};

pub use listener::TcpListener;
pub use stream::{Shutdown, TcpStream};
use table::{Row, Table};
pub use udp::{UdpBuffers, UdpSocket};

use crate::{Error, Limit};

/// How long a connection may be silent before the stack asks whether the peer is still there.
pub const KEEP_ALIVE: core::time::Duration = core::time::Duration::from_secs(5);
/// How long a peer may leave data or a keep-alive unanswered before the connection is given up.
pub const TIMEOUT: core::time::Duration = core::time::Duration::from_secs(30);
/// The first of the ports that their registry leaves for sockets which are not told one (RFC 6335,
/// section 6).
const FIRST_PORT: u16 = 49_152;
/// Rounds of the protocols without a pause for other tasks.
const ROUNDS: usize = 8;

/// A network device: frames in and out, and a waker for the interrupt that says that a frame has
/// come in.
pub trait Driver: Device {
    /// Takes the waker that the device's interrupt handler is to wake when a frame has come in,
    /// in the place of an earlier one. A frame that came in before this call and was not taken
    /// since need not be told of.
    fn register(&mut self, waker: &Waker);
}

/// How the stack is known in its network.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The hardware address.
    pub mac: [u8; 6],
    /// The address in the local network; unspecified if it comes from a server
    /// (`Stack::start_dhcp`, feature `dhcp`).
    pub address: core::net::Ipv4Addr,
    /// How many bits of it the local network has in common.
    pub prefix: u8,
    /// What leads beyond the local network.
    pub gateway: Option<core::net::Ipv4Addr>,
    /// Any number that differs between boots: peers must not be able to guess ports and sequence
    /// numbers.
    pub seed: u64,
}

/// Places for a [`Stack`]'s sockets: `SOCKETS` in all, `TCP` of them for TCP.
///
/// ```
/// use polliwog_spin::stack::{Buffers, Sockets};
///
/// let mut sockets: Sockets<5, 4> = Sockets::new();
/// let mut buffers: Buffers<4, 2048> = Buffers::new();
/// ```
pub struct Sockets<const SOCKETS: usize, const TCP: usize> {
    sockets: [SocketStorage<'static>; SOCKETS],
    rows: [Row; TCP],
}

impl<const SOCKETS: usize, const TCP: usize> Sockets<SOCKETS, TCP> {
    /// Unused places.
    pub const fn new() -> Self {
        const { assert!(TCP <= SOCKETS, "TCP counts some of the sockets") };
        Self {
            sockets: [SocketStorage::EMPTY; SOCKETS],
            rows: [const { Row::new() }; TCP],
        }
    }
}

impl<const SOCKETS: usize, const TCP: usize> Default for Sockets<SOCKETS, TCP> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const SOCKETS: usize, const TCP: usize> fmt::Debug for Sockets<SOCKETS, TCP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets").finish_non_exhaustive()
    }
}

/// Two buffers of `BYTES` for each of `TCP` sockets. Apart from the [`Sockets`], because it is
/// all zero at first and need not lie in flash.
pub struct Buffers<const TCP: usize, const BYTES: usize>([[[u8; BYTES]; 2]; TCP]);

impl<const TCP: usize, const BYTES: usize> Buffers<TCP, BYTES> {
    /// Unused buffers.
    pub const fn new() -> Self {
        Self([[[0; BYTES]; 2]; TCP])
    }
}

impl<const TCP: usize, const BYTES: usize> Default for Buffers<TCP, BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const TCP: usize, const BYTES: usize> fmt::Debug for Buffers<TCP, BYTES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffers").finish_non_exhaustive()
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
}

pub(crate) struct Inner {
    iface: Interface,
    sockets: SocketSet<'static>,
    table: Table,
    /// Sockets that there can be.
    places: usize,
    #[cfg(feature = "dhcp")]
    dhcp: dhcp::Dhcp,
}

impl Inner {
    /// Whether there can be another socket.
    fn need_place(&self) -> Result<(), Error> {
        if self.sockets.iter().count() < self.places {
            Ok(())
        } else {
            Err(Error::LimitReached(Limit::Sockets))
        }
    }
}

impl Stack {
    /// A stack that uses this memory and talks through `device`, which has to be the one that
    /// [`run`](Self::run) gets later.
    pub fn new<const SOCKETS: usize, const TCP: usize, const BYTES: usize>(
        settings: &Settings,
        memory: &'static mut Sockets<SOCKETS, TCP>,
        buffers: &'static mut Buffers<TCP, BYTES>,
        device: &mut impl Device,
    ) -> Self {
        let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(settings.mac)));
        config.random_seed = settings.seed;
        let mut iface = Interface::new(config, device, time());
        if !settings.address.is_unspecified() {
            iface.update_ip_addrs(|addresses| {
                // There is room for one at least.
                let _ = addresses.push(IpCidr::new(settings.address.into(), settings.prefix));
            });
        }
        if let Some(gateway) = settings.gateway {
            let gateway: Ipv4Address = gateway;
            // There is room for one at least.
            let _ = iface.routes_mut().add_default_ipv4_route(gateway);
        }
        let mut sockets = SocketSet::new(&mut memory.sockets[..]);
        for (row, [receive, send]) in memory.rows.iter_mut().zip(&mut buffers.0) {
            let mut socket = tcp::Socket::new(
                tcp::SocketBuffer::new(&mut receive[..]),
                tcp::SocketBuffer::new(&mut send[..]),
            );
            socket.set_keep_alive(Some(KEEP_ALIVE.into()));
            socket.set_timeout(Some(TIMEOUT.into()));
            socket.set_nagle_enabled(false);
            row.handle = Some(sockets.add(socket));
        }
        Self {
            inner: RefCell::new(Inner {
                iface,
                sockets,
                table: Table::new(&mut memory.rows),
                places: SOCKETS,
                #[cfg(feature = "dhcp")]
                dhcp: dhcp::Dhcp::default(),
            }),
            runner: Cell::new(None),
            next_port: Cell::new(FIRST_PORT | settings.seed as u16 & 0x3FFF),
        }
    }

    /// The stack's address in the local network, if it has one by now.
    pub fn address(&self) -> Option<core::net::Ipv4Addr> {
        self.look(|inner| inner.iface.ipv4_addr())
    }

    /// Moves frames between the device and the sockets, for ever: the body of one task.
    pub async fn run(&self, device: &mut impl Driver) -> ! {
        let mut timer = pin!(sleep_until(Instant::MAX));
        loop {
            poll_fn(|cx| {
                let Some(at) = self.poll(device, cx) else {
                    // There is more to do, but others have their turn first.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                };
                timer.as_mut().reset(at);
                timer.as_mut().poll(cx)
            })
            .await;
        }
    }

    /// Works until nothing is left to do before the instant that it returns; `None`: it has
    /// worked long enough for now.
    fn poll(&self, device: &mut impl Driver, cx: &mut Context<'_>) -> Option<Instant> {
        device.register(cx.waker());
        let mut inner = self.inner.borrow_mut();
        let Inner {
            iface,
            sockets,
            table,
            #[cfg(feature = "dhcp")]
            dhcp,
            ..
        } = &mut *inner;
        // First of all what was asked for since: a frame may be there for a new listener.
        table.maintain(sockets, time());
        for _ in 0..ROUNDS {
            // From now on, whoever leaves something to be sent has to wake us.
            self.runner.set(Some(cx.waker().clone()));
            let now = time();
            iface.poll(now, device, sockets);
            let changed = table.maintain(sockets, now);
            #[cfg(feature = "dhcp")]
            let changed = dhcp.maintain(iface, sockets) || changed;
            let next = match (iface.poll_at(now, sockets), table.next_check()) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            match next {
                _ if changed => {}
                Some(at) if at <= now => {}
                Some(at) => return Some(Instant::from_micros(at.total_micros() as u64)),
                None => return Some(Instant::MAX),
            }
        }
        None
    }

    /// Runs `f` on the stack's inside, then has the runner look whether there is anything to
    /// send.
    fn with<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        let result = f(&mut self.inner.borrow_mut());
        if let Some(runner) = self.runner.take() {
            runner.wake();
        }
        result
    }

    /// Runs `f` on the stack's inside, when it leaves nothing to be sent.
    fn look<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.inner.borrow_mut())
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

impl Inner {
    fn has_port(&self, port: u16) -> bool {
        self.table.listens_at(port)
            || self.sockets.iter().any(|(_, socket)| match socket {
                Socket::Tcp(socket) => socket
                    .local_endpoint()
                    .is_some_and(|local| local.port == port),
                Socket::Udp(socket) => socket.endpoint().port == port,
                #[allow(unreachable_patterns, reason = "there are more with feature `dhcp`")]
                _ => false,
            })
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack").finish_non_exhaustive()
    }
}

/// The protocol stack's name for a peer. There is no IPv6 in it.
fn endpoint(addr: SocketAddr) -> Result<IpEndpoint, Error> {
    match addr {
        SocketAddr::V4(addr) => Ok(addr.into()),
        SocketAddr::V6(_) => Err(Error::InvalidAddress),
    }
}

/// The protocol stack's name for where a socket listens.
fn listen_endpoint(addr: SocketAddr) -> Result<IpListenEndpoint, Error> {
    let IpEndpoint { addr: ip, port } = endpoint(addr)?;
    Ok(IpListenEndpoint {
        addr: (!addr.ip().is_unspecified()).then_some(ip),
        port,
    })
}

/// The executor's time as the protocols have it; zero while no executor runs.
fn time() -> smoltcp::time::Instant {
    let micros = now().unwrap_or_default().as_nanos() / 1_000;
    smoltcp::time::Instant::from_micros(micros as i64)
}
