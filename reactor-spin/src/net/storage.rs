//! Where a network keeps its listeners and connections: in a `static` of fixed size or, with
//! feature `alloc`, on the heap of one thread.

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use polliwog_core::sources::Wakeups;

use super::table::{Conn, Listener};
use crate::error::Limit;
use polliwog_core::__reactor::Lock;

/// Rows of listeners and connections. Row numbers stay valid until the row is freed.
pub(crate) trait Tables {
    fn listeners(&mut self) -> &mut [Listener];
    fn conn_count(&self) -> usize;
    /// A connection and the bytes of its two directions.
    fn conn(&mut self, index: usize) -> (&mut Conn, [&mut [u8]; 2]);
    /// Adds one free row; `false` if that is not possible.
    fn grow_listeners(&mut self) -> bool;
    /// Adds one free row, or names what stands in the way.
    fn grow_conns(&mut self) -> Result<(), Limit>;
    fn common(&mut self) -> &mut Common;
}

/// What belongs to the network as a whole.
pub(crate) struct Common {
    /// First free connection plus one, or zero.
    pub(crate) free_conn: u32,
    /// Connections before this one have been in use at least once.
    pub(crate) fresh_conn: u32,
    /// How far from the first ephemeral port the one is that is tried next.
    pub(crate) next_port: u16,
    /// Whether all ephemeral ports have been tried at least once.
    pub(crate) ports_wrapped: bool,
}

impl Common {
    const fn new() -> Self {
        Self {
            free_conn: 0,
            fresh_conn: 0,
            next_port: 0,
            ports_wrapped: false,
        }
    }
}

/// An address that stands for none.
pub(crate) const NO_ADDR: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

/// A place that holds [`Tables`] and can be shared.
pub(crate) trait Storage: Sync {
    /// Runs `f` exactly once. `f` runs no foreign code.
    fn with(&self, f: &mut dyn FnMut(&mut dyn Tables));
}

/// A network of fixed size, for a `static`: no allocator needed.
///
/// It holds up to `LISTENERS` listeners and `CONNECTIONS` connections (those that wait to be
/// accepted included), each with two buffers of `BYTES` bytes.
///
/// On bare metal the tables are reached in a critical section, which lasts as long as copying
/// `BYTES` bytes takes. Where there is an operating system a mutex is used.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use polliwog::net::StaticNetwork;
///
/// static NET: StaticNetwork<2, 8, 256> = StaticNetwork::new();
///
/// # fn main() -> Result<(), polliwog_spin::Error> {
/// let listener = NET.network().listen("10.0.0.1:7")?;
/// assert_eq!(listener.local_addr()?.port(), 7);
/// # Ok(())
/// # }
/// ```
pub struct StaticNetwork<const LISTENERS: usize, const CONNECTIONS: usize, const BYTES: usize> {
    tables: Lock<Fixed<LISTENERS, CONNECTIONS, BYTES>>,
}

struct Fixed<const LISTENERS: usize, const CONNECTIONS: usize, const BYTES: usize> {
    listeners: [Listener; LISTENERS],
    conns: [Conn; CONNECTIONS],
    bytes: [[[u8; BYTES]; 2]; CONNECTIONS],
    common: Common,
}

impl<const L: usize, const C: usize, const B: usize> StaticNetwork<L, C, B> {
    /// Makes a network without listeners and connections.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::net::StaticNetwork;
    ///
    /// static NET: StaticNetwork<2, 8, 256> = StaticNetwork::new();
    /// ```
    pub const fn new() -> Self {
        const { assert!(B > 0, "a stream without a buffer can never pass a byte on") }
        Self {
            tables: Lock::new(Fixed {
                listeners: [const { Listener::free() }; L],
                conns: [const { Conn::free() }; C],
                bytes: [[[0; B]; 2]; C],
                common: Common::new(),
            }),
        }
    }

    /// Makes a handle to the network.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::net::StaticNetwork;
    ///
    /// static NET: StaticNetwork<2, 8, 256> = StaticNetwork::new();
    /// let listener = NET.network().listen("10.0.0.1:7").unwrap();
    /// # drop(listener);
    /// ```
    pub fn network(&'static self) -> super::Network {
        super::Network::from_static(self)
    }
}

impl<const L: usize, const C: usize, const B: usize> Default for StaticNetwork<L, C, B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const L: usize, const C: usize, const B: usize> core::fmt::Debug for StaticNetwork<L, C, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StaticNetwork").finish_non_exhaustive()
    }
}

impl<const L: usize, const C: usize, const B: usize> Storage for StaticNetwork<L, C, B> {
    fn with(&self, f: &mut dyn FnMut(&mut dyn Tables)) {
        self.tables.with(|tables| f(tables));
    }
}

impl<const L: usize, const C: usize, const B: usize> Tables for Fixed<L, C, B> {
    fn listeners(&mut self) -> &mut [Listener] {
        &mut self.listeners
    }

    fn conn_count(&self) -> usize {
        C
    }

    fn conn(&mut self, index: usize) -> (&mut Conn, [&mut [u8]; 2]) {
        let [one, two] = &mut self.bytes[index];
        (&mut self.conns[index], [one, two])
    }

    fn grow_listeners(&mut self) -> bool {
        false
    }

    fn grow_conns(&mut self) -> Result<(), Limit> {
        Err(Limit::Connections)
    }

    fn common(&mut self) -> &mut Common {
        &mut self.common
    }
}

/// Tables on the heap that grow up to a limit.
#[cfg(feature = "alloc")]
pub(crate) struct Growing {
    listeners: alloc::vec::Vec<Listener>,
    conns: alloc::vec::Vec<(Conn, [alloc::boxed::Box<[u8]>; 2])>,
    limit: usize,
    buffer: usize,
    common: Common,
}

#[cfg(feature = "alloc")]
impl Growing {
    pub(crate) fn new(limit: usize, buffer: usize) -> Self {
        Self {
            listeners: alloc::vec::Vec::new(),
            conns: alloc::vec::Vec::new(),
            limit: limit.min(u32::MAX as usize - 1),
            buffer: buffer.max(1),
            common: Common::new(),
        }
    }
}

#[cfg(feature = "alloc")]
impl Tables for Growing {
    fn listeners(&mut self) -> &mut [Listener] {
        &mut self.listeners
    }

    fn conn_count(&self) -> usize {
        self.conns.len()
    }

    fn conn(&mut self, index: usize) -> (&mut Conn, [&mut [u8]; 2]) {
        let (conn, [one, two]) = &mut self.conns[index];
        (conn, [one, two])
    }

    fn grow_listeners(&mut self) -> bool {
        let room = self.listeners.try_reserve(1).is_ok();
        if room {
            self.listeners.push(Listener::free());
        }
        room
    }

    fn grow_conns(&mut self) -> Result<(), Limit> {
        if self.conns.len() >= self.limit {
            return Err(Limit::Connections);
        }
        let (Some(one), Some(two)) = (zeroed(self.buffer), zeroed(self.buffer)) else {
            return Err(Limit::Memory);
        };
        if self.conns.try_reserve(1).is_err() {
            return Err(Limit::Memory);
        }
        self.conns.push((Conn::free(), [one, two]));
        Ok(())
    }

    fn common(&mut self) -> &mut Common {
        &mut self.common
    }
}

#[cfg(feature = "alloc")]
fn zeroed(len: usize) -> Option<alloc::boxed::Box<[u8]>> {
    let mut bytes = alloc::vec::Vec::new();
    bytes.try_reserve_exact(len).ok()?;
    bytes.resize(len, 0);
    Some(bytes.into_boxed_slice())
}

/// Wakers taken out of the tables.
#[derive(Default)]
#[must_use = "tasks wait for these wakers"]
pub(crate) struct Wakers(pub(crate) [Wakeups; 2]);

impl Wakers {
    pub(crate) fn wake(self) {
        self.0.into_iter().for_each(Wakeups::wake);
    }
}
