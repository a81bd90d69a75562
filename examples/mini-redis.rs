//! A small Redis with a fixed amount of memory, until Ctrl-C:
//!
//! ```text
//! cargo run --example mini-redis -- --addr 127.0.0.1:6379
//! redis-cli incr visitors
//! ```
//!
//! The first line that it prints is `listening on 127.0.0.1:6379`; `RUST_LOG=info` shows
//! connections. The commands are in `shared/redis`; a microcontroller's firmware compiles the
//! same files.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use log::{info, warn};
use polliwog::net::{TcpListener, TcpStream};
use polliwog::time::sleep;
use polliwog::{Runtime, signal, spawn, yield_now};

use options::Asked;
use redis::Redis;

#[path = "shared/options.rs"]
mod options;
#[path = "shared/redis/mod.rs"]
mod redis;

const HELP: &str = "\
A small Redis:
  GET SET SETNX GETSET GETDEL MGET MSET APPEND STRLEN INCR DECR INCRBY DECRBY
  DEL UNLINK EXISTS KEYS TYPE DBSIZE FLUSHALL EXPIRE PEXPIRE TTL PTTL PERSIST
  PUBLISH SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE PING ECHO QUIT

Usage: mini-redis [OPTIONS]

  --addr HOST:PORT    where to listen [127.0.0.1:6379]; with port 0 any free port
  --help              this text

It stores 256 KiB; commands and values can be 16 KiB long, messages 8 KiB. Subscribers who are
64 KiB behind are closed. RUST_LOG=info shows connections. Ctrl-C ends the server.
";

/// Bytes of a connection's two buffers each.
const BUFFER: usize = 16 << 10;
type Shared = Rc<Redis<{ 256 << 10 }, { 64 << 10 }>>;

/// Milliseconds, for keys that expire.
fn now() -> u64 {
    polliwog::Instant::now().as_duration().as_millis() as u64
}

fn run() -> Result<(), (u8, String)> {
    let mut addr = "127.0.0.1:6379".to_owned();
    let asked = options::parse(std::env::args_os().skip(1), |name, value| {
        match name {
            "addr" => addr = options::address(value)?,
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
    Runtime::builder()
        .build()
        .and_then(|runtime| runtime.block_on(until_ctrl_c(&addr)))
        .map_err(|error| (1, format!("{addr}: {error}")))
}

async fn until_ctrl_c(addr: &str) -> io::Result<()> {
    let ctrl_c = signal::ctrl_c();
    let listener = TcpListener::bind(addr).await?;
    // Nobody may be reading that, which is no reason to stop.
    let _ = writeln!(io::stdout(), "listening on {}", listener.local_addr()?);
    spawn(serve(listener))?.detach();
    ctrl_c.await
}

/// Accepts connections for ever.
async fn serve(listener: TcpListener) {
    let store = Shared::new(Redis::new(now));
    loop {
        match listener.accept().await {
            // Without room for another task the connection is dropped, which closes it.
            Ok((stream, peer)) => match spawn(handle(stream, peer, store.clone())) {
                Ok(task) => task.detach(),
                Err(error) => warn!("{peer}: dropped: {error}"),
            },
            Err(error) => {
                warn!("cannot accept, trying again in a second: {error}");
                sleep(Duration::from_secs(1)).await;
            }
        }
        yield_now().await; // However many arrive, those who are here get their turn.
    }
}

async fn handle(stream: TcpStream, peer: SocketAddr, store: Shared) {
    info!("{peer}: connected");
    match redis::serve::<BUFFER, _, _, _>(stream, &store).await {
        Ok(commands) => info!("{peer}: closed after {commands} commands"),
        Err(error) => info!("{peer}: lost: {error}"),
    }
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn")).init();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            eprintln!("mini-redis: {error}");
            ExitCode::from(code)
        }
    }
}
