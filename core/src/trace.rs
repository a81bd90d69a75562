//! What an executor does, told while it happens (feature `trace`): tasks that are spawned, woken and by whom,
//! polled and for how long, and ended; and when the executor waits.
//!
//! * [`set_tracer`] gives each [`Event`] to a [`Tracer`] of yours: the example `timeline` makes a picture of them.
//! * `Spans` (feature `tracing`) is a tracer that makes spans and events of the crate `tracing` of them.
//! * [`Handle::dump`](crate::Handle::dump) lists an executor's tasks and what each waits for, from any thread, also while
//!   one of them keeps the executor busy.
//! * [`set_stall_limit`] tells of each poll that took too long, by the name of the task and the place where it was
//!   spawned.
//!
//! Without feature `std` there are the events: an interrupt handler or a chip has no table of its tasks. They go to
//! `defmt`, with that feature by one line, or to whatever the chip has: `examples/firmware/src/bin/traced.rs`.
//!
//! Without the feature none of this is there, nor does it cost anything. With it a wake and its poll cost some 110 ns
//! more, for locks and the clock: a build for finding something out, and fast enough for many a production.
//!
//! ```
//! # #[cfg(all(feature = "trace", feature = "std"))] {
//! # use polliwog_core::conformance::facade as polliwog;
//! use polliwog::{Handle, trace};
//!
//! polliwog::block_on(async {
//!     let task = polliwog::spawn(std::future::pending::<()>()).unwrap();
//!     polliwog::yield_now().await;
//!     let dump = Handle::current().unwrap().dump();
//!     assert!(dump.tasks().iter().any(|task| task.polls == 1 && task.state == trace::State::Waiting));
//!     println!("{dump}");
//! });
//! # }
//! ```

#[cfg(feature = "trace")]
mod event;
#[cfg_attr(feature = "trace", path = "trace/on.rs")]
#[cfg_attr(not(feature = "trace"), path = "trace/off.rs")]
mod hooks;
#[cfg(feature = "tracing")]
mod spans;
#[cfg(feature = "trace")]
#[cfg_attr(not(feature = "std"), path = "trace/bare.rs")]
mod table;
#[cfg_attr(all(feature = "trace", feature = "std"), path = "trace/waits.rs")]
#[cfg_attr(
    not(all(feature = "trace", feature = "std")),
    path = "trace/no_waits.rs"
)]
pub(crate) mod waits;

#[cfg(feature = "trace")]
pub use event::{Cause, Event, Tracer};
#[doc(hidden)]
pub use hooks::Origin;
pub(crate) use hooks::*;
#[cfg(feature = "tracing")]
pub use spans::{Spans, set_root_span};
#[cfg(all(feature = "trace", feature = "std"))]
pub(crate) use table::dump;
#[cfg(feature = "trace")]
pub use table::set_tracer;
#[cfg(all(feature = "trace", feature = "std"))]
pub use table::{Dump, Stall, State, TaskDump, set_stall_limit};
#[cfg(all(feature = "trace", feature = "std"))]
pub use waits::Wait;
