//! One async runtime for microcontrollers and servers.
//!
//! polliwog is a `no_std` executor core with pluggable reactors. The same program runs on
//!
//! * a **server**, where the reactor waits in epoll, kqueue or IOCP ([`mio`], the default),
//! * a **microcontroller**, where it sleeps in `wfi` until an interrupt comes,
//! * a **test**, where time is virtual and every run with the same seed is the same
//!   (both in [`spin`]).
//!
//! Where to begin: [a server](#a-server), [a test](#a-test), [a chip](#a-chip),
//! [your own reactor](#your-own-reactor), [other crates](#other-crates); which features there are is under
//! [choosing a reactor](#choosing-a-reactor).
//!
//! # A server
//!
//! ```
//! # #[cfg(feature = "mio")]
//! use polliwog::net::{TcpListener, TcpStream};
//! # #[cfg(feature = "mio")]
//! use polliwog::time::timeout;
//! # #[cfg(feature = "mio")]
//! use std::time::Duration;
//!
//! # #[cfg(feature = "mio")]
//! fn main() -> std::io::Result<()> {
//!     polliwog::block_on(async {
//!         let listener = TcpListener::bind("127.0.0.1:0").await?;
//!         let addr = listener.local_addr()?;
//!         let greeter = polliwog::spawn(async move {
//!             let (stream, _peer) = listener.accept().await?;
//!             stream.write_all(b"quak").await
//!         })?;
//!
//!         let stream = TcpStream::connect(addr).await?;
//!         let mut greeting = [0; 4];
//!         timeout(Duration::from_secs(5), stream.read_exact(&mut greeting)).await??;
//!         assert_eq!(&greeting, b"quak");
//!         greeter.await?
//!     })
//! }
//! # #[cfg(not(feature = "mio"))]
//! # fn main() {}
//! ```
//!
//!
//! [`net`] has TCP, UDP and Unix sockets; [`fs`], [`process`], [`signal`] and [`spawn_blocking`] what else a
//! server needs, and [`Cluster`] one thread per core. What tasks work together with is in [`sync`] and
//! [`task`], timers are in [`time`], and [`select!`], [`join!`] and [`try_join!`] wait for several things.
//!
//! # A test
//!
//! The spin reactor's time passes only when nothing else can happen, and then at once; a test that waits for
//! something that cannot happen fails instead of hanging. It needs feature `spin`, which a server's
//! `[dev-dependencies]` may add.
//!
//! ```
//! use polliwog::time::{sleep, timeout};
//! use std::time::Duration;
//!
//! // With `#[test]` above it.
//! # #[cfg(all(feature = "spin", feature = "std"))]
//! fn a_slow_server_is_given_up_on() {
//!     polliwog::spin::test(42, async {
//!         let slow = sleep(Duration::from_secs(3600));
//!         assert!(timeout(Duration::from_secs(60), slow).await.is_err());
//!     });
//! }
//! # #[cfg(all(feature = "spin", feature = "std"))]
//! # a_slow_server_is_given_up_on();
//! ```
//!
//! [`spin::net`] is TCP in memory; [`spin::test_seeds`] tries many orders of the tasks. Many hosts, and the network
//! between them with all its faults, are in [`sim`] (feature `sim`). On mio a test can
//! [`pause`](time::pause) the clock, too.
//!
//! # A chip
//!
//! Tasks of a firmware lie in statics of exactly their size: no allocator is needed.
//!
//! ```
//! use polliwog::{Reactor, TaskPool, spawn_detached, time::sleep_millis};
//!
//! static TASKS: TaskPool<2> = TaskPool::new();
//!
//! async fn blink(toggle: fn(), millis: u32) {
//!     loop {
//!         toggle();
//!         sleep_millis(millis).await;
//!     }
//! }
//!
//! /// What `main` ends with; the reactor is `chip::SysTick` or `chip::Mtime`, or your own.
//! fn run(reactor: impl Reactor, red: fn(), green: fn()) -> ! {
//!     TASKS.run(reactor, |spawner| {
//!         spawn_detached!(spawner, [blink; 2](red, 70)).unwrap();
//!         spawn_detached!(spawner, [blink; 2](green, 110)).unwrap();
//!     })
//! }
//! ```
//!
//! The repository's `examples/blink-cortex-m` and `examples/blink-riscv` are whole programs to begin with,
//! and `examples/firmware` has interrupts, priorities and TCP. See [`TaskPool`], [`InterruptExecutor`] and,
//! for a network on the chip, `spin::stack`.
//!
//! # Your own reactor
//!
//! A reactor is three functions: the time, a wait, and a waker that ends the wait. [`Reactor`] has the contract
//! and a whole one, and `conformance` (feature `test-kit` of `polliwog-core`) checks it for yours as it does
//! for ours. The example `mini-executor` is another.
//!
//! # Other crates
//!
//! What is generic over its runtime works as it is: `futures`, channels and locks of other crates, drivers
//! written against `embedded-io-async`. Streams have the traits of `futures-io` and `embedded-io-async`, with
//! feature `tokio` those of tokio and with feature `hyper` those of hyper, which brings axum; `embassy-time`,
//! `edge-nal` and `embedded-nal-async` have features of their own. What asks for `Send` gets a [`SendWrapper`].
//! Each crate that CI tries has a program in the repository's `docs/other-crates.md`.
//!
//! # Choosing a reactor
//!
//! ```toml
//! polliwog = "0.1"                                                        # mio
//! polliwog = { version = "0.1", default-features = false, features = ["spin"] }
//! ```
//!
//! Features only add. With both reactors on, [`mio`] and [`spin`] both exist, and the short
//! paths ([`block_on`], [`spawn()`], [`net`], …) mean mio; a program that uses only short paths
//! compiles with either. Without `mio`, feature `sim` gives [`net`] the errors that mio's has, and the short paths to
//! files, signals and jobs. So a package that is simulated has a feature for each, and is built with one at a time:
//!
//! ```toml
//! [dependencies]
//! polliwog = { version = "0.1", default-features = false }
//!
//! [features]
//! default = ["polliwog/mio"]
//! sim = ["polliwog/sim"] # cargo test --no-default-features --features sim
//! ```
//!
//! With both, what is mio's fails on a simulated host and in [`spin::test`], and says so.
//!
//! | feature | what it adds |
//! |---|---|
//! | `mio` (default) | the reactor for servers: sockets, files, processes, blocking pool, signals; implies `std` |
//! | `spin` | the reactor for tests and microcontrollers: virtual time, idle hook, TCP in memory |
//! | `std` | panic isolation, spawning from other threads; implies `alloc` |
//! | `alloc` | tasks on the heap |
//! | `sim` | `sim`: a simulation of many hosts with their network and its faults; implies `spin` and `std` |
//! | `log` | log records of the mio reactor through the `log` crate |
//! | `embassy-time` | a time driver for crates written against `embassy_time` |
//! | `embassy-hal` | a reactor by the time driver of an embassy HAL |
//! | `embedded-hal-async` | `time::Delay`, for drivers that want a `DelayNs` |
//! | `defmt` | `defmt::Format` for errors and information |
//! | `single-core` | bare metal: the ambient context, where one core runs executors |
//! | `interrupt-executors` | executors that interrupt handlers run |
//! | `task-info` | names and poll counts of tasks without `std` |
//! | `trace` | events of tasks; with `std` a list of them from any thread, polls that take too long: `polliwog::trace` |
//! | `tracing` | spans and events of the crate `tracing` for that: `polliwog::trace::Spans`; spans of simulated hosts |
//! | `smoltcp` | TCP and UDP on a chip's own network device; needs Rust 1.91 |
//! | `dhcp` | an address from a DHCP server for that |
//! | `dns` | names looked up for that |
//! | `ipv6` | IPv6 for that |
//! | `edge-nal`, `embedded-nal-async` | the traits of these crates for that |
//! | `tokio` | tokio's I/O traits for streams and files, without tokio's runtime |
//! | `hyper` | hyper's I/O traits for streams; an executor and a timer for it, `polliwog::hyper` |
//! | `hyper-util` | a connector for hyper-util's client |
//!
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The links are checked where all that they lead to is there.
#![cfg_attr(
    not(all(feature = "mio", feature = "spin")),
    allow(rustdoc::broken_intra_doc_links)
)]
#![forbid(unsafe_code)]

pub use polliwog_core::*;
/// Attributes: `#[polliwog::main]` makes `async fn main` a program, `#[polliwog::test]` an `async fn` a
/// test.
///
/// ```no_run
/// # #[cfg(any(feature = "mio", feature = "spin"))]
/// # mod program {
/// #[polliwog::main]
/// async fn main() -> Result<(), polliwog::SpawnError> {
///     polliwog::spawn(async { println!("quak") })?.await.ok();
///     Ok(())
/// }
/// # }
/// # fn main() {}
/// ```
pub use polliwog_macros::{main, test};

/// The reactor for desktops and servers.
#[cfg(feature = "mio")]
pub use polliwog_mio as mio;
/// The reactor for tests and microcontrollers.
#[cfg(feature = "spin")]
pub use polliwog_spin as spin;

#[cfg(all(feature = "mio", unix))]
pub use polliwog_mio::AsyncFd;
#[cfg(all(feature = "mio", any(unix, windows)))]
pub use polliwog_mio::process;
#[cfg(feature = "mio")]
pub use polliwog_mio::{
    AsyncSource, BlockingError, BlockingHandle, Cluster, Runtime, Trigger, UserEvent, block_on,
    cluster, fs, net, signal, spawn_blocking,
};
#[cfg(all(feature = "spin", not(any(feature = "mio", feature = "sim"))))]
pub use polliwog_spin::net;
#[cfg(all(feature = "spin", not(feature = "mio")))]
pub use polliwog_spin::{Runtime, block_on};

/// A simulation of many hosts, for tests.
#[cfg(feature = "sim")]
pub use polliwog_spin::sim;
/// Sockets, files and signals of simulated hosts, and functions that block in virtual time.
#[cfg(all(feature = "sim", not(feature = "mio")))]
pub use polliwog_spin::sim::{BlockingError, BlockingHandle, fs, net, signal, spawn_blocking};

#[cfg(feature = "mio")]
#[doc(hidden)]
pub use polliwog_mio::block_on_paused;
// Its clock is never another one.
#[cfg(all(feature = "spin", not(feature = "mio")))]
#[doc(hidden)]
pub use polliwog_spin::block_on as block_on_paused;

/// Tasks: to wait for one, to end one, to keep several together, and to share the executor fairly.
///
/// A [`JoinHandle`] waits for a task's output, an [`AbortHandle`] ends it from anywhere; a `JoinSet`
/// or a [`FixedJoinSet`](task::FixedJoinSet) waits for several, and in a `scope` they borrow;
/// [`yield_now`] lets the others go first, and [`budget`](task::budget) is what does so by itself. With
/// `mio` there is `spawn_blocking` for functions that block, on threads of their own.
///
/// ```
/// polliwog::block_on(async {
///     let task = polliwog::task::spawn(async { 7 })?;
///     assert_eq!(task.await?, 7);
///     Ok::<(), Box<dyn std::error::Error>>(())
/// })
/// # .unwrap();
/// ```
pub mod task {
    pub use polliwog_core::task::*;
    #[cfg(feature = "mio")]
    pub use polliwog_mio::spawn_blocking;
    #[cfg(all(feature = "sim", not(feature = "mio")))]
    pub use polliwog_spin::sim::spawn_blocking;
}

/// Streams: with `mio` the program's own input and output, with `spin` pipes in memory and the traits of
/// `embedded_io_async`; where there is `std`, `copy_bidirectional` for all of them. What one feature brings no
/// other takes away.
#[cfg(any(feature = "mio", feature = "spin"))]
pub mod io {
    #[cfg(feature = "mio")]
    pub use polliwog_mio::io::*;
    #[cfg(feature = "spin")]
    pub use polliwog_spin::io::*;
}

/// What hyper needs: an executor and a timer; and with feature `hyper-util` and `mio` a connector for hyper-util's
/// client.
#[cfg(feature = "hyper")]
pub mod hyper {
    pub use polliwog_core::hyper::*;
    #[cfg(all(feature = "mio", feature = "hyper-util"))]
    pub use polliwog_mio::hyper::*;
}

/// Time: instants, sleeping, intervals and timeouts; and with `mio` a clock that tests can
/// [`pause`](time::pause) and [`advance`](time::advance).
pub mod time {
    pub use polliwog_core::time::*;
    #[cfg(feature = "mio")]
    pub use polliwog_mio::time::{advance, pause, resume};
}

/// The programs on the pages about simulations compile and run.
#[cfg(all(doctest, feature = "sim"))]
mod simulations {
    #[doc = include_str!("../docs/simulation.md")]
    struct Begin;
    #[doc = include_str!("../docs/simulation/tests.md")]
    struct Tests;
    #[doc = include_str!("../docs/simulation/hosts.md")]
    struct Hosts;
    #[doc = include_str!("../docs/simulation/source.md")]
    struct Source;
}

/// The programs on the crates' own pages compile.
#[cfg(all(doctest, feature = "mio", feature = "spin"))]
mod pages {
    #[doc = include_str!("../core/README.md")]
    struct Core;
    #[doc = include_str!("../docs/other-crates.md")]
    struct OtherCrates;
    #[doc = include_str!("../macros/README.md")]
    struct Macros;
    #[doc = include_str!("../reactor-mio/README.md")]
    struct Mio;
    #[doc = include_str!("../reactor-spin/README.md")]
    struct Spin;
    #[doc = include_str!("../README.md")]
    struct Workspace;
}
