//! Panics of foreign code: of futures, wakers and destructors.

use core::mem::ManuallyDrop;
use core::task::Waker;

use super::failure::Failure;

/// Runs foreign code; with `std` a panic becomes an error, without it passes through.
#[inline]
pub(crate) fn catch<T>(f: impl FnOnce() -> T) -> Result<T, Failure> {
    #[cfg(feature = "std")]
    return std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).map_err(Failure::panicked);
    #[cfg(not(feature = "std"))]
    return Ok(f());
}

/// As [`catch`], wherever there is a standard library, whether feature `std` is on or not: only bare
/// metal has none, where a panic does not unwind. The error is what the panic has thrown.
#[inline]
pub(crate) fn catch_anyway<T>(f: impl FnOnce() -> T) -> Result<T, Thrown> {
    #[cfg(threads)]
    return std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    #[cfg(not(threads))]
    return Ok(f());
}

#[cfg(threads)]
pub(crate) type Thrown = std::boxed::Box<dyn core::any::Any + Send>;
#[cfg(not(threads))]
pub(crate) type Thrown = core::convert::Infallible;

/// Goes on with a panic that was held up, unless it is one too many.
#[cold]
pub(crate) fn go_on_with(thrown: Thrown) {
    #[cfg(threads)]
    if !std::thread::panicking() {
        std::panic::resume_unwind(thrown);
    }
    discard(thrown);
}

/// Drops a value. A panic of its destructor has been reported by the panic hook and goes no further.
#[inline]
pub(crate) fn drop_quietly<T>(value: T) {
    run_quietly(|| drop(value));
}

/// Runs foreign code whose panic is nobody's to handle.
#[inline]
pub(crate) fn run_quietly(f: impl FnOnce()) {
    if let Err(thrown) = catch_anyway(f) {
        discard(thrown);
    }
}

/// Drops the payload of a panic; what its destructor may panic with in its turn is leaked.
#[cold]
#[allow(
    dropping_copy_types,
    reason = "on bare metal nothing is ever thrown, which is a type that can be copied"
)]
fn discard(thrown: Thrown) {
    if let Err(another) = catch_anyway(|| drop(thrown)) {
        let _ = ManuallyDrop::new(another);
    }
}

/// Wakes, and keeps a panic of the waker from going any further than the panic hook.
///
/// A waker can be foreign code, of another runtime or of the program, and its panic is not the
/// business of whoever happens to wake it: it must not cost other tasks their wakes, nor end a run.
/// Reactors that wake several wakers in a row, or keep wakers of their own, want this. On bare metal,
/// where a panic does not unwind, it is [`Waker::wake`].
///
/// ```
/// # use polliwog_core as polliwog;
/// use std::sync::Arc;
/// use std::task::Wake;
///
/// struct Faulty;
/// impl Wake for Faulty {
///     fn wake(self: Arc<Self>) {
///         panic!("a faulty waker");
///     }
/// }
///
/// polliwog::task::wake_quietly(Arc::new(Faulty).into());
/// ```
#[inline]
pub fn wake_quietly(waker: Waker) {
    run_quietly(|| waker.wake());
}
