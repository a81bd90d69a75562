//! A task that wakes itself: instructions per wake and poll.
#![no_std]
#![no_main]

use kit as _;

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA])]
mod app {
    use kit::{SELF_WAKES, self_wake, start_counter};

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
    async fn task(_: task::Context) {
        self_wake(SELF_WAKES).await;
    }
}
