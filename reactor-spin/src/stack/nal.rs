//! The traits of `embedded-nal-async`: the feature of that name.

use core::net::{IpAddr, SocketAddr};

use embedded_nal_async::{AddrType, Dns, TcpConnect};

use super::{Stack, TcpStream};
use crate::Error;

/// A stack for programs that are written against `embedded-nal-async`, such as `reqwless`: connects and, with
/// feature `dns`, looks up names.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use core::net::SocketAddr;
/// use embedded_io_async::{Read, Write};
/// use embedded_nal_async::TcpConnect;
/// use polliwog::stack::{NalStack, Stack};
///
/// /// Knows nothing of the stack.
/// async fn ask<N: TcpConnect>(net: N, addr: SocketAddr) -> Result<u8, N::Error> {
///     let mut connection = net.connect(addr).await?;
///     connection.write_all(b"?").await?;
///     let mut answer = [0];
///     connection.read(&mut answer).await?;
///     Ok(answer[0])
/// }
///
/// async fn task(stack: &'static Stack) {
///     let _answer = ask(NalStack::new(stack), ([10, 0, 0, 1], 7).into()).await;
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NalStack(&'static Stack);

impl NalStack {
    /// Makes the traits' side of a stack.
    pub const fn new(stack: &'static Stack) -> Self {
        Self(stack)
    }
}

impl TcpConnect for NalStack {
    type Error = Error;
    type Connection<'a> = TcpStream;

    async fn connect(&self, remote: SocketAddr) -> Result<TcpStream, Error> {
        TcpStream::connect(self.0, remote).await
    }
}

impl Dns for NalStack {
    type Error = Error;

    /// Without feature `dns` only addresses in figures are known.
    async fn get_host_by_name(&self, host: &str, addr_type: AddrType) -> Result<IpAddr, Error> {
        let fits = |addr: &IpAddr| match addr_type {
            AddrType::IPv4 => addr.is_ipv4(),
            AddrType::IPv6 => addr.is_ipv6(),
            AddrType::Either => true,
        };
        #[cfg(feature = "dns")]
        let found = self.0.resolve(host).await?.find(fits);
        #[cfg(not(feature = "dns"))]
        let found = host.parse().ok().filter(fits);
        found.ok_or(Error::NameNotFound)
    }

    /// Always [`Error::NameNotFound`]: the stack does not look up addresses.
    async fn get_host_by_address(&self, _addr: IpAddr, _result: &mut [u8]) -> Result<usize, Error> {
        Err(Error::NameNotFound)
    }
}
