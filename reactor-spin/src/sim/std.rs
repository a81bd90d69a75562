//! What of the standard library a simulated host has to have of its own, under the same names.

pub mod fs;
