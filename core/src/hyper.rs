//! An executor and a timer for hyper (feature `hyper`).
//!
//! ```
//! use polliwog_core::hyper::{PolliwogExecutor, PolliwogTimer};
//!
//! # fn is_timer(_: impl hyper::rt::Timer) {}
//! # fn is_executor(_: impl hyper::rt::Executor<std::future::Ready<()>>) {}
//! // hyper::server::conn::http1::Builder::new().timer(PolliwogTimer)
//! is_timer(PolliwogTimer);
//! // hyper::server::conn::http2::Builder::new(PolliwogExecutor)
//! is_executor(PolliwogExecutor);
//! ```
//!
//! The streams of the reactors implement [`hyper::rt::Read`] and [`hyper::rt::Write`] themselves, so they are
//! passed to hyper as they are. Where hyper asks for `Send`, as for connections `with_upgrades`, a
//! [`SendWrapper`] around the stream has these traits, too.

use alloc::boxed::Box;
use core::future::Future;
use core::pin::Pin;
use std::time::{Duration, Instant};

use ::hyper::rt::{Executor, Sleep, Timer};

use crate::send_wrapper::SendWrapper;
use crate::time;

/// Spawns hyper's tasks on the executor that runs on this thread. They need not be `Send`.
///
/// A task for which there is no room is dropped: an HTTP/2 stream is reset by that, and its connection goes
/// on.
///
/// # Panics
///
/// [`execute`](Executor::execute) panics outside of any executor.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolliwogExecutor;

impl<F> Executor<F> for PolliwogExecutor
where
    F: Future<Output: 'static> + 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        match crate::spawn(future) {
            Ok(task) => task.detach(),
            Err(error) if error.kind() == crate::SpawnErrorKind::NoExecutor => {
                panic!("hyper's executor was used outside of polliwog's: {error}")
            }
            // There is nobody to tell it to.
            Err(_) => {}
        }
    }
}

/// The time for hyper, by the clock of the executor that runs on this thread: virtual where that is.
///
/// Its sleeps are `Send` and panic when they are polled on another thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct PolliwogTimer;

/// What stands behind hyper's `dyn Sleep`.
type Sleeping = SendWrapper<time::Sleep>;

impl Timer for PolliwogTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Sleeping::new(time::sleep(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let deadline = time::Instant::from_std(deadline);
        Box::pin(Sleeping::new(time::sleep_until(deadline)))
    }

    /// The executor's time, by the standard library's name; the real one outside of any executor with a
    /// clock.
    fn now(&self) -> Instant {
        time::now().map_or_else(Instant::now, time::Instant::into_std)
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        if let Some(sleep) = sleep.as_mut().downcast_mut_pin::<Sleeping>() {
            if let Ok(sleep) = sleep.get_mut().get_pin_mut() {
                return sleep.reset(time::Instant::from_std(deadline));
            }
        }
        *sleep = self.sleep_until(deadline);
    }
}
