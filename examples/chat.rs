//! A chat room: what one says, all hear.
//!
//! A `broadcast` channel gives each message to all who listen and keeps the latest few. Whoever is slower
//! than that is told how much it has missed; it does not hold up the others.
//!
//! ```text
//! cargo run --example chat
//! cargo run --example chat --no-default-features --features spin,std
//! ```
#![forbid(unsafe_code)]

use polliwog::sync::local::{Barrier, broadcast};
use polliwog::task::JoinSet;
use polliwog::yield_now;
use std::rc::Rc;

#[derive(Clone, Debug)]
struct Message {
    from: &'static str,
    text: String,
}

// ANCHOR: listen
/// Listens until the room is empty; slowly, if so.
async fn listen(name: &'static str, mut room: broadcast::Receiver<Message>, slow: bool) -> String {
    let (mut heard, mut missed) = (0, 0);
    loop {
        match room.recv().await {
            Ok(message) if message.from == name => {}
            Ok(message) => {
                assert!(message.text.starts_with("message"));
                heard += 1;
            }
            Err(broadcast::RecvError::Lagged(number)) => missed += number,
            Err(broadcast::RecvError::Closed) => break,
        }
        if slow {
            for _ in 0..10 {
                yield_now().await;
            }
        }
    }
    match missed {
        0 => format!("{name} has heard {heard} messages"),
        // How many it is depends on who ran when.
        _ => format!("{name} has missed some"),
    }
}
// ANCHOR_END: listen

pub(crate) async fn example() -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let (room, _) = broadcast::channel(8);
    let all_here = Rc::new(Barrier::new(3));
    let mut people = JoinSet::new();
    for (name, slow) in [("Ada", false), ("Grace", false), ("Linus", true)] {
        people.spawn(listen(name, room.subscribe(), slow))?;
        let (room, all_here) = (room.clone(), all_here.clone());
        people.spawn(async move {
            all_here.wait().await;
            for number in 0..10 {
                let text = format!("message {number}");
                // Nobody hears it: so be it.
                let _ = room.send(Message { from: name, text });
                // Let the others hear it.
                for _ in 0..3 {
                    yield_now().await;
                }
            }
            String::new()
        })?;
    }
    // The room is empty when the last has left who may speak.
    drop(room);
    let mut lines = people.join_all().await;
    lines.retain(|line| !line.is_empty());
    lines.sort();
    Ok(lines)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for line in polliwog::block_on(example())? {
        println!("{line}");
    }
    Ok(())
}
