//! Ours on a clock that stands still unless everything waits for it: what the guard counts must not
//! depend on how long a machine, or an emulator, takes for it.

use std::cell::Cell;
use std::convert::Infallible;
use std::task::Waker;
use std::time::Duration;

use polliwog_core::{Deadline, Executor, Instant, Reactor};

pub struct Still;

struct Clock(Cell<Instant>);

impl Reactor for Clock {
    type Error = Infallible;

    fn now(&self) -> Instant {
        self.0.get()
    }

    /// As of the clock that it stands for: else the executor takes it for one that is moved by hand,
    /// and reads it more often.
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        match until {
            Deadline::At(at) => self.0.set(at.max(self.0.get())),
            Deadline::Now => {}
            Deadline::Never => panic!("nothing will ever happen"),
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

thread_local! {
    static EXECUTOR: Executor<Clock> =
        Executor::with_capacity(1 << 20, Clock(Cell::new(Instant::ZERO)));
}

ours!(Still, EXECUTOR);
