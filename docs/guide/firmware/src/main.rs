//! A firmware that blinks, and sends back what comes over the serial line until that is an end of
//! transmission (Ctrl-D).
#![no_std]
#![no_main]

mod uart;

use cortex_m::peripheral::NVIC;
use cortex_m_rt::{entry, exception};
use cortex_m_semihosting::{debug, hprintln};
use lm3s6965::{Interrupt, interrupt};
use panic_semihosting as _;
use polliwog::sync::mpmc::Channel;
use polliwog::{TaskPool, chip, spawn_detached, time::sleep_millis};

// ANCHOR: statics
static TASKS: TaskPool<2> = TaskPool::new();
/// From the handler to the task: 64 bytes that have come and were not looked at yet.
static RECEIVED: Channel<u8, 64> = Channel::new();
// ANCHOR_END: statics

// ANCHOR: handlers
#[exception]
fn SysTick() {
    chip::SysTick::on_interrupt();
}

#[interrupt]
fn UART0() {
    uart::acknowledge();
    while let Some(byte) = uart::receive() {
        // A handler cannot wait: without room the byte is lost.
        let _ = RECEIVED.try_send(byte);
    }
}
// ANCHOR_END: handlers

// ANCHOR: tasks
async fn blink(millis: u32) {
    for state in ["on", "off"].into_iter().cycle() {
        hprintln!("led {}", state);
        sleep_millis(millis).await;
    }
}

async fn echo() {
    loop {
        match RECEIVED.recv().await {
            4 => break,
            byte => uart::send(byte),
        }
    }
    hprintln!("end of transmission");
    debug::exit(debug::EXIT_SUCCESS); // leaves the emulator
}
// ANCHOR_END: tasks

// ANCHOR: main
#[entry]
fn main() -> ! {
    uart::enable();
    // SAFETY: no critical section of the program relies on this interrupt being masked.
    unsafe { NVIC::unmask(Interrupt::UART0) };
    TASKS.run(chip::SysTick::start(12_500_000, 1_000), |spawner| {
        spawn_detached!(spawner, [blink](100)).unwrap();
        spawn_detached!(spawner, [echo]()).unwrap();
    })
}
// ANCHOR_END: main
