//! Two tasks that wake each other: instructions per wake, one way.
#![no_std]
#![no_main]

use kit as _;

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA])]
mod app {
    use kit::{Bell, count, report, start_counter, yield_now};

    const TIMES: u32 = 10_000;
    static PING: Bell = Bell::new();
    static PONG: Bell = Bell::new();

    #[shared]
    struct Shared {}

    #[local]
    struct Local {}

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
        start_counter();
        ping::spawn().unwrap();
        pong::spawn().unwrap();
        (Shared {}, Local {})
    }

    #[idle]
    fn idle(_: idle::Context) -> ! {
        loop {
            cortex_m::asm::wfi();
        }
    }

    #[task(priority = 1)]
    async fn ping(_: ping::Context) {
        yield_now().await;
        yield_now().await;
        let from = count();
        for _ in 0..TIMES / 2 {
            PING.ring();
            PONG.wait().await;
        }
        report(from, count(), TIMES)
    }

    #[task(priority = 1)]
    async fn pong(_: pong::Context) {
        loop {
            PING.wait().await;
            PONG.ring();
        }
    }
}
