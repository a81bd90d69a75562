//! A reactor whose time is moved by hand.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::task::Waker;

use polliwog_core::{Deadline, Instant, Reactor};

/// A clock that moves when it is told to, or to the deadline when the executor waits.
#[derive(Clone, Default)]
pub(crate) struct Hand(pub(crate) Rc<Hands>);

#[derive(Default)]
pub(crate) struct Hands {
    pub(crate) now: Cell<Instant>,
    /// Note what the executor asks for and wake this, instead of moving on.
    pub(crate) ask: RefCell<Option<Waker>>,
    pub(crate) asked: Cell<Option<Deadline>>,
}

impl Reactor for Hand {
    type Error = Infallible;

    fn now(&self) -> Instant {
        self.0.now.get()
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        if until == Deadline::Now {
            return Ok(());
        }
        if let Some(waker) = self.0.ask.take() {
            self.0.asked.set(Some(until));
            waker.wake();
        } else if let Deadline::At(at) = until {
            self.0.now.set(self.now().max(at));
        } else {
            panic!("the executor waits for ever");
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}
