//! Downloads many files over HTTP at once, but not all at once, and shows how far it is.
//!
//! ```text
//! cargo run --release --manifest-path examples/http-server/Cargo.toml -- --root .
//! cargo run --release --manifest-path examples/fetch/Cargo.toml -- --into /tmp/got --jobs 4 \
//!     http://127.0.0.1:8080/README.md http://127.0.0.1:8080/CHANGELOG.md
//! ```
//!
//! Each job is a task with one connection, which it keeps for the next file of the same server. A file has its
//! name as soon as it is there as a whole; until then, and after Ctrl-C, there is none. What fails in a way
//! that may pass (no connection, one that breaks, a server that is too busy) is tried again.
//!
//! It prints a line for each file; on a terminal it shows a bar meanwhile. The exit code is 1 if a file is
//! missing.

mod download;
#[allow(dead_code, reason = "some of it is for servers")]
#[path = "../../shared/options.rs"]
mod options;
mod progress;
#[allow(dead_code, reason = "some of it is for servers")]
#[path = "../../shared/shortage.rs"]
mod shortage;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use hyper::Uri;
use polliwog::task::{AbortOnDrop, JoinSet};
use polliwog::{Runtime, select, signal, spawn};

use download::{Connection, Failed};
use options::Asked;
use progress::Progress;

const HELP: &str = "\
Downloads files over HTTP, several at once.

Usage: fetch [OPTIONS] URL...

  --into FOLDER        where the files go [the working directory]
  --jobs N             how many files are on their way at a time [8]
  --tries N            how often a file is asked for, if need be [3]
  --stall-timeout S    how many seconds a server may be silent [30]
  --help               this text

The files are called as the last part of their path, a second one of that name with -2 behind it,
and so on. Only http:// is known here.
";

pub(crate) struct Options {
    into: PathBuf,
    jobs: usize,
    tries: usize,
    stall: Duration,
}

/// A file that is wanted.
pub(crate) struct Wanted {
    url: Uri,
    name: String,
}

impl Options {
    fn set(&mut self, name: &str, value: OsString) -> Result<bool, String> {
        let number = |value, most: usize| {
            let number = options::text(value)?.parse().ok();
            let number = number.filter(|n| (1..=most).contains(n));
            number.ok_or_else(|| format!("a number from 1 to {most} is needed"))
        };
        match name {
            "into" => self.into = value.into(),
            "jobs" => self.jobs = number(value, 1000)?,
            "tries" => self.tries = number(value, 100)?,
            "stall-timeout" => {
                let seconds = options::text(value)?.parse().ok();
                self.stall = seconds
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .filter(|stall| !stall.is_zero())
                    .ok_or("a number of seconds above zero is needed")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The files of these addresses, each with a name of its own.
fn wanted(urls: impl Iterator<Item = OsString>) -> Result<VecDeque<Wanted>, String> {
    let mut taken = std::collections::HashSet::new();
    let mut all = VecDeque::new();
    for url in urls {
        let text = options::text(url)?;
        let url: Uri = text
            .parse()
            .map_err(|error| format!("{text:?} is no address: {error}"))?;
        if url.scheme_str() != Some("http") || url.host().is_none_or(str::is_empty) {
            return Err(format!("{text:?} does not begin with http:// and a host"));
        }
        let last = url.path().rsplit('/').next().unwrap_or_default();
        // Whatever is in the address, it is a name in this folder, and none that is hidden.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,+~@=".contains(c);
        let name: String = last
            .chars()
            .map(|c| if plain(c) { c } else { '_' })
            .collect();
        let name = match name.trim_start_matches('.') {
            "" => "index.html",
            name => &name[..name.len().min(200)],
        };
        let mut free = name.to_owned();
        let mut number = 1;
        while !taken.insert(free.clone()) {
            number += 1;
            free = match name.rsplit_once('.') {
                Some((stem, extension)) => format!("{stem}-{number}.{extension}"),
                None => format!("{name}-{number}"),
            };
        }
        all.push_back(Wanted { url, name: free });
    }
    if all.is_empty() {
        return Err("an address is needed".into());
    }
    Ok(all)
}

/// Takes files until there is none left; returns how many have failed.
async fn job(
    options: Rc<Options>,
    queue: Rc<RefCell<VecDeque<Wanted>>>,
    progress: Rc<Progress>,
) -> usize {
    let mut connection = Connection::default();
    let mut failed = 0;
    loop {
        // No borrow across a wait.
        let Some(file) = queue.borrow_mut().pop_front() else {
            return failed;
        };
        match download::file(&mut connection, &file, &options, &progress).await {
            Ok(bytes) => progress.done(&file, &format!("{bytes} bytes")).await,
            Err(Failed { error, .. }) => {
                failed += 1;
                progress.failed(&file, &error).await;
            }
        }
    }
}

async fn run(options: Options, files: VecDeque<Wanted>) -> io::Result<bool> {
    let ctrl_c = signal::ctrl_c();
    polliwog::fs::create_dir_all(&options.into).await?;
    let progress = Rc::new(Progress::new(files.len()));
    let jobs = options.jobs.min(files.len());
    let (options, queue) = (Rc::new(options), Rc::new(RefCell::new(files)));
    let mut all = JoinSet::new();
    for _ in 0..jobs {
        let (options, queue) = (Rc::clone(&options), Rc::clone(&queue));
        all.spawn(job(options, queue, Rc::clone(&progress)))?;
    }
    let shown = Rc::clone(&progress);
    let _showing = AbortOnDrop::new(spawn(async move { shown.show().await })?);
    let finished = async {
        let mut failed = 0;
        while let Some(ended) = all.join_next().await {
            failed += ended.map_err(io::Error::other)?;
        }
        Ok::<_, io::Error>(failed)
    };
    let failed = select! {
        failed = finished => failed?,
        pressed = ctrl_c => {
            pressed?;
            // What is on its way is dropped, and its beginnings with it.
            all.shutdown().await;
            progress.clear().await;
            return Err(io::ErrorKind::Interrupted.into());
        },
    };
    progress.clear().await;
    Ok(failed == 0)
}

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let first = arguments.iter().position(|argument| {
        let text = argument.to_str();
        text.is_some_and(|text| text.contains("://"))
    });
    let urls = arguments.split_off(first.unwrap_or(arguments.len()));
    let mut options = Options {
        into: ".".into(),
        jobs: 8,
        tries: 3,
        stall: Duration::from_secs(30),
    };
    let asked = options::parse(arguments, |name, value| options.set(name, value));
    let files = match asked.and_then(|asked| match asked {
        Asked::Run => wanted(urls.into_iter()).map(Some),
        Asked::Help => Ok(None),
    }) {
        Ok(Some(files)) => files,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("fetch: {error}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    match Runtime::new().and_then(|runtime| runtime.block_on(run(options, files))) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fetch: {error}");
            ExitCode::FAILURE
        }
    }
}
