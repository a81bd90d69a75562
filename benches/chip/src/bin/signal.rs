//! The latest value.
#![no_std]
#![no_main]

sync_size::program!(signal);
