//! None.
#![no_std]
#![no_main]

sync_size::program!(nothing);
