//! What becomes of a runtime's jobs at its end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use polliwog_mio::{BlockingError, BlockingHandle, Runtime, block_on, blocking, spawn_blocking};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3600);

/// Brings a job that waits until the sender is dropped, and waits until a thread has begun with it.
fn hold(runtime: &Runtime) -> (BlockingHandle<()>, mpsc::Sender<()>) {
    let (release, held) = mpsc::channel();
    let (started, running) = mpsc::channel();
    let job = runtime.enter(|| {
        spawn_blocking(move || {
            started.send(()).unwrap();
            let _ = held.recv();
        })
    });
    running.recv().unwrap();
    (job, release)
}

#[test]
fn jobs_end_with_their_runtime_as_it_says() {
    blocking::set_max_threads(2);

    // All of them are waited for, also what they bring themselves; not those of others.
    let done = Arc::new(AtomicUsize::new(0));
    let (others, release_others) = hold(&Runtime::new().unwrap());
    let runtime = Runtime::new().unwrap();
    let (leave, ends) = mpsc::channel();
    let late = Arc::clone(&done);
    runtime.block_on(async {
        // One that has not ended when the runtime does.
        drop(spawn_blocking(move || {
            ends.recv().unwrap();
            std::thread::sleep(Duration::from_millis(200));
            late.fetch_add(1, Ordering::SeqCst)
        }));
        for _ in 0..100 {
            let done = Arc::clone(&done);
            drop(spawn_blocking(move || {
                let inner = Arc::clone(&done);
                drop(spawn_blocking(move || inner.fetch_add(1, Ordering::SeqCst)));
                done.fetch_add(1, Ordering::SeqCst)
            }));
        }
    });
    leave.send(()).unwrap();
    runtime.shutdown_timeout(LONG);
    assert_eq!(done.load(Ordering::SeqCst), 201);
    assert!(!others.is_finished());

    // Also without end, where there is nothing to wait for; and what a task brings as it is dropped.
    struct Bring(Arc<AtomicUsize>);
    impl Drop for Bring {
        fn drop(&mut self) {
            let done = Arc::clone(&self.0);
            drop(spawn_blocking(move || done.fetch_add(1, Ordering::SeqCst)));
        }
    }
    let runtime = Runtime::new().unwrap();
    let bring = Bring(Arc::clone(&done));
    let task = runtime.spawn(async move {
        let _bring = bring;
        std::future::pending::<()>().await
    });
    task.unwrap().detach();
    runtime.block_on(async {});
    runtime.shutdown_timeout(Duration::MAX);
    assert_eq!(done.load(Ordering::SeqCst), 202);

    // What has begun goes on, what has not never does.
    let runtime = Runtime::new().unwrap();
    let (running, release) = hold(&runtime);
    let dropped = Arc::new(());
    let job = {
        let inside = Arc::clone(&dropped);
        runtime.enter(|| spawn_blocking(move || drop(inside)))
    };
    runtime.shutdown_background();
    assert_eq!(Arc::strong_count(&dropped), 1, "the job is dropped");
    assert!(job.is_finished() && !running.is_finished());
    assert!(matches!(block_on(job), Err(BlockingError::Cancelled)));
    drop(release);
    block_on(running).unwrap();

    // The time is up.
    let runtime = Runtime::new().unwrap();
    let (running, release) = hold(&runtime);
    let job = runtime.enter(|| spawn_blocking(|| ()));
    runtime.shutdown_timeout(Duration::from_millis(10));
    assert!(matches!(block_on(job), Err(BlockingError::Cancelled)));
    drop(release);
    block_on(running).unwrap();

    // A runtime that is merely dropped leaves its jobs to the pool.
    let runtime = Runtime::new().unwrap();
    let job = runtime.enter(|| spawn_blocking(|| 7));
    drop(runtime);
    assert_eq!(block_on(job).unwrap(), 7);

    drop(release_others);
    block_on(others).unwrap();
}
