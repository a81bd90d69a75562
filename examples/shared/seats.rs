//! A limit on how many clients are served at a time, and waiting until the last has left.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A number of seats. Whoever has one gives it back by dropping it.
#[derive(Default)]
pub(crate) struct Seats {
    limit: usize,
    taken: Cell<usize>,
    waiting: Cell<Option<Waker>>,
}

/// One seat, taken.
pub(crate) struct Seat(Rc<Seats>);

impl Seats {
    /// So many seats, all free.
    pub(crate) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self {
            limit,
            ..Self::default()
        })
    }

    /// A seat, if one is free.
    pub(crate) fn take(self: &Rc<Self>) -> Option<Seat> {
        if self.taken.get() == self.limit {
            return None;
        }
        self.taken.set(self.taken.get() + 1);
        Some(Seat(Rc::clone(self)))
    }

    /// How many seats are taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.get()
    }

    /// How many seats there are.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Waits until all seats are free. One task at a time.
    pub(crate) async fn all_free(&self) {
        poll_fn(|cx| {
            if self.taken.get() == 0 {
                return Poll::Ready(());
            }
            self.waiting.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let seats = &self.0;
        seats.taken.set(seats.taken.get() - 1);
        if seats.taken.get() == 0 {
            if let Some(waker) = seats.waiting.take() {
                waker.wake();
            }
        }
    }
}
