//! A small Redis with a fixed amount of memory, until Ctrl-C:
//!
//! ```text
//! cargo run --example mini-redis -- --addr 127.0.0.1:6379
//! redis-cli incr visitors
//! ```
//!
//! The first line that it prints is `listening on 127.0.0.1:6379`; `RUST_LOG=info` shows
//! connections. The commands are in `shared/redis`; a microcontroller's firmware compiles the
//! same files, and `tests/simulated.rs` runs the whole in a simulation.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use polliwog::net::TcpListener;
use polliwog::{Runtime, signal, spawn};

use options::Asked;

#[path = "shared/options.rs"]
mod options;
#[path = "shared/redis/mod.rs"]
mod redis;
#[path = "shared/redis_server.rs"]
mod redis_server;

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
    spawn(redis_server::serve(listener))?.detach();
    ctrl_c.await
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
