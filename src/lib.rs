//! polliwog: one async runtime for microcontrollers and servers.
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![forbid(unsafe_code)]

pub use polliwog_core::*;
