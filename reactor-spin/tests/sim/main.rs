//! Simulations of many hosts.

mod adversary;
mod ahead;
mod attacks;
mod barriers;
mod batches;
mod between;
mod callers;
mod captures;
mod disks;
mod ended;
mod endpoints;
mod environment;
mod faults;
mod files;
#[cfg(target_os = "linux")]
mod flags;
mod groups;
mod guided;
mod histories;
mod hosts;
mod jobs;
mod later;
#[cfg(unix)]
mod modes;
mod names;
mod network;
mod noticed;
mod odds;
mod outside;
mod pages;
mod patterns;
#[cfg(unix)]
mod real_files;
#[cfg(target_os = "linux")]
mod real_walks;
#[path = "../../examples/repeat.rs"]
mod repeat;
mod repeatable;
#[cfg(target_os = "linux")]
mod rings;
mod room;
mod search;
mod services;
mod signals;
mod simulators;
mod sockets;
mod std_files;
mod streams;
mod supervised;
mod too_late;
mod unix;

use std::fmt::Display;
use std::time::Duration;

use polliwog_spin::net::{TcpListener, TcpStream};
use polliwog_spin::sim::Simulation;

/// Nobody looks at what a program returns.
pub(crate) type Done = Result<(), polliwog_spin::Error>;

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Sends back what comes, on port 7, for ever.
pub(crate) async fn echo() -> Done {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (stream, _) = listener.accept().await?;
        polliwog_core::spawn(async move {
            let mut buf = [0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buf).await {
                if stream.write_all(&buf[..count]).await.is_err() {
                    break;
                }
            }
        })
        .unwrap()
        .detach();
    }
}

/// One question to the echo server.
pub(crate) async fn ask(stream: &TcpStream, text: &[u8]) -> Result<Vec<u8>, polliwog_spin::Error> {
    stream.write_all(text).await?;
    let mut buf = vec![0; text.len()];
    stream.read_exact(&mut buf).await?;
    Ok(buf)
}

/// Runs to a good end.
#[track_caller]
pub(crate) fn run(mut simulation: Simulation) -> polliwog_spin::sim::Report {
    match simulation.run() {
        Ok(report) => report,
        Err(failure) => panic!("{failure}"),
    }
}

pub(crate) fn text(error: impl Display) -> String {
    error.to_string()
}
