//! What there is to check where there are threads.

use core::convert::Infallible;
use core::future::poll_fn;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Poll, Waker};
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};
use std::time;

use super::{claim, park};
use crate::{Deadline, Instant, Reactor, TaskPool};

/// Checks that the unparker works from other threads, and that a waker on another thread
/// reaches an executor in its park.
///
/// # Panics
///
/// If the reactor breaks the contract.
pub fn check_threads<R: Reactor>(make: impl Fn() -> R) {
    let reactor = make();
    for round in 0..200 {
        let unparker = reactor.unparker();
        let thread = thread::spawn(move || {
            if round % 2 == 0 {
                thread::yield_now();
            }
            unparker.wake();
        });
        park(&reactor, Deadline::Never);
        // Sometimes the park ended early; then the wake must still be there or yet to come.
        if thread.join().is_err() {
            panic!("the unparker must not panic");
        }
    }

    // A lean build has one level only, and none of its wakes comes from another thread.
    if cfg!(lean) {
        return;
    }
    static POOL: TaskPool<4> = TaskPool::new();
    let executor = claim(&POOL, make());
    let rounds = 1_000;
    let (send, receive) = std::sync::mpsc::channel::<Waker>();
    let turns = Arc::new(AtomicUsize::new(0));
    let theirs = turns.clone();
    let thread = thread::spawn(move || {
        for waker in receive {
            theirs.fetch_add(1, Ordering::Release);
            waker.wake();
        }
    });
    executor.block_on(async {
        for round in 0..rounds {
            let mut asked = false;
            poll_fn(|cx| {
                if turns.load(Ordering::Acquire) > round {
                    return Poll::Ready(());
                }
                if !asked {
                    asked = true;
                    if send.send(cx.waker().clone()).is_err() {
                        panic!("the helper thread is gone");
                    }
                }
                Poll::Pending
            })
            .await;
        }
    });
    drop(send);
    if thread.join().is_err() {
        panic!("a waker must not panic on another thread");
    }
}

/// Checks one kind of source. `arm` registers a source with the reactor (or uses one that
/// is registered) and sees to it that a later park wakes the given waker, at least once.
///
/// # Panics
///
/// If the reactor breaks the contract.
pub fn check_source<R: Reactor>(reactor: &R, mut arm: impl FnMut(&R, Waker)) {
    struct Count {
        wakes: AtomicUsize,
        unparker: Waker,
    }
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.wakes.fetch_add(1, Ordering::SeqCst);
            // A waker may use the reactor's unparker, inside of park as anywhere.
            self.unparker.wake_by_ref();
        }
    }
    for _ in 0..20 {
        let count = Arc::new(Count {
            wakes: AtomicUsize::new(0),
            unparker: reactor.unparker(),
        });
        arm(reactor, count.clone().into());
        while count.wakes.load(Ordering::SeqCst) == 0 {
            park(reactor, Deadline::Never);
        }
    }
}

/// The smallest reactor that works: time and waiting, by a thread's own park and unpark. It has
/// no sources.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::conformance::{ThreadReactor, check, check_threads};
///
/// check(ThreadReactor::new);
/// check_threads(ThreadReactor::new);
/// ```
#[derive(Debug)]
pub struct ThreadReactor {
    start: time::Instant,
    unparker: Waker,
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

impl ThreadReactor {
    /// Makes a reactor for this thread.
    pub fn new() -> Self {
        Self {
            start: time::Instant::now(),
            unparker: Arc::new(Unpark(thread::current())).into(),
        }
    }
}

impl Default for ThreadReactor {
    fn default() -> Self {
        Self::new()
    }
}

impl Reactor for ThreadReactor {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::from_duration(self.start.elapsed())
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        match until.remaining(self.now()) {
            None => thread::park(),
            Some(left) => thread::park_timeout(left),
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        self.unparker.clone()
    }
}
