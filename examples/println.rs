//! Printing without blocking.
//!
//! `println!` returns once the system has taken the text: if nobody reads the pipe, or somebody has stopped
//! the terminal with Ctrl-S, that is never, and nothing else on this thread happens meanwhile. What is
//! written to `polliwog::io::stdout` waits in its own task; the others go on.
//!
//! ```text
//! cargo run --example println                # ten lines
//! cargo run --example println -- 100000      # as many as you like; try Ctrl-S and Ctrl-Q
//! cargo run --example println -- 100000 | (sleep 3; wc -l)
//! ```
//!
//! It prints the lines, and how often a second task had its turn meanwhile to the standard error:
//! `tick 1`, `tick 2`, …, a tenth of a second from one to the next, and at last `10 lines, 0 ticks`.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::io;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use polliwog::io::{stderr, stdout};
use polliwog::time::sleep;

/// As `println!`, but it waits as a future: an expression of type `io::Result<()>` in an `async` block.
macro_rules! println_async {
    ($($arg:tt)*) => {
        stdout()
            .write_all(format!("{}\n", format_args!($($arg)*)).as_bytes())
            .await
    };
}

async fn tick(count: Rc<Cell<u32>>) -> io::Result<()> {
    loop {
        sleep(Duration::from_millis(100)).await;
        count.set(count.get() + 1);
        let line = format!("tick {}\n", count.get());
        stderr().write_all(line.as_bytes()).await?;
    }
}

async fn print(lines: u32) -> io::Result<()> {
    let ticks = Rc::new(Cell::new(0));
    let ticker = polliwog::spawn(tick(Rc::clone(&ticks)))?;
    for number in 1..=lines {
        println_async!("line {number} of {lines}: quak")?;
    }
    ticker.abort();
    let line = format!("{lines} lines, {} ticks\n", ticks.get());
    stderr().write_all(line.as_bytes()).await
}

fn main() -> ExitCode {
    let lines = match std::env::args().nth(1).map(|arg| arg.parse()) {
        None => 10,
        Some(Ok(lines)) => lines,
        Some(Err(_)) => {
            eprintln!("usage: println [LINES]");
            return ExitCode::from(2);
        }
    };
    match polliwog::block_on(print(lines)) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read has had enough, as `head` does.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("println: {e}");
            ExitCode::FAILURE
        }
    }
}
