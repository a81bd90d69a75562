//! An address from the network: the `dhcp` feature.

use core::future::poll_fn;
use core::net::Ipv4Addr;
use core::task::{Poll, Waker};

use smoltcp::iface::{Interface, SocketHandle, SocketSet};
use smoltcp::socket::dhcpv4;
use smoltcp::wire::IpCidr;

use super::Stack;
use crate::Error;

/// The client, once it has been started.
#[derive(Default)]
pub(super) struct Dhcp {
    handle: Option<SocketHandle>,
    /// Of the task that waits for an address.
    waker: Option<Waker>,
}

impl Dhcp {
    /// Takes over what the server has said. `true` if the address has changed.
    pub(super) fn maintain(&mut self, iface: &mut Interface, sockets: &mut SocketSet<'_>) -> bool {
        let Some(handle) = self.handle else {
            return false;
        };
        let (address, router) = match sockets.get_mut::<dhcpv4::Socket<'_>>(handle).poll() {
            None => return false,
            Some(dhcpv4::Event::Deconfigured) => (None, None),
            Some(dhcpv4::Event::Configured(config)) => (Some(config.address), config.router),
        };
        iface.update_ip_addrs(|addresses| {
            addresses.clear();
            // There is room for one at least.
            let _ = address.map(|address| addresses.push(IpCidr::Ipv4(address)));
        });
        let routes = iface.routes_mut();
        routes.remove_default_ipv4_route();
        // There is room for one at least.
        let _ = router.map(|router| routes.add_default_ipv4_route(router));
        if address.is_some() {
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
        true
    }
}

impl Stack {
    /// Asks the network for an address, by DHCP, and keeps it up to date from now on: what a
    /// server says takes the place of the [`Settings`](super::Settings)' address and gateway.
    /// To be called once; later calls change nothing.
    ///
    /// # Errors
    ///
    /// [`Error::LimitReached`] if the stack has no place for a socket that is not for TCP.
    pub fn start_dhcp(&self) -> Result<(), Error> {
        self.with(|inner| {
            if inner.dhcp.handle.is_none() {
                inner.need_place()?;
                inner.dhcp.handle = Some(inner.sockets.add(dhcpv4::Socket::new()));
            }
            Ok(())
        })
    }

    /// Waits until the stack has an address. Wakes the last task that polled it.
    ///
    /// # Cancel safety
    ///
    /// The wait can be given up and begun anew.
    pub async fn wait_address(&self) -> Ipv4Addr {
        poll_fn(|cx| match self.address() {
            Some(address) => Poll::Ready(address),
            None => {
                self.look(|inner| inner.dhcp.waker = Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}
