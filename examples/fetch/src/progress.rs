//! How far it is: a bar on a terminal, and a line for each file.

use std::cell::Cell;
use std::io::{self, Write};
use std::time::Duration;

use polliwog::Instant;
use polliwog::io::{stderr, stdout};
use polliwog::time::interval;

use crate::Wanted;
use crate::shortage::is_rejected;

/// Characters of the bar.
const WIDTH: usize = 30;

pub(crate) struct Progress {
    total: usize,
    ended: Cell<usize>,
    under_way: Cell<usize>,
    bytes: Cell<u64>,
    start: Instant,
    is_terminal: bool,
}

/// The bytes of one try, which do not count if it fails.
pub(crate) struct Counted<'a> {
    progress: &'a Progress,
    bytes: Cell<u64>,
}

/// Nobody may be reading what is written, which is no reason to stop. Where there is no thread that waits for the
/// reader this one does.
fn or_here(written: io::Result<()>, mut stream: impl Write, line: &str) {
    if written.is_err_and(|error| is_rejected(&error)) {
        let _ = stream.write_all(line.as_bytes());
    }
}

impl Progress {
    pub(crate) fn new(total: usize) -> Self {
        Self {
            total,
            ended: Cell::new(0),
            under_way: Cell::new(0),
            bytes: Cell::new(0),
            start: Instant::now(),
            is_terminal: stderr().is_terminal(),
        }
    }

    pub(crate) fn begin(&self) -> Counted<'_> {
        self.under_way.set(self.under_way.get() + 1);
        let (progress, bytes) = (self, Cell::new(0));
        Counted { progress, bytes }
    }

    pub(crate) async fn done(&self, file: &Wanted, what: &str) {
        self.ended.set(self.ended.get() + 1);
        self.clear().await;
        let line = format!("{}: {what}\n", file.name);
        let written = stdout().write_all(line.as_bytes()).await;
        or_here(written, io::stdout(), &line);
    }

    pub(crate) async fn failed(&self, file: &Wanted, error: &str) {
        self.ended.set(self.ended.get() + 1);
        self.clear().await;
        let line = format!("fetch: {}: {error}\n", file.url);
        let written = stderr().write_all(line.as_bytes()).await;
        or_here(written, io::stderr(), &line);
    }

    fn bar(&self) -> String {
        let (ended, total) = (self.ended.get(), self.total);
        let full = WIDTH * ended / total;
        let seconds = self.start.elapsed().as_secs_f64().max(0.001);
        let megabytes = self.bytes.get() as f64 / 1e6;
        format!(
            "[{}{}] {ended}/{total} files, {} under way, {megabytes:.1} MB, {:.1} MB/s",
            "#".repeat(full),
            "-".repeat(WIDTH - full),
            self.under_way.get(),
            megabytes / seconds,
        )
    }

    /// Shows the bar, again and again, if there is a terminal; to be dropped.
    pub(crate) async fn show(&self) {
        if !self.is_terminal {
            return;
        }
        let mut ticks = interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            // From the beginning of the line, and nothing behind it.
            let line = format!("\r{}\x1b[K", self.bar());
            let _ = stderr().write_all(line.as_bytes()).await;
        }
    }

    /// Takes the bar away.
    pub(crate) async fn clear(&self) {
        if self.is_terminal {
            let _ = stderr().write_all(b"\r\x1b[K").await;
        }
    }
}

impl Counted<'_> {
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
        let all = &self.progress.bytes;
        all.set(all.get() + bytes);
    }

    /// It has not failed.
    pub(crate) fn keep(self) {
        self.bytes.set(0);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let progress = self.progress;
        progress.under_way.set(progress.under_way.get() - 1);
        progress.bytes.set(progress.bytes.get() - self.bytes.get());
    }
}
