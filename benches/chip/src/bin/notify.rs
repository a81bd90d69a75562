//! A notification.
#![no_std]
#![no_main]

sync_size::program!(notify);
