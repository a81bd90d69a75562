//! What a stack and its connections can be told.

use core::net::Ipv4Addr;
use core::time::Duration;

/// How long a connection may be silent before the stack asks whether the peer is still there.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How long a peer may leave data or a keep-alive unanswered before the connection is given up.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How long [`TcpStream::connect`](super::TcpStream::connect) waits for an answer.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client has to complete the handshake. The protocols themselves would wait for as long
/// as for a connection's peer, and a few clients that are not there would take every socket.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the peer of a stream that was dropped may take nothing of what it was sent.
pub const LINGER: Duration = Duration::from_secs(60);

/// How the stack is known in its network.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The hardware address.
    pub mac: [u8; 6],
    /// The address in the local network; unspecified if it comes from a server
    /// (`Stack::start_dhcp`, feature `dhcp`).
    pub address: Ipv4Addr,
    /// How many bits of it the local network has in common.
    pub prefix: u8,
    /// What leads beyond the local network.
    pub gateway: Option<Ipv4Addr>,
    /// Any number that differs between boots: peers must not be able to guess ports and sequence
    /// numbers.
    pub seed: u64,
}

/// What every connection starts with: see [`Stack::set_tcp`](super::Stack::set_tcp). Most of it can
/// be changed for one stream by the methods of [`TcpStream`](super::TcpStream), too.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use core::time::Duration;
/// use polliwog::stack::TcpSettings;
///
/// let patient = TcpSettings {
///     timeout: Some(Duration::from_secs(300)),
///     ..TcpSettings::default()
/// };
/// assert!(patient.nodelay);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSettings {
    /// How long a connection may be silent before the stack asks whether the peer is still there;
    /// `None`: for ever. [`KEEP_ALIVE`] by default. Without it a lost window update can stall a
    /// connection for ever.
    pub keep_alive: Option<Duration>,
    /// How long the peer may leave something unanswered; `None`: for ever. [`TIMEOUT`] by default.
    /// It has to be longer than `keep_alive`, or else silent connections end.
    pub timeout: Option<Duration>,
    /// How long connecting may take: [`CONNECT_TIMEOUT`] by default.
    pub connect_timeout: Duration,
    /// How long a client has to complete the handshake: [`HANDSHAKE_TIMEOUT`] by default.
    pub handshake_timeout: Duration,
    /// How long the peer of a stream that was dropped may take nothing of what is still to be sent
    /// to it, before the connection is reset: [`LINGER`] by default. However slow it is, it gets
    /// all as long as it takes some within that time.
    pub linger: Duration,
    /// Whether small segments go out at once, without waiting for the answer to the last one:
    /// `true` by default.
    pub nodelay: bool,
    /// How many routers a packet may pass: 64 by default. Zero stands for one.
    pub ttl: u8,
}

impl TcpSettings {
    /// Returns the defaults, also in a constant.
    pub const fn new() -> Self {
        Self {
            keep_alive: Some(KEEP_ALIVE),
            timeout: Some(TIMEOUT),
            connect_timeout: CONNECT_TIMEOUT,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            linger: LINGER,
            nodelay: true,
            ttl: 64,
        }
    }
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self::new()
    }
}
