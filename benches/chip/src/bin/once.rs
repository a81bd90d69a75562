//! A value that is set once.
#![no_std]
#![no_main]

sync_size::program!(once);
