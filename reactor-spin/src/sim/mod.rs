//! A simulation of many hosts: the programs of a distributed system in one thread, in virtual time and by one
//! seed, with a network between them that loses, delays and parts, and hosts that crash.
//!
//! A [`Simulation`] has [hosts](Simulation::host), whose programs are the same as in production: they call
//! [`net`](crate::net), [`time`](crate::time), [`spawn`](fn@crate::spawn) and find those of their host. Nothing
//! waits for real: when no host has anything to do, time jumps to the next event.
//!
//! * **The same seed, the same run**, to the byte, on every machine. What is chosen by chance (latencies, losses, the
//!   order of tasks and of hosts, [`random`]) is chosen by the seed. [`check`] finds programs that ask elsewhere, and
//!   [`replace_system!`] answers them.
//! * **Faults** are caused by hand ([`Control`]) or by the seed ([`Nemesis`]): crashes and restarts, pauses,
//!   partitions in both directions or in one, messages that are held, links that are slow or lose things, clocks
//!   that drift and jump.
//! * **Barriers**: a test waits until a program is at a place in its source, and holds it there ([`Barrier`]).
//! * **Cheap**: memory grows with hosts, connections and messages on their way, time with messages.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
//! use polliwog::net::{TcpListener, TcpStream};
//! use polliwog::sim::{Latency, Link, Simulation};
//! use polliwog::time::{sleep, timeout};
//! use std::time::Duration;
//!
//! async fn serve() -> Result<(), polliwog::Error> {
//!     let listener = TcpListener::bind("0.0.0.0:80").await?;
//!     loop {
//!         let (stream, _) = listener.accept().await?;
//!         stream.write_all(b"frog").await?;
//!     }
//! }
//!
//! let slow = Link::new(Latency::fixed(Duration::from_millis(50)));
//! let mut simulation = Simulation::builder(42).link(slow).build();
//! simulation.host("server", serve);
//! simulation.client("client", async {
//!     let connecting = TcpStream::connect("server:80");
//!     // A round trip takes a tenth of a second.
//!     assert!(timeout(Duration::from_millis(99), connecting).await.is_err());
//!     assert!(TcpStream::connect("server:80").await.is_ok());
//! });
//! simulation.run().unwrap();
//! ```
//!
//! # What is simulated
//!
//! * **TCP**: a stream stays a stream. What is lost is sent again, each time after a longer while, as a real stack
//!   does; so after a partition it takes until the next attempt for a connection to go on, and one that is silent for
//!   too long fails. A port without a listener refuses, a full backlog lets connects wait, a host that has crashed is
//!   silent, and one that is back resets what it does not know.
//! * **UDP** (`net::UdpSocket`): datagrams are lost, doubled, and come out of order, but for those to the own host.
//! * **Messages without a wire** ([`Endpoint`]): Rust values that travel as datagrams do, and calls that are answered.
//! * **Names**: each host's name is known to all, and so are those that a test [adds](Control::set_name), which may stand for
//!   several hosts. Addresses are given in order, or [by the test](Control::set_addr). A [`Service`] has one for several servers.
//! * **Clocks**: each host has its own, for timers and [`system_time`]; they are exact until somebody lets them
//!   [drift](Control::set_drift) or [jump](Control::clock_forward). They begin in the year 2000, or
//!   [when the test says](Builder::epoch).
//! * **Files** ([`fs`]): a disk for each host, of which a crash leaves what was synced, and of the rest something.
//!   Disks are slow, full or fail, if somebody says so.
//!   Programs that know `std::fs` only have it under that name, too ([`std::fs`]), and on Unix those that know rings have
//!   `io_uring`.
//! * **Functions that block** ([`spawn_blocking`]): they run on the simulation's thread, and take a while of virtual time.
//! * **CPU time**: none. Tasks run in no time, so a program that only computes lets no time pass.
//!
//! Tasks of one host that wake one another run in an order that the seed permutes, and so do the hosts.
//!
//! # Log lines that name their host
//!
//! With the feature `tracing` all code of a host (its program, tasks, blocking jobs, and destructors at a crash) runs in a span of
//! the crate `tracing`: `host{name="server" run=2}`, where `run` counts the starts of its program. So what it tells, or a crate
//! that it uses, is shown with the host. The span's level is error, so that it is there for lines of any level, and its target
//! `polliwog::sim`: a filter that asks for some targets only has to let that pass, too. Spans that a program has entered and not left
//! are open while its host runs, and not for others, also if a guard is held over an `.await`.
//!
//! A subscriber finds the time of the simulation by [`control`]`().elapsed()`, where [`is_simulated`] says so.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
//! use polliwog::sim::Simulation;
//!
//! // tracing_subscriber::fmt().init();
//! let mut simulation = Simulation::new(7);
//! simulation.client("frog", async { tracing::info!("quak") });
//! simulation.run().unwrap();
//! // INFO host{name="frog" run=1}: pond: quak
//! ```

mod addr;
mod ambient;
mod barrier;
mod blocking;
mod buggify;
mod builder;
mod capture;
mod change;
mod check;
mod clock;
mod command;
mod config;
mod control;
mod disk;
mod disks;
mod ending;
mod endpoint;
mod environment;
mod explore;
mod failure;
mod fault;
mod file_io;
mod filter;
mod folders;
mod footprint;
mod found;
pub mod fs;
mod guide;
mod hasher;
mod history;
mod host_net;
mod insight;
#[cfg(unix)]
pub mod io_uring;
mod keepalive;
mod late;
mod letter;
mod link;
mod listed;
mod listener;
mod metadata;
mod names;
mod nemesis;
pub mod net;
mod open;
mod options;
mod outbox;
mod outside;
mod packet;
mod page;
mod panics;
mod pattern;
mod permissions;
mod progress;
mod rng;
mod runner;
mod schedule;
mod service;
mod settings;
mod shrink;
pub mod signal;
mod simulation;
mod simulator;
mod slab;
#[cfg_attr(feature = "tracing", path = "span/on.rs")]
#[cfg_attr(not(feature = "tracing"), path = "span/off.rs")]
mod span;
pub mod std;
mod system;
mod tcp;
mod trace;
mod udp;
mod unix;
mod weather;
mod world;

#[doc(inline)]
pub use crate::replace_system;
/// What [`replace_system!`] asks.
#[doc(hidden)]
pub mod __system {
    pub use super::system::{
        Asked, CLOCK_GETTIME, CLOCK_NANOSLEEP, EACCES, EIO, ENAMETOOLONG, ENOMEM, ETIMEDOUT, FUTEX,
        GETPID, GETPPID, GETRANDOM, GETTIMEOFDAY, Hints, MAX_ENTROPY, MONOTONIC, NAME_LEN,
        PATIENCE, REALTIME, SCHED_GETAFFINITY, SOCKET, SocketAddress, UNAME, UPTIME_RAW, clock,
        device_number, devices, fill, futex_waits, is_on_host, kept, lookup, parent, process,
        processors, refuses_socket, rename, sysconf, tell_of_exit, tell_of_wait, ticks, time_of,
        wait,
    };
}
pub use ambient::{control, host_name, is_simulated, note, random, state, system_time};
pub use barrier::{Arrival, Barrier, pass, reach};
pub use blocking::{BlockingError, BlockingHandle, spawn_blocking};
pub use buggify::{buggify, buggify_with_probability};
pub use builder::Builder;
pub use check::check;
pub use control::Control;
pub use endpoint::{Endpoint, Reply, Request};
pub use environment::{
    CHECK_VARIABLE, CONFIG_VARIABLE, COUNT_VARIABLE, REPLAY_VARIABLE, SEED_VARIABLE,
    THREADS_VARIABLE, TIME_LIMIT_VARIABLE,
};
pub use explore::{explore, explore_guided};
pub use failure::{Failure, Outcome, Reason, Report};
pub use fault::{Fault, FaultKind, NoFault};
pub use filter::MessageFilter;
pub use found::{Exploration, Found};
pub use hasher::RandomState;
pub use history::{Calling, History, Model, ModelHistory, NotLinearizable, Reading, Writing};
pub(crate) use host_net::{Net, SimEnd, SimListener, SimSocket};
pub use link::{Latency, Link};
pub(crate) use listener::Sharing;
pub use nemesis::Nemesis;
pub(crate) use options::Options;
pub use outside::outside;
pub use packet::InFlight;
pub use schedule::Strategy;
pub use service::{LoadBalancing, Service};
pub use simulation::Simulation;
pub use simulator::{ProcessEnd, Simulator, local, simulator};
pub use system::isolated;
pub use trace::{Difference, TraceEvent, What};
pub(crate) use udp::Socket as Datagrams;
pub(crate) use unix::{Name, UnixSocket};
