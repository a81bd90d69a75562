//! Tests of code that waits take no time: a thousand virtual hours run in milliseconds.
//!
//! What is tested is a poller that asks a device once an hour, and twice as seldom after each
//! failure. The same functions would make good tests, each under `#[test]`.
//!
//! ```text
//! cargo run --example paused-time --features spin
//! ```
//!
//! It prints (the real time varies):
//!
//! ```text
//! a thousand hours: asked 1000 times
//! a broken device: asked after 0 1 3 7 15 31 55 79 hours
//! by hand: asked 1, 1, 2 and 5 times
//! 1084 hours of virtual time took 1 ms
//! ```
//!
//! It needs the reactor `spin`, of which it uses no more than works without an allocator.
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use polliwog::TaskPool;
use polliwog::spin::{self, Flag, Runtime};
use polliwog::time::{now, sleep, timeout};

const HOUR: Duration = Duration::from_secs(3600);
/// The longest rest after failures.
const MOST: Duration = Duration::from_secs(24 * 3600);

// ANCHOR: poller
/// Asks once an hour; after failures it rests for longer, until the device answers again.
async fn poll_for_ever(mut ask: impl FnMut() -> bool) {
    let mut rest = HOUR;
    loop {
        let answered = ask();
        rest = if answered { HOUR } else { rest };
        sleep(rest).await;
        if !answered {
            rest = (rest * 2).min(MOST);
        }
    }
}
// ANCHOR_END: poller

// ANCHOR: hours
/// Whenever nothing is left to do, the clock jumps to the next timer.
fn a_thousand_hours() -> Duration {
    let (asked, time) = spin::block_on(async {
        let mut asked = 0;
        let patience = 1000 * HOUR - Duration::from_nanos(1);
        let polling = poll_for_ever(|| {
            asked += 1;
            true
        });
        let ended = timeout(patience, polling).await;
        assert!(ended.is_err(), "it never ends by itself");
        (asked, now().unwrap_or_default().as_duration())
    });
    assert_eq!(asked, 1000);
    println!("a thousand hours: asked {asked} times");
    time
}
// ANCHOR_END: hours

fn a_broken_device() -> Duration {
    let asked_at = RefCell::new(Vec::new());
    let time = spin::block_on(async {
        let polling = poll_for_ever(|| {
            let time = now().unwrap_or_default().as_duration();
            asked_at.borrow_mut().push(time.as_secs() / 3600);
            false
        });
        let _ended = timeout(80 * HOUR, polling).await;
        now().unwrap_or_default().as_duration()
    });
    let asked_at = asked_at.into_inner();
    assert_eq!(asked_at, [0, 1, 3, 7, 15, 31, 55, 79]);
    let hours: Vec<_> = asked_at.iter().map(u64::to_string).collect();
    println!("a broken device: asked after {} hours", hours.join(" "));
    time
}

/// The clock is paused and moved by hand, in between everything can be looked at.
fn by_hand() -> Result<Duration, String> {
    static POOL: TaskPool<4, 1024> = TaskPool::new();
    static FLAG: Flag = Flag::new();
    let runtime = Runtime::builder().paused(true).build_in(&POOL, &FLAG);
    let runtime = runtime.map_err(|error| error.to_string())?;

    let asked = Rc::new(Cell::new(0));
    let counted = Rc::clone(&asked);
    let polling = poll_for_ever(move || {
        counted.set(counted.get() + 1);
        true
    });
    let polling = runtime.spawn(polling).map_err(|error| error.to_string())?;
    let mut seen = [0; 4];
    runtime.run_until_stalled();
    seen[0] = asked.get();
    runtime.advance(HOUR - Duration::from_nanos(1));
    seen[1] = asked.get();
    runtime.advance(Duration::from_nanos(1));
    seen[2] = asked.get();
    runtime.advance(3 * HOUR);
    seen[3] = asked.get();
    polling.abort();
    assert_eq!(seen, [1, 1, 2, 5]);
    let [a, b, c, d] = seen;
    println!("by hand: asked {a}, {b}, {c} and {d} times");
    Ok(runtime.now().as_duration())
}

fn main() -> ExitCode {
    let start = std::time::Instant::now();
    let time = a_thousand_hours() + a_broken_device();
    match by_hand() {
        Ok(more) => {
            let hours = (time + more + Duration::from_secs(1)).as_secs() / 3600;
            let millis = start.elapsed().as_millis();
            println!("{hours} hours of virtual time took {millis} ms");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("paused-time: {error}");
            ExitCode::FAILURE
        }
    }
}
