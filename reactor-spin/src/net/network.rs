//! [`Network`]: a handle to a world of addresses, and which one is current.

#[cfg(any(feature = "std", not(target_os = "none")))]
use core::cell::RefCell;
use core::fmt;
use core::marker::PhantomData;
#[cfg(any(feature = "std", not(target_os = "none")))]
use core::mem::ManuallyDrop;

use super::end::End;
use super::listener::{self, MemoryListener};
use super::storage::{StaticNetwork, Storage, Tables};
use super::{TcpListener, TcpStream, ToSocketAddrs, stream, table};
use crate::Error;

/// A handle to a network in memory. Clones name the same network.
///
#[cfg_attr(feature = "alloc", doc = "```")]
#[cfg_attr(not(feature = "alloc"), doc = "```ignore")]
/// use polliwog_spin::net::Network;
///
/// # polliwog_spin::block_on(async {
/// let lab = Network::new();
/// let listener = lab.listen("10.0.0.1:80")?;
/// let stream = lab.connect("10.0.0.1:80").await?;
///
/// // Another network knows nothing of it.
/// assert!(Network::new().connect("10.0.0.1:80").await.is_err());
/// # Ok::<_, polliwog_spin::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Network {
    place: Place,
    _not_send: PhantomData<*const ()>,
}

#[derive(Clone)]
enum Place {
    Static(&'static dyn Storage),
    #[cfg(feature = "alloc")]
    Heap(alloc::rc::Rc<core::cell::RefCell<super::storage::Growing>>),
    #[cfg(feature = "sim")]
    Sim(crate::sim::Net),
}

/// So many connections wait to be accepted, unless told otherwise.
pub(super) const BACKLOG: u32 = 128;

/// The network of whoever has entered none.
#[cfg(target_os = "none")]
static DEFAULT: StaticNetwork<2, 4, 256> = StaticNetwork::new();
/// The network of whoever has entered none.
#[cfg(not(target_os = "none"))]
static DEFAULT: StaticNetwork<64, 128, 4096> = StaticNetwork::new();

#[cfg(any(feature = "std", not(target_os = "none")))]
std::thread_local! {
    /// Without a destructor, so that it is there as long as the thread is: also for what a runtime
    /// drops that is itself in a thread-local. It is empty whenever nothing is entered.
    static CURRENT: RefCell<ManuallyDrop<Option<Network>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

/// Connections of a network on the heap, unless told otherwise.
#[cfg(feature = "alloc")]
const CONNECTIONS: usize = 65_536;
/// Bytes per direction of a connection, unless told otherwise.
#[cfg(feature = "alloc")]
const BYTES: usize = if cfg!(target_os = "none") {
    512
} else {
    16 * 1024
};

impl Network {
    /// Makes an empty network on the heap, for at most 65 536 connections at a time with 16 KiB of
    /// buffer per direction (512 bytes on bare metal).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::net::Network;
    ///
    /// let network = Network::new();
    /// let listener = network.listen("10.0.0.1:7").unwrap();
    /// # drop(listener);
    /// ```
    #[cfg(feature = "alloc")]
    pub fn new() -> Self {
        Self::with_limits(CONNECTIONS, BYTES)
    }

    /// Makes an empty network on the heap for at most `connections` connections at a time, those that
    /// wait to be accepted included, with `bytes` bytes of buffer per direction (at least one).
    ///
    /// The memory for a connection is taken when it is first needed and used again for others.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::net::Network;
    ///
    /// let small = Network::with_limits(8, 256);
    /// # drop(small);
    /// ```
    #[cfg(feature = "alloc")]
    pub fn with_limits(connections: usize, bytes: usize) -> Self {
        let tables = super::storage::Growing::new(connections, bytes);
        Self {
            place: Place::Heap(alloc::rc::Rc::new(core::cell::RefCell::new(tables))),
            _not_send: PhantomData,
        }
    }

    /// The network of a simulated host.
    #[cfg(feature = "sim")]
    pub(crate) fn from_sim(net: crate::sim::Net) -> Self {
        Self {
            place: Place::Sim(net),
            _not_send: PhantomData,
        }
    }

    /// The simulated host whose network this is, if it is one's.
    #[cfg(feature = "sim")]
    pub(crate) fn sim(&self) -> Option<&crate::sim::Net> {
        match &self.place {
            Place::Sim(net) => Some(net),
            _ => None,
        }
    }

    /// The simulated host that the caller runs on, if it is one.
    #[cfg(feature = "sim")]
    pub(crate) fn current_sim() -> Option<crate::sim::Net> {
        CURRENT.with(|current| current.borrow().as_ref()?.sim().cloned())
    }

    /// Whether both are handles of the same network.
    pub(crate) fn is(&self, other: &Network) -> bool {
        match (&self.place, &other.place) {
            (Place::Static(one), Place::Static(other)) => core::ptr::addr_eq(*one, *other),
            #[cfg(feature = "alloc")]
            (Place::Heap(one), Place::Heap(other)) => alloc::rc::Rc::ptr_eq(one, other),
            #[cfg(feature = "alloc")]
            _ => false,
        }
    }

    pub(crate) fn from_static(storage: &'static dyn Storage) -> Self {
        Self {
            place: Place::Static(storage),
            _not_send: PhantomData,
        }
    }

    /// Returns the network that [`TcpListener::bind`] and [`TcpStream::connect`] use on this thread: the
    /// one that was entered last, else one of fixed size that the whole program shares (128
    /// connections with 4 KiB per direction; 4 with 256 bytes on bare metal).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::net::Network;
    ///
    /// let listener = Network::current().listen("10.0.0.1:0").unwrap();
    /// # drop(listener);
    /// ```
    pub fn current() -> Self {
        #[cfg(any(feature = "std", not(target_os = "none")))]
        if let Some(network) = CURRENT.with(|current| current.borrow().as_ref().cloned()) {
            return network;
        }
        DEFAULT.network()
    }

    /// Makes this the current network of the thread until the guard is dropped.
    ///
    /// Guards have to be dropped in the reverse order of their making.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::net::Network;
    ///
    /// let network = Network::new();
    /// let guard = network.set_current();
    /// // `TcpListener::bind` and `TcpStream::connect` use it.
    /// drop(guard);
    /// # }
    /// ```
    #[cfg(any(feature = "std", not(target_os = "none")))]
    pub fn set_current(&self) -> CurrentNetwork {
        CurrentNetwork {
            before: set_current(Some(self.clone())),
            _not_send: PhantomData,
        }
    }

    /// Listens at an address with a backlog of 128; see [`TcpListener::bind`].
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::net::Network;
    ///
    /// let listener = Network::current().listen("10.0.0.1:7").unwrap();
    /// assert_eq!(listener.local_addr().unwrap().port(), 7);
    /// ```
    ///
    /// # Errors
    ///
    /// See [`TcpListener::bind`].
    pub fn listen(&self, addr: impl ToSocketAddrs) -> Result<TcpListener, Error> {
        self.listen_with_backlog(addr, BACKLOG)
    }

    /// Listens at an address. At most `backlog` connections (at least one) wait to be accepted, at a simulated host one more, as on
    /// Linux; further connects go on until there is room for them.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::net::Network;
    ///
    /// let listener = Network::current().listen_with_backlog("10.0.0.1:7", 1).unwrap();
    /// # drop(listener);
    /// ```
    ///
    /// # Errors
    ///
    /// See [`TcpListener::bind`].
    pub fn listen_with_backlog(
        &self,
        addr: impl ToSocketAddrs,
        backlog: u32,
    ) -> Result<TcpListener, Error> {
        self.listen_at(addr, backlog).map(TcpListener::new)
    }

    pub(super) fn listen_at(
        &self,
        addr: impl ToSocketAddrs,
        backlog: u32,
    ) -> Result<listener::Place, Error> {
        let addr = addr.to_socket_addr()?;
        #[cfg(feature = "sim")]
        if let Place::Sim(net) = &self.place {
            return net.listen(addr, backlog).map(listener::Place::Sim);
        }
        let index = self.with(|tables| table::bind(tables, addr, backlog))?;
        let listener = MemoryListener::new(self.clone(), index);
        Ok(listener::Place::Memory(listener))
    }

    /// Connects to a listener; see [`TcpStream::connect`].
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # fn main() -> Result<(), polliwog::spin::Error> {
    /// use polliwog::spin::net::Network;
    ///
    /// polliwog::spin::block_on(async {
    ///     let network = Network::current();
    ///     let _listener = network.listen("10.0.0.1:7")?;
    ///     let stream = network.connect("10.0.0.1:7").await?;
    ///     assert_eq!(stream.peer_addr()?.port(), 7);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// See [`TcpStream::connect`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, it leaves no connection behind.
    pub async fn connect(&self, addr: impl ToSocketAddrs) -> Result<TcpStream, Error> {
        self.connect_end(addr).await.map(TcpStream::from_end)
    }

    pub(super) async fn connect_end(&self, addr: impl ToSocketAddrs) -> Result<End, Error> {
        #[cfg(feature = "sim")]
        if let Place::Sim(_) = &self.place {
            let mut result = Err(Error::InvalidAddress);
            for addr in addr.to_socket_addrs()? {
                result = stream::connect(self, addr).await;
                if result.is_ok() {
                    break;
                }
            }
            return result;
        }
        stream::connect(self, addr.to_socket_addr()?).await
    }

    /// Runs `f` with the tables borrowed. `f` runs no foreign code.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut dyn Tables) -> R) -> R {
        match &self.place {
            Place::Static(storage) => {
                let mut f = Some(f);
                let mut result = None;
                storage.with(&mut |tables| {
                    if let Some(f) = f.take() {
                        result = Some(f(tables));
                    }
                });
                match result {
                    Some(result) => result,
                    None => unreachable!("the storage runs its argument"),
                }
            }
            #[cfg(feature = "alloc")]
            Place::Heap(tables) => f(&mut *tables.borrow_mut()),
            #[cfg(feature = "sim")]
            Place::Sim(_) => unreachable!("a simulated network has no tables"),
        }
    }
}

#[cfg(feature = "alloc")]
impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

/// What [`Network::set_current`] returns: dropping it makes the earlier network current again.
#[cfg(any(feature = "std", not(target_os = "none")))]
#[derive(Debug)]
#[must_use = "the network is current only until this is dropped"]
pub struct CurrentNetwork {
    before: Option<Network>,
    _not_send: PhantomData<*const ()>,
}

#[cfg(any(feature = "std", not(target_os = "none")))]
impl Drop for CurrentNetwork {
    fn drop(&mut self) {
        let _ours = set_current(self.before.take());
    }
}

#[cfg(any(feature = "std", not(target_os = "none")))]
fn set_current(network: Option<Network>) -> Option<Network> {
    ManuallyDrop::into_inner(CURRENT.replace(ManuallyDrop::new(network)))
}
