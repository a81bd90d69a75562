//! A channel whose messages all receive.
#![no_std]
#![no_main]

sync_size::program!(broadcast);
