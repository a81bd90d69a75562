#![no_std]
#![no_main]
use polliwog::{TaskPool, chip::Mtime, spawn_detached, time::sleep_millis};
use semihosting::{println, process::exit};
static TASKS: TaskPool<2> = TaskPool::new();
// SAFETY: the program runs in machine mode, and no handler enables interrupts.
polliwog::interrupt_level!(unsafe { polliwog::interrupt::machine_level() });
async fn blink(led: &'static str, millis: u32, times: usize) {
    for n in 0..times {
        println!("{led} {}", ["on", "off"][n % 2]);
        sleep_millis(millis).await;
    }
    exit(0) // leaves the emulator
}
#[riscv_rt::core_interrupt(riscv::interrupt::Interrupt::MachineTimer)]
unsafe fn timer() {
    Mtime::on_interrupt();
}
#[riscv_rt::entry]
fn main() -> ! {
    // SAFETY: where QEMU's CLINT has them, and nobody else uses them; `timer` is ready.
    let reactor = unsafe { Mtime::start(0x0200_BFF8, 0x0200_4000, 10_000_000) };
    TASKS.run(reactor, |spawner| {
        spawn_detached!(spawner, [blink]("red", 70, 100)).unwrap();
        spawn_detached!(spawner, [blink]("green", 110, 8)).unwrap();
    })
}
