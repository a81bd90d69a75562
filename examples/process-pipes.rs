//! Other programs: workers that are talked to by pipes.
//!
//! The program starts itself three times, as a worker that reads lines and answers each by one line. A task
//! for each worker sends it lines and reads its answers, both at the same time: a worker whose answers
//! nobody reads would stop reading, and who only sends would wait for it for ever. When a worker's input
//! is closed it ends; its exit status is awaited as everything else.
//!
//! At last there is a worker that never answers. It gets a tenth of a second, then it is killed.
//!
//! ```sh
//! cargo run --example process-pipes
//! ```
//!
//! It prints, the first three lines in any order:
//!
//! ```text
//! worker 1: 1000 answers, the last one is "QUAK 1000", exit code 0
//! worker 2: 1000 answers, the last one is "QUAK 1000", exit code 0
//! worker 3: 1000 answers, the last one is "QUAK 1000", exit code 0
//! the lazy worker: killed
//! ```
#![forbid(unsafe_code)]

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, BufWriter};
use polliwog::io::{stdin, stdout};
use polliwog::process::{Command, Stdio};
use polliwog::time::timeout;
use polliwog::{spawn, try_join};

const WORKERS: usize = 3;
const LINES: usize = 1000;

/// What a worker does: lines in, lines out, until there are no more.
async fn work() -> io::Result<()> {
    let mut lines = BufReader::new(stdin()).lines();
    let mut out = BufWriter::new(stdout());
    while let Some(line) = lines.try_next().await? {
        let answer = format!("{}\n", line.to_uppercase());
        out.write_all(answer.as_bytes()).await?;
    }
    out.flush().await
}

/// A worker that does nothing at all.
async fn laze() -> io::Result<()> {
    std::future::pending().await
}

/// This program in another role.
fn worker(role: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    // If this program fails, no worker stays behind.
    command.kill_on_drop(true);
    Ok(command)
}

/// Starts a worker, has it do its work, and waits for its end.
async fn employ(number: usize) -> io::Result<()> {
    let mut child = worker("work")?.spawn()?;
    let (Some(mut stdin), Some(out)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("both are piped"));
    };
    let send = async move {
        for n in 1..=LINES {
            stdin.write_all(format!("quak {n}\n").as_bytes()).await?;
        }
        // Dropped here: the worker reads the end.
        io::Result::Ok(())
    };
    let receive = async {
        let (mut lines, mut count, mut last) = (BufReader::new(out).lines(), 0, String::new());
        while let Some(line) = lines.try_next().await? {
            (count, last) = (count + 1, line);
        }
        io::Result::Ok((count, last))
    };
    let ((), (count, last)) = try_join!(send, receive)?;
    let code = child.wait().await?.code();
    let code = code.map_or("none".into(), |code| code.to_string());
    let line =
        format!("worker {number}: {count} answers, the last one is {last:?}, exit code {code}\n");
    stdout().write_all(line.as_bytes()).await
}

async fn run() -> io::Result<()> {
    let workers: Vec<_> = (1..=WORKERS)
        .map(|number| spawn(employ(number)))
        .collect::<Result<_, _>>()?;
    for worker in workers {
        worker.await.map_err(io::Error::other)??;
    }

    let mut lazy = worker("laze")?.spawn()?;
    let end = match timeout(Duration::from_millis(100), lazy.wait()).await {
        Ok(status) => format!("{}", status?),
        Err(_) => {
            lazy.kill().await?;
            "killed".into()
        }
    };
    stdout()
        .write_all(format!("the lazy worker: {end}\n").as_bytes())
        .await
}

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        None => polliwog::block_on(run()),
        Some("work") => polliwog::block_on(work()),
        Some("laze") => polliwog::block_on(laze()),
        Some(_) => {
            eprintln!("usage: process-pipes");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("process-pipes: {e}");
            ExitCode::FAILURE
        }
    }
}
