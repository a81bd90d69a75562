//! From events to wakers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use polliwog_core::sources::{Readiness, Wakeups};

/// What an event says about its source.
///
/// An error is reported as "try it": both directions become ready for one more operation, which
/// returns the error. It is not kept as [`Readiness::ERROR`], which would stay set for ever: a
/// datagram socket lives on after an error, and would never have to wait again.
#[inline]
pub(crate) fn readiness(event: &mio::event::Event) -> Readiness {
    let error = event.is_error();
    // The usual case, with fewer tests.
    if event.is_readable() && !error && !event.is_writable() && !event.is_read_closed() {
        return Readiness::READABLE;
    }
    let mut ready = Readiness::NONE;
    if event.is_readable() || error {
        ready |= Readiness::READABLE;
    }
    if event.is_writable() || error {
        ready |= Readiness::WRITABLE;
    }
    if event.is_read_closed() {
        ready |= Readiness::READ_CLOSED;
    }
    if event.is_write_closed() && !error {
        ready |= Readiness::WRITE_CLOSED;
    }
    ready
}

/// Calls `each` for every event. A panic, which is that of a foreign waker, keeps it neither from the
/// events that follow nor from going on afterwards: it ends no run, and so costs no other task
/// anything. The panic hook has reported it.
pub(crate) fn for_each_event<E>(events: impl IntoIterator<Item = E>, mut each: impl FnMut(E)) {
    let mut events = events.into_iter();
    // Around all of them, which costs less than around each.
    while let Err(payload) = catch_unwind(AssertUnwindSafe(|| events.by_ref().for_each(&mut each)))
    {
        // Its destructor may panic in its turn: what comes of that is leaked.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        let _ = dropped.map_err(std::mem::forget);
    }
}

/// Wakes both, the writer even if the reader's waker panics. Within [`for_each_event`].
#[inline]
pub(crate) fn wake(wakeups: Wakeups) {
    match (wakeups.reader, wakeups.writer) {
        (None, None) => {}
        (Some(waker), None) | (None, Some(waker)) => waker.wake(),
        (Some(reader), Some(writer)) => wake_both(reader, writer),
    }
}

/// Rare, and out of line for the sake of the usual case.
#[cold]
#[inline(never)]
fn wake_both(reader: Waker, writer: Waker) {
    for_each_event([reader, writer], |waker| waker.wake());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Faulty;
    impl Wake for Faulty {
        fn wake(self: Arc<Self>) {
            panic!("a faulty waker");
        }
    }

    #[test]
    fn a_panicking_waker_loses_no_other() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let good = || Some(Waker::from(Arc::clone(&count)));
        let bad = || Some(Waker::from(Arc::new(Faulty)));
        let wakeups = |reader, writer| Wakeups { reader, writer };
        let batch = [
            wakeups(good(), None),
            wakeups(bad(), good()),
            wakeups(bad(), bad()),
            wakeups(good(), good()),
        ];
        for_each_event(batch, wake);
        assert_eq!(count.0.load(Ordering::Relaxed), 4);
    }
}
