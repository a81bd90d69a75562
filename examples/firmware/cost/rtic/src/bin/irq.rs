//! From the first instruction of an interrupt handler to the task.
#![no_std]
#![no_main]

use kit as _;

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA])]
mod app {
    use core::sync::atomic::{AtomicU32, Ordering};

    use kit::{Bell, between, count, report_sum, start_counter};

    const TIMES: u32 = 1_000;
    static BELL: Bell = Bell::new();
    static AGAIN: Bell = Bell::new();
    static ENTERED: AtomicU32 = AtomicU32::new(0);

    #[shared]
    struct Shared {}

    #[local]
    struct Local {}

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
        start_counter();
        wait::spawn().unwrap();
        pend::spawn().unwrap();
        (Shared {}, Local {})
    }

    #[idle]
    fn idle(_: idle::Context) -> ! {
        loop {
            cortex_m::asm::wfi();
        }
    }

    #[task(binds = GPIOB, priority = 2)]
    fn handler(_: handler::Context) {
        ENTERED.store(count(), Ordering::Relaxed);
        BELL.ring();
    }

    #[task(priority = 1)]
    async fn wait(_: wait::Context) {
        let mut sum = 0;
        for _ in 0..TIMES {
            BELL.wait().await;
            sum += between(ENTERED.load(Ordering::Relaxed), count());
            AGAIN.ring();
        }
        report_sum(sum, TIMES)
    }

    #[task(priority = 1)]
    async fn pend(_: pend::Context) {
        loop {
            rtic::pend(lm3s6965::Interrupt::GPIOB);
            AGAIN.wait().await;
        }
    }
}
