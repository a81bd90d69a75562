//! A reactor of one's own: it waits in a channel, and other threads are its input.
//!
//! `polliwog::conformance` (feature `test-kit` of `polliwog-core`) checks it in the tests.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time;

use polliwog::{Deadline, Instant, Reactor};

/// What comes through the channel: a value for a source, or nothing but a push.
pub(crate) enum Event {
    Value(u32, i64),
    Unpark,
}

// ANCHOR: unpark
struct Unpark(mpsc::Sender<Event>);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(Event::Unpark); // Fails only when the reactor is gone.
    }
}
// ANCHOR_END: unpark

/// The values that have come from each source and who waits for more.
type Table = RefCell<BTreeMap<u32, (VecDeque<i64>, Option<Waker>)>>;

/// The values of one source.
pub(crate) struct Source(u32, Rc<Table>);

impl Source {
    // ANCHOR: source
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<i64> {
        let mut table = self.1.borrow_mut();
        let (values, waker) = table.entry(self.0).or_default();
        match values.pop_front() {
            Some(value) => Poll::Ready(value),
            None => {
                *waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
    // ANCHOR_END: source
}

pub(crate) struct ChannelReactor {
    start: time::Instant,
    unparker: Waker,
    events: mpsc::Receiver<Event>,
    table: Rc<Table>,
}

impl ChannelReactor {
    /// A reactor, and the sending end for the threads.
    pub(crate) fn new() -> (Self, mpsc::Sender<Event>) {
        let (sender, events) = mpsc::channel();
        let reactor = Self {
            start: time::Instant::now(),
            unparker: Arc::new(Unpark(sender.clone())).into(),
            events,
            table: Rc::default(),
        };
        (reactor, sender)
    }

    pub(crate) fn source(&self, number: u32) -> Source {
        Source(number, Rc::clone(&self.table))
    }

    // ANCHOR: dispatch
    fn dispatch(&self, event: Event) {
        if let Event::Value(source, value) = event {
            let mut table = self.table.borrow_mut();
            let (values, waker) = table.entry(source).or_default();
            values.push_back(value);
            let waker = waker.take();
            drop(table); // A waker may call back.
            waker.into_iter().for_each(Waker::wake);
        }
    }
    // ANCHOR_END: dispatch
}

// ANCHOR: reactor
impl Reactor for ChannelReactor {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::from_duration(self.start.elapsed())
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        let first = match until.remaining(self.now()) {
            Some(left) => self.events.recv_timeout(left).ok(),
            None => self.events.recv().ok(),
        };
        // The rest of what has arrived, so that pushes do not pile up.
        for event in first.into_iter().chain(self.events.try_iter()) {
            self.dispatch(event);
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        self.unparker.clone()
    }
}
// ANCHOR_END: reactor
