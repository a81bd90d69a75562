//! Who is told that something of another reactor was used.

use std::cell::Cell;

std::thread_local! {
    static WATCH: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// Calls `watch` each time that something on this thread was refused since it is another reactor's than that of the executor which
/// runs. Such an error does not pass by itself, so a reactor may know better than to try again.
#[doc(hidden)]
pub fn watch_refusals(watch: fn()) {
    WATCH.set(Some(watch));
}

/// A reactor that is not that of the executor which runs has refused something.
#[doc(hidden)]
pub fn tell_refusal() {
    // Also while a thread ends.
    if let Some(watch) = WATCH.try_with(Cell::get).ok().flatten() {
        watch();
    }
}
