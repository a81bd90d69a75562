//! A lock for many who read or one who writes.
#![no_std]
#![no_main]

sync_size::program!(rwlock);
