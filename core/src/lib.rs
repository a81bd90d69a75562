//! The `no_std` executor core of polliwog: tasks, executor, time, and the [`Reactor`] trait.
//!
//! Nothing here knows any particular reactor, and nothing needs an allocator. An
//! [`Executor`] runs tasks that lie in a static [`TaskPool`], in exact-size statics made by
//! [`spawn!`], or (feature `alloc`) on the heap; it waits in whatever implements [`Reactor`].
//! Applications use the facade crate `polliwog`, which brings a reactor along.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `alloc` | tasks on the heap, in recycled size classes; executors of any size |
//! | `std` | panic isolation, wakes without atomics on the executor's thread, spawning from other threads |
//! | `task-info` | names and poll counts without `std`, where they cost flash and RAM |
//! | `single-core` | the ambient context on bare metal: says that one core runs executors |
//! | `interrupt-executors` | executors that interrupt handlers run: `InterruptExecutor` |
//! | `simulation` | seeded permutation of ready tasks without `std` |
//! | `embassy-time` | a time driver, so that crates written against `embassy_time` work |
//! | `embassy-hal` | a reactor by the time driver of an embassy HAL: `chip::EmbassyTime` |
//! | `embedded-hal-async` | `time::Delay`, for drivers that want a `DelayNs` |
//! | `defmt` | `defmt::Format` for all errors and whatever else tells something |
//! | `futures-io` | its traits for [`SendWrapper`], and [`io`] for streams that have them |
//! | `tokio` | its I/O traits for [`SendWrapper`] |
//! | `hyper` | the same of hyper's, and an executor and a timer for it: `hyper` |
//! | `trace` | events of tasks; with `std` a list of them from any thread, polls that take too long: `trace` |
//! | `tracing` | spans and events of the crate `tracing` for that: `trace::Spans` |
//! | `test-kit` | the conformance suite for reactors |
//!
//! # How it works
//!
//! See the module [`task`] for the life of a task and `docs/architecture.md` for the whole.
#![no_std]
// Loom models build executors on the heap only.
#![cfg_attr(all(loom, not(feature = "alloc")), allow(dead_code))]
#![cfg_attr(docsrs, feature(doc_cfg))]
// The links are checked where all that they lead to is there.
#![cfg_attr(
    not(all(feature = "std", feature = "test-kit")),
    allow(rustdoc::broken_intra_doc_links)
)]

#[cfg(feature = "alloc")]
extern crate alloc;
// Where there are threads there is a standard library; it gives us thread-locals and mutexes.
#[cfg(any(test, loom, feature = "std", not(target_os = "none")))]
extern crate std;

#[cfg(any(
    test,
    feature = "embassy-hal",
    all(
        target_os = "none",
        any(cortex_m, target_arch = "riscv32", target_arch = "riscv64")
    )
))]
pub mod chip;
#[cfg(all(feature = "test-kit", not(loom)))]
pub mod conformance;
#[cfg(feature = "embassy-time")]
mod embassy;
pub mod exact;
pub mod executor;
#[cfg(feature = "hyper")]
pub mod hyper;
pub mod interrupt;
#[cfg(feature = "futures-io")]
pub mod io;
#[cfg(all(feature = "defmt", not(loom)))]
mod log;
mod loom;
mod macros;
#[cfg(all(test, loom))]
mod models;
pub mod reactor;
#[cfg(feature = "std")]
mod send_wrapper;
pub mod sources;
#[cfg(any(feature = "tokio", feature = "hyper"))]
pub mod spare;
pub mod sync;
pub mod task;
pub mod time;
#[cfg(feature = "trace")]
pub mod trace;
#[cfg(not(feature = "trace"))]
#[cfg_attr(lean, allow(dead_code, reason = "the least executor has less to tell"))]
mod trace;
pub mod unpark;
#[cfg(feature = "std")]
mod workers;

#[cfg(levels)]
pub use executor::InterruptExecutor;
pub use executor::{
    Executor, Handle, PoolInUseError, RunError, SpawnError, SpawnErrorKind, Spawner, StaticSpawner,
    Stats, TaskInfo, TaskState, TryNewError, TrySpawnError, spawn, try_spawn,
};
#[cfg(feature = "std")]
pub use executor::{RemoteAbortHandle, RemoteFuture, RemoteHandle};
pub use reactor::{Deadline, Reactor};
#[cfg(feature = "std")]
pub use send_wrapper::{SendWrapper, WrongThread};
pub use task::{AbortHandle, JoinError, JoinHandle, TaskId, TaskPool, yield_now};
pub use time::Instant;

/// For the reactors of this project; no part of the interface.
#[doc(hidden)]
pub mod __reactor {
    pub use crate::loom::Lock;
    pub use crate::trace::waits::method as waits_for;
    #[cfg(feature = "std")]
    pub use crate::workers::{Kind, Workers};
}

/// What macros expand to.
#[doc(hidden)]
pub mod __private {
    pub use crate::executor::random_below;
    pub use crate::executor::{
        spawn_site, spawn_site_detached, try_spawn_site, try_spawn_site_detached,
    };
    pub use crate::macros::MaybeDone;
    pub use crate::task::memory::static_site::{
        ArgsOf, Site, SiteBodies, SiteMemory, SiteOf, body_align, body_size, detached_align,
        detached_size, eight, five, four, one, seven, six, three, two,
    };
    pub use crate::task::memory::words::words_of;
    pub use crate::trace::Origin;
    pub use core::cell::RefCell;
    pub use core::future::{Future, IntoFuture, poll_fn};
    pub use core::option::Option;
    pub use core::pin::pin;
    pub use core::task::Poll;
    #[cfg(feature = "std")]
    pub use std::thread_local;
}
