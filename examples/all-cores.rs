//! All cores: a computation that is spread over them, and an echo server on each of them.
//!
//! ```text
//! cargo run --release --example all-cores                                  # computes, and ends
//! cargo run --release --example all-cores -- --addr 127.0.0.1:7878         # and serves until Ctrl-C
//! cargo run --release --example all-cores -- --workers 2 --addr 127.0.0.1:7878
//! ```
//!
//! With the reactor `mio`, on Unix as far as it serves.
#![forbid(unsafe_code)]

use std::io;
use std::process::ExitCode;

use polliwog::cluster::{Cluster, Outcome, PanicPolicy, Worker};
use polliwog::net::TcpListener;
use polliwog::{signal, spawn};

#[path = "shared/echo.rs"]
mod echo;
#[path = "shared/options.rs"]
mod options;

const HELP: &str = "\
Counts primes on all cores; then, if asked to, sends back what clients send.

Usage: all-cores [OPTIONS]

  --workers N         how many threads [the CPUs that the process may use]
  --addr HOST:PORT    where to serve, until Ctrl-C
  --help              this text";

/// Numbers below this are looked at, in so many parts.
const LIMIT: u32 = 400_000;
const PARTS: u32 = 400;

fn main() -> ExitCode {
    let (mut builder, mut addr) = (Cluster::builder(), None);
    let asked = options::parse(std::env::args_os().skip(1), |name, value| {
        match name {
            "addr" => addr = Some(options::address(value)?),
            "workers" => {
                let number = options::text(value)?.parse().ok();
                let number = number.filter(|n| (1..=1024).contains(n));
                let number = number.ok_or("a number from 1 to 1024 is needed")?;
                builder = builder.clone().workers(number);
            }
            _ => return Ok(false),
        }
        Ok(true)
    });
    match asked {
        Ok(options::Asked::Run) => {}
        Ok(options::Asked::Help) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("all-cores: {error}\nTry --help.");
            return ExitCode::from(2);
        }
    }
    let cluster = builder.on_panic(PanicPolicy::Restart { limit: 10 }).build();
    let done = cluster.and_then(|cluster| {
        compute(&cluster)?;
        match addr {
            Some(addr) => serve(cluster, &addr),
            None => Ok(()),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("all-cores: {error}");
            ExitCode::FAILURE
        }
    }
}

// ANCHOR: compute
/// Many small tasks that only compute. Whoever is idle takes over what waits.
fn compute(cluster: &Cluster) -> io::Result<()> {
    let mut parts = Vec::new();
    for part in 0..PARTS {
        let numbers = part * (LIMIT / PARTS)..(part + 1) * (LIMIT / PARTS);
        parts.push(cluster.spawn(async move {
            let primes = numbers.filter(|n| is_prime(*n)).count();
            let worker = Worker::current().map_or(0, |worker| worker.index());
            (primes, worker)
        })?);
    }
    let mut sum = 0;
    let mut done = vec![0; cluster.workers()];
    for part in parts {
        let (primes, worker) = part.wait()?;
        sum += primes;
        done[worker] += 1;
    }
    println!("{sum} primes below {LIMIT}; parts done by each worker: {done:?}");
    Ok(())
}
// ANCHOR_END: compute

fn is_prime(n: u32) -> bool {
    n >= 2 && (2..).take_while(|d| d * d <= n).all(|d| n % d != 0)
}

// ANCHOR: serve
/// A listener on each worker; a connection stays where it was accepted.
fn serve(cluster: Cluster, addr: &str) -> io::Result<()> {
    let listeners = cluster.listen(addr)?;
    println!("listening on {}", listeners.local_addr()?);
    cluster.run(move |worker| {
        let listener = listeners.here();
        async move {
            let served = match listener {
                Ok(listener) => accept(listener).await,
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                eprintln!("{worker:?}: {error}");
                worker.cluster().shutdown();
            }
        }
    })?;
    polliwog::block_on(async { signal::ctrl_c().await })?;
    cluster.shutdown();
    for report in cluster.join() {
        match report.outcome {
            Outcome::Stopped => println!("worker {} has stopped", report.worker),
            other => println!("worker {}: {other:?}", report.worker),
        }
    }
    Ok(())
}
// ANCHOR_END: serve

async fn accept(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _peer) = listener.accept().await?;
        // Without room for another task the connection is dropped, which closes it; an error of one is
        // no other's.
        if let Ok(task) = spawn(echo::echo::<1024, _>(stream)) {
            task.detach();
        }
    }
}
