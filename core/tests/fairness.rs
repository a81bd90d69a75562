//! Busy and greedy tasks delay nobody for long: on a reactor whose clock moves only as the tasks compute.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Mutex;
use std::task::Waker;
use std::time::Duration;

use polliwog_core::time::{self, sleep, sleep_until};
use polliwog_core::{Deadline, Executor, Instant, Reactor, TaskPool, yield_now};

/// A clock that tasks move, and a source that is ready at given times: each look reports to whoever
/// waits what has become ready by then.
#[derive(Default)]
struct Work {
    now: Cell<Duration>,
    arrivals: RefCell<Vec<(Duration, Waker)>>,
    looks: Cell<u64>,
    readings: Cell<u64>,
}

impl Work {
    fn compute(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }
}

impl Reactor for &Work {
    type Error = Infallible;

    fn now(&self) -> Instant {
        self.readings.set(self.readings.get() + 1);
        Instant::from_duration(self.now.get())
    }

    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        self.looks.set(self.looks.get() + 1);
        let arrivals = self.arrivals.take();
        let first = arrivals.iter().map(|(at, _)| *at).min();
        // Nothing else happens in the meantime.
        match (until, first) {
            (Deadline::Now, _) => {}
            (Deadline::At(at), Some(first)) => {
                self.now
                    .set(self.now.get().max(at.as_duration().min(first)));
            }
            (Deadline::At(at), None) => self.now.set(self.now.get().max(at.as_duration())),
            (Deadline::Never, Some(first)) => self.now.set(self.now.get().max(first)),
            (Deadline::Never, None) => panic!("nobody will ever wake a task"),
        }
        let due = |(at, _): &(Duration, Waker)| *at <= self.now.get();
        let (due, rest): (Vec<_>, Vec<_>) = arrivals.into_iter().partition(due);
        self.arrivals.borrow_mut().extend(rest);
        due.into_iter().for_each(|(_, waker)| waker.wake());
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

/// Tasks of a static pool borrow from nothing that ends.
fn for_ever() -> &'static Work {
    // Where it is noted that this is no leak.
    static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let work: &Work = Box::leak(Box::default());
    KEPT.lock()
        .unwrap()
        .push(std::ptr::from_ref(work).expose_provenance());
    work
}

/// Waits for something that arrives at a time.
async fn arrival(work: &Work, at: Duration) {
    std::future::poll_fn(|cx| {
        if work.now.get() >= at {
            return std::task::Poll::Ready(());
        }
        work.arrivals.borrow_mut().push((at, cx.waker().clone()));
        std::task::Poll::Pending
    })
    .await;
}

const CAPACITY: usize = 24;

fn claim(work: &Work) -> Executor<&Work> {
    static POOL: TaskPool<CAPACITY, 1024> = TaskPool::new();
    loop {
        if let Ok(executor) = Executor::new(&POOL, work) {
            return executor;
        }
        std::thread::yield_now();
    }
}

/// How late timers and arrivals become beside `greedy` tasks, in lengths of their slices: the median and
/// the worst, without the first of them, in which the executor has yet to see how long the slices are.
fn lateness(slice: Duration, greedy: usize, between: Duration, of_timers: bool) -> (f64, f64) {
    let work: &'static Work = for_ever();
    let executor = claim(work);
    for _ in 0..greedy {
        let task = async move {
            loop {
                work.compute(slice);
                yield_now().await;
            }
        };
        executor.spawner().spawn(task).unwrap().detach();
    }
    let mut late = executor.block_on(async {
        let mut late = Vec::new();
        for _ in 0..41 {
            let at = work.now.get() + between;
            if of_timers {
                sleep_until(Instant::from_duration(at)).await;
            } else {
                arrival(work, at).await;
            }
            assert!(work.now.get() >= at, "never early");
            late.push((work.now.get() - at).as_secs_f64() / slice.as_secs_f64());
        }
        late
    });
    late.remove(0);
    late.sort_by(f64::total_cmp);
    (late[late.len() / 2], late[late.len() - 1])
}

#[test]
fn promise_15_a_busy_task_delays_nobody_by_more_than_two_of_its_polls() {
    for micros in [150, 1000, 5000] {
        for of_timers in [true, false] {
            for between in [777, 10_123] {
                let slice = Duration::from_micros(micros);
                let between = Duration::from_micros(between);
                let (median, worst) = lateness(slice, 1, between, of_timers);
                assert!(
                    median <= 2.0 && worst <= 2.0,
                    "{micros} {between:?}: {median} {worst}"
                );
                // Of several each has its turn.
                let (_, worst) = lateness(slice, 5, between, of_timers);
                assert!(worst <= 10.0, "{micros} {between:?}: {worst}");
            }
        }
    }
}

/// Who yields lets everything else go first, and a timer that is due or news from the reactor are part of
/// that: however many tasks compute and yield, they wait for the slice in which they come and no other.
#[test]
#[cfg(not(lean))]
fn promise_15_who_yields_goes_after_what_the_look_finds() {
    for millis in [1, 5] {
        for of_timers in [true, false] {
            for micros in [777, 2_500, 12_000, 10_123] {
                for greedy in [1, 3, 20] {
                    let slice = Duration::from_millis(millis);
                    let between = Duration::from_micros(micros);
                    let (_, worst) = lateness(slice, greedy, between, of_timers);
                    assert!(worst <= 1.0, "{greedy} of {slice:?}, {between:?}: {worst}");
                }
            }
        }
    }
}

/// What is ready again after each look does not starve those that yield: beside tasks that the reactor finds
/// ready each time they have one slice after the other.
#[test]
#[cfg(not(lean))]
fn who_yields_goes_on_beside_what_every_look_finds() {
    let work: &'static Work = for_ever();
    let executor = claim(work);
    let slice = Duration::from_millis(1);
    for _ in 0..3 {
        let always_ready = async move {
            loop {
                // Ready by the next look.
                arrival(work, work.now.get() + Duration::from_nanos(1)).await;
                work.compute(slice);
            }
        };
        executor.spawner().spawn(always_ready).unwrap().detach();
    }
    let slices = Rc::new([0; 4].map(Cell::new));
    for number in 0..4 {
        let slices = slices.clone();
        let task = async move {
            loop {
                slices[number].set(slices[number].get() + 1);
                work.compute(slice);
                yield_now().await;
            }
        };
        executor.spawner().spawn(task).unwrap().detach();
    }
    let end = work.now.get() + 400 * slice;
    executor.block_on(sleep_until(Instant::from_duration(end)));
    // A turn has three slices of the others, and at least one of theirs.
    let slices: Vec<u32> = slices.iter().map(Cell::get).collect();
    assert!(slices.iter().all(|&n| n >= 24), "{slices:?}");
    let spread = slices.iter().max().unwrap() - slices.iter().min().unwrap();
    assert!(spread <= 1, "they take turns: {slices:?}");
}

/// A poll whose budget is used up has yielded: a timer does not wait for the others that have.
#[test]
#[cfg(not(lean))]
fn who_has_used_up_the_budget_goes_after_what_the_look_finds() {
    let work: &'static Work = for_ever();
    let executor = claim(work);
    let each = Duration::from_micros(10);
    for _ in 0..4 {
        let greedy = async move {
            loop {
                work.compute(each);
                polliwog_core::task::consume_budget().await;
            }
        };
        executor.spawner().spawn(greedy).unwrap().detach();
    }
    executor.block_on(async {
        for round in 0..20 {
            let at = work.now.get() + Duration::from_micros(3_333);
            sleep_until(Instant::from_duration(at)).await;
            let late = work.now.get() - at;
            assert!(round == 0 || late <= 129 * each, "{round}: {late:?}");
        }
    });
}

/// Tasks that wait, all ready at once and slow, wake nobody: what a look would find after each of their polls comes
/// after all of them, so one look finds it at the end.
#[test]
#[cfg(not(lean))]
fn what_would_come_after_the_turn_is_looked_for_after_the_turn() {
    const EACH: u64 = 10;
    let work: &'static Work = for_ever();
    let executor = claim(work);
    let rounds = 30;
    let period = Duration::from_millis(20);
    for _ in 0..EACH {
        let task = async move {
            for round in 1..=rounds {
                arrival(work, round * period).await;
                work.compute(Duration::from_millis(1));
            }
        };
        executor.spawner().spawn(task).unwrap().detach();
    }
    executor.block_on(async {
        for round in 1..=rounds {
            // While the others compute.
            let at = round * period + Duration::from_micros(1_500);
            arrival(work, at).await;
            let late = work.now.get() - at;
            assert!(late <= Duration::from_millis(EACH), "{round}: {late:?}");
        }
    });
    // The wait for those, one after their turn, and what comes at first.
    let looks = work.looks.get();
    assert!(looks < 3 * u64::from(rounds), "{looks}");
}

/// Whom a timer wakes need not be a task of the turn: once it is due it waits for one more poll, not for all.
#[test]
#[cfg(not(lean))]
fn promise_15_a_timer_that_is_due_does_not_wait_for_the_end_of_the_turn() {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::task::{Context, Wake};

    /// Someone outside, who notes only that the time has come.
    struct Bell(AtomicBool);
    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Relaxed);
        }
    }
    let work: &'static Work = for_ever();
    let executor = claim(work);
    let bell = Arc::new(Bell(AtomicBool::new(false)));
    let heard: Rc<RefCell<Vec<Duration>>> = Rc::default();
    let (rounds, period) = (20, Duration::from_millis(20));
    for _ in 0..10 {
        let (bell, heard) = (bell.clone(), heard.clone());
        let task = async move {
            for round in 1..=rounds {
                arrival(work, round * period).await;
                if bell.0.swap(false, Relaxed) {
                    heard.borrow_mut().push(work.now.get());
                }
                work.compute(Duration::from_millis(1));
            }
        };
        executor.spawner().spawn(task).unwrap().detach();
    }
    let due = |round| round * period + Duration::from_micros(1_500);
    executor.block_on(async {
        for round in 1..=rounds {
            let mut timer = pin!(sleep_until(Instant::from_duration(due(round))));
            let waker = Waker::from(bell.clone());
            let polled = timer.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            arrival(work, round * period + Duration::from_millis(15)).await;
        }
    });
    let heard = heard.take();
    assert_eq!(heard.len(), rounds as usize);
    // The executor has yet to see how long the polls are.
    for (round, at) in (1..).zip(heard).skip(2) {
        let late = at - due(round);
        assert!(late <= Duration::from_millis(2), "{round}: {late:?}");
    }
}

/// Of what wakes itself, a turn goes by, and of the next turn what was woken before the look, and no more.
#[test]
#[cfg(not(lean))]
fn promise_15_what_the_look_finds_goes_before_what_is_woken_later() {
    let work: &'static Work = for_ever();
    let executor = claim(work);
    let slice = Duration::from_millis(1);
    let greedy = 6;
    for _ in 0..greedy {
        let task = async move {
            loop {
                work.compute(slice);
                wake_oneself().await;
            }
        };
        executor.spawner().spawn(task).unwrap().detach();
    }
    executor.block_on(async {
        for round in 0..50 {
            let at = work.now.get() + Duration::from_micros(7_777);
            arrival(work, at).await;
            let late = work.now.get() - at;
            assert!(
                round == 0 || late <= (greedy + 1) * slice,
                "{round}: {late:?}"
            );
        }
    });
}

/// Pending once, and woken without a yield.
#[cfg(not(lean))]
async fn wake_oneself() {
    let mut woken = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut woken, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// A look that can wait for the end of a turn comes there, also where the clock is always read earlier in a turn, when
/// nobody has been woken.
#[test]
#[cfg(not(lean))]
fn a_look_is_not_put_off_for_ever() {
    for tasks in 2..16 {
        for micros in [3, 10, 20, 35] {
            let work: &'static Work = for_ever();
            let executor = claim(work);
            let wakers: Rc<RefCell<Vec<Waker>>> = Rc::default();
            for number in 0..tasks {
                let wakers = wakers.clone();
                let task = async move {
                    let mut polls = 0;
                    std::future::poll_fn(move |cx| {
                        work.compute(Duration::from_micros(micros));
                        if polls == 0 {
                            wakers.borrow_mut().push(cx.waker().clone());
                        }
                        polls += 1;
                        assert!(polls < 100_000, "a look is put off for ever");
                        // The last one of a turn wakes all for the next.
                        if number == tasks - 1 {
                            wakers.borrow().iter().for_each(Waker::wake_by_ref);
                        }
                        std::task::Poll::<()>::Pending
                    })
                    .await;
                };
                executor.spawner().spawn(task).unwrap().detach();
            }
            let turn = Duration::from_micros(micros) * tasks;
            executor.block_on(async {
                for round in 0..40 {
                    let at = work.now.get() + Duration::from_micros(777);
                    arrival(work, at).await;
                    let late = work.now.get() - at;
                    let most = Duration::from_micros(200) + 2 * turn;
                    assert!(round == 0 || late <= most, "{tasks} of {micros}: {late:?}");
                }
            });
        }
    }
}

/// Tasks whose polls are short hide none that computes now and then, and neither do waits.
#[test]
fn slow_polls_among_many_fast_ones_are_seen() {
    let work: &'static Work = for_ever();
    let executor = claim(work);
    for _ in 0..CAPACITY - 2 {
        let task = async move {
            loop {
                work.compute(Duration::from_nanos(20));
                yield_now().await;
            }
        };
        executor.spawner().spawn(task).unwrap().detach();
    }
    let slice = Duration::from_millis(3);
    let greedy = async move {
        loop {
            work.compute(slice);
            yield_now().await;
        }
    };
    executor.spawner().spawn(greedy).unwrap().detach();
    executor.block_on(async {
        for round in 0..50 {
            let at = work.now.get() + Duration::from_micros(500);
            sleep_until(Instant::from_duration(at)).await;
            let late = work.now.get() - at;
            // The rest of its slice, and one more as it comes before the task in the next turn.
            assert!(round == 0 || late <= 2 * slice, "{late:?}");
        }
    });
}

/// A task that computes for a while after each wait is looked at after every slice, once its slices have
/// been seen.
#[test]
fn a_wait_does_not_make_the_executor_forget() {
    let work: &'static Work = for_ever();
    let executor = claim(work);
    let slice = Duration::from_millis(2);
    let bursts = async move {
        loop {
            sleep(Duration::from_millis(20)).await;
            for _ in 0..10 {
                work.compute(slice);
                yield_now().await;
            }
        }
    };
    executor.spawner().spawn(bursts).unwrap().detach();
    executor.block_on(async {
        for round in 0..100 {
            let at = work.now.get() + Duration::from_micros(1700);
            sleep_until(Instant::from_duration(at)).await;
            let late = work.now.get() - at;
            let most = if round < 20 { 4 } else { 2 };
            assert!(late <= most * slice, "{round}: {late:?}");
        }
    });
}

/// Polls of nanoseconds do not read the clock each time.
#[test]
fn short_polls_read_the_clock_rarely() {
    let work: &'static Work = for_ever();
    let executor = claim(work);
    executor.block_on(async {
        for _ in 0..10_000 {
            work.compute(Duration::from_nanos(10));
            yield_now().await;
        }
    });
    assert!(work.readings.get() < 200, "{}", work.readings.get());
    assert!(work.looks.get() < 10, "{}", work.looks.get());
}

/// Also `run_until_stalled` looks at the clock.
#[test]
fn a_run_that_does_not_wait_looks_as_well() {
    let work: &'static Work = for_ever();
    let executor = claim(work);
    let done = Rc::new(Cell::new(false));
    let seen = done.clone();
    let timer = async move {
        sleep(Duration::from_millis(3)).await;
        seen.set(true);
    };
    executor.spawner().spawn(timer).unwrap().detach();
    let greedy = async move {
        let mut slices = 0;
        while !done.get() {
            assert!(slices < 10, "the timer never comes");
            slices += 1;
            work.compute(Duration::from_millis(1));
            yield_now().await;
        }
    };
    executor.spawner().spawn(greedy).unwrap().detach();
    executor.run_until_stalled().unwrap();
    assert_eq!(executor.stats().live, 0);
    drop(executor);
    assert!(time::now().is_none());
}

/// What is sent at once comes over in turns of limited length, in order.
#[cfg(feature = "std")]
#[test]
fn an_inbox_is_emptied_in_several_turns() {
    use polliwog_core::Executor;
    use polliwog_core::conformance::ThreadReactor;
    use std::sync::{Arc, Mutex};

    let executor = Executor::with_capacity(1000, ThreadReactor::new());
    let order = Arc::new(Mutex::new(Vec::new()));
    for number in 0..1000 {
        let order = order.clone();
        let task = async move { order.lock().unwrap().push(number) };
        drop(executor.handle().spawn(task).unwrap());
    }
    let mut turns = 0;
    while order.lock().unwrap().len() < 1000 {
        assert!(executor.tick().unwrap() <= 64);
        turns += 1;
    }
    assert!(turns >= 10, "{turns}");
    assert!(order.lock().unwrap().is_sorted());
}
