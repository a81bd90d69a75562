//! A forwarder for DNS by UDP: it passes each query on to another server and the answer back.
//!
//! ```text
//! cargo run --example dns-forwarder -- --addr 127.0.0.1:5353 --upstream 9.9.9.9:53
//! dig @127.0.0.1 -p 5353 example.org
//! ```
//!
//! The first line that it prints is `listening on 127.0.0.1:5353`; `RUST_LOG=info` shows queries. It ends with
//! Ctrl-C.
//!
//! One socket faces the clients. Every query is a task with a socket of its own, from a port that the system
//! chooses: so nobody has to keep a table of who asked what, and a stranger who wants to slip in an answer
//! has to guess the port as well. It is connected, so that the system throws away what others send, and
//! tells when nobody is there. A query that is not answered in time is sent once more, then the client hears
//! that the server has failed. When there are too many queries, the next ones are dropped: clients of
//! UDP repeat what matters to them.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use log::{info, warn};
use polliwog::net::{UdpSocket, lookup_host};
use polliwog::time::timeout;
use polliwog::{Runtime, signal, spawn};

#[path = "shared/options.rs"]
mod options;

use options::Asked;

/// Longer datagrams are cut off. Clients that take more than 512 bytes say so in the query, up to 4096 as a
/// rule.
const LONGEST: usize = 4096;
/// How often a query is sent before it has failed.
const ATTEMPTS: u32 = 2;
/// The header: number, flags, and how many questions and records there are.
const HEADER: usize = 12;

const HELP: &str = "\
Passes queries for names on to another server.

Usage: dns-forwarder [OPTIONS]

  --addr HOST:PORT      where to listen [127.0.0.1:5353]; with port 0 any free port
  --upstream HOST:PORT  the server that knows the answers [9.9.9.9:53]
  --timeout MS          how long it may take to answer, twice [2000]
  --max-queries N       how many may be under way [1000]; further ones are dropped
  --help                this text

RUST_LOG=info shows queries. Ctrl-C ends the forwarder.
";

struct Settings {
    addr: String,
    upstream: String,
    timeout: Duration,
    max_queries: usize,
}

fn number(value: std::ffi::OsString, most: u64) -> Result<u64, String> {
    let number = options::text(value)?.parse().ok();
    number
        .filter(|n| (1..=most).contains(n))
        .ok_or(format!("a number from 1 to {most} is needed"))
}

fn run() -> Result<(), (u8, String)> {
    let mut settings = Settings {
        addr: "127.0.0.1:5353".to_owned(),
        upstream: "9.9.9.9:53".to_owned(),
        timeout: Duration::from_millis(2000),
        max_queries: 1000,
    };
    let asked = options::parse(std::env::args_os().skip(1), |name, value| {
        match name {
            "addr" => settings.addr = options::address(value)?,
            "upstream" => settings.upstream = options::address(value)?,
            "timeout" => settings.timeout = Duration::from_millis(number(value, 60_000)?),
            "max-queries" => settings.max_queries = number(value, 100_000)? as usize,
            _ => return Ok(false),
        }
        Ok(true)
    });
    match asked {
        Ok(Asked::Run) => {}
        Ok(Asked::Help) => {
            let _ = io::stdout().write_all(HELP.as_bytes());
            return Ok(());
        }
        Err(error) => return Err((2, format!("{error}\nTry --help."))),
    }
    // A task for each query, one that receives them, and the one that waits for Ctrl-C.
    let runtime = Runtime::builder()
        .max_tasks(settings.max_queries + 2)
        .build();
    runtime
        .and_then(|runtime| runtime.block_on(until_ctrl_c(settings)))
        .map_err(|error| (1, error.to_string()))
}

async fn until_ctrl_c(settings: Settings) -> io::Result<()> {
    let ctrl_c = signal::ctrl_c();
    let upstream = lookup_host(&settings.upstream).await?;
    let upstream = *upstream.first().ok_or(io::ErrorKind::NotFound)?;
    let socket = UdpSocket::bind(&settings.addr).await?;
    // Nobody may be reading that, which is no reason to stop.
    let _ = writeln!(io::stdout(), "listening on {}", socket.local_addr()?);
    spawn(serve(Rc::new(socket), upstream, settings.timeout))?.detach();
    ctrl_c.await
}

/// Begins a task for each query, for ever.
async fn serve(socket: Rc<UdpSocket>, upstream: SocketAddr, patience: Duration) {
    let mut buf = [0; LONGEST];
    loop {
        let (len, client) = match socket.recv_from(&mut buf).await {
            Ok(received) => received,
            // It is about an answer to somebody who has gone.
            Err(error) => {
                info!("cannot receive: {error}");
                continue;
            }
        };
        let query = &buf[..len];
        if is_answer(query) || question(query).is_none() {
            info!("{client}: not a query");
            continue;
        }
        let task = handle(
            Rc::clone(&socket),
            client,
            query.to_vec(),
            upstream,
            patience,
        );
        match spawn(task) {
            Ok(task) => task.detach(),
            Err(error) => warn!("{client}: dropped: {error}"),
        }
    }
}

async fn handle(
    socket: Rc<UdpSocket>,
    client: SocketAddr,
    query: Vec<u8>,
    upstream: SocketAddr,
    patience: Duration,
) {
    let answer = match ask(&query, upstream, patience).await {
        Ok(answer) => {
            info!("{client}: an answer of {} bytes", answer.len());
            answer
        }
        Err(error) => {
            warn!("{client}: no answer: {error}");
            failure(&query)
        }
    };
    if let Err(error) = socket.send_to(&answer, client).await {
        info!("{client}: cannot be answered: {error}");
    }
}

/// Asks the other server, from a port of its own.
async fn ask(query: &[u8], upstream: SocketAddr, patience: Duration) -> io::Result<Vec<u8>> {
    let any = if upstream.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(upstream).await?;
    let mut buf = vec![0; LONGEST];
    for _ in 0..ATTEMPTS {
        socket.send(query).await?;
        let answered = timeout(patience, async {
            loop {
                let len = socket.recv(&mut buf).await?;
                if answers(&buf[..len], query) {
                    return io::Result::Ok(len);
                }
            }
        });
        if let Ok(result) = answered.await {
            buf.truncate(result?);
            return Ok(buf);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn is_answer(message: &[u8]) -> bool {
    message.get(2).is_some_and(|flags| flags & 0x80 != 0)
}

/// Whether it has the number and the question of the query; upper case and lower case are the same.
fn answers(answer: &[u8], query: &[u8]) -> bool {
    let same = match (question(answer), question(query)) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => false,
    };
    same && is_answer(answer) && answer[..2] == query[..2]
}

/// The one question of a message: a name, of labels with their lengths, a type and a class.
fn question(message: &[u8]) -> Option<&[u8]> {
    if message.get(4..6)? != [0, 1] {
        return None;
    }
    let mut end = HEADER;
    loop {
        match usize::from(*message.get(end)?) {
            0 => break,
            label @ 1..=63 => end += 1 + label,
            // A reference to another place, which a first name has no use for.
            _ => return None,
        }
    }
    message.get(HEADER..end + 5)
}

/// The answer that the server has failed.
fn failure(query: &[u8]) -> Vec<u8> {
    let question = question(query).unwrap_or_default();
    let mut answer = query[..2].to_vec();
    // An answer, to the same kind of query, by a server that asks others: "SERVFAIL".
    answer.extend([0x80 | query[2] & 0x79, 0x80 | 2]);
    answer.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    answer.extend(question);
    answer
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            eprintln!("dns-forwarder: {error}");
            ExitCode::from(code)
        }
    }
}
