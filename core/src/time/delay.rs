//! [`Delay`]: the timer of drivers that are written against `embedded-hal-async`.

use core::time::Duration;

use super::sleep::{sleep, sleep_millis};

/// What drivers that are generic over a [`DelayNs`](embedded_hal_async::delay::DelayNs) are given: it
/// waits by the timers of the executor that runs here.
///
/// There can be any number of them, each for itself. A delay never ends early, and other tasks run
/// meanwhile.
///
/// ```
/// use embedded_hal_async::delay::DelayNs;
/// use polliwog_core::time::Delay;
///
/// /// A driver as it is on crates.io.
/// struct Thermometer<D> { delay: D }
///
/// impl<D: DelayNs> Thermometer<D> {
///     async fn measure(&mut self) -> u8 {
///         self.delay.delay_ms(20).await; // until it has converted
///         21
///     }
/// }
///
/// # use polliwog_core::{Executor, TaskPool, conformance::ThreadReactor};
/// # static POOL: TaskPool<4> = TaskPool::new();
/// # let executor = Executor::new(&POOL, ThreadReactor::new()).unwrap();
/// let mut thermometer = Thermometer { delay: Delay };
/// assert_eq!(executor.block_on(thermometer.measure()), 21);
/// ```
///
/// # Cancel safety
///
/// A delay that is dropped is over, as a dropped [`sleep`](fn@sleep) is.
///
/// # Panics
///
/// Polling a delay panics where a [`Sleep`](super::Sleep) does: outside of any executor, and in one that has no
/// clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delay;

impl embedded_hal_async::delay::DelayNs for Delay {
    #[inline]
    async fn delay_ns(&mut self, ns: u32) {
        sleep(Duration::from_nanos(ns.into())).await;
    }

    #[inline]
    async fn delay_us(&mut self, us: u32) {
        sleep(Duration::from_micros(us.into())).await;
    }

    #[inline]
    async fn delay_ms(&mut self, ms: u32) {
        sleep_millis(ms).await;
    }
}
