//! Sixteen tasks of the same code, with timers.
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
        task0::spawn().unwrap();
        task1::spawn().unwrap();
        task2::spawn().unwrap();
        task3::spawn().unwrap();
        task4::spawn().unwrap();
        task5::spawn().unwrap();
        task6::spawn().unwrap();
        task7::spawn().unwrap();
        task8::spawn().unwrap();
        task9::spawn().unwrap();
        task10::spawn().unwrap();
        task11::spawn().unwrap();
        task12::spawn().unwrap();
        task13::spawn().unwrap();
        task14::spawn().unwrap();
        task15::spawn().unwrap();
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
    async fn task0(_: task0::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task1(_: task1::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task2(_: task2::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task3(_: task3::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task4(_: task4::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task5(_: task5::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task6(_: task6::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task7(_: task7::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task8(_: task8::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task9(_: task9::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task10(_: task10::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task11(_: task11::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task12(_: task12::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task13(_: task13::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task14(_: task14::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }

    #[task(priority = 1)]
    async fn task15(_: task15::Context) {
        loop {
            sleep(10_000).await;
            kit::toggle();
        }
    }
}
