//! The `no_std` executor core of polliwog.
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(feature = "std", not(target_os = "none")))]
extern crate std;

pub mod reactor;
pub mod sources;
pub mod time;

pub use reactor::{Deadline, Reactor};
pub use time::Instant;
