//! Giving up on a future.

use core::fmt;
use core::future::{Future, IntoFuture};
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;

use pin_project_lite::pin_project;

use super::{Instant, Sleep, sleep, sleep_until};
use crate::executor::Spawner;

/// The time was up before the future was ready.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::time::{Elapsed, sleep, timeout};
/// use std::time::Duration;
///
/// polliwog::block_on(async {
///     let late: Result<(), Elapsed> =
///         timeout(Duration::from_millis(1), sleep(Duration::from_secs(60))).await;
///     assert_eq!(late.unwrap_err().to_string(), "deadline has elapsed");
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Elapsed(());

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl core::error::Error for Elapsed {}

#[cfg(threads)]
impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> Self {
        std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

pin_project! {
    /// A future with a limit on its time: see [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "a timeout does nothing unless it is awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        #[pin]
        sleep: Sleep,
    }
}

/// Waits for `future`, but for no longer than `duration`.
///
/// The future is looked at first: if it is ready in the poll in which the time is up, its
/// output counts. When the time is up the future is not polled again; it is dropped with the
/// timeout.
///
/// # Errors
///
/// [`Elapsed`].
///
/// # Cancel safety
///
/// As the future's own.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::time::{Elapsed, timeout};
/// use core::time::Duration;
///
/// async fn ask(server: impl Future<Output = u32>) -> Result<u32, Elapsed> {
///     timeout(Duration::from_secs(2), server).await
/// }
/// ```
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: future.into_future(),
        sleep: sleep(duration),
    }
}

/// Waits for `future`, but not beyond `deadline`: see [`timeout`].
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::{Instant, time::timeout_at};
/// use std::time::Duration;
///
/// polliwog::block_on(async {
///     let deadline = Instant::now() + Duration::from_secs(2);
///     // Several requests, and one deadline for all of them.
///     assert_eq!(timeout_at(deadline, async { 1 }).await, Ok(1));
///     assert_eq!(timeout_at(deadline, async { 2 }).await, Ok(2));
/// });
/// ```
///
/// # Errors
///
/// [`Elapsed`].
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout {
        future: future.into_future(),
        sleep: sleep_until(deadline),
    }
}

impl Spawner {
    /// [`timeout`] by explicit handle.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::Spawner;
    /// use std::time::Duration;
    ///
    /// polliwog::block_on(async {
    ///     let spawner = Spawner::current().unwrap();
    ///     assert_eq!(spawner.timeout(Duration::from_secs(1), async { 7 }).await, Ok(7));
    /// });
    /// ```
    pub fn timeout<F: IntoFuture>(&self, duration: Duration, future: F) -> Timeout<F::IntoFuture> {
        Timeout {
            future: future.into_future(),
            sleep: self.sleep(duration),
        }
    }

    /// [`timeout_at`] by explicit handle.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Instant, Spawner};
    ///
    /// polliwog::block_on(async {
    ///     let spawner = Spawner::current().unwrap();
    ///     assert_eq!(spawner.timeout_at(Instant::MAX, async { 7 }).await, Ok(7));
    /// });
    /// ```
    pub fn timeout_at<F: IntoFuture>(
        &self,
        deadline: Instant,
        future: F,
    ) -> Timeout<F::IntoFuture> {
        Timeout {
            future: future.into_future(),
            sleep: self.sleep_until(deadline),
        }
    }
}

impl<F> Timeout<F> {
    /// Returns the future whose time is limited.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::timeout;
    /// use std::{future::ready, time::Duration};
    ///
    /// let limited = timeout(Duration::from_secs(1), ready(7));
    /// let _inside: &std::future::Ready<u32> = limited.get_ref();
    /// ```
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// Returns the future whose time is limited.
    pub fn get_mut(&mut self) -> &mut F {
        &mut self.future
    }

    /// Returns the future without the limit of its time.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::time::timeout;
    /// use std::{future::ready, time::Duration};
    ///
    /// polliwog::block_on(async {
    ///     let limited = timeout(Duration::from_secs(1), ready(7));
    ///     assert_eq!(limited.into_inner().await, 7); // without the limit
    /// });
    /// ```
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        this.sleep.poll(cx).map(|()| Err(Elapsed(())))
    }
}
