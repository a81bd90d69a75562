//! Time: instants, sleeping, intervals and timeouts.

mod instant;

pub use instant::Instant;
