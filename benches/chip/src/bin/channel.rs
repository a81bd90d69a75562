//! A channel for four words.
#![no_std]
#![no_main]

sync_size::program!(channel);
