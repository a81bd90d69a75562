//! A journal that blocks, as a library that knows nothing of simulations writes one, on a simulated disk.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::future::pending;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

// ANCHOR: names
#[cfg(feature = "sim")]
use polliwog::sim::std::fs;
#[cfg(not(feature = "sim"))]
use std::fs;
// ANCHOR_END: names

use polliwog::sim::{self, Failure, Simulation};
use polliwog::time::sleep;

// ANCHOR: journal
/// Appends a line to a journal, and returns when the disk has it. It blocks.
fn append(line: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    let mut journal = options.append(true).create(true).open("journal")?;
    writeln!(journal, "{line}")?;
    journal.sync_all()
}
// ANCHOR_END: journal

/// What is in the journal of a host that notes each start and crashes once.
fn starts() -> Result<String, Failure> {
    let mut simulation = Simulation::new(7);
    let journal = Rc::new(RefCell::new(String::new()));
    let seen = Rc::clone(&journal);
    simulation.host("node", move || {
        let seen = Rc::clone(&seen);
        async move {
            append("started")?;
            seen.replace(fs::read_to_string("journal")?);
            pending::<io::Result<()>>().await
        }
    });
    simulation.client("test", async {
        sleep(Duration::from_secs(1)).await;
        sim::control().crash("node");
        sim::control().restart("node");
        sleep(Duration::from_secs(1)).await;
    });
    simulation.run()?;
    Ok(journal.take())
}

fn main() {
    print!("{}", starts().expect("nothing else goes wrong"));
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_was_synced_is_there_after_a_crash() {
        assert_eq!(super::starts().unwrap(), "started\nstarted\n");
    }
}
