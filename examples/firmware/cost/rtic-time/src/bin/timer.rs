//! A timer that is due at once: made, waited for, and fired.
#![no_std]
#![no_main]

use kit as _;

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA])]
mod app {
    use cost_rtic_time::sleep;
    use kit::{count, report, start_counter};

    const TIMES: u32 = 1_000;

    #[shared]
    struct Shared {}

    #[local]
    struct Local {}

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
        start_counter();
        cost_rtic_time::start();
        task::spawn().unwrap();
        (Shared {}, Local {})
    }

    #[idle]
    fn idle(_: idle::Context) -> ! {
        loop {
            cortex_m::asm::wfi();
        }
    }

    #[task(binds = TIMER_0A, priority = 2)]
    fn alarm(_: alarm::Context) {
        cost_rtic_time::on_alarm();
    }

    #[task(priority = 1)]
    async fn task(_: task::Context) {
        let from = count();
        for _ in 0..TIMES {
            sleep(1).await;
        }
        report(from, count(), TIMES)
    }
}
