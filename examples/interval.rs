//! Ticks every 100 ms, and what becomes of those that are missed because the one who takes them
//! was busy for 350 ms.
//!
//! ```text
//! cargo run --example interval
//! cargo run --example interval --no-default-features --features spin
//! ```
//!
//! It runs on `mio` (in real time, so that numbers vary a little) and on `spin` (in virtual
//! time: exact, and at once), where it prints:
//!
//! ```text
//! burst: ticks at 0 100 | 450 450 450 500 600
//! delay: ticks at 0 100 | 450 550 650 750 850
//! skip:  ticks at 0 100 | 450 500 600 700 800
//! ```
//!
//! Burst makes up for what was missed, delay starts anew, skip keeps to the beat.
#![forbid(unsafe_code)]

use std::process::ExitCode;

#[cfg(any(feature = "mio", feature = "spin"))]
mod program {
    use std::time::Duration;

    use polliwog::block_on;
    use polliwog::time::{MissedTickBehavior, interval, now, sleep};

    const PERIOD: Duration = Duration::from_millis(100);
    const BUSY: Duration = Duration::from_millis(350);

    async fn ticks(name: &str, behavior: MissedTickBehavior) {
        let start = now().unwrap_or_default();
        let mut interval = interval(PERIOD);
        interval.set_missed_tick_behavior(behavior);
        print!("{name:6} ticks at");
        for tick in 0..7 {
            if tick == 2 {
                sleep(BUSY).await;
                print!(" |");
            }
            interval.tick().await;
            let at = now().unwrap_or_default() - start;
            print!(" {}", at.as_millis());
        }
        println!();
    }

    pub(crate) fn run() -> Result<(), &'static str> {
        block_on(async {
            ticks("burst:", MissedTickBehavior::Burst).await;
            ticks("delay:", MissedTickBehavior::Delay).await;
            ticks("skip:", MissedTickBehavior::Skip).await;
        });
        Ok(())
    }
}

#[cfg(not(any(feature = "mio", feature = "spin")))]
mod program {
    pub(crate) fn run() -> Result<(), &'static str> {
        Err("built without a reactor: add --features spin or mio")
    }
}

fn main() -> ExitCode {
    match program::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("interval: {error}");
            ExitCode::FAILURE
        }
    }
}
