//! [`TcpSocket`].

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::poll_fn;
use core::marker::PhantomData;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use polliwog_core::task::consume_budget;

use super::Network;
use super::end::End;
use super::generic::NetError;
use super::listener::{Place, TcpListener};
use super::options::tcp_options;
use super::stream::TcpStream;
use crate::Error;
use crate::sim::{Net, Options, Sharing, SimListener};

/// A TCP socket of a simulated host that is neither connected nor listening yet, for options that have to be set before.
///
/// [`TcpStream::connect`] and [`TcpListener::bind`] are shorter where nothing has to be set. Unlike
/// `TcpListener::bind`, this leaves `SO_REUSEADDR` to you. Connections that a listener accepts have the options of the
/// socket that it was.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::net::{TcpSocket, TcpStream};
/// use polliwog::sim::Simulation;
///
/// let mut simulation = Simulation::new(7);
/// simulation.client("frog", async {
///     let socket = TcpSocket::new_v4()?;
///     socket.set_reuseaddr(true)?;
///     socket.set_recv_buffer_size(1 << 16)?;
///     socket.bind("127.0.0.1:0".parse().unwrap())?;
///     let listener = socket.listen(1024)?;
///
///     let socket = TcpSocket::new_v4()?;
///     socket.set_nodelay(true)?;
///     let stream: TcpStream = socket.connect(listener.local_addr()?).await?;
///     assert!(stream.nodelay()?);
///     Ok::<_, polliwog::Error>(())
/// });
/// simulation.run().unwrap();
/// ```
pub struct TcpSocket<E: NetError> {
    fails: PhantomData<fn() -> E>,
    net: Net,
    is_v4: bool,
    options: Cell<Options>,
    shares: Cell<Sharing>,
    /// The address that it has taken.
    bound: RefCell<Option<SimListener>>,
}

impl<E: NetError> TcpSocket<E> {
    /// Makes a socket for IPv4.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] outside of a simulation.
    pub fn new_v4() -> Result<Self, E> {
        Self::new(true)
    }

    /// Makes a socket for IPv6.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] outside of a simulation.
    pub fn new_v6() -> Result<Self, E> {
        Self::new(false)
    }

    fn new(is_v4: bool) -> Result<Self, E> {
        let net = Network::current_sim().ok_or(Error::Unsupported);
        let net = net.map_err(E::of)?;
        Ok(Self {
            fails: PhantomData,
            options: Cell::new(net.options()),
            net,
            is_v4,
            shares: Cell::default(),
            bound: RefCell::new(None),
        })
    }

    /// Returns whether the address may be bound although connections of an earlier socket linger (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// None.
    pub fn reuseaddr(&self) -> Result<bool, E> {
        Ok(self.shares.get().addr)
    }

    /// Sets whether the address may be bound although connections of an earlier socket linger (`SO_REUSEADDR`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpSocket};
    ///
    /// fn restarted(socket: &TcpSocket) -> Result<(), Error> {
    ///     socket.set_reuseaddr(true)?;
    ///     socket.bind("0.0.0.0:80".parse().unwrap())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_reuseaddr(&self, reuseaddr: bool) -> Result<(), E> {
        let addr = reuseaddr;
        self.shares.set(Sharing {
            addr,
            ..self.shares.get()
        });
        Ok(())
    }

    /// Returns whether several sockets may listen at the same address (`SO_REUSEPORT`).
    ///
    /// # Errors
    ///
    /// None.
    pub fn reuseport(&self) -> Result<bool, E> {
        Ok(self.shares.get().port)
    }

    /// Sets whether several sockets may listen at the same address (`SO_REUSEPORT`), over which the connections are
    /// spread.
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_reuseport(&self, reuseport: bool) -> Result<(), E> {
        let port = reuseport;
        self.shares.set(Sharing {
            port,
            ..self.shares.get()
        });
        Ok(())
    }

    /// Returns whether small segments go out at once (`TCP_NODELAY`).
    ///
    /// # Errors
    ///
    /// None.
    pub fn nodelay(&self) -> Result<bool, E> {
        self.with_options(|options| options.nodelay)
    }

    /// Sets whether small segments go out at once (`TCP_NODELAY`), which they do anyway.
    ///
    /// # Errors
    ///
    /// None.
    pub fn set_nodelay(&self, nodelay: bool) -> Result<(), E> {
        self.with_options(|options| options.nodelay = nodelay)
    }

    /// Returns the address that the socket is bound to.
    ///
    /// # Errors
    ///
    /// None.
    pub fn local_addr(&self) -> Result<SocketAddr, E> {
        let bound = self.bound.borrow();
        Ok(bound.as_ref().map_or(self.any(), SimListener::local_addr))
    }

    fn any(&self) -> SocketAddr {
        match self.is_v4 {
            true => (Ipv4Addr::UNSPECIFIED, 0).into(),
            false => (Ipv6Addr::UNSPECIFIED, 0).into(),
        }
    }

    /// Returns `None`: errors are reported by the operation that meets them.
    ///
    /// # Errors
    ///
    /// None.
    pub fn take_error(&self) -> Result<Option<E>, E> {
        Ok(None)
    }

    /// Binds the socket to an address: where it will listen, or what it will connect from.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, net::TcpSocket};
    ///
    /// fn any_port() -> Result<TcpSocket, Error> {
    ///     let socket = TcpSocket::new_v4()?;
    ///     socket.bind("0.0.0.0:0".parse().unwrap())?;
    ///     assert_ne!(socket.local_addr()?.port(), 0);
    ///     Ok(socket)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::AddrInUse`] if somebody has it, or without `SO_REUSEADDR` if connections of an earlier socket linger;
    /// [`Error::AddrNotAvailable`] if it is another host's, or no port is free; [`Error::InvalidInput`] for an address of
    /// the other family, or if the socket is bound already.
    pub fn bind(&self, addr: SocketAddr) -> Result<(), E> {
        if addr.is_ipv4() != self.is_v4 || self.bound.borrow().is_some() {
            return Err(E::of(Error::InvalidInput));
        }
        let bound = self.net.bind(addr, self.shares.get()).map_err(E::of)?;
        *self.bound.borrow_mut() = Some(bound);
        Ok(())
    }

    /// Connects.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::Error;
    /// use polliwog::spin::net::{TcpSocket, TcpStream};
    ///
    /// /// A peer that only talks to those who come from a port that needs a privilege.
    /// async fn from_port_1000() -> Result<TcpStream, Error> {
    ///     let socket = TcpSocket::new_v4()?;
    ///     socket.bind("0.0.0.0:1000".parse().unwrap())?;
    ///     socket.connect("10.0.0.1:514".parse().unwrap()).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`TcpStream::connect`]; [`Error::AddrNotAvailable`] if there is a connection from the address that the socket is
    /// bound to already; [`Error::InvalidInput`] for an address of the other family.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the attempt and closes the socket.
    pub async fn connect(self, addr: SocketAddr) -> Result<TcpStream<E>, E> {
        if addr.is_ipv4() != self.is_v4 {
            return Err(E::of(Error::InvalidInput));
        }
        consume_budget().await;
        let bound = self.bound.take();
        let from = bound.as_ref().map(SimListener::local_addr);
        let end = self.net.connect(from, addr, self.options.get());
        let end = End::Sim(end.map_err(E::of)?);
        // From now on the connection has the address.
        drop(bound);
        let connected = poll_fn(|cx| end.poll_connected(cx)).await;
        connected.map_err(E::of)?;
        Ok(TcpStream::from_end(end))
    }

    /// Listens. One connection more than `backlog` waits to be accepted, as on Linux; further connects go on until there is
    /// room for them.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::Error;
    /// use polliwog::spin::net::{TcpListener, TcpSocket};
    ///
    /// fn listen() -> Result<TcpListener, Error> {
    ///     let socket = TcpSocket::new_v4()?;
    ///     socket.set_reuseaddr(true)?;
    ///     socket.bind("0.0.0.0:80".parse().unwrap())?;
    ///     socket.listen(128)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::AddrNotAvailable`] if it is not bound, and no port is free.
    pub fn listen(self, backlog: u32) -> Result<TcpListener<E>, E> {
        let listener = self.begin_to_listen(backlog).map_err(E::of)?;
        Ok(TcpListener::new(Place::Sim(listener)))
    }

    fn begin_to_listen(self, backlog: u32) -> Result<SimListener, Error> {
        let listener = match self.bound.take() {
            Some(bound) => bound,
            None => self.net.bind(self.any(), self.shares.get())?,
        };
        listener.with_options(|options| *options = self.options.get())?;
        listener.listen(backlog);
        Ok(listener)
    }

    fn with_options<T>(&self, f: impl FnOnce(&mut Options) -> T) -> Result<T, E> {
        let mut options = self.options.get();
        let done = f(&mut options);
        self.options.set(options);
        Ok(done)
    }
}

tcp_options!(TcpSocket);

impl<E: NetError> fmt::Debug for TcpSocket<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("TcpSocket");
        if let Ok(local) = self.local_addr() {
            out.field("local", &local);
        }
        out.finish()
    }
}
