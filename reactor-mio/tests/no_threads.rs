//! A system that gives no more threads: a program of its own, since the limit is the process's.
#![cfg(target_os = "linux")]

use std::io;
use std::pin::Pin;
use std::sync::mpsc;

use futures_util::io::AsyncReadExt;
use polliwog_mio::blocking::RejectReason;
use polliwog_mio::fs::{self, File};
use polliwog_mio::net::lookup_host;
use polliwog_mio::{BlockingError, block_on, spawn_blocking};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Runs with an address space that is used up, in which the stack of another thread has no room. The
/// memory of this thread's allocator is reserved already.
fn without_threads<T>(f: impl FnOnce() -> T) -> T {
    let before = getrlimit(Resource::As);
    let limit = Rlimit {
        current: Some(4096),
        maximum: before.maximum,
    };
    setrlimit(Resource::As, limit).unwrap();
    let result = f();
    setrlimit(Resource::As, before).unwrap();
    result
}

/// Of all that needs a thread of the pool; none of it may say "try again when you are woken".
async fn check_that_all_fails() {
    let error = spawn_blocking(|| 5).await.unwrap_err();
    let is_no_thread = matches!(error, BlockingError::Rejected(RejectReason::NoThread(_)));
    assert!(is_no_thread, "{error}");
    let mut file = File::from_std(std::fs::File::open("/dev/zero").unwrap());
    let mut buf = [0; 4];
    let errors = [
        io::Error::from(error),
        AsyncReadExt::read(&mut file, &mut buf).await.unwrap_err(),
        file.read(&mut buf).await.unwrap_err(),
        file.metadata().await.unwrap_err(),
        fs::read("/dev/null").await.unwrap_err(),
        lookup_host("localhost:1").await.map(drop).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded, "{error}");
    }
}

#[test]
fn promise_19_a_pool_without_a_thread_for_a_job_refuses_it() {
    block_on(async {
        let mut none = Box::pin(check_that_all_fails());
        without_threads(|| block_on_poll(none.as_mut()));

        // As with one thread that never comes back.
        let (release, held) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel();
        let stuck = spawn_blocking(move || {
            started.send(()).unwrap();
            let _ = held.recv();
        });
        running.recv().unwrap();
        let mut none = Box::pin(check_that_all_fails());
        without_threads(|| block_on_poll(none.as_mut()));

        // And when there are threads again, there are.
        assert_eq!(spawn_blocking(|| 7).await.unwrap(), 7);
        assert_eq!(fs::read("/dev/null").await.unwrap(), b"");
        drop(release);
        stuck.await.unwrap();
    });
}

/// A refusal is there at once.
fn block_on_poll(future: Pin<&mut impl Future<Output = ()>>) {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.poll(&mut cx).is_ready(), "it waits for a thread");
}
