//! The timer queue against a sorted list: the model of `core/tests/timers/main.rs`, with programs
//! from bytes.
#![no_main]

#[allow(dead_code, unused_imports, unused_macros)]
#[path = "../../core/tests/timers/main.rs"]
mod model;

use libfuzzer_sys::fuzz_target;
use model::{Act, Op};

/// Small numbers, and the ones at the end of time.
fn after(byte: u8) -> u64 {
    match byte {
        0..=199 => u64::from(byte),
        200..=227 => 1 << (byte - 170),
        _ => u64::MAX - u64::from(255 - byte),
    }
}

fuzz_target!(|data: &[u8]| {
    model::run(data.chunks_exact(3).map(|call| {
        let (timer, arg) = (usize::from(call[1]), call[2]);
        match call[0] % 10 {
            0..=2 => Op::Insert(after(arg)),
            3 => Op::Reset(timer, after(arg)),
            4 => Op::Cancel(timer),
            5 => Op::Repoll(timer),
            // Never due at once, else two timers could go on for ever.
            6 => Op::Plan(timer, Act::Insert(after(arg).max(1))),
            7 if arg % 2 == 0 => Op::Plan(timer, Act::Cancel(usize::from(arg / 2))),
            7 => Op::Plan(timer, Act::Reset(usize::from(arg / 2), u64::from(arg))),
            8 => Op::Advance(u64::from(arg)),
            _ => Op::Look,
        }
    }));
});
