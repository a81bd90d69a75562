//! The test of what a turn costs when nothing happens.

use core::cell::Cell;
use core::convert::Infallible;
use core::future::pending;
use core::task::Waker;
use core::time::Duration;

use crate::loom::count;
use crate::{Deadline, Executor, Instant, Reactor, TaskPool, time, yield_now};

/// Time that passes by one microsecond with each reading; a wait is over at once.
struct Ticking(Cell<u64>);

impl Reactor for Ticking {
    type Error = Infallible;

    fn now(&self) -> Instant {
        self.0.set(self.0.get() + 1);
        Instant::from_micros(self.0.get())
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

fn during(action: impl FnOnce()) -> usize {
    let before = count();
    action();
    count() - before
}

#[test]
fn promise_11_an_idle_poll_performs_no_atomic_read_modify_write() {
    static POOL: TaskPool<8, 1024> = TaskPool::new();
    let mut executor = None;
    let claim = during(|| executor = Executor::new(&POOL, Ticking(Cell::new(0))).ok());
    assert!(claim > 0, "the count counts");
    let executor = executor.unwrap();
    let spawner = executor.spawner();
    for _ in 0..3 {
        spawner.spawn(pending::<()>()).unwrap().detach();
        let late = time::sleep(Duration::from_secs(3600));
        spawner.spawn(late).unwrap().detach();
    }
    executor.run_until_stalled().unwrap();
    for _ in 0..100 {
        let idle = during(|| assert_eq!(executor.tick().unwrap(), 0));
        assert_eq!(idle, 0);
    }
    // With threads to tell apart, a task that wakes itself costs none either.
    if cfg!(feature = "std") {
        let yielding = spawner.spawn(async {
            loop {
                yield_now().await;
            }
        });
        yielding.unwrap().detach();
        executor.tick().unwrap();
        for _ in 0..100 {
            let busy = during(|| assert_eq!(executor.tick().unwrap(), 1));
            assert_eq!(busy, 0);
        }
    }
}
