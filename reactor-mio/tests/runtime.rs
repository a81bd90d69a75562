//! Runtimes, the blocking pool, events from threads and Ctrl-C.

use std::cell::Cell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use polliwog_core::SpawnErrorKind;
use polliwog_core::time::{sleep, timeout};
use polliwog_mio::{BlockingError, Runtime, UserEvent, block_on, spawn, spawn_blocking, try_spawn};

/// Not a task that nobody will ever run: whether the thread has a runtime that does not run now,
/// belongs to the pool, or knows nothing of runtimes.
#[test]
fn spawning_where_no_executor_runs_is_an_error_at_once() {
    let refused = || {
        let dropped = Rc::new(());
        let future = {
            let inside = Rc::clone(&dropped);
            async move { drop(inside) }
        };
        let error = spawn(future).unwrap_err();
        assert_eq!(Rc::strong_count(&dropped), 1, "the future is dropped");
        let refused = try_spawn(async { 7 }).unwrap_err();
        assert_eq!(refused.kind(), SpawnErrorKind::NoExecutor);
        assert_eq!(block_on(refused.into_inner()), 7);
        error.kind() == SpawnErrorKind::NoExecutor
    };
    assert!(refused(), "before there is a runtime");
    block_on(async {});
    assert!(refused(), "between two uses of the default runtime");
    let runtime = Runtime::new().unwrap();
    assert!(refused(), "beside a runtime");
    assert!(runtime.enter(|| spawn(async {}).is_ok()));
    runtime.block_on(async {
        assert!(thread::spawn(refused).join().unwrap());
        assert!(spawn_blocking(refused).await.unwrap());
        assert!(spawn(async {}).is_ok());
    });
}

#[test]
fn nested_block_on_says_what_is_wrong() {
    let runtime = Runtime::new().unwrap();
    let nested = || runtime.block_on(async { runtime.block_on(async {}) });
    let panic = catch_unwind(AssertUnwindSafe(nested)).unwrap_err();
    let text = panic.downcast_ref::<&str>().unwrap();
    assert!(text.contains("`block_on` inside of `block_on`"), "{text}");
    // The runtime is as good as before, and another one may run inside.
    let inner = Runtime::new().unwrap();
    assert_eq!(runtime.block_on(async { inner.block_on(async { 1 }) }), 1);
}

#[test]
fn dropping_a_runtime_drops_its_tasks() {
    struct Count(Rc<Cell<u32>>);
    impl Drop for Count {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let dropped = Rc::new(Cell::new(0));
    let runtime = Runtime::new().unwrap();
    for _ in 0..3 {
        let count = Count(Rc::clone(&dropped));
        let task = async move {
            let _count = count;
            pending::<()>().await
        };
        drop(runtime.spawn(task).unwrap());
    }
    runtime.block_on(sleep(Duration::from_millis(1)));
    assert_eq!(dropped.get(), 0);
    drop(runtime);
    assert_eq!(dropped.get(), 3);
}

#[test]
fn the_limit_of_tasks_is_an_error() {
    let runtime = Runtime::builder().max_tasks(4).build().unwrap();
    let mut tasks = 0;
    while let Ok(task) = runtime.spawn(pending::<()>()) {
        drop(task);
        tasks += 1;
        assert!(tasks < 1000);
    }
    assert!(tasks >= 4);
}

#[test]
fn timers_work() {
    block_on(async {
        let before = polliwog_core::time::now().unwrap();
        let nap = Duration::from_micros(300);
        sleep(nap).await;
        assert!(polliwog_core::time::now().unwrap() >= before + nap);
        assert!(timeout(nap, pending::<()>()).await.is_err());
    });
}

#[test]
fn an_event_from_a_thread_wakes_its_task() {
    const ROUNDS: u32 = 500;
    let mut event = UserEvent::new();
    let trigger = event.trigger_handle();
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        for round in 0..ROUNDS {
            assert_eq!(receiver.recv(), Ok(round));
            trigger.trigger();
            trigger.trigger();
        }
        trigger
    });
    block_on(async {
        let mut round = 0;
        sender.send(round).unwrap();
        while round < ROUNDS - 1 {
            event.wait().await;
            // Of two triggers the second may come after the wait: then this round is one more.
            round += 1;
            if sender.send(round).is_err() {
                break;
            }
        }
    });
    let trigger = thread.join().unwrap();
    assert!(trigger.is_attached());
    drop(event);
    assert!(!trigger.is_attached());
}

#[test]
fn a_panic_in_a_blocking_job_is_an_error() {
    block_on(async {
        let error = spawn_blocking(|| -> u32 { panic!("croak") })
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "a blocking job panicked: croak");
        let BlockingError::Panicked(panic) = error else {
            unreachable!("the job was accepted");
        };
        let payload = panic.into_payload();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"croak"));
        assert_eq!(spawn_blocking(|| 1).await.unwrap(), 1);
    });
}

#[test]
fn blocking_jobs_run_side_by_side_and_a_dropped_handle_stops_nothing() {
    block_on(async {
        // The first job ends only if the second runs meanwhile.
        let (sender, receiver) = mpsc::channel();
        let first = spawn_blocking(move || receiver.recv());
        drop(spawn_blocking(move || sender.send(5)));
        assert_eq!(first.await.unwrap(), Ok(5));
        let jobs: Vec<_> = (0..200).map(|n| spawn_blocking(move || n * 2)).collect();
        for (n, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), n * 2);
        }
    });
}

#[cfg(unix)]
#[test]
fn ctrl_c_reaches_every_task_that_waits_and_again() {
    use polliwog_mio::signal::ctrl_c;
    use rustix::process::{Signal, getpid, kill_process};
    let press = || kill_process(getpid(), Signal::INT).unwrap();
    block_on(async {
        let mut first = ctrl_c();
        let second = ctrl_c();
        let task = spawn(second).unwrap();
        press();
        (&mut first).await.unwrap();
        task.await.unwrap().unwrap();
        press();
        first.await.unwrap();
    });
}

/// Tasks that are dropped with their runtime still find its reactor.
#[test]
fn a_dropped_runtime_drops_its_tasks_in_context() {
    struct BindOnDrop(std::sync::mpsc::Sender<bool>);
    impl Drop for BindOnDrop {
        fn drop(&mut self) {
            let made = polliwog_mio::MioReactor::current().is_ok();
            self.0.send(made).unwrap();
        }
    }
    let runtime = polliwog_mio::Runtime::new().unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let bind = BindOnDrop(send);
    let task = runtime.spawn(async move {
        let _bind = bind;
        std::future::pending::<()>().await;
    });
    task.unwrap().detach();
    drop(runtime);
    assert!(receive.recv().unwrap());
    assert!(polliwog_mio::MioReactor::current().is_err());
}

/// What a job of the pool takes in real time is no time of a paused clock, which waits for it.
#[test]
fn a_paused_clock_waits_for_the_jobs_of_its_runtime() {
    use polliwog_core::Instant;
    let hour = Duration::from_secs(3600);
    let slow = || thread::sleep(Duration::from_millis(20));
    let runtime = Runtime::builder().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let start = Instant::now();
        timeout(hour, spawn_blocking(slow)).await.unwrap().unwrap();
        // Also for a job that a job has brought, and when nobody awaits it.
        let (send, receive) = mpsc::channel();
        drop(spawn_blocking(move || {
            drop(spawn_blocking(move || {
                slow();
                send.send(()).unwrap();
            }));
        }));
        assert_eq!(start.elapsed(), Duration::ZERO);
        sleep(hour).await;
        assert!(receive.try_recv().is_ok());
        assert_eq!(start.elapsed(), hour);
    });
    // Those of another runtime are no concern of it.
    let (release, held) = mpsc::channel::<()>();
    let other = Runtime::new().unwrap();
    let job = other.enter(|| spawn_blocking(move || held.recv().is_err()));
    runtime.block_on(sleep(hour));
    drop(release);
    assert!(other.block_on(job).unwrap());
}
