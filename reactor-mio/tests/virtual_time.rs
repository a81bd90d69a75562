//! The clock of this reactor, paused and advanced, and beside the standard library's.

#[cfg(unix)]
mod support;

use std::cell::RefCell;
use std::future::pending;
#[cfg(unix)]
use std::io::Write as _;
use std::rc::Rc;
use std::time;

use polliwog_core::time::{Duration, Instant, interval, sleep, sleep_until, timeout};
#[cfg(unix)]
use polliwog_mio::net::UnixListener;
use polliwog_mio::time::{advance, pause, resume};
use polliwog_mio::{Runtime, spawn};

#[cfg(unix)]
use support::Folder;

const HOUR: Duration = Duration::from_secs(3600);

fn paused() -> Runtime {
    Runtime::builder().start_paused(true).build().unwrap()
}

#[test]
fn a_paused_clock_jumps_when_nothing_is_left_to_do() {
    let runtime = paused();
    assert!(runtime.is_paused());
    let real = time::Instant::now();
    runtime.block_on(async {
        let start = Instant::now();
        sleep(HOUR).await;
        assert_eq!(start.elapsed(), HOUR);
        assert!(timeout(HOUR, pending::<()>()).await.is_err());
        assert_eq!(start.elapsed(), 2 * HOUR);
        let mut ticks = interval(HOUR);
        for hour in 0..1000 {
            assert_eq!(ticks.tick().await, start + (2 + hour) * HOUR);
        }
        // Tasks run each at its own time.
        let trace = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = [5, 3, 8, 1]
            .map(|hours| {
                let trace = trace.clone();
                spawn(async move {
                    let start = Instant::now();
                    sleep(hours * HOUR).await;
                    trace.borrow_mut().push((hours, start.elapsed()));
                })
                .unwrap()
            })
            .into();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(
            *trace.borrow(),
            [1, 3, 5, 8].map(|hours| (hours, hours * HOUR))
        );
    });
    assert!(real.elapsed() < HOUR);
}

#[test]
fn a_clock_that_is_resumed_goes_on_from_what_it_showed() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        pause();
        pause();
        let start = Instant::now();
        assert_eq!(Instant::now(), start, "it stands still");
        sleep(HOUR).await;
        resume();
        resume();
        let resumed = Instant::now();
        assert!(resumed >= start + HOUR);
        // In real time.
        sleep(Duration::from_millis(2)).await;
        assert!(resumed.elapsed() >= Duration::from_millis(2) && resumed.elapsed() < HOUR);
        // Paused once more, and far timers are not forgotten in between.
        let far = spawn(sleep_until(start + 3 * HOUR)).unwrap();
        sleep(Duration::from_millis(1)).await;
        pause();
        sleep_until(start + 4 * HOUR).await;
        assert!(far.is_finished());
        assert_eq!(Instant::now(), start + 4 * HOUR);
    });
    runtime.resume();
    assert!(!runtime.is_paused());
}

#[test]
fn to_advance_lets_every_task_run_at_its_own_time() {
    paused().block_on(async {
        let start = Instant::now();
        let trace = Rc::new(RefCell::new(Vec::new()));
        let noted = trace.clone();
        let ticking = spawn(async move {
            let mut ticks = interval(10 * HOUR);
            loop {
                let due = ticks.tick().await;
                noted.borrow_mut().push((due - start, start.elapsed()));
            }
        })
        .unwrap();
        advance(Duration::ZERO).await;
        assert_eq!(trace.borrow().len(), 1);
        advance(10 * HOUR - Duration::from_nanos(1)).await;
        assert_eq!(trace.borrow().len(), 1);
        advance(Duration::from_nanos(1)).await;
        assert_eq!(trace.borrow().len(), 2);
        advance(35 * HOUR).await;
        assert_eq!(start.elapsed(), 45 * HOUR);
        let expected: Vec<_> = (0..5).map(|n| (n * 10 * HOUR, n * 10 * HOUR)).collect();
        assert_eq!(*trace.borrow(), expected);
        ticking.abort();
    });
}

/// Nobody would come back from there: what is due at the end of time never is.
#[test]
#[should_panic = "to the end of time"]
fn the_clock_is_not_advanced_to_the_end_of_time() {
    paused().block_on(advance(Duration::MAX));
}

#[test]
#[should_panic = "only while it is paused"]
fn a_clock_that_goes_by_itself_is_not_advanced() {
    Runtime::new().unwrap().block_on(advance(HOUR));
}

#[test]
#[should_panic = "there is no clock to be paused"]
fn outside_of_a_runtime_there_is_no_clock_to_be_paused() {
    pause();
}

/// What has come is dispatched before the clock jumps, and a wait without a timer waits for news. What is written
/// to a Unix socket has come when the write ends; a network, even that of one machine, may take its time.
#[cfg(unix)]
#[test]
fn input_comes_before_the_jump() {
    let folder = Folder::new("jump");
    for round in 0..20 {
        paused().block_on(async {
            let path = folder.join(format!("{round}"));
            let listener = UnixListener::bind(&path).unwrap();
            let mut theirs = std::os::unix::net::UnixStream::connect(&path).unwrap();
            let (ours, _) = timeout(HOUR, listener.accept()).await.unwrap().unwrap();
            theirs.write_all(b"quak").unwrap();
            let mut buf = [0; 4];
            let start = Instant::now();
            timeout(HOUR, ours.read_exact(&mut buf))
                .await
                .unwrap()
                .unwrap();
            assert_eq!((buf, start.elapsed()), (*b"quak", Duration::ZERO));
            let later = std::thread::spawn(move || theirs.write_all(b"hops").map(|()| theirs));
            ours.read_exact(&mut buf).await.unwrap();
            assert_eq!((buf, start.elapsed()), (*b"hops", Duration::ZERO));
            later.join().unwrap().unwrap();
        });
    }
}

/// Instants of all runtimes of a process, and of none, are on one clock: the standard library's.
#[test]
fn instants_are_those_of_the_standard_library() {
    let (before, std_before) = (Instant::now(), time::Instant::now());
    let runtime = Runtime::new().unwrap();
    let inside = runtime.block_on(async { Instant::now() });
    let other = std::thread::spawn(|| polliwog_mio::block_on(async { Instant::now() }));
    let other = other.join().unwrap();
    let (after, std_after) = (Instant::now(), time::Instant::now());
    // The clocks are read one after the other when they are set up.
    let slack = Duration::from_millis(100);
    assert!(before <= inside + slack && inside <= other + slack && other <= after + slack);
    assert!(std_before <= inside.into_std() + slack && other.into_std() <= std_after + slack);
    assert_eq!(Instant::from_std(inside.into_std()), inside);
    // A deadline of the standard library's is one of ours.
    let deadline = time::Instant::now() + Duration::from_millis(2);
    runtime.block_on(sleep_until(Instant::from_std(deadline)));
    assert!(time::Instant::now() + slack >= deadline);
}
