//! Time: instants, sleeping, intervals and timeouts.
//!
//! All of it runs on the clock of the reactor that drives the executor: the wall clock on a
//! server, a virtual one in a test, a hardware timer on a microcontroller.

/// Panics, as whoever waits by a clock does where there is none, and says what to do about it.
macro_rules! no_clock {
    ($what:literal) => {{
        #[cfg(all(not(threads), not(feature = "single-core")))]
        panic!(concat!(
            $what,
            " outside of an executor: without polliwog's feature `single-core` there is no ambient one on bare \
             metal, but `Spawner::sleep`"
        ));
        #[cfg(not(all(not(threads), not(feature = "single-core"))))]
        panic!(concat!(
            $what,
            " outside of a running executor, after its executor was dropped, or in an executor without a clock, \
             such as an `InterruptExecutor`: nobody could wake it"
        ))
    }};
}
#[cfg(feature = "embassy-time")]
pub(crate) use no_clock;

#[cfg(not(loom))]
mod counter;
#[cfg(feature = "embedded-hal-async")]
mod delay;
pub(crate) mod instant;
mod interval;
mod now;
#[cfg_attr(lean, path = "queue/list.rs")]
#[cfg_attr(not(lean), path = "queue/heap.rs")]
pub(crate) mod queue;
// A chip's queue is tested on the host, too.
#[cfg(all(test, not(lean), not(loom)))]
#[path = "queue/list.rs"]
#[allow(dead_code, reason = "only what the tests use")]
mod list;
#[cfg(not(loom))]
pub(crate) mod rate;
mod sleep;
mod timeout;

pub use core::time::Duration;
#[cfg(not(loom))]
pub use counter::ExtendedCounter;
#[cfg(feature = "embedded-hal-async")]
pub use delay::Delay;
pub use instant::Instant;
#[cfg(all(feature = "embassy-time", not(target_os = "none")))]
pub(crate) use instant::of_process;
pub use interval::{Interval, IntervalStream, MissedTickBehavior, interval, interval_at};
pub use now::now;
pub use sleep::{Sleep, sleep, sleep_millis, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

/// Lends a test something for ever, and frees it afterwards: the test ends with nothing that
/// points to it.
#[cfg(all(test, not(loom)))]
fn with_static<T: 'static>(value: T, test: impl FnOnce(&'static T)) {
    let place = std::boxed::Box::into_raw(std::boxed::Box::new(value));
    // SAFETY: valid until it is freed below.
    test(unsafe { &*place });
    // SAFETY: it came from a box, and nothing refers to it any more.
    drop(unsafe { std::boxed::Box::from_raw(place) });
}
