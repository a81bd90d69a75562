//! The memory of a stack.

use core::fmt;

use smoltcp::iface::SocketStorage;

use super::neighbors::Neighbor;
use super::table::Row;
use super::udp::AnyBuffers;
use super::waits::Queue;

/// Something that is all zero, whatever it is made of, until it is needed: so that it lies in `.bss`,
/// where it costs no flash.
#[repr(u8)]
pub(super) enum Lazy<T> {
    Empty = 0,
    Full(T) = 1,
}

impl<T> Lazy<T> {
    pub(super) fn fill(&mut self, value: T) -> &mut T {
        *self = Lazy::Full(value);
        match self {
            Lazy::Full(value) => value,
            Lazy::Empty => unreachable!("it has been filled"),
        }
    }
}

/// Places for a [`Stack`](super::Stack)'s sockets: `SOCKETS` in all, `TCP` of them for TCP. It is all
/// zero at first and need not lie in flash.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use polliwog::stack::{Buffers, Sockets};
///
/// let mut sockets: Sockets<5, 4> = Sockets::new();
/// let mut buffers: Buffers<4, 2048> = Buffers::new();
/// ```
pub struct Sockets<const SOCKETS: usize, const TCP: usize> {
    pub(super) sockets: Lazy<[SocketStorage<'static>; SOCKETS]>,
    pub(super) rows: Lazy<[Row; TCP]>,
    pub(super) udp: [Option<&'static mut dyn AnyBuffers>; SOCKETS],
    pub(super) neighbors: Lazy<[Neighbor; SOCKETS]>,
    pub(super) tcp_waits: [[Queue; 3]; TCP],
    pub(super) udp_waits: [[Queue; 2]; SOCKETS],
}

impl<const SOCKETS: usize, const TCP: usize> Sockets<SOCKETS, TCP> {
    /// Makes unused places for sockets.
    pub const fn new() -> Self {
        const { assert!(TCP <= SOCKETS, "TCP counts some of the sockets") };
        Self {
            sockets: Lazy::Empty,
            rows: Lazy::Empty,
            udp: [const { None }; SOCKETS],
            neighbors: Lazy::Empty,
            tcp_waits: [const { [const { Queue::new() }; 3] }; TCP],
            udp_waits: [const { [const { Queue::new() }; 2] }; SOCKETS],
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

/// Two buffers of `BYTES` for each of `TCP` sockets.
pub struct Buffers<const TCP: usize, const BYTES: usize>(pub(super) [[[u8; BYTES]; 2]; TCP]);

impl<const TCP: usize, const BYTES: usize> Buffers<TCP, BYTES> {
    /// Makes unused buffers.
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
