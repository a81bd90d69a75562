//! Options of a [`UdpSocket`].

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use socket2::SockRef;

use super::UdpSocket;

impl UdpSocket {
    /// Returns whether datagrams may go to broadcast addresses (`SO_BROADCAST`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     assert!(!socket.broadcast()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.io.with(mio::net::UdpSocket::broadcast)
    }

    /// Sets whether datagrams may go to broadcast addresses (`SO_BROADCAST`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_broadcast(true)?;
    ///     assert!(socket.broadcast()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.io.with(|socket| socket.set_broadcast(broadcast))
    }

    /// Returns the time to live of outgoing packets (`IP_TTL`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_ttl(32)?;
    ///     assert_eq!(socket.ttl()?, 32);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.with(mio::net::UdpSocket::ttl)
    }

    /// Sets the time to live of outgoing packets (`IP_TTL`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_ttl(1)?; // for neighbours only
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.with(|socket| socket.set_ttl(ttl))
    }

    /// Joins a group of IPv4, on the interface that has the given address; on one of the system's choice if
    /// it is [`UNSPECIFIED`](Ipv4Addr::UNSPECIFIED).
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    /// use std::net::Ipv4Addr;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("0.0.0.0:5353").await?;
    ///     socket.join_multicast_v4(Ipv4Addr::new(224, 0, 0, 251), Ipv4Addr::UNSPECIFIED)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io
            .with(|socket| socket.join_multicast_v4(&group, &interface))
    }

    /// Leaves a group of IPv4 that was joined by [`join_multicast_v4`](Self::join_multicast_v4).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.io
            .with(|socket| socket.leave_multicast_v4(&group, &interface))
    }

    /// Joins a group of IPv6, on the interface of the given index, or on one of the system's choice if it is
    /// zero.
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("[::]:5353").await?;
    ///     socket.join_multicast_v6(&"ff02::fb".parse().unwrap(), 0)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io
            .with(|socket| socket.join_multicast_v6(group, interface))
    }

    /// Leaves a group of IPv6 that was joined by [`join_multicast_v6`](Self::join_multicast_v6).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io
            .with(|socket| socket.leave_multicast_v6(group, interface))
    }

    /// Returns whether what goes to a group of IPv4 also comes back to this host (`IP_MULTICAST_LOOP`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.io.with(mio::net::UdpSocket::multicast_loop_v4)
    }

    /// Sets whether what goes to a group of IPv4 also comes back to this host (`IP_MULTICAST_LOOP`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_multicast_loop_v4(false)?;
    ///     assert!(!socket.multicast_loop_v4()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        self.io.with(|socket| socket.set_multicast_loop_v4(on))
    }

    /// Returns whether what goes to a group of IPv6 also comes back to this host (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.io.with(mio::net::UdpSocket::multicast_loop_v6)
    }

    /// Sets whether what goes to a group of IPv6 also comes back to this host (`IPV6_MULTICAST_LOOP`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        self.io.with(|socket| socket.set_multicast_loop_v6(on))
    }

    /// Returns the time to live of packets to groups of IPv4 (`IP_MULTICAST_TTL`): 1, the local network,
    /// unless set.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.io.with(mio::net::UdpSocket::multicast_ttl_v4)
    }

    /// Sets the time to live of packets to groups of IPv4 (`IP_MULTICAST_TTL`).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_multicast_ttl_v4(4)?;
    ///     assert_eq!(socket.multicast_ttl_v4()?, 4);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.io.with(|socket| socket.set_multicast_ttl_v4(ttl))
    }

    /// Returns the interface from which packets go to groups of IPv4, by its address (`IP_MULTICAST_IF`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_if_v4(&self) -> io::Result<Ipv4Addr> {
        self.io
            .with(|socket| SockRef::from(socket).multicast_if_v4())
    }

    /// Sets the interface from which packets go to groups of IPv4, by its address (`IP_MULTICAST_IF`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_if_v4(&self, interface: Ipv4Addr) -> io::Result<()> {
        self.io
            .with(|socket| SockRef::from(socket).set_multicast_if_v4(&interface))
    }

    /// Returns how many routers a packet to a group of IPv6 may pass (`IPV6_MULTICAST_HOPS`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_hops_v6(&self) -> io::Result<u32> {
        self.io
            .with(|socket| SockRef::from(socket).multicast_hops_v6())
    }

    /// Sets how many routers a packet to a group of IPv6 may pass (`IPV6_MULTICAST_HOPS`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_hops_v6(&self, hops: u32) -> io::Result<()> {
        self.io
            .with(|socket| SockRef::from(socket).set_multicast_hops_v6(hops))
    }

    /// Returns the interface from which packets go to groups of IPv6, by its index (`IPV6_MULTICAST_IF`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn multicast_if_v6(&self) -> io::Result<u32> {
        self.io
            .with(|socket| SockRef::from(socket).multicast_if_v6())
    }

    /// Sets the interface from which packets go to groups of IPv6, by its index (`IPV6_MULTICAST_IF`).
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_multicast_if_v6(&self, interface: u32) -> io::Result<()> {
        self.io
            .with(|socket| SockRef::from(socket).set_multicast_if_v6(interface))
    }

    /// Returns the size of the buffer for datagrams to be sent (`SO_SNDBUF`), in bytes, as the system counts
    /// them: Linux reports twice what was asked for.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     println!("room for {} bytes", socket.send_buffer_size()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.io
            .with(|socket| SockRef::from(socket).send_buffer_size())
    }

    /// Asks for a size of the buffer for datagrams to be sent (`SO_SNDBUF`), in bytes.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_send_buffer_size(1 << 17)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_send_buffer_size(&self, size: usize) -> io::Result<()> {
        self.io
            .with(|socket| SockRef::from(socket).set_send_buffer_size(size))
    }

    /// Returns the size of the buffer for datagrams that have come (`SO_RCVBUF`), in bytes, as the system
    /// counts them: Linux reports twice what was asked for. What does not fit is lost.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     println!("room for {} bytes", socket.recv_buffer_size()?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        self.io
            .with(|socket| SockRef::from(socket).recv_buffer_size())
    }

    /// Asks for a size of the buffer for datagrams that have come (`SO_RCVBUF`), in bytes.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::net::UdpSocket;
    ///
    /// polliwog::block_on(async {
    ///     let socket = UdpSocket::bind("127.0.0.1:0").await?;
    ///     socket.set_recv_buffer_size(1 << 17)?;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn set_recv_buffer_size(&self, size: usize) -> io::Result<()> {
        self.io
            .with(|socket| SockRef::from(socket).set_recv_buffer_size(size))
    }
}
