//! The pool with real threads.

use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::thread;

use super::pool::Pool;
use super::*;

/// Drives a handle without any runtime.
fn wait<T>(handle: BlockingHandle<T>) -> Result<T, BlockingError> {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut cx = Context::from_waker(&waker);
    let mut handle = std::pin::pin!(handle);
    loop {
        match handle.as_mut().poll(&mut cx) {
            Poll::Ready(result) => return result,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_panic_is_an_error_of_its_own_job() {
    let bad = spawn_blocking(|| -> u32 { panic!("out of tadpoles") });
    let good = spawn_blocking(|| 7);
    let error = wait(bad).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a blocking job panicked: out of tadpoles"
    );
    assert_eq!(wait(good).unwrap(), 7);
}

#[test]
fn a_dropped_handle_does_not_stop_the_job() {
    let (sender, receiver) = mpsc::channel();
    drop(spawn_blocking(move || sender.send(1)));
    assert_eq!(receiver.recv(), Ok(1));
}

#[test]
fn many_jobs_all_run() {
    let jobs: Vec<_> = (0..1000).map(|n| spawn_blocking(move || n)).collect();
    for (n, job) in jobs.into_iter().enumerate() {
        assert_eq!(wait(job).unwrap(), n);
    }
}

/// Each poll brings another waker; whichever is the last when the job ends is woken.
#[test]
fn the_last_waker_is_woken_however_the_end_crosses_a_poll() {
    struct Send(mpsc::Sender<usize>, usize);
    impl std::task::Wake for Send {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(self.1);
        }
    }
    for round in 0..2000 {
        let (sender, woken) = mpsc::channel();
        let mut job = spawn_blocking(move || {
            for _ in 0..round % 64 {
                std::hint::spin_loop();
            }
        });
        let mut poll = |number| {
            let waker = Arc::new(Send(sender.clone(), number)).into();
            Pin::new(&mut job).poll(&mut Context::from_waker(&waker))
        };
        if (0..4).any(|number| poll(number).is_ready()) {
            continue;
        }
        assert_eq!(
            woken.recv_timeout(Duration::from_secs(60)),
            Ok(3),
            "round {round}"
        );
        assert!(poll(4).is_ready());
    }
}

#[test]
fn a_full_queue_gives_the_job_back() {
    // A pool of its own, whose only thread is busy until the end.
    static POOL: Pool = Pool::new(1);
    let pool = &POOL;
    let (go, wait_for_go) = mpsc::channel::<()>();
    let first = pool.submit(move || wait_for_go.recv(), |f| f()).unwrap();
    let mut accepted = Vec::new();
    let rejected = loop {
        match pool.submit(|| 1_u8, |f| f()) {
            Ok(handle) => accepted.push(handle),
            Err(rejected) => break rejected,
        }
    };
    assert!(matches!(
        rejected.reason,
        RejectReason::QueueFull(MAX_QUEUED)
    ));
    assert_eq!((rejected.job)(), 1);
    // The first job counts as long as the thread has not come to it.
    assert!(accepted.len() >= MAX_QUEUED - 1);
    go.send(()).unwrap();
    wait(first).unwrap().unwrap();
    for handle in accepted {
        assert_eq!(wait(handle).unwrap(), 1);
    }
}

#[test]
fn threads_above_a_lowered_limit_end_and_leave_no_job_behind() {
    // Nobody looks at the queue by itself.
    const AN_HOUR: Duration = Duration::from_secs(3600);
    static POOL: Pool = Pool::with_keep_alive(4, AN_HOUR);
    let pool = &POOL;
    let (all, meet) = (4, Arc::new(std::sync::Barrier::new(4)));
    let jobs: Vec<_> = (0..all)
        .map(|_| {
            let meet = Arc::clone(&meet);
            pool.submit(move || meet.wait().is_leader(), |f| f())
                .unwrap()
        })
        .collect();
    for job in jobs {
        wait(job).unwrap();
    }
    while pool.threads_and_idle().1 < all {
        thread::yield_now();
    }
    pool.set_max_threads(1);
    let after = pool.submit(|| 5, |f| f()).unwrap();
    assert_eq!(wait(after).unwrap(), 5);
    while pool.threads_and_idle().0 > 1 {
        thread::yield_now();
    }
    let last = pool.submit(|| 6, |f| f()).unwrap();
    assert_eq!(wait(last).unwrap(), 6);
}
