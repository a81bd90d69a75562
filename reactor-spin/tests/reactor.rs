//! The reactor's contract, with every clock and idle hook there is, and threads.
#![cfg(feature = "std")]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use polliwog_core::{Executor, Reactor, conformance};
use polliwog_spin::{
    AutoAdvance, Clock, Deadline, Flag, Idle, Instant, ParkThread, Runtime, SpinLoop, SpinReactor,
    Unpark, VirtualClock, WallClock,
};

#[test]
fn virtual_time_conforms() {
    conformance::check(|| SpinReactor::new(VirtualClock::new(), AutoAdvance::new()));
    conformance::check_threads(|| SpinReactor::new(VirtualClock::new(), AutoAdvance::or_wait()));
}

#[test]
fn wall_clock_conforms() {
    conformance::check(|| SpinReactor::new(WallClock::new(), ParkThread));
    conformance::check_threads(|| SpinReactor::new(WallClock::new(), ParkThread));
    conformance::check(|| SpinReactor::new(WallClock::new(), SpinLoop));
}

#[test]
fn static_flag_conforms() {
    static FLAG: Flag = Flag::new();
    conformance::check(|| SpinReactor::with_flag(WallClock::new(), SpinLoop, &FLAG));
    conformance::check(|| SpinReactor::with_flag(WallClock::new(), ParkThread, &FLAG));
    conformance::check(|| SpinReactor::with_flag(VirtualClock::new(), AutoAdvance::new(), &FLAG));
}

#[test]
fn a_closure_is_a_hook() {
    conformance::check(|| {
        SpinReactor::new(WallClock::new(), |_: Deadline, unpark: &Unpark<'_>| {
            if !unpark.is_set() {
                std::thread::yield_now();
            }
        })
    });
}

#[test]
fn unpark_is_sticky_and_counts_once() {
    let reactor = SpinReactor::new(VirtualClock::new(), AutoAdvance::new());
    let unparker = reactor.unparker();
    unparker.wake_by_ref();
    unparker.wake_by_ref();
    // With the flag set this is no stall…
    reactor.park(Deadline::Never).unwrap();
    // … and now it is.
    reactor.park(Deadline::Never).unwrap_err();
    // Nor does time pass in a park that is over before it begins.
    unparker.wake();
    reactor.park(Deadline::At(Instant::from_millis(5))).unwrap();
    assert_eq!(reactor.now(), Instant::ZERO);
    reactor.park(Deadline::At(Instant::from_millis(5))).unwrap();
    assert_eq!(reactor.now(), Instant::from_millis(5));
}

#[test]
fn an_unpark_during_a_park_ends_that_one_only() {
    static FLAG: Flag = Flag::new();
    let interrupted = |_: Deadline, _: &Unpark<'_>| FLAG.set();
    let reactor = SpinReactor::with_flag(VirtualClock::new(), interrupted, &FLAG);
    reactor.park(Deadline::Never).unwrap();
    assert!(!FLAG.is_set());
}

#[test]
fn the_end_of_time_is_no_deadline() {
    let reactor = SpinReactor::new(VirtualClock::new(), AutoAdvance::new());
    reactor.park(Deadline::At(Instant::MAX)).unwrap_err();
    assert_eq!(reactor.now(), Instant::ZERO);
}

#[test]
fn the_alarm_is_set_before_the_hook_runs() {
    #[derive(Default)]
    struct Traced(VirtualClock, std::cell::RefCell<Vec<String>>);
    impl Clock for Traced {
        fn now(&self) -> Instant {
            self.0.now()
        }
        fn set_alarm(&self, at: Deadline) {
            self.1.borrow_mut().push(format!("alarm {at:?}"));
        }
    }
    struct Sleep;
    impl Idle<Traced> for Sleep {
        type Error = Infallible;
        fn idle(&self, clock: &Traced, until: Deadline, _: &Unpark<'_>) -> Result<(), Infallible> {
            clock.1.borrow_mut().push(format!("idle {until:?}"));
            clock.0.advance(until.remaining(clock.now()).unwrap());
            Ok(())
        }
    }
    let reactor = SpinReactor::new(Traced::default(), Sleep);
    reactor.park(Deadline::Now).unwrap();
    reactor.park(Deadline::At(Instant::from_millis(2))).unwrap();
    let trace = reactor.clock().1.borrow();
    assert_eq!(*trace, ["alarm At(Instant(2ms))", "idle At(Instant(2ms))"]);
}

#[test]
fn a_runtime_can_wait_for_threads() {
    static DONE: AtomicUsize = AtomicUsize::new(0);
    let runtime = Runtime::builder().wait_for_threads(true).build();
    for _ in 0..100 {
        runtime.block_on(async {
            let mut thread = None;
            std::future::poll_fn(|cx| {
                let waker = cx.waker().clone();
                match &thread {
                    None => {
                        thread = Some(std::thread::spawn(move || {
                            DONE.fetch_add(1, Ordering::SeqCst);
                            waker.wake();
                        }));
                        std::task::Poll::Pending
                    }
                    Some(thread) if thread.is_finished() => std::task::Poll::Ready(()),
                    // Woken just before the thread's end: look again.
                    Some(_) => {
                        waker.wake();
                        std::task::Poll::Pending
                    }
                }
            })
            .await;
        });
    }
    assert_eq!(DONE.load(Ordering::SeqCst), 100);
}

#[test]
fn block_waits_in_real_time() {
    let executor = Executor::with_capacity(4, SpinReactor::new(WallClock::new(), ParkThread));
    let start = std::time::Instant::now();
    executor.block_on(polliwog_core::time::sleep(Duration::from_millis(20)));
    assert!(start.elapsed() >= Duration::from_millis(20));
}

/// A clock that is a tick counter and says nothing of it, as hardware counts on beside it.
#[test]
fn a_sleep_never_ends_early_by_a_clock_that_does_not_tell_its_tick() {
    use std::cell::Cell;
    use std::rc::Rc;

    struct Ticks(Rc<Cell<u64>>, u64);
    impl Clock for Ticks {
        fn now(&self) -> Instant {
            // Reading takes time, too.
            self.0.set(self.0.get() + 200);
            Instant::from_nanos(self.0.get() / self.1 * self.1)
        }
    }
    for tick in [1_000, 31_250, 1_000_000, 10_000_000] {
        let real = Rc::new(Cell::new(3));
        let reactor = SpinReactor::new(Ticks(real.clone(), tick), SpinLoop);
        let executor = Executor::with_capacity(1, reactor);
        for round in 0..200 {
            let after = Duration::from_micros(1 + 777 * round % 3_000);
            real.set(real.get() + 37_003 * (round % 27));
            let start = real.get();
            executor.block_on(polliwog_spin::time::sleep(after));
            let took = Duration::from_nanos(real.get() - start);
            assert!(took >= after, "{took:?} {after:?} {tick}");
            let known = round > 20;
            let most = after + 2 * Duration::from_nanos(tick) + Duration::from_micros(40);
            assert!(!known || took <= most, "{took:?} {after:?} {tick}");
        }
    }
}
