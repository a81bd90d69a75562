//! Serves the files of a folder to clients that ask for them by name, one line each.
//!
//! A connection goes like this: the server sends `Please enter filename: `, the client sends a
//! name and a line feed (with or without a carriage return before it), the server sends the
//! bytes of the file and closes. What cannot be served is answered with one line,
//! `error: …` and CRLF. If the server has to give up in the middle of a file, it resets the
//! connection, so that no client takes a part for the whole.
//!
//! ```text
//! cargo run --release --example file-server
//! printf 'examples/test.txt\r\n' | nc 127.0.0.1 7878
//! ```
//!
//! The first line on the standard output is `listening on 127.0.0.1:7878`; records go to the
//! standard error: `RUST_LOG=info` shows connections, `RUST_LOG=debug` also each poll. The
//! option `--help` shows the others. Ctrl-C ends the server.
//!
//! It needs the reactor `mio`.
#![forbid(unsafe_code)]

#[path = "shared/client.rs"]
mod client;
#[path = "shared/folder.rs"]
mod folder;
#[path = "shared/futures.rs"]
mod futures;
#[path = "shared/line.rs"]
mod line;
#[path = "shared/options.rs"]
mod options;
#[path = "shared/seats.rs"]
mod seats;
#[allow(dead_code, reason = "some of it is for others")]
#[path = "shared/shortage.rs"]
mod shortage;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use log::{debug, error, info, warn};
use polliwog::net::TcpListener;
use polliwog::time::{sleep, timeout};
use polliwog::{Runtime, spawn, yield_now};

use client::{Client, Patience, Trouble, refuse};
use folder::{Pieces, Refusal};
use options::Asked;
use seats::{Seat, Seats};
use shortage::on_a_thread;

const HELP: &str = "\
Serves the files of a folder to clients that ask for them by name, one line each.

Usage: file-server [OPTIONS]

  --addr HOST:PORT     where to listen [127.0.0.1:7878]; with port 0 any free port
  --root FOLDER        the folder whose files are served [the working directory]
  --max-clients N      how many clients are served at a time [1000]; others are refused
  --stall-timeout S    how many seconds a client may take to send its name, and how many it
                       may go on without taking a byte of its file [30]
  --least-rate BYTES   how many bytes of its file a client has to take per second, on average
                       over each stall timeout for which it makes the server wait [4096]
  --help               this text

RUST_LOG=info shows connections, RUST_LOG=debug also each poll. Ctrl-C ends the server:
clients that are being served get up to 3 seconds more, a second Ctrl-C ends that, too.
";

const PROMPT: &[u8] = b"Please enter filename: ";
/// How much of a file is in memory at most.
const PIECE: usize = 64 * 1024;
/// How many refused clients are seen off at a time; further ones are dropped.
const REFUSALS: usize = 64;
/// How many threads read files at most.
const READERS: usize = 64;
/// How long clients that are being served may go on after Ctrl-C.
const GRACE: Duration = Duration::from_secs(3);

#[derive(Debug)]
struct Options {
    addr: String,
    root: PathBuf,
    max_clients: usize,
    patience: Patience,
}

impl Options {
    fn set(&mut self, name: &str, value: OsString) -> Result<bool, String> {
        match name {
            "addr" => self.addr = options::address(value)?,
            "root" => self.root = value.into(),
            "max-clients" => {
                let number = options::text(value)?.parse().ok();
                self.max_clients = number
                    .filter(|n| (1..=1_000_000).contains(n))
                    .ok_or("a number from 1 to 1000000 is needed")?;
            }
            "stall-timeout" => {
                let seconds = options::text(value)?.parse().ok();
                self.patience.stall = seconds
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                    .filter(|stall| !stall.is_zero())
                    .ok_or("a number of seconds above zero is needed")?;
            }
            "least-rate" => {
                let rate = options::text(value)?.parse().ok();
                self.patience.least_rate = rate.ok_or("a number of bytes is needed")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `None` if help was asked for.
    fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Option<Self>, String> {
        let mut options = Options {
            addr: "127.0.0.1:7878".to_owned(),
            root: PathBuf::from("."),
            max_clients: 1000,
            patience: Patience {
                stall: Duration::from_secs(30),
                least_rate: 4096,
            },
        };
        if options::parse(arguments, |name, value| options.set(name, value))? == Asked::Help {
            return Ok(None);
        }
        let shown = options.root.display();
        let root = options.root.canonicalize();
        let root = root.map_err(|error| format!("--root: cannot open {shown}: {error}"))?;
        if !root.is_dir() {
            return Err(format!("--root: {shown} is not a folder"));
        }
        options.root = root;
        Ok(Some(options))
    }
}

/// What all connections share.
struct Server {
    root: Arc<Path>,
    patience: Patience,
    clients: Rc<Seats>,
    refusals: Rc<Seats>,
}

impl Server {
    /// Accepts connections for ever.
    async fn run(self: Rc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.admit(Client::new(stream, peer, self.patience)),
                // The listener waits by itself when the system is short of something.
                Err(error) => {
                    error!("cannot accept, trying again in a second: {error}");
                    sleep(Duration::from_secs(1)).await;
                }
            }
            yield_now().await; // However many arrive, those who are here get their turn.
        }
    }

    // ANCHOR: admit
    /// Starts a task for a client. Never waits.
    fn admit(self: &Rc<Self>, client: Client) {
        let (peer, client) = (client.peer(), Rc::new(client));
        let Some(seat) = self.clients.take() else {
            info!(
                "{peer}: refused, all {} seats are taken",
                self.clients.limit()
            );
            return self.turn_away(client);
        };
        let (taken, limit) = (self.clients.taken(), self.clients.limit());
        info!("{peer}: connected, {taken} of {limit} seats are taken");
        let served = Rc::clone(self).serve(Rc::clone(&client), seat);
        match spawn(futures::logged(peer, served)) {
            Ok(task) => task.detach(),
            Err(error) => {
                warn!("{peer}: refused: {error}");
                self.turn_away(client);
            }
        }
    }
    // ANCHOR_END: admit

    /// Tells a client that there is no room. Never waits.
    fn turn_away(&self, client: Rc<Client>) {
        client.try_send(b"error: the server is full, try again later\r\n");
        if let Some(seat) = self.refusals.take() {
            // Without room for that either, the connection is dropped together with the task.
            let _ = spawn(async move {
                let _seat = seat;
                let _ = client.part().await;
            });
        }
    }

    async fn serve(self: Rc<Self>, client: Rc<Client>, _seat: Seat) {
        let peer = client.peer();
        let mut outcome = match self.answer(&client).await {
            Ok(()) => Ok(()),
            Err(Trouble::Refused(reason)) => {
                info!("{peer}: refused: {reason}");
                let line = format!("error: {reason}\r\n");
                client.send(line.as_bytes()).await
            }
            Err(Trouble::Lost(error)) => Err(error),
        };
        if outcome.is_ok() {
            outcome = client.part().await;
        }
        match outcome {
            Ok(()) => info!("{peer}: closed"),
            Err(error) => info!("{peer}: lost: {error}"),
        }
    }

    async fn answer(&self, client: &Client) -> Result<(), Trouble> {
        let peer = client.peer();
        client.send(PROMPT).await?;
        let name = client.read_name().await?;
        info!("{peer}: asks for {name:?}");
        let stall = self.patience.stall;
        let mut pieces = match timeout(stall, self.open(&name)).await {
            Ok(pieces) => pieces?,
            Err(_) => return refuse("the file cannot be opened in time, try again later"),
        };

        let unfinished = client.reset_on_drop();
        let mut sent = 0;
        loop {
            client.send(pieces.bytes()).await?;
            sent += pieces.bytes().len();
            if pieces.is_last() {
                break;
            }
            let next = on_a_thread(|| pieces.next());
            let next = timeout(stall, next).await.map_err(io::Error::from)?;
            pieces = next.map_err(io::Error::from)??;
        }
        unfinished.disarm();
        info!("{peer}: sent {name:?}, {sent} bytes");
        Ok(())
    }

    /// Opens a file and reads its first piece.
    async fn open(&self, name: &str) -> Result<Pieces, Trouble> {
        loop {
            let (root, name) = (Arc::clone(&self.root), name.to_owned());
            let opened = on_a_thread(move || {
                let file = folder::open(&root, &name)?;
                Pieces::of(file, PIECE).map_err(Refusal::from)
            });
            match opened.await {
                Ok(Ok(pieces)) => return Ok(pieces),
                // Other clients will be done with their files.
                Ok(Err(Refusal::OutOfDescriptors)) => sleep(shortage::REST).await,
                Err(error) => return Err(io::Error::from(error).into()),
                Ok(Err(refusal)) => {
                    debug!("{refusal:?}");
                    return refuse(refusal.to_string());
                }
            }
        }
    }
}

// ANCHOR: run
async fn run(options: Options) -> io::Result<()> {
    let mut ctrl_c = polliwog::signal::ctrl_c();
    let listener = TcpListener::bind(&*options.addr)
        .await
        .map_err(|error| describe(error, &format!("cannot listen on {}", options.addr)))?;
    // Nobody may be reading that, which is no reason to stop.
    let _ = writeln!(io::stdout(), "listening on {}", listener.local_addr()?);
    info!("serving {}", options.root.display());

    let server = Rc::new(Server {
        root: options.root.into(),
        patience: options.patience,
        clients: Seats::new(options.max_clients),
        refusals: Seats::new(REFUSALS),
    });
    let accepting = spawn(Rc::clone(&server).run(listener))?;
    (&mut ctrl_c)
        .await
        .map_err(|error| describe(error, "cannot wait for Ctrl-C"))?;
    accepting.abort();
    let _ = accepting.await; // Now the listener is closed.
    info!("stopping, {} clients are left", server.clients.taken());
    futures::either(timeout(GRACE, server.clients.all_free()), ctrl_c).await;
    Ok(())
}
// ANCHOR_END: run

fn describe(error: io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("file-server: {error}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    // Two more tasks: the one that accepts, and the one that waits for Ctrl-C.
    let runtime = Runtime::builder()
        .max_tasks(options.max_clients + REFUSALS + 2)
        .blocking_threads(READERS)
        .build();
    match runtime.and_then(|runtime| runtime.block_on(run(options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("file-server: {error}");
            ExitCode::FAILURE
        }
    }
}
