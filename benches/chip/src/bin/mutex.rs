//! A lock that is held across an await.
#![no_std]
#![no_main]

sync_size::program!(mutex);
