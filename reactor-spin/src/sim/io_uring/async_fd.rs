//! [`AsyncFd`]: waiting for a ring's completions.

use std::io::{Error, Result};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use super::errno;
use super::ring::Ring;
use crate::net::Network;

/// As `polliwog::AsyncFd` of the mio reactor, for a ring: a task waits for completions, and the host's others run meanwhile.
#[derive(Debug)]
pub struct AsyncFd<T: AsRawFd> {
    inner: T,
    ring: Arc<Ring>,
}

impl<T: AsRawFd> AsyncFd<T> {
    /// Waits for the ring with the number that `inner` has, which is the ring itself as a rule.
    ///
    /// # Errors
    ///
    /// `EBADF` if that is no ring of this host's process, or if there is no simulation.
    pub fn new(inner: T) -> Result<Self> {
        let net = Network::current_sim();
        let ring = net.and_then(|net| {
            let number = inner.as_raw_fd();
            net.world
                .with(|state| state.hosts[net.host as usize].rings.numbered(number))
        });
        match ring {
            Some(ring) => Ok(Self { inner, ring }),
            None => Err(Error::from_raw_os_error(errno::EBADF)),
        }
    }

    /// What this was made of.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// What this was made of.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Takes it out again.
    ///
    /// # Errors
    ///
    /// None; that of the mio reactor has some.
    pub fn into_inner(self) -> Result<T> {
        Ok(self.inner)
    }

    /// Waits until there is a completion in the queue.
    ///
    /// # Errors
    ///
    /// `EBADF` once the ring is closed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn readable(&self) -> Result<()> {
        while self.ring.with(|state, _, _| state.completed.is_empty())? {
            self.ring.posted.notified().await;
        }
        Ok(())
    }
}

impl<T: AsRawFd> AsRawFd for AsyncFd<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}
