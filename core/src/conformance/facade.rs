//! What `polliwog` is to this crate's examples, which are written for readers who depend on the facade
//! alone: all of this crate, and a `block_on`. Its time is virtual, lest an example wait.

use core::cell::Cell;
use core::convert::Infallible;
use core::task::Waker;

pub use crate::*;

static FLAG: unpark::Flag = unpark::Flag::with_bell(|| ());

struct Virtual(Cell<Instant>);

impl Reactor for Virtual {
    type Error = Infallible;
    const HAS_CLOCK: bool = true;

    fn now(&self) -> Instant {
        self.0.get()
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        if FLAG.take() {
            return Ok(());
        }
        match until {
            Deadline::Now => {}
            Deadline::At(instant) => self.0.set(instant.max(self.0.get())),
            // What another thread is going to wake is waited for.
            Deadline::Never => std::thread::yield_now(),
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        FLAG.waker()
    }
}

/// Runs a future to its end, and the tasks that it spawns.
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    static TASKS: TaskPool<16, 1024> = TaskPool::new();
    let executor =
        Executor::new(&TASKS, Virtual(Cell::new(Instant::ZERO))).expect("one `block_on` at a time");
    executor.block_on(future)
}
