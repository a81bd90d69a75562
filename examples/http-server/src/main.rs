//! Serves the files of a folder over HTTP/1.1, by hyper, which runs on polliwog as it is: no tokio, no glue.
//!
//! ```text
//! cargo run --release --manifest-path examples/http-server/Cargo.toml -- --root .
//! curl -i http://127.0.0.1:8080/README.md
//! curl -r 0-99 http://127.0.0.1:8080/README.md
//! ```
//!
//! The first line on the standard output is `listening on http://127.0.0.1:8080/`. Files have their MIME type,
//! a date and an entity tag, so that browsers ask whether a copy is still good and go on with a download
//! that broke off. Folders have `index.html` or else a page that lists them. Nothing outside of the root is
//! given out. With `--tls FOLDER`, where `cert.pem` and `key.pem` lie, it speaks HTTPS:
//!
//! ```text
//! openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost \
//!     -keyout key.pem -out cert.pem
//! ```
//!
//! With feature `trace` it prints its tasks at each `kill -USR1`: what they do, how long they were polled, and where
//! they were spawned; and it tells of polls that take longer than a tenth of a second.
//!
//! Ctrl-C ends the server: idle connections at once, others when their answer has gone, after three seconds in
//! any case. A client gets 30 seconds to send the head of a request or to take a piece of its answer.

mod answer;
#[allow(dead_code, reason = "some of it is for other servers")]
#[path = "../../shared/folder.rs"]
mod folder;
mod listing;
#[path = "../../shared/options.rs"]
mod options;
mod patient;
#[allow(dead_code, reason = "some of it is for other servers")]
#[path = "../../shared/seats.rs"]
mod seats;
#[path = "../../shared/shortage.rs"]
mod shortage;
#[cfg(feature = "tls")]
mod tls;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use polliwog::hyper::PolliwogTimer;
use polliwog::net::{TcpListener, TcpStream};
use polliwog::sync::local::CancellationToken;
use polliwog::time::{sleep, timeout};
use polliwog::{Runtime, select, spawn};

use options::Asked;
use patient::Patient;
use seats::{Seat, Seats};

const HELP: &str = "\
Serves the files of a folder over HTTP/1.1.

Usage: http-server [OPTIONS]

  --addr HOST:PORT     where to listen [127.0.0.1:8080]; with port 0 any free port
  --root FOLDER        the folder whose files are served [the working directory]
  --tls FOLDER         HTTPS, with cert.pem and key.pem from this folder
  --max-clients N      how many connections there are at a time [1000]; others are closed
  --stall-timeout S    how many seconds a client may take for the head of a request, and how
                       many it may go on without taking a byte of its answer [30]
  --help               this text
";

/// How long requests that are being answered may go on after Ctrl-C.
const GRACE: Duration = Duration::from_secs(3);

struct Options {
    addr: String,
    root: PathBuf,
    tls: Option<PathBuf>,
    max_clients: usize,
    stall: Duration,
}

impl Options {
    fn set(&mut self, name: &str, value: OsString) -> Result<bool, String> {
        match name {
            "addr" => self.addr = options::address(value)?,
            "root" => self.root = value.into(),
            "tls" => self.tls = Some(value.into()),
            "max-clients" => {
                let number = options::text(value)?.parse().ok();
                self.max_clients = number
                    .filter(|n| (1..=1_000_000).contains(n))
                    .ok_or("a number from 1 to 1000000 is needed")?;
            }
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

    /// `None` if help was asked for.
    fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Option<Self>, String> {
        let mut options = Options {
            addr: "127.0.0.1:8080".to_owned(),
            root: PathBuf::from("."),
            tls: None,
            max_clients: 1000,
            stall: Duration::from_secs(30),
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
    stall: Duration,
    stopping: CancellationToken,
    #[cfg(feature = "tls")]
    tls: Option<tls::Acceptor>,
}

impl Server {
    async fn accept(self: Rc<Self>, listener: TcpListener, seats: Rc<Seats>) {
        loop {
            let stream = match listener.accept().await {
                Ok((stream, _peer)) => stream,
                // The listener waits by itself when the system is short of something.
                Err(error) => {
                    eprintln!("http-server: cannot accept, trying again in a second: {error}");
                    sleep(Duration::from_secs(1)).await;
                    continue;
                }
            };
            // Without a seat the connection is closed, which a client takes for a reason to come back later.
            let Some(seat) = seats.take() else { continue };
            if let Ok(task) = spawn(Rc::clone(&self).serve(stream, seat)) {
                task.detach();
            }
        }
    }

    async fn serve(self: Rc<Self>, stream: TcpStream, _seat: Seat) {
        let _ = stream.set_nodelay(true);
        let stream = Patient::new(stream, self.stall);
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            // Whoever cannot make themselves understood, or not in time, is let go.
            if let Ok(Ok(stream)) = timeout(self.stall, tls.accept(stream)).await {
                self.converse(hyper_util::rt::TokioIo::new(stream)).await;
            }
            return;
        }
        self.converse(stream).await;
    }

    async fn converse(&self, io: impl hyper::rt::Read + hyper::rt::Write + Unpin) {
        let root = &self.root;
        let service = service_fn(move |request| answer::answer(Arc::clone(root), request));
        let mut connection = pin!(
            hyper::server::conn::http1::Builder::new()
                .timer(PolliwogTimer)
                .header_read_timeout(self.stall)
                // Who has asked all it wanted, and closes that direction, wants the answers.
                .half_close(true)
                .serve_connection(io, service)
        );
        // Its errors are the client's: a reset, a timeout, no HTTP.
        let _ = select! {
            ended = connection.as_mut() => ended,
            () = self.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
    }
}

// ANCHOR: dump
/// Takes SIGUSR1 from now on; the future prints the tasks each time, until the server ends.
#[cfg(all(unix, feature = "trace"))]
fn print_tasks() -> io::Result<impl Future<Output = ()>> {
    use polliwog::signal::unix::{SignalKind, signal};
    let handle = polliwog::Handle::try_current()?;
    let mut asked = signal(SignalKind::user_defined1())?;
    Ok(async move {
        while asked.recv().await.is_some() {
            eprint!("{}", handle.dump());
        }
    })
}
// ANCHOR_END: dump

async fn run(options: Options) -> io::Result<()> {
    let mut ctrl_c = polliwog::signal::ctrl_c();
    #[cfg(all(unix, feature = "trace"))]
    spawn(print_tasks()?)?.detach();
    #[cfg(feature = "tls")]
    let tls = options.tls.as_deref().map(tls::acceptor).transpose()?;
    #[cfg(not(feature = "tls"))]
    if options.tls.is_some() {
        return Err(io::Error::other("--tls: built without the feature `tls`"));
    }
    let listener = TcpListener::bind(&*options.addr)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen: {error}")))?;
    let scheme = if options.tls.is_some() {
        "https"
    } else {
        "http"
    };
    // Nobody may be reading that, which is no reason to stop.
    let _ = writeln!(
        io::stdout(),
        "listening on {scheme}://{}/",
        listener.local_addr()?
    );

    let seats = Seats::new(options.max_clients);
    let server = Rc::new(Server {
        root: options.root.into(),
        stall: options.stall,
        stopping: CancellationToken::new(),
        #[cfg(feature = "tls")]
        tls,
    });
    let accepting = spawn(Rc::clone(&server).accept(listener, Rc::clone(&seats)))?;
    (&mut ctrl_c).await?;
    accepting.abort();
    let _ = accepting.await; // Now the listener is closed.
    server.stopping.cancel();
    let _ = timeout(GRACE, seats.all_free()).await;
    Ok(())
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("http-server: {error}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    #[cfg(feature = "trace")]
    polliwog::trace::set_stall_limit(Some(Duration::from_millis(100)), |stall| {
        eprintln!("http-server: {stall}");
    });
    // More tasks: the one that accepts, and with feature `trace` the one that waits for SIGUSR1.
    let more = if cfg!(feature = "trace") { 2 } else { 1 };
    let runtime = Runtime::builder()
        .max_tasks(options.max_clients + more)
        .build();
    match runtime.and_then(|runtime| runtime.block_on(run(options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("http-server: {error}");
            ExitCode::FAILURE
        }
    }
}
