//! Memory for tasks: static pools, the static bodies of a place in the source, and the heap.

pub(crate) mod bytes;
#[cfg(feature = "alloc")]
pub(crate) mod heap;
pub(crate) mod pool;
#[cfg(feature = "alloc")]
pub(crate) mod size_classes;
pub(crate) mod static_site;
pub(crate) mod words;
