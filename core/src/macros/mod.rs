//! The macros: what they expand to is in [`__private`](crate::__private).

mod join;
mod select;
mod spawn;
#[cfg(all(feature = "std", not(loom)))]
pub(crate) mod task_local;

pub use join::MaybeDone;
