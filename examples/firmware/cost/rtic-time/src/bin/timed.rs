//! One task with a timer.
#![no_std]
#![no_main]

use kit as _;

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA])]
mod app {
    use cost_rtic_time::sleep;

    #[shared]
    struct Shared {}

    #[local]
    struct Local {}

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
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
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }
}
