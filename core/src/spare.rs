//! [`Spare`]: memory that a read fills.
//!
//! tokio's and hyper's readers are given memory that nobody has initialised yet, and to say how much of it
//! was filled is `unsafe` there. Reactors have no unsafe code; this is the safe way, and its invariant is
//!
//! * **X2.** The first `filled` bytes of the memory are initialised, and no byte that was initialised becomes
//!   uninitialised.

use core::mem::MaybeUninit;
use core::task::Poll;
#[cfg(unix)]
use std::io;

/// The free part of a reader's buffer.
#[derive(Debug)]
pub struct Spare<'a> {
    memory: &'a mut [MaybeUninit<u8>],
    filled: usize,
}

impl<'a> Spare<'a> {
    /// Memory of which nothing is filled yet. It must not be read before it has been written, so it is
    /// safe to pass what was initialised.
    fn new(memory: &'a mut [MaybeUninit<u8>]) -> Self {
        Self { memory, filled: 0 }
    }

    /// Returns how many bytes are free.
    pub fn len(&self) -> usize {
        self.memory.len() - self.filled
    }

    /// Returns whether no byte is free.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many bytes have been filled.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Copies bytes into the free part, as many as there is room for, and returns how many.
    pub fn put_slice(&mut self, bytes: &[u8]) -> usize {
        let free = &mut self.memory[self.filled..];
        let count = bytes.len().min(free.len());
        for (to, from) in free.iter_mut().zip(bytes) {
            to.write(*from);
        }
        self.filled += count;
        count
    }

    /// Receives from a socket into the free part (`recv`), and returns how many bytes that was.
    ///
    /// The system call is made here because safe code, given the memory as `MaybeUninit`, could make what is
    /// initialised uninitialised, against X2.
    ///
    /// # Errors
    ///
    /// Those of the system.
    #[cfg(unix)]
    pub fn recv(&mut self, socket: impl std::os::fd::AsFd) -> io::Result<usize> {
        use rustix::net::{RecvFlags, recv};
        let free = &mut self.memory[self.filled..];
        let ((bytes, _), _) = recv(socket, free, RecvFlags::empty())?;
        self.filled += bytes.len();
        Ok(bytes.len())
    }

    /// Reads from a descriptor into the free part (`read`), and returns how many bytes that was.
    ///
    /// # Errors
    ///
    /// Those of the system.
    #[cfg(unix)]
    pub fn read(&mut self, file: impl std::os::fd::AsFd) -> io::Result<usize> {
        let free = &mut self.memory[self.filled..];
        let (bytes, _) = rustix::io::read(file, free)?;
        self.filled += bytes.len();
        Ok(bytes.len())
    }

    /// Fills the free part by a function that needs initialised memory, which costs writing zeros to all of
    /// it. The function returns how many bytes it has filled.
    ///
    /// # Panics
    ///
    /// If the function returns more than there are.
    pub fn fill_zeroed<E>(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<Result<usize, E>>,
    ) -> Poll<Result<usize, E>> {
        let free = &mut self.memory[self.filled..];
        free.fill(MaybeUninit::new(0));
        // SAFETY: all of it has been written just now.
        let free = unsafe { &mut *(core::ptr::from_mut(free) as *mut [u8]) };
        let room = free.len();
        let filled = read(free);
        if let Poll::Ready(Ok(count)) = filled {
            assert!(count <= room, "more was filled than there is");
            self.filled += count;
        }
        filled
    }

    /// Returns the free part of a buffer of tokio's, for `read`. What that has filled counts as filled there,
    /// too, if it returns.
    #[cfg(feature = "tokio")]
    pub fn of_tokio<T>(
        buf: &mut tokio::io::ReadBuf<'_>,
        read: impl FnOnce(&mut Spare<'_>) -> T,
    ) -> T {
        // SAFETY: X2: nothing becomes uninitialised.
        let memory = unsafe { buf.unfilled_mut() };
        let (result, filled) = Self::lend(memory, read);
        // SAFETY: X2: the first `filled` bytes have been initialised.
        unsafe { buf.assume_init(filled) };
        buf.advance(filled);
        result
    }

    /// Returns the free part of a buffer of hyper's, for `read`. What that has filled counts as filled there,
    /// too, if it returns.
    #[cfg(feature = "hyper")]
    pub fn of_hyper<T>(
        mut buf: hyper::rt::ReadBufCursor<'_>,
        read: impl FnOnce(&mut Spare<'_>) -> T,
    ) -> T {
        // SAFETY: X2: nothing becomes uninitialised.
        let memory = unsafe { buf.as_mut() };
        let (result, filled) = Self::lend(memory, read);
        // SAFETY: X2: the first `filled` bytes have been initialised.
        unsafe { buf.advance(filled) };
        result
    }

    /// The result of `read`, and how much of this very memory it has filled.
    fn lend<T>(
        memory: &mut [MaybeUninit<u8>],
        read: impl FnOnce(&mut Spare<'_>) -> T,
    ) -> (T, usize) {
        let start = memory.as_ptr();
        let mut spare = Spare::new(memory);
        let result = read(&mut spare);
        // Safe code can put another one in its place.
        assert!(
            core::ptr::eq(spare.memory.as_ptr(), start),
            "another memory than the one that was lent"
        );
        (result, spare.filled)
    }
}
