//! Starting a task that ends at once, until its end.
#![no_std]
#![no_main]

use kit as _;

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA])]
mod app {
    use kit::{count, report, start_counter, yield_now};

    const TIMES: u32 = 1_000;

    #[shared]
    struct Shared {}

    #[local]
    struct Local {}

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
        start_counter();
        task::spawn().unwrap();
        (Shared {}, Local {})
    }

    #[idle]
    fn idle(_: idle::Context) -> ! {
        loop {
            cortex_m::asm::wfi();
        }
    }

    #[task(priority = 1)]
    async fn short(_: short::Context) {}

    #[task(priority = 1)]
    async fn task(_: task::Context) {
        let from = count();
        for _ in 0..TIMES {
            short::spawn().unwrap();
            yield_now().await;
        }
        report(from, count(), TIMES)
    }
}
