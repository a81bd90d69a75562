//! Panics of foreign code: of futures, wakers and destructors.

use core::mem::ManuallyDrop;
use core::task::Waker;

#[cfg_attr(threads, path = "unwind/caught.rs")]
#[cfg_attr(not(threads), path = "unwind/never.rs")]
mod thrown;

pub(crate) use thrown::{Thrown, catch, catch_anyway, go_on_with};

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
    // One of ours does not panic.
    #[cfg(all(threads, not(lean)))]
    let waker = match super::waker::wake_ours(waker) {
        Ok(()) => return,
        Err(foreign) => foreign,
    };
    run_quietly(|| waker.wake());
}
