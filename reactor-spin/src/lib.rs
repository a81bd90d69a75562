//! spin
#![no_std]
