//! Shutting down without losing anything.
//!
//! A signal (here: after some time) cancels a token. Whoever accepts work sees it and stops; work that has
//! begun sees it where it suits it, and finishes. A tracker says when the last has ended.
//!
//! ```text
//! cargo run --example graceful-shutdown
//! cargo run --example graceful-shutdown --no-default-features --features spin,std
//! ```
//!
//! In a server the signal is `polliwog::mio::signal::ctrl_c()`.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use polliwog::sync::local::{CancellationToken, TaskTracker};
use polliwog::time::{sleep, timeout};
use polliwog::{select, spawn};

const TICK: Duration = Duration::from_millis(2);

/// What has become of the work.
#[derive(Default)]
struct Books {
    begun: Cell<u32>,
    finished: Cell<u32>,
}

// ANCHOR: work
/// One piece of work, of several steps. Once begun it is finished; what can be left out is left out.
async fn work(books: Rc<Books>, token: CancellationToken) {
    books.begun.set(books.begun.get() + 1);
    for _ in 0..5 {
        if token.is_cancelled() {
            // In a hurry: only what must be done.
            break;
        }
        sleep(TICK).await;
    }
    books.finished.set(books.finished.get() + 1);
}
// ANCHOR_END: work

// ANCHOR: example
pub(crate) async fn example() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let (token, tracker) = (CancellationToken::new(), TaskTracker::new());
    let books = Rc::new(Books::default());

    let accepting = {
        let (token, tracker, books) = (token.clone(), tracker.clone(), books.clone());
        spawn(async move {
            loop {
                // The next piece of work comes every tick.
                select! {
                    () = token.cancelled() => break,
                    () = sleep(TICK) => {
                        let work = work(books.clone(), token.child_token());
                        tracker.spawn(work)?.detach();
                    }
                }
            }
            Ok::<_, polliwog::SpawnError>(())
        })?
    };

    // The signal.
    sleep(TICK * 10).await;
    let mut lines = vec!["signal: shutting down".to_owned()];
    token.cancel();
    accepting.await??;
    tracker.close();
    // Never wait for ever for others: after some time it is time to go.
    match timeout(Duration::from_secs(60), tracker.wait()).await {
        Ok(()) => lines.push("all work has ended".to_owned()),
        Err(_) => lines.push(format!("gave up on {} pieces of work", tracker.len())),
    }
    let lost = books.begun.get() - books.finished.get();
    lines.push(format!("lost: {lost}"));
    assert!(books.begun.get() > 0);
    Ok(lines)
}
// ANCHOR_END: example

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in polliwog::block_on(example())? {
        println!("{line}");
    }
    Ok(())
}
