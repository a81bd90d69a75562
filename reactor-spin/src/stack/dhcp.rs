//! An address from the network: the `dhcp` feature.

use smoltcp::iface::SocketHandle;
use smoltcp::socket::dhcpv4;
use smoltcp::time::Duration;
use smoltcp::wire::IpCidr;

use super::{Inner, Stack};
use crate::Error;

/// A lease that has not been renewed yet is asked for again in half of the time that is left, but not before this.
/// The protocol stack's own minute leaves a lease of two one question, and a lost frame would cost the address.
const RENEWALS: Duration = Duration::from_secs(10);

/// The client, once it has been started.
#[derive(Default)]
pub(super) struct Dhcp {
    pub(super) handle: Option<SocketHandle>,
}

impl Inner {
    /// Takes over what the server has said. `true` if the address has changed.
    pub(super) fn look_at_dhcp(&mut self) -> bool {
        let Some(handle) = self.dhcp.handle else {
            return false;
        };
        let socket = self.sockets.get_mut::<dhcpv4::Socket<'_>>(handle);
        let config = match socket.poll() {
            None => return false,
            Some(dhcpv4::Event::Deconfigured) => None,
            Some(dhcpv4::Event::Configured(config)) => Some(config),
        };
        let address = config.as_ref().map(|config| config.address);
        let router = config.as_ref().and_then(|config| config.router);
        #[cfg(feature = "dns")]
        if let Some(servers) = config.map(|config| config.dns_servers) {
            self.offer_dns(servers.into_iter().map(Into::into));
        }
        self.iface.update_ip_addrs(|addresses| {
            addresses.retain(|address| !matches!(address, IpCidr::Ipv4(_)));
            // There is room for one at least.
            let _ = address.map(|address| addresses.push(IpCidr::Ipv4(address)));
        });
        self.set_gateway_v4(router);
        true
    }

    /// Asks anew: the network may be another one.
    pub(super) fn restart_dhcp(&mut self) {
        if let Some(handle) = self.dhcp.handle {
            self.sockets.get_mut::<dhcpv4::Socket<'_>>(handle).reset();
        }
    }
}

impl Stack {
    /// Asks the network for an address, by DHCP, and keeps it up to date from now on: what a
    /// server says takes the place of the [`Settings`](super::Settings)' address and gateway.
    /// To be called once; later calls change nothing.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Error, stack::Stack};
    ///
    /// async fn configure(stack: &Stack) -> Result<(), Error> {
    ///     stack.start_dhcp()?;
    ///     println!("at {}", stack.wait_address().await);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::LimitReached`] if the stack has no place for a socket that is not for TCP.
    pub fn start_dhcp(&self) -> Result<(), Error> {
        self.with(|inner| {
            if inner.dhcp.handle.is_none() {
                inner.need_place()?;
                let mut socket = dhcpv4::Socket::new();
                let mut retries = dhcpv4::RetryConfig::default();
                retries.min_renew_timeout = RENEWALS;
                socket.set_retry_config(retries);
                inner.dhcp.handle = Some(inner.sockets.add(socket));
            }
            Ok(())
        })
    }
}
