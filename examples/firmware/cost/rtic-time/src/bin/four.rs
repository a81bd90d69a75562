//! Two tasks in ping-pong and two with timers.
#![no_std]
#![no_main]

use kit as _;

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA])]
mod app {
    use cost_rtic_time::sleep;
    use kit::Bell;

    static PING: Bell = Bell::new();
    static PONG: Bell = Bell::new();

    #[shared]
    struct Shared {}

    #[local]
    struct Local {}

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
        cost_rtic_time::start();
        ping::spawn().unwrap();
        pong::spawn().unwrap();
        fast::spawn().unwrap();
        slow::spawn().unwrap();
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
    async fn ping(_: ping::Context) {
        loop {
            PING.ring();
            PONG.wait().await;
        }
    }

    #[task(priority = 1)]
    async fn pong(_: pong::Context) {
        loop {
            PING.wait().await;
            PONG.ring();
        }
    }

    #[task(priority = 1)]
    async fn fast(_: fast::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn slow(_: slow::Context) {
        loop {
            sleep(25_000).await;
            kit::toggle();
        }
    }
}
