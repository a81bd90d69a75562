//! A semaphore.
#![no_std]
#![no_main]

sync_size::program!(semaphore);
