//! `chip::SysTick` tells the time to any handler, also to one that has interrupted the timer's own before that
//! has done anything: an interrupt is moved over the end of a tick, an instruction at a time.
//!
//! needs: thumbv6m
//! qemu: -icount shift=6,sleep=off
#![no_std]
#![no_main]
#![deny(unsafe_code)]

use core::cell::Cell;
use core::time::Duration;

use board::{chip, entry, exit, on_interrupt, println};
use critical_section::Mutex;
use polliwog::{Instant, Reactor, chip::SysTick};
use static_cell::StaticCell;

/// Cycles of a tick, and what of it is gone through, before its end and after it.
const CYCLES: u32 = 16_000;
const BEFORE: u32 = 300;
const AFTER: u32 = 200;

static CLOCK: Mutex<Cell<Option<&'static SysTick>>> = Mutex::new(Cell::new(None));
/// What the clock has shown last, and how often it was read by the handler.
static LAST: Mutex<Cell<(Instant, u32)>> = Mutex::new(Cell::new((Instant::ZERO, 0)));

on_interrupt!(SOFT0, ());
on_interrupt!(SOFT1, ());
on_interrupt!(TICK, {
    chip::stop_tick();
    read(1);
});

/// Reads the clock; it may neither go back nor be a tick behind the chip's other one.
fn read(reads: u32) -> (Instant, u32) {
    critical_section::with(|cs| {
        let clock = CLOCK.borrow(cs).get().expect("started");
        let (last, count) = LAST.borrow(cs).get();
        let other = chip::now();
        let now = clock.now();
        assert!(now >= last, "after {last:?} the clock shows {now:?}");
        let started = STARTED.borrow(cs).get();
        let behind = (other - started).saturating_sub(now.as_duration());
        assert!(behind < Duration::from_micros(500), "{behind:?} behind");
        LAST.borrow(cs).set((now, count + reads));
        (now, count + reads)
    })
}

/// When the clock was started, by the chip's other one.
static STARTED: Mutex<Cell<Instant>> = Mutex::new(Cell::new(Instant::ZERO));

#[entry]
fn main() -> ! {
    static OWN: StaticCell<SysTick> = StaticCell::new();
    chip::start_clock();
    chip::start_tick(1_000);
    chip::stop_tick();
    critical_section::with(|cs| {
        STARTED.borrow(cs).set(chip::now());
        CLOCK.borrow(cs).set(Some(OWN.init(chip::own_timer())));
    });
    chip::own_timer_last(100);
    for n in 0..BEFORE + AFTER {
        let (mut now, count) = read(0);
        // From a quarter of a tick on there is time to arrange for the end of it.
        let in_tick = |now: Instant| (now.as_nanos() % 1_000_000 * 16 / 1_000) as u32;
        while in_tick(now) < CYCLES / 4 || in_tick(now) > CYCLES / 2 {
            (now, _) = read(0);
        }
        chip::set_tick_cycles(CYCLES - in_tick(now) - BEFORE + n);
        while read(0).1 == count {}
    }
    println!("ok: the time at {} instructions", BEFORE + AFTER);
    exit(0)
}
