//! A reverse proxy: takes connections and passes them on to one of several servers, until Ctrl-C.
//!
//! ```text
//! cargo run --release --manifest-path examples/http-server/Cargo.toml -- --root .
//! cargo run --example reverse-proxy -- --upstream 127.0.0.1:8080 --mode http
//! curl -i http://127.0.0.1:8000/README.md
//! ```
//!
//! The first line that it prints is `listening on 127.0.0.1:8000`. The bytes go through `copy_bidirectional`, so a
//! slow reader slows down the one who sends, and what is closed on one side is closed on the other. How the
//! upstream learns who asks is the mode:
//!
//! * `tcp`: it does not. Any protocol goes through.
//! * `proxy`: the PROXY protocol, version 1, a line before everything else. Any protocol goes through.
//! * `http`: a header `Forwarded` in the request; one request for each connection. When no upstream is there,
//!   the client sees a page that says so, where in the other modes its connection is closed.
//!
//! Upstreams take turns. One that cannot be reached is left out for some seconds, unless there is no other.
//! After Ctrl-C nobody is let in any more, and who is inside has some seconds to finish.
#![forbid(unsafe_code)]

mod head;
#[path = "../shared/options.rs"]
mod options;
#[path = "../shared/seats.rs"]
mod seats;
mod upstreams;
mod watched;

use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use log::{info, warn};
use polliwog::io::copy_bidirectional;
use polliwog::net::{TcpListener, TcpStream};
use polliwog::time::{sleep, timeout};
use polliwog::{Runtime, select, signal, spawn, yield_now};

use options::Asked;
use seats::{Seat, Seats};
use upstreams::Upstreams;
use watched::{Activity, Watched};

const HELP: &str = "\
A reverse proxy for TCP and HTTP/1.1.

Usage: reverse-proxy --upstream HOST:PORT [OPTIONS]

  --addr HOST:PORT       where to listen [127.0.0.1:8000]; with port 0 any free port
  --upstream HOST:PORT   where to pass connections on to; several take turns
  --mode MODE            how an upstream is told who asks: tcp (not at all), proxy (a line of the
                         PROXY protocol, version 1), http (a header Forwarded) [tcp]
  --connect-timeout S    how many seconds an upstream may take for a connection [5]
  --idle-timeout S       how many seconds a connection may be silent [60]
  --max-clients N        how many connections there are at a time [1000]; others are closed
  --grace S              how many seconds connections may go on after Ctrl-C [3]
  --help                 this text

RUST_LOG=info shows connections.
";

/// How long a client may go on sending what nobody wants, so that it sees the answer to what came before.
const LINGER: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Tcp,
    Proxy,
    Http,
}

struct Options {
    addr: String,
    upstreams: Vec<String>,
    mode: Mode,
    connect: Duration,
    idle: Duration,
    max_clients: usize,
    grace: Duration,
}

fn seconds(value: OsString) -> Result<Duration, String> {
    let number = options::text(value)?.parse().ok();
    let duration = number.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    (duration.filter(|duration| !duration.is_zero()))
        .ok_or_else(|| "a number of seconds above zero is needed".to_owned())
}

impl Options {
    fn set(&mut self, name: &str, value: OsString) -> Result<bool, String> {
        match name {
            "addr" => self.addr = options::address(value)?,
            "upstream" => self.upstreams.push(options::address(value)?),
            "mode" => {
                self.mode = match &*options::text(value)? {
                    "tcp" => Mode::Tcp,
                    "proxy" => Mode::Proxy,
                    "http" => Mode::Http,
                    _ => return Err("tcp, proxy or http is needed".into()),
                }
            }
            "connect-timeout" => self.connect = seconds(value)?,
            "idle-timeout" => self.idle = seconds(value)?,
            "grace" => self.grace = seconds(value)?,
            "max-clients" => {
                let number = options::text(value)?.parse().ok();
                self.max_clients = number
                    .filter(|n| (1..=1_000_000).contains(n))
                    .ok_or("a number from 1 to 1000000 is needed")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `None` if help was asked for.
    fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Option<Self>, String> {
        let mut options = Options {
            addr: "127.0.0.1:8000".to_owned(),
            upstreams: Vec::new(),
            mode: Mode::Tcp,
            connect: Duration::from_secs(5),
            idle: Duration::from_secs(60),
            max_clients: 1000,
            grace: Duration::from_secs(3),
        };
        if options::parse(arguments, |name, value| options.set(name, value))? == Asked::Help {
            return Ok(None);
        }
        if options.upstreams.is_empty() {
            return Err("an --upstream is needed".into());
        }
        Ok(Some(options))
    }
}

/// What all connections share.
struct Proxy {
    mode: Mode,
    connect: Duration,
    idle: Duration,
    upstreams: Upstreams,
}

impl Proxy {
    async fn accept(self: Rc<Self>, listener: TcpListener, seats: Rc<Seats>) {
        loop {
            match listener.accept().await {
                Ok((client, peer)) => match seats.take() {
                    Some(seat) => {
                        if let Ok(task) = spawn(Rc::clone(&self).serve(client, peer, seat)) {
                            task.detach();
                        }
                    }
                    None => warn!("{peer}: turned away: {} are here", seats.limit()),
                },
                Err(error) => {
                    warn!("cannot accept, trying again in a second: {error}");
                    sleep(Duration::from_secs(1)).await;
                }
            }
            yield_now().await; // However many arrive, those who are here get their turn.
        }
    }

    async fn serve(self: Rc<Self>, client: TcpStream, peer: SocketAddr, _seat: Seat) {
        match self.pass_on(&client, peer).await {
            Ok((up, down)) => info!("{peer}: {up} bytes up, {down} bytes down"),
            Err(error) => {
                info!("{peer}: {error}");
                // A connection that is dropped with something unread is reset, and what the client has not
                // read yet is lost with it.
                let _ = client.shutdown(Shutdown::Write);
                let _ = timeout(LINGER, drain(&client)).await;
            }
        }
    }

    async fn pass_on(&self, client: &TcpStream, peer: SocketAddr) -> io::Result<(u64, u64)> {
        client.set_nodelay(true)?;
        let first = match self.mode {
            Mode::Tcp => Vec::new(),
            Mode::Proxy => head::proxy_line(peer, client.local_addr()?).into_bytes(),
            Mode::Http => match timeout(self.idle, request(client, peer)).await {
                Ok(Ok(first)) => first,
                Ok(Err((status, error))) => return self.refuse(client, status, error).await,
                Err(_) => {
                    let error = ErrorKind::TimedOut.into();
                    return self.refuse(client, "408 Request Timeout", error).await;
                }
            },
        };
        let server = match self.upstreams.connect(self.connect).await {
            Ok(server) => server,
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return self.refuse(client, "504 Gateway Timeout", error).await;
            }
            Err(error) => return self.refuse(client, "502 Bad Gateway", error).await,
        };
        let activity = Activity::default();
        let mut near = Watched::new(client, &activity);
        if self.mode == Mode::Http {
            near = near.with_an_answer();
        }
        let mut far = Watched::new(&server, &activity);
        let copying = async {
            server.set_nodelay(true)?;
            server.write_all(&first).await?;
            copy_bidirectional(&mut near, &mut far).await
        };
        let copied = select! {
            copied = copying => copied,
            () = activity.none_for(self.idle) => Err(ErrorKind::TimedOut.into()),
        };
        match copied {
            Ok((up, down)) => Ok((up + first.len() as u64, down)),
            // The client has an answer, or at least the beginning of one.
            Err(error) if near.written() > 0 => Err(error),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                self.refuse(client, "504 Gateway Timeout", error).await
            }
            Err(error) => self.refuse(client, "502 Bad Gateway", error).await,
        }
    }

    /// Tells the client why it goes no further.
    async fn refuse<T>(&self, client: &TcpStream, status: &str, error: io::Error) -> io::Result<T> {
        if self.mode == Mode::Http {
            let text = match status.as_bytes()[0] {
                b'4' => error.to_string(),
                _ => "The server behind this one does not answer. Try again later.".to_owned(),
            };
            client
                .write_all(head::page(status, &text).as_bytes())
                .await?;
        }
        Err(error)
    }
}

/// The head of a request as it is passed on, and what has come after it.
async fn request(
    client: &TcpStream,
    peer: SocketAddr,
) -> Result<Vec<u8>, (&'static str, io::Error)> {
    let mut buf = vec![0; head::MAX];
    let mut filled = 0;
    let end = loop {
        let bad = |kind| ("400 Bad Request", io::Error::from(kind));
        if filled == buf.len() {
            let error = io::Error::other("the head of the request is too long");
            return Err(("431 Request Header Fields Too Large", error));
        }
        match client.read(&mut buf[filled..]).await {
            Ok(0) => return Err(bad(ErrorKind::UnexpectedEof)),
            Ok(count) => filled += count,
            Err(error) => return Err(bad(error.kind())),
        }
        if let Some(end) = head::end(&buf[..filled]) {
            break end;
        }
    };
    let mut first = head::forwarded(&buf[..end], peer)
        .map_err(|what| ("400 Bad Request", io::Error::other(what)))?;
    first.extend_from_slice(&buf[end..filled]);
    Ok(first)
}

async fn drain(client: &TcpStream) {
    let mut buf = [0; 4096];
    while matches!(client.read(&mut buf).await, Ok(1..)) {}
}

async fn run(options: Options) -> io::Result<()> {
    let mut ctrl_c = signal::ctrl_c();
    let listener = TcpListener::bind(&*options.addr)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen: {error}")))?;
    // Nobody may be reading that, which is no reason to stop.
    let _ = writeln!(io::stdout(), "listening on {}", listener.local_addr()?);

    let seats = Seats::new(options.max_clients);
    let proxy = Rc::new(Proxy {
        mode: options.mode,
        connect: options.connect,
        idle: options.idle,
        upstreams: Upstreams::new(options.upstreams),
    });
    let accepting = spawn(proxy.accept(listener, Rc::clone(&seats)))?;
    (&mut ctrl_c).await?;
    accepting.abort();
    let _ = accepting.await; // Now the listener is closed.
    if timeout(options.grace, seats.all_free()).await.is_err() {
        warn!("{} connections did not end", seats.taken());
    }
    Ok(())
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("reverse-proxy: {error}\nTry --help.");
            return ExitCode::from(2);
        }
    };
    // One more task: the one that accepts.
    let runtime = Runtime::builder()
        .max_tasks(options.max_clients + 1)
        .build();
    match runtime.and_then(|runtime| runtime.block_on(run(options))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reverse-proxy: {error}");
            ExitCode::FAILURE
        }
    }
}
