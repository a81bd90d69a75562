//! Entries of operations, and the queue that they are put into; as
//! [`io_uring::squeue`](https://docs.rs/io-uring/0.7/io_uring/squeue).

use alloc::vec::Vec;
use core::fmt;
use std::sync::Arc;

use super::memory::Pushed;
use super::opcode::Operation;
use super::ring::Ring;
use super::types::flags;

/// What is an entry: [`Entry`].
pub trait EntryMarker: sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Entry {}
}

impl EntryMarker for Entry {}

/// An operation, made by what is in [`opcode`](super::opcode).
#[derive(Clone, Debug)]
pub struct Entry {
    pub(super) operation: Operation,
    pub(super) flags: Flags,
    pub(super) user_data: u64,
}

impl Entry {
    pub(super) fn new(operation: Operation) -> Self {
        Self {
            operation,
            flags: Flags::empty(),
            user_data: 0,
        }
    }

    /// Adds flags.
    pub fn flags(mut self, flags: Flags) -> Self {
        self.flags |= flags;
        self
    }

    /// Takes all flags away.
    pub fn clear_flags(mut self) -> Self {
        self.flags = Flags::empty();
        self
    }

    /// Sets the number that the completion will carry.
    pub fn user_data(mut self, user_data: u64) -> Self {
        self.user_data = user_data;
        self
    }

    /// Sets the number that the completion will carry.
    pub fn set_user_data(&mut self, user_data: u64) {
        self.user_data = user_data;
    }

    /// The number that the completion will carry.
    pub fn get_user_data(&self) -> u64 {
        self.user_data
    }
}

flags! {
    /// How an operation stands to the others.
    Flags: u8 {
        /// The file is a registered one: there are none, so the operation fails with `EINVAL`.
        FIXED_FILE = 1 << 0,
        /// It begins when all that was submitted before has completed, and what is submitted later begins after it.
        IO_DRAIN = 1 << 1,
        /// The next one of the same submission begins when this one has completed, and is cancelled if this one fails, or
        /// reads or writes less than it should.
        IO_LINK = 1 << 2,
        /// As [`IO_LINK`](Self::IO_LINK), whatever becomes of this one.
        IO_HARDLINK = 1 << 3,
        /// Changes nothing: all operations are carried out later.
        ASYNC = 1 << 4,
        /// The memory is one of a group: there are none, so the operation fails with `EINVAL`.
        BUFFER_SELECT = 1 << 5,
        /// Its completion is not posted unless it fails.
        SKIP_SUCCESS = 1 << 6,
    }
}

/// The queue is full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushError;

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("submission queue is full")
    }
}

impl core::error::Error for PushError {}

/// The queue of operations that are to be submitted. What is pushed is in it once this is dropped or [synced](Self::sync).
#[derive(Debug)]
pub struct SubmissionQueue<'a> {
    ring: &'a Arc<Ring>,
    /// How many entries were in the queue when it was looked at last.
    queued: usize,
    pub(super) pushed: Vec<Pushed>,
}

impl<'a> SubmissionQueue<'a> {
    pub(super) fn new(ring: &'a Arc<Ring>) -> Self {
        Self {
            ring,
            queued: ring.lock().queued.len(),
            pushed: Vec::new(),
        }
    }

    /// Puts what was pushed into the queue, and sees what has been submitted meanwhile.
    pub fn sync(&mut self) {
        let mut state = self.ring.lock();
        if state.is_open {
            state.queued.extend(self.pushed.drain(..));
        }
        self.queued = state.queued.len();
    }

    /// How many entries there is room for.
    pub fn capacity(&self) -> usize {
        self.ring.params.sq_entries as usize
    }

    /// How many entries are in it.
    pub fn len(&self) -> usize {
        self.queued + self.pushed.len()
    }

    /// Whether there are no entries in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// Whether completions wait for room in their queue: the next call that submits moves them.
    pub fn cq_overflow(&self) -> bool {
        !self.ring.lock().overflow.is_empty()
    }

    /// How many entries were invalid: none, since their completions say so.
    pub fn dropped(&self) -> u32 {
        0
    }

    /// Whether the system's thread sleeps: there is none.
    pub fn need_wakeup(&self) -> bool {
        false
    }
}

impl Drop for SubmissionQueue<'_> {
    fn drop(&mut self) {
        self.sync();
    }
}
