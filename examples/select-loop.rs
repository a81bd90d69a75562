//! One task that waits for several things, round after round.
//!
//! What may be given up in a round and begun anew, such as `recv`, stands in the branch itself; what has to
//! go on from round to round, such as a long operation, is pinned outside of the loop and given by
//! reference; a branch with `if` takes part only while that is so.
//!
//! ```text
//! cargo run --example select-loop
//! cargo run --example select-loop --no-default-features --features spin,std
//! ```
#![forbid(unsafe_code)]

use std::time::Duration;

use polliwog::sync::local::{Notify, mpsc};
use polliwog::time::{interval, sleep};
use polliwog::{join, select};

const TICK: Duration = Duration::from_millis(2);

/// An operation that takes its time and must not be begun anew.
async fn operation(number: u32) -> u32 {
    sleep(TICK * 3).await;
    number * number
}

// ANCHOR: serve
/// Squares numbers, one at a time, until it is told to stop. Returns how often it has ticked meanwhile.
async fn serve(
    mut requests: mpsc::Receiver<u32>,
    answers: mpsc::Sender<u32>,
    stop: &Notify,
) -> u32 {
    let mut ticks = interval(TICK);
    let mut count = 0;
    let current = operation(0);
    polliwog::pin!(current);
    let mut busy = false;
    loop {
        select! {
            // In this order: stopping is more urgent than anything else.
            biased;
            () = stop.notified() => break,
            square = &mut current, if busy => {
                busy = false;
                // There is room, and whoever asked is there.
                let _ = answers.try_send(square);
            }
            // While one operation is under way the next request waits in the channel.
            request = requests.recv(), if !busy => match request {
                Some(number) => {
                    current.set(operation(number));
                    busy = true;
                }
                None => break,
            },
            // Also while it is busy.
            _ = ticks.tick() => count += 1,
        }
    }
    count
}
// ANCHOR_END: serve

pub(crate) async fn example() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let (sender, requests) = mpsc::channel(4);
    let (answers, mut receiver) = mpsc::channel(4);
    let stop = Notify::new();
    let (ticks, mut lines) = join!(serve(requests, answers, &stop), async {
        let mut lines = Vec::new();
        for number in 1..=3 {
            // There is room for all of them.
            let _ = sender.send(number).await;
        }
        for _ in 1..=3 {
            lines.push(format!("square: {:?}", receiver.recv().await));
        }
        stop.notify_one();
        lines
    });
    assert!(ticks > 0);
    lines.push("stopped".to_owned());
    Ok(lines)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in polliwog::block_on(example())? {
        println!("{line}");
    }
    Ok(())
}
