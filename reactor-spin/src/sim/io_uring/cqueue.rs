//! Completions, and the queue that they are taken out of; as
//! [`io_uring::cqueue`](https://docs.rs/io-uring/0.7/io_uring/cqueue).

use core::fmt;
use std::sync::Arc;

use super::ring::Ring;

/// What is a completion: [`Entry`].
pub trait EntryMarker: sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Entry {}
}

impl EntryMarker for Entry {}

/// What has come of an operation.
#[derive(Clone)]
pub struct Entry {
    pub(super) user_data: u64,
    pub(super) result: i32,
}

impl Entry {
    /// The number that the operation's entry carries.
    pub fn user_data(&self) -> u64 {
        self.user_data
    }

    /// What the system call returns: bytes, zero, or the number of an error, negative.
    pub fn result(&self) -> i32 {
        self.result
    }

    /// None: they tell of what is not simulated.
    pub fn flags(&self) -> u32 {
        0
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("result", &self.result)
            .field("user_data", &self.user_data)
            .field("flags", &self.flags())
            .finish()
    }
}

/// The queue of completions, an iterator over those that had been posted when this was made or [synced](Self::sync). What has
/// been taken out makes room once this is dropped or synced.
#[derive(Debug)]
pub struct CompletionQueue<'a> {
    ring: &'a Arc<Ring>,
    /// How many were taken, and how many there are, with those.
    head: usize,
    tail: usize,
}

impl<'a> CompletionQueue<'a> {
    pub(super) fn new(ring: &'a Arc<Ring>) -> Self {
        let mut queue = Self {
            ring,
            head: 0,
            tail: 0,
        };
        queue.sync();
        queue
    }

    /// Makes room by what was taken out, and sees what has been posted meanwhile.
    pub fn sync(&mut self) {
        self.give_back();
        // Outside of its host nothing happens to it.
        let _ = self.ring.with(|_, _, _| ());
        self.tail = self.ring.lock().completed.len();
    }

    fn give_back(&mut self) {
        let head = core::mem::take(&mut self.head);
        let mut state = self.ring.lock();
        let head = head.min(state.completed.len());
        state.completed.drain(..head);
    }

    /// How many completions there is room for.
    pub fn capacity(&self) -> usize {
        self.ring.params.cq_entries as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is no room for more.
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// How many completions were lost: none, since those without room wait.
    pub fn overflow(&self) -> u32 {
        0
    }
}

impl Iterator for CompletionQueue<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if self.head == self.tail {
            return None;
        }
        let entry = self.ring.lock().completed.get(self.head).cloned()?;
        self.head += 1;
        Some(entry)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl ExactSizeIterator for CompletionQueue<'_> {
    fn len(&self) -> usize {
        self.tail - self.head
    }
}

impl Drop for CompletionQueue<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}
