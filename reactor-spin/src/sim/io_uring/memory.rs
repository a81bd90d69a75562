//! Memory that programs lend to a ring by raw pointers: all that needs `unsafe` in a simulation.
//!
//! * M1: who pushes an entry promises that what its pointers name is valid until the operation has completed, as with the
//!   crate `io-uring`.
//! * M2: a [`Pushed`] is an entry with that promise, and its operation has not completed; a [`Lent`] is made of one, and the
//!   ring drops it when it posts the completion, or when it is closed.
//! * M3: a ring is closed when its [`IoUring`] is dropped, and before the simulation drops the tasks of its host, whose memory
//!   it is. What has been closed has neither.
#![expect(
    unsafe_code,
    reason = "the crate io-uring, whose interface this is, has memory lent by raw pointers"
)]

use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, Ordering};
use core::time::Duration;

use super::cqueue::CompletionQueue;
use super::opcode::{Buffer, Operation};
use super::squeue::{Entry, PushError, SubmissionQueue};
use super::{IoUring, errno};

/// A pointer that an entry carries from thread to thread, as the crate's do, where it is a number.
#[derive(Debug)]
pub(super) struct Pointer<T>(AtomicPtr<T>);

impl<T> Pointer<T> {
    pub(super) fn new(to: *const T) -> Self {
        Self(AtomicPtr::new(to.cast_mut()))
    }

    fn get(&self) -> *mut T {
        self.0.load(Ordering::Relaxed)
    }
}

impl<T> Clone for Pointer<T> {
    fn clone(&self) -> Self {
        Self::new(self.get())
    }
}

/// An entry for whose memory somebody answers: M1, M2.
#[derive(Debug)]
pub(super) struct Pushed(Entry);

/// The memory of an operation that has not completed: M1, M2.
#[derive(Debug)]
pub(super) struct Lent(Vec<(Pointer<u8>, usize)>);

impl Pushed {
    pub(super) fn entry(&self) -> &Entry {
        &self.0
    }

    /// The memory that is read from or written to.
    ///
    /// # Errors
    ///
    /// `EINVAL` for more parts than Linux takes.
    pub(super) fn lend(&self) -> Result<Lent, i32> {
        let (parts, count) = match &self.0.operation {
            Operation::Read(transfer) | Operation::Write(transfer) => match &transfer.buffer {
                Buffer::One(at, len) => return Ok(Lent(vec![(at.clone(), *len as usize)])),
                Buffer::Parts(parts, count) => (parts.get(), *count as usize),
            },
            _ => return Ok(Lent(Vec::new())),
        };
        if count > errno::PARTS {
            return Err(errno::EINVAL);
        }
        let part = |at: usize| {
            // SAFETY: M1 and M2, and `at` is below the number of parts that the entry tells.
            let part = unsafe { parts.add(at).read() };
            (Pointer::new(part.iov_base.cast()), part.iov_len)
        };
        Ok(Lent((0..count).map(part).collect()))
    }

    /// How long a timeout waits.
    ///
    /// # Errors
    ///
    /// `EINVAL` for what is no time.
    pub(super) fn time(&self) -> Result<Duration, i32> {
        match &self.0.operation {
            // SAFETY: M1 and M2.
            Operation::Timeout(timeout) => unsafe { timeout.timespec.get().read() }.duration(),
            _ => Err(errno::EINVAL),
        }
    }
}

impl Lent {
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|(_, len)| len).sum()
    }

    /// What lies there now.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        let mut rest = bytes.as_mut_slice();
        for (at, len) in &self.0 {
            let (part, after) = rest.split_at_mut(*len);
            rest = after;
            if !part.is_empty() {
                // SAFETY: M1 and M2 for the source; the other is a slice of ours with that length.
                unsafe { part.as_mut_ptr().copy_from_nonoverlapping(at.get(), *len) };
            }
        }
        bytes
    }

    /// Writes what has been read there, as much as there is room for.
    pub(super) fn fill(&self, mut bytes: &[u8]) {
        for (at, len) in &self.0 {
            let (part, after) = bytes.split_at(bytes.len().min(*len));
            bytes = after;
            if !part.is_empty() {
                // SAFETY: M1 and M2 for the target, of whose `len` bytes these are the first; the other is ours.
                unsafe { at.get().copy_from_nonoverlapping(part.as_ptr(), part.len()) };
            }
        }
    }
}

impl SubmissionQueue<'_> {
    /// Adds an entry.
    ///
    /// # Errors
    ///
    /// If the queue is full.
    ///
    /// # Safety
    ///
    /// What the entry's pointers name must be valid until the operation's completion is posted: for reads it is written to,
    /// and nobody else uses it; for writes it is initialised. It is left alone as soon as the ring is dropped, or its
    /// host's process comes to its end in any way.
    pub unsafe fn push(&mut self, entry: &Entry) -> Result<(), PushError> {
        // SAFETY: the caller's promise is the same.
        unsafe { self.push_multiple(core::slice::from_ref(entry)) }
    }

    /// Adds several entries, all or none.
    ///
    /// # Errors
    ///
    /// If there is no room for all of them.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push).
    pub unsafe fn push_multiple(&mut self, entries: &[Entry]) -> Result<(), PushError> {
        if self.capacity() - self.len() < entries.len() {
            return Err(PushError);
        }
        self.pushed.extend(entries.iter().cloned().map(Pushed));
        Ok(())
    }
}

impl IoUring {
    /// The submission queue, by a shared reference.
    ///
    /// # Safety
    ///
    /// There must be no other one at that time: with the crate, that is. Here entries come in another order, and nothing worse.
    pub unsafe fn submission_shared(&self) -> SubmissionQueue<'_> {
        SubmissionQueue::new(&self.ring)
    }

    /// The completion queue, by a shared reference.
    ///
    /// # Safety
    ///
    /// There must be no other one at that time: with the crate, that is. Here completions are seen twice or not at all, and nothing
    /// worse.
    pub unsafe fn completion_shared(&self) -> CompletionQueue<'_> {
        CompletionQueue::new(&self.ring)
    }
}
