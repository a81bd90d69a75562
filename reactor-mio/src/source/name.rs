//! Identities of waits that have no address of their own.

use std::cell::Cell;

use polliwog_core::sources::WaiterId;

thread_local! {
    /// The number of the next identity. Sources do not leave their thread.
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

/// An identity that no other wait for a source of this thread has.
pub(crate) fn fresh() -> WaiterId {
    WaiterId::numbered(NEXT.replace(NEXT.get().wrapping_add(1)))
}
