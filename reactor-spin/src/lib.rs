//! The reactor of `polliwog` for tests and for microcontrollers: no input or output of its own,
//! only time, and what to do when nothing is ready.
//!
//! It has two faces.
//!
//! * **On a microcontroller** [`SpinReactor`] takes a [`Clock`] (a timer peripheral) and an
//!   [`Idle`] hook (`wfi`). Interrupt handlers wake tasks. Nothing here needs an allocator or
//!   contains `unsafe` code.
//! * **In a test** [`Runtime`] runs tasks in virtual time: when nothing is ready, the clock jumps
//!   to the next timer, and when there is none, the test fails instead of hanging. The same seed
//!   gives the same run. [`io`] has pipes and [`net`] has TCP in memory, with the interface of
//!   the real one.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
//! use polliwog::net::{TcpListener, TcpStream};
//! use polliwog::time::{sleep, timeout};
//! use core::time::Duration;
//!
//! polliwog::block_on(async {
//!     let listener = TcpListener::bind("127.0.0.1:7").await?;
//!     let server = polliwog::spawn(async move {
//!         let (stream, _) = listener.accept().await?;
//!         sleep(Duration::from_secs(3600)).await; // a slow server
//!         stream.write_all(b"frog").await
//!     })
//!     .unwrap();
//!
//!     let client = TcpStream::connect("127.0.0.1:7").await?;
//!     let mut buf = [0; 4];
//!     assert!(timeout(Duration::from_secs(60), client.read_exact(&mut buf)).await.is_err());
//!     client.read_exact(&mut buf).await?;
//!     assert_eq!(&buf, b"frog");
//!     server.await.unwrap()
//! })
//! # .unwrap();
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `alloc` | `Runtime::new`, `io::duplex`, networks that grow, clocks that can be cloned |
//! | `std` | `WallClock` and `ParkThread` for real time, waiting for other threads, seeds that permute tasks |
//! | `defmt` | `defmt::Format` for errors and settings |
//! | `single-core` | [`spawn`](fn@spawn) and `sleep` without a handle on bare metal, where one core runs executors |
//! | `simulation` | seeds without `std` |
//! | `sim` | `sim`: a simulation of many hosts with their network and its faults |
//! | `tracing` | the code of simulated hosts in spans of the crate `tracing` |
//! | `smoltcp` | `stack`: TCP and UDP on a network device, by the protocol stack `smoltcp`; needs Rust 1.91 |
//! | `dhcp` | `smoltcp` with an address from a DHCP server |
//! | `dns` | `smoltcp` with names looked up by a DNS server |
//! | `ipv6` | `smoltcp` with IPv6 |
//! | `edge-nal`, `embedded-nal-async` | `smoltcp` for programs written against the traits of these crates |
#![no_std]
// What programs lend to a simulated `io_uring` by raw pointers: one file is excepted.
#![cfg_attr(all(feature = "sim", unix), deny(unsafe_code))]
#![cfg_attr(not(all(feature = "sim", unix)), forbid(unsafe_code))]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "alloc")]
extern crate alloc;
// Where there are threads there is a standard library; it gives us thread-locals and mutexes.
#[cfg(any(feature = "std", not(target_os = "none")))]
extern crate std;

mod block_on;
mod clock;
mod error;
#[cfg(feature = "std")]
mod foreign;
mod halves;
mod idle;
pub mod io;
#[cfg(feature = "defmt")]
mod log;
pub mod net;
mod reactor;
mod runtime;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "smoltcp")]
pub mod stack;
mod tick;
mod unpark;

pub use block_on::block_on;
#[cfg(any(feature = "std", not(target_os = "none")))]
pub use block_on::{test, test_seeds};
#[cfg(feature = "std")]
pub use clock::WallClock;
pub use clock::{Clock, VirtualClock};
pub use error::{Error, Limit};
#[cfg(feature = "std")]
pub use idle::ParkThread;
pub use idle::{AutoAdvance, Idle, SpinLoop, Stalled};
pub use polliwog_core::unpark::Flag;
pub use polliwog_core::{Deadline, Instant, RunError, TaskPool, spawn, time, try_spawn};
pub use reactor::{SpinReactor, VirtualReactor};
pub use runtime::{Builder, DEFAULT_MAX_TASKS, Runtime};
pub use unpark::Unpark;
