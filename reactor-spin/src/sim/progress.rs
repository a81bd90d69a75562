//! [`Progress`]: how far a long search has come.

use alloc::format;
use alloc::string::String;
use core::cell::Cell;
use core::time::Duration;
use std::io::{IsTerminal, Write};
use std::time::Instant;

/// Tells on a terminal how far a long search has come.
pub(crate) struct Progress {
    started: Instant,
    told: Cell<Option<Instant>>,
    all: u64,
}

impl Progress {
    pub(crate) fn new(all: u64) -> Self {
        Self {
            started: Instant::now(),
            told: Cell::new(None),
            all,
        }
    }

    /// At most twice a second, and not in the first one.
    pub(crate) fn tell(&self, tried: u64) {
        let now = Instant::now();
        let last = self.told.get().unwrap_or(self.started);
        if now - last < Duration::from_millis(500) || now - self.started < Duration::from_secs(1) {
            return;
        }
        self.told.set(Some(now));
        let line = bar(tried, self.all, now - self.started);
        // Not by a macro, whose output tests keep to themselves; and of no matter if it fails.
        let mut terminal = std::io::stderr();
        if terminal.is_terminal() {
            let _ = write!(terminal, "\r{line}\x1b[K").and_then(|()| terminal.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.told.get().is_some() && std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// How far it has come, and how long it will take.
fn bar(tried: u64, all: u64, passed: Duration) -> String {
    const WIDTH: u128 = 30;
    let (tried, all) = (u128::from(tried), u128::from(all.max(1)));
    let done = (WIDTH * tried / all).min(WIDTH) as usize;
    let rate = tried * 1000 / passed.as_millis().max(1);
    let left = all.saturating_sub(tried) / rate.max(1);
    format!(
        "[{}{}] {tried} of {all} seeds, {rate}/s, {left} s left",
        "#".repeat(done),
        ".".repeat(WIDTH as usize - done)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told() {
        let line = bar(250, 1000, Duration::from_secs(5));
        assert_eq!(
            line,
            "[#######.......................] 250 of 1000 seeds, 50/s, 15 s left"
        );
        for (tried, all) in [(0, 0), (5, 3), (u64::MAX, u64::MAX)] {
            assert!(bar(tried, all, Duration::ZERO).contains("seeds"));
        }
    }
}
