//! One task.
#![no_std]
#![no_main]

use kit as _;

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA])]
mod app {
    use kit::yield_now;

    #[shared]
    struct Shared {}

    #[local]
    struct Local {}

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
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
    async fn task(_: task::Context) {
        loop {
            yield_now().await;
        }
    }
}
