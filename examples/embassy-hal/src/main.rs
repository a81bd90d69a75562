//! A light that blinks, a random number in each twentieth of a second, and a driver that waits by
//! `embedded-hal-async`: drivers of `embassy-nrf` on the executor of polliwog, on a micro:bit.
//!
//! There is nothing here for the chip's timer but `EmbassyTime::new()`: the reactor waits by whichever time
//! driver the HAL has, and `embassy_time` does, too.
#![no_std]
#![no_main]

#[cfg(feature = "emulated")]
mod driver;

use core::sync::atomic::{AtomicU32, Ordering};

use cortex_m_rt::entry;
use cortex_m_semihosting::{debug, hprintln};
use embassy_nrf::gpio::{Level, Output, OutputDrive};
use embassy_nrf::{bind_interrupts, mode, peripherals, rng};
use embassy_time::{Duration, Instant, Ticker, with_timeout};
use embedded_hal_async::delay::DelayNs;
use panic_semihosting as _;
use polliwog::chip::EmbassyTime;
use polliwog::time::{Delay, sleep_millis};
use polliwog::{TaskPool, spawn_detached};

bind_interrupts!(struct Irqs {
    RNG => rng::InterruptHandler<peripherals::RNG>;
});

static TASKS: TaskPool<3> = TaskPool::new();
static TOGGLES: AtomicU32 = AtomicU32::new(0);

/// A sleep of polliwog's, of which there may be any number.
async fn blink(mut led: Output<'static>) {
    loop {
        let was_high = led.is_set_high();
        led.toggle();
        assert_ne!(led.is_set_high(), was_high);
        let toggles = TOGGLES.load(Ordering::Relaxed) + 1;
        TOGGLES.store(toggles, Ordering::Relaxed);
        sleep_millis(10).await;
    }
}

/// A driver as it is on crates.io, which does not know where it waits.
async fn measure<D: DelayNs>(mut delay: D) {
    loop {
        let before = Instant::now();
        delay.delay_us(12_345).await;
        assert!(before.elapsed() >= Duration::from_micros(12_345));
    }
}

/// Waits of `embassy_time`, and an interrupt of the HAL's that wakes a task.
async fn roll(mut rng: rng::Rng<'static, mode::Async>) {
    let mut ticker = Ticker::every(Duration::from_millis(50));
    let start = Instant::now();
    let mut seen = [[0; 8]; 10];
    for round in 0..seen.len() {
        ticker.next().await;
        let filled = with_timeout(Duration::from_secs(1), rng.fill_bytes(&mut seen[round])).await;
        assert!(filled.is_ok(), "no random numbers");
        assert!(!seen[..round].contains(&seen[round]), "not random");
        let late = start.elapsed().as_millis() - 50 * (round as u64 + 1);
        hprintln!("{}: {:?}", round, seen[round]);
        assert!(late < 50, "a tick is {} ms late", late);
    }
    let toggles = TOGGLES.load(Ordering::Relaxed);
    assert!(
        (40..=60).contains(&toggles),
        "{} toggles in half a second",
        toggles
    );
    hprintln!("ok");
    debug::exit(debug::EXIT_SUCCESS); // leaves the emulator
}

#[entry]
fn main() -> ! {
    let p = embassy_nrf::init(Default::default());
    #[cfg(feature = "emulated")]
    driver::start();
    TASKS.run(EmbassyTime::new(), |spawner| {
        let led = Output::new(p.P0_13, Level::Low, OutputDrive::Standard);
        spawn_detached!(spawner, [blink](led)).unwrap();
        spawn_detached!(spawner, [measure::<Delay>](Delay)).unwrap();
        spawn_detached!(spawner, [roll](rng::Rng::new(p.RNG, Irqs))).unwrap();
    })
}
