//! A future that another thread completes: the shared state, and the waker that ties them.
//!
//! A poll that finds the time not up leaves its waker where the thread finds it; the thread
//! sets a flag and wakes. Without the waker the task would never be polled again.
//!
//! ```text
//! cargo run --example timer-future
//! ```
//!
//! It prints, with a pause of 200 ms between the two lines:
//!
//! ```text
//! waiting
//! done after 2 polls
//! ```
//!
//! It needs the reactor `mio`. (A real program has [`polliwog::time::sleep`], which takes no
//! thread.)
#![forbid(unsafe_code)]

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

// ANCHOR: shared
/// Ready when its thread has slept for a while.
struct TimerFuture {
    shared: Arc<Mutex<Shared>>,
}

/// What the future and the thread share.
#[derive(Default)]
struct Shared {
    done: bool,
    /// Whom the thread has to wake.
    waker: Option<Waker>,
}
// ANCHOR_END: shared

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    // Neither side panics while it holds the lock, and a half-done change is none.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TimerFuture {
    // ANCHOR: new
    /// Starts the thread.
    fn new(duration: Duration) -> io::Result<Self> {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let theirs = Arc::clone(&shared);
        thread::Builder::new().spawn(move || {
            thread::sleep(duration);
            let waker = {
                let mut shared = lock(&theirs);
                shared.done = true;
                shared.waker.take()
            };
            // Not under the lock: the task may be polled at once, on another thread.
            if let Some(waker) = waker {
                waker.wake();
            }
        })?;
        Ok(Self { shared })
    }
    // ANCHOR_END: new
}

// ANCHOR: poll
impl Future for TimerFuture {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // The flag is read and the waker left under one lock: the thread either finds the waker
        // or has set the flag before.
        let mut shared = lock(&self.shared);
        if shared.done {
            return Poll::Ready(());
        }
        // The future may have moved to another task since the last poll, so not only once.
        match &mut shared.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}
// ANCHOR_END: poll

// ANCHOR: program
async fn program() -> io::Result<()> {
    let mut timer = pin!(TimerFuture::new(Duration::from_millis(200))?);
    println!("waiting");
    let mut polls = 0;
    poll_fn(|cx| {
        polls += 1;
        timer.as_mut().poll(cx)
    })
    .await;
    println!("done after {polls} polls");
    Ok(())
}
// ANCHOR_END: program

fn main() -> ExitCode {
    match polliwog::block_on(program()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timer-future: cannot start a thread: {error}");
            ExitCode::FAILURE
        }
    }
}
