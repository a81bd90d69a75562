//! A value that is watched.
#![no_std]
#![no_main]

sync_size::program!(watch);
