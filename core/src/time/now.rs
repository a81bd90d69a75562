//! The time on the clock of the executor that runs here.

use core::time::Duration;

use super::instant::Instant;
#[cfg(feature = "std")]
use super::instant::of_process;
use crate::executor::context;

/// Returns the time on the clock of the executor that runs on this thread; `None` where none runs.
/// [`Instant::now`] has an answer there, too.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::time;
///
/// polliwog::block_on(async {
///     assert!(time::now() <= time::now());
/// });
/// ```
pub fn now() -> Option<Instant> {
    context::current()?.get()?.now()
}

impl Instant {
    /// Returns the time on the clock of the executor that runs on this thread; where none runs, that of the
    /// [process](Self::from_std) with feature `std`.
    ///
    /// ```
    /// # use polliwog_core as polliwog;
    /// use polliwog::time::{Duration, Instant, sleep};
    ///
    /// async fn measured() -> Duration {
    ///     let start = Instant::now();
    ///     sleep(Duration::from_millis(5)).await;
    ///     start.elapsed()
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of any executor without feature `std`, and in an executor without a clock: see
    /// [`time::now`](crate::time::now), which does not panic.
    #[track_caller]
    pub fn now() -> Self {
        match now() {
            Some(now) => now,
            #[cfg(feature = "std")]
            None if context::current().is_none() => of_process(),
            None => panic!("no executor with a clock runs here"),
        }
    }

    /// Returns the time that has passed since this instant, on the clock that [`now`](Self::now) reads; zero
    /// if it is yet to come.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, time::sleep};
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let start = Instant::now();
    ///     sleep(Duration::from_millis(20)).await;
    ///     assert!(start.elapsed() >= Duration::from_millis(20));
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`now`](Self::now).
    #[track_caller]
    pub fn elapsed(self) -> Duration {
        Self::now().saturating_duration_since(self)
    }
}
