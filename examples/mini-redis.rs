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
//!
//! With `--workers N` it runs on N threads. A connection is on whatever worker it has come to; a key is on the worker of
//! its hash, in a store without a lock, and a command for it is a task there (`shared/redis_workers.rs`). What can be
//! relied on:
//!
//! * A command whose keys are all on one worker is done at once, as in Redis: nobody sees half of it. Keys with the
//!   same text in braces are on one worker, as in a cluster of Redis': `{frog}:name` and `{frog}:age`.
//! * A command whose keys are on several workers (`DEL`, `UNLINK`, `EXISTS`, `MGET`, `MSET`), and `DBSIZE`, `KEYS`,
//!   `FLUSHALL` and `FLUSHDB` are done at once on each worker, but on one sooner than on another: others may see a part
//!   of it. What has been done on one stays if there is no room on another; the answer is the error, then.
//! * The commands of a connection are done in their order, each when the one before is done everywhere, and answered in
//!   that order, however many are sent at once.
//! * `PUBLISH` answers when the subscribers of all workers have the message. Those of one connection come in their
//!   order; those of several may come to subscribers on different workers in different orders.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use polliwog::cluster::{Accepting, Cluster};
use polliwog::net::TcpListener;
use polliwog::{Runtime, signal, spawn};

use options::Asked;
use redis_workers::Workers;

#[path = "shared/options.rs"]
mod options;
#[path = "shared/redis/mod.rs"]
mod redis;
#[path = "shared/redis_server.rs"]
mod redis_server;
#[path = "shared/redis_workers.rs"]
mod redis_workers;

const HELP: &str = "\
A small Redis:
  GET SET SETNX GETSET GETDEL MGET MSET APPEND STRLEN INCR DECR INCRBY DECRBY
  DEL UNLINK EXISTS KEYS TYPE DBSIZE FLUSHALL EXPIRE PEXPIRE TTL PTTL PERSIST
  PUBLISH SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE PING ECHO QUIT

Usage: mini-redis [OPTIONS]

  --addr HOST:PORT    where to listen [127.0.0.1:6379]; with port 0 any free port
  --workers N         how many threads share the keys [1]
  --help              this text

It stores 256 KiB with each worker; commands and values can be 16 KiB long, messages 8 KiB. Subscribers who are
64 KiB behind are closed. RUST_LOG=info shows connections. Ctrl-C ends the server.
";

fn run() -> Result<(), (u8, String)> {
    let (mut addr, mut workers) = ("127.0.0.1:6379".to_owned(), 1);
    let asked = options::parse(std::env::args_os().skip(1), |name, value| {
        match name {
            "addr" => addr = options::address(value)?,
            "workers" => {
                let number = options::text(value)?.parse().ok();
                let number = number.filter(|n| (1..=1024).contains(n));
                workers = number.ok_or("a number from 1 to 1024 is needed")?;
            }
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
    let run = match workers {
        1 => alone(&addr),
        workers => on_workers(&addr, workers),
    };
    run.map_err(|error| (1, format!("{addr}: {error}")))
}

fn alone(addr: &str) -> io::Result<()> {
    let runtime = Runtime::builder().build()?;
    runtime.block_on(until_ctrl_c(addr))
}

fn on_workers(addr: &str, workers: usize) -> io::Result<()> {
    let cluster = Cluster::builder().workers(workers).build()?;
    let stores = Workers::new(&cluster);
    let serve = move |stream, peer| stores.clone().serve(stream, peer);
    polliwog::block_on(async {
        let ctrl_c = signal::ctrl_c();
        let addr = cluster.serve(addr, Accepting::default(), serve)?;
        let _ = writeln!(io::stdout(), "listening on {addr}");
        ctrl_c.await
    })?;
    cluster.shutdown();
    cluster.join();
    Ok(())
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
