//! The first of two channels.
#![no_std]
#![no_main]

sync_size::program!(select);
