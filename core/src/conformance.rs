//! A conformance suite for reactors, and the smallest reactor that passes it.
//!
//! Call [`check`] from a test of a reactor; call [`check_threads`] too if the reactor can be
//! unparked by other threads, and [`check_source`] for each kind of source that it has.
//! Every check panics with the sentence of the contract that was broken. No check looks at a
//! wall clock, so none depends on how busy the machine is; a reactor that fails to return
//! makes its check hang.

use core::convert::Infallible;
use core::future::poll_fn;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::task::{Poll, Waker};
use core::time::Duration;
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};
use std::time;

use crate::{Deadline, Executor, Instant, Reactor, TaskPool};

/// Checks the contract of [`Reactor`] on this thread: clock, deadlines, the sticky unparker,
/// and an executor on top.
///
/// `make` makes a new reactor for each check.
///
/// # Panics
///
/// If the reactor breaks the contract.
pub fn check<R: Reactor>(make: impl Fn() -> R) {
    unpark_before_park_returns_at_once(&make());
    many_unparks_count_as_one(&make());
    now_does_not_wait(&make());
    a_park_ends_by_its_deadline(&make());
    a_past_deadline_does_not_wait(&make());
    timers_fire_in_order(make());
}

fn park<R: Reactor>(reactor: &R, until: Deadline) {
    let before = reactor.now();
    if let Err(error) = reactor.park(until) {
        panic!("a park must not fail: {error:?}");
    }
    assert!(reactor.now() >= before, "time must not go back");
}

fn unpark_before_park_returns_at_once<R: Reactor>(reactor: &R) {
    let unparker = reactor.unparker();
    for _ in 0..3 {
        unparker.wake_by_ref();
        park(reactor, Deadline::Never);
    }
    // A clone is as good, also when the original is gone.
    let clone = unparker.clone();
    drop(unparker);
    clone.wake();
    park(reactor, Deadline::Never);
}

fn many_unparks_count_as_one<R: Reactor>(reactor: &R) {
    let unparker = reactor.unparker();
    for _ in 0..100_000 {
        unparker.wake_by_ref();
    }
    park(reactor, Deadline::Never);
    park(reactor, Deadline::Now);
    unparker.wake_by_ref();
    park(reactor, Deadline::Never);
}

fn now_does_not_wait<R: Reactor>(reactor: &R) {
    for _ in 0..10 {
        park(reactor, Deadline::Now);
    }
}

fn a_park_ends_by_its_deadline<R: Reactor>(reactor: &R) {
    for nanos in [1, 1_000, 250_000, 1_000_000, 3_500_000] {
        let deadline = reactor.now() + Duration::from_nanos(nanos);
        // A park may end early, so it takes a loop; each round must end.
        while reactor.now() < deadline {
            park(reactor, Deadline::At(deadline));
        }
    }
}

fn a_past_deadline_does_not_wait<R: Reactor>(reactor: &R) {
    park(reactor, Deadline::At(reactor.now()));
    park(reactor, Deadline::At(Instant::ZERO));
}

fn timers_fire_in_order<R: Reactor>(reactor: R) {
    static POOL: TaskPool<4> = TaskPool::new();
    let executor = loop {
        // Another test of this process may have the pool.
        match Executor::new(&POOL, &reactor) {
            Ok(executor) => break executor,
            Err(_) => thread::yield_now(),
        }
    };
    executor.block_on(async {
        let start = reactor.now();
        for millis in [1, 2, 3] {
            crate::time::sleep(Duration::from_millis(millis)).await;
        }
        let slept = reactor.now() - start;
        assert!(
            slept >= Duration::from_millis(6),
            "a sleep must not end early"
        );
    });
}

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

    static POOL: TaskPool<4> = TaskPool::new();
    let executor = loop {
        match Executor::new(&POOL, make()) {
            Ok(executor) => break executor,
            Err(_) => thread::yield_now(),
        }
    };
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
/// use polliwog_core::conformance::{ThreadReactor, check, check_threads};
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
    /// A reactor for this thread.
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
