//! The promises of the runtime, each after a real bug in some executor, on every reactor of
//! the build and on one that is written here.
//!
//! The bodies are generic over the reactor and use static pools, so that they run the same
//! with and without `alloc` and `std`. `docs/promises.md` has them all, with those tests that lie elsewhere.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use polliwog::{
    AbortHandle, Executor, Instant, JoinError, Reactor, SpawnErrorKind, TaskPool, executor::spawn,
    time, yield_now,
};

mod ends;
mod failures;
mod foreign;
mod greedy;
#[path = "../support/mod.rs"]
mod support;
mod wakes;

use support::reactor::ThreadReactor;

/// An executor over a pool that tests on other threads may be using at the moment.
fn claim<R: Reactor, const N: usize, const BYTES: usize>(
    pool: &'static TaskPool<N, BYTES>,
    mut reactor: R,
) -> Executor<R> {
    loop {
        match Executor::try_new(pool, reactor) {
            Ok(executor) => return executor,
            Err(taken) => reactor = taken.into_inner(),
        }
        thread::yield_now();
    }
}

/// Runs until nothing is ready; a panic that passes through (builds without `std`) is caught
/// and the run goes on.
fn settle<R: Reactor>(executor: &Executor<R>) {
    loop {
        let run = AssertUnwindSafe(|| executor.run_until_stalled().map(drop));
        match catch_unwind(run) {
            Ok(outcome) => return outcome.expect("the reactor works"),
            Err(_) => continue,
        }
    }
}

/// Counts its drops and notes the thread of the last one.
#[derive(Clone, Default)]
struct Drops(Arc<(AtomicUsize, Mutex<Option<ThreadId>>)>);

impl Drops {
    fn count(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    fn thread(&self) -> Option<ThreadId> {
        *self.0.1.lock().unwrap()
    }

    fn guard(&self) -> DropGuard {
        DropGuard(self.clone())
    }
}

struct DropGuard(Drops);

impl Drop for DropGuard {
    fn drop(&mut self) {
        *self.0.0.1.lock().unwrap() = Some(thread::current().id());
        self.0.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

macro_rules! on {
    ($reactor:ident, $make:expr) => {
        mod $reactor {
            use super::{ends::*, failures::*, foreign::*, greedy::*, wakes::*};

            #[test]
            fn promise_01_a_stale_wake_after_a_task_ended_does_not_keep_its_slot_busy() {
                stale_wake_keeps_no_slot_busy($make());
            }

            #[test]
            fn promise_03_a_panic_in_the_middle_of_a_batch_loses_no_other_task() {
                panic_in_a_batch_loses_no_other_task($make());
            }

            #[test]
            #[cfg(feature = "std")]
            fn promise_03_nor_does_a_panic_in_a_waker() {
                panic_in_a_joiners_waker_loses_no_other_task($make());
            }

            #[test]
            fn promise_04_abort_of_an_idle_task_drops_it_frees_its_slot_and_wakes_its_joiner() {
                abort_of_an_idle_task($make());
            }

            #[test]
            fn promise_05_abort_of_self_of_a_finished_task_of_a_reused_slot() {
                abort_of_self_of_a_finished_task_and_of_a_reused_slot($make());
            }

            #[test]
            fn promise_06_a_sleep_polled_again_with_another_waker_wakes_that_one() {
                a_sleep_wakes_the_waker_that_polled_it_last($make());
            }

            #[test]
            fn promise_07_all_tasks_woken_at_once_from_another_thread() {
                all_tasks_woken_at_once_from_another_thread($make());
            }

            #[test]
            fn promise_08_a_dropped_executor_drops_its_futures_once_on_its_own_thread() {
                a_dropped_executor_drops_its_futures_once_on_its_own_thread($make());
            }

            #[test]
            fn promise_08_it_does_so_whatever_their_destructors_do() {
                a_dropped_executor_drops_all_futures_though_destructors_panic($make());
            }

            #[test]
            fn promise_09_a_sleep_until_the_end_of_time_then_a_short_one() {
                a_sleep_until_the_end_of_time_hinders_no_other($make());
            }

            #[test]
            fn promise_10_a_local_future_is_never_dropped_on_a_foreign_thread() {
                a_local_future_is_never_dropped_on_a_foreign_thread($make());
            }

            #[test]
            fn promise_12_a_task_that_wakes_itself_and_completes_is_freed_exactly_once() {
                a_task_that_wakes_itself_and_completes_is_freed_once($make());
            }

            #[test]
            fn promise_13_a_full_pool_gives_the_future_or_its_arguments_back() {
                a_full_pool_gives_the_future_or_the_arguments_back($make());
            }

            #[test]
            fn promise_15_operations_that_never_wait_leave_the_others_their_turn() {
                operations_that_never_wait($make());
            }

            #[test]
            fn promise_19_spawning_where_no_executor_runs_is_an_error() {
                spawning_without_an_executor_is_an_error($make);
            }

            #[test]
            fn promise_18_a_due_sleep_is_ready_when_polled_and_none_ends_early() {
                a_due_sleep_is_ready_when_polled_and_none_ends_early($make());
            }

            #[test]
            fn promise_23_a_foreign_unparkers_panic_costs_no_other_task_or_executor_anything() {
                a_foreign_unparker_that_panics($make());
            }

            #[test]
            fn promise_23_nor_does_a_foreign_wakers() {
                a_foreign_waker_that_panics($make());
            }

            #[test]
            fn promise_23_nor_does_the_destructor_of_an_output() {
                an_output_that_panics_when_it_is_dropped($make());
            }

            #[test]
            fn wakers_outlive_executors() {
                wakers_outlive_their_executor($make);
            }

            #[test]
            fn misuse_is_an_error_that_can_be_handled() {
                misuse_is_an_error($make);
            }

            #[test]
            fn a_task_may_hold_its_own_handle() {
                a_task_that_holds_its_own_handle($make());
            }
        }
    };
}

on!(thread_reactor, crate::ThreadReactor::new);

#[cfg(feature = "mio")]
on!(mio_reactor, || polliwog::mio::MioReactor::new().unwrap());

// Virtual time, in which tasks of other threads are waited for.
#[cfg(all(feature = "spin", feature = "std"))]
on!(spin_virtual_time, || {
    use polliwog::spin::{AutoAdvance, SpinReactor, VirtualClock};
    SpinReactor::new(VirtualClock::new(), AutoAdvance::or_wait())
});

#[cfg(all(feature = "spin", feature = "std"))]
on!(spin_wall_clock, || {
    use polliwog::spin::{ParkThread, SpinReactor, WallClock};
    SpinReactor::new(WallClock::new(), ParkThread)
});

/// As on a microcontroller: a clock, a flag and no allocator. It burns time instead of sleeping.
#[cfg(feature = "spin")]
mod busy {
    use polliwog::spin::{Clock, Flag, SpinLoop, SpinReactor};

    pub(crate) struct HostClock(std::time::Instant);

    impl Clock for HostClock {
        fn now(&self) -> polliwog::Instant {
            polliwog::Instant::from_duration(self.0.elapsed())
        }
    }

    pub(crate) fn reactor() -> SpinReactor<HostClock, SpinLoop> {
        // Each reactor needs one of its own, and static.
        let flag = Box::leak(Box::new(Flag::new()));
        SpinReactor::with_flag(HostClock(std::time::Instant::now()), SpinLoop, flag)
    }
}

#[cfg(feature = "spin")]
on!(spin_busy, crate::busy::reactor);

/// The same on a thread of the blocking pool, where the way back is there from the start.
#[cfg(feature = "mio")]
#[test]
fn promise_19_a_job_of_the_pool_cannot_spawn_but_through_its_runtimes_handle() {
    let answer = polliwog::block_on(async {
        let here = polliwog::Handle::current();
        let task = polliwog::spawn_blocking(move || {
            let error = polliwog::spawn(async {}).unwrap_err();
            assert_eq!(error.kind(), SpawnErrorKind::NoExecutor);
            assert_eq!(polliwog::Handle::current(), here);
            polliwog::Handle::try_current()?.spawn(async { 7 })
        });
        task.await.unwrap().unwrap().await
    });
    assert_eq!(answer.unwrap(), 7);
    // From outside of any runtime there is none.
    let none = polliwog::spawn_blocking(polliwog::Handle::current);
    assert_eq!(polliwog::block_on(none).unwrap(), None);
}
