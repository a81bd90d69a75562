#![no_std]
#![no_main]
use cortex_m_rt::{entry, exception};
use cortex_m_semihosting::{debug, hprintln};
use panic_semihosting as _;
use polliwog::{TaskPool, chip, spawn_detached, time::sleep_millis};
static TASKS: TaskPool<2> = TaskPool::new();
async fn blink(led: &'static str, millis: u32, times: usize) {
    for n in 0..times {
        hprintln!("{} {}", led, ["on", "off"][n % 2]);
        sleep_millis(millis).await;
    }
    debug::exit(debug::EXIT_SUCCESS); // leaves the emulator
}
#[exception]
fn SysTick() {
    chip::SysTick::on_interrupt();
}
#[entry]
fn main() -> ! {
    TASKS.run(chip::SysTick::start(12_500_000, 1_000), |spawner| {
        spawn_detached!(spawner, [blink]("red", 70, 100)).unwrap();
        spawn_detached!(spawner, [blink]("green", 110, 8)).unwrap();
    })
}
