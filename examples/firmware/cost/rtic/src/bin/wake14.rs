//! The same beside fourteen idle tasks.
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
        idle0::spawn().unwrap();
        idle1::spawn().unwrap();
        idle2::spawn().unwrap();
        idle3::spawn().unwrap();
        idle4::spawn().unwrap();
        idle5::spawn().unwrap();
        idle6::spawn().unwrap();
        idle7::spawn().unwrap();
        idle8::spawn().unwrap();
        idle9::spawn().unwrap();
        idle10::spawn().unwrap();
        idle11::spawn().unwrap();
        idle12::spawn().unwrap();
        idle13::spawn().unwrap();
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

    #[task(priority = 1)]
    async fn idle0(_: idle0::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle1(_: idle1::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle2(_: idle2::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle3(_: idle3::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle4(_: idle4::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle5(_: idle5::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle6(_: idle6::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle7(_: idle7::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle8(_: idle8::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle9(_: idle9::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle10(_: idle10::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle11(_: idle11::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle12(_: idle12::Context) {
        core::future::pending::<()>().await;
    }

    #[task(priority = 1)]
    async fn idle13(_: idle13::Context) {
        core::future::pending::<()>().await;
    }
}
