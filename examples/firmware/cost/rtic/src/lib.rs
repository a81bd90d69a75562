//! Nothing but programs.
#![no_std]
