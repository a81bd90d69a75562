//! Which locks this thread holds while foreign code runs under them: if that comes back to one of them, it would wait for
//! itself for ever. Only who finds a lock taken asks.

use core::array;
use core::cell::Cell;

/// So many are known of; who goes deeper waits for itself untold.
const MOST: usize = 4;

std::thread_local! {
    // Const and without a destructor: usable at any time, also while the thread ends.
    static HELD: [Cell<usize>; MOST] = const { [const { Cell::new(0) }; MOST] };
}

/// Puts `new` into the first place where `old` is.
fn exchange(old: usize, new: usize) {
    HELD.with(|held| {
        if let Some(place) = held.iter().find(|place| place.get() == old) {
            place.set(new);
        }
    });
}

/// Says that this thread holds the lock at an address, until dropped.
pub(crate) struct Held(usize);

impl Held {
    #[inline]
    pub(crate) fn new(lock: usize) -> Self {
        exchange(0, lock);
        Self(lock)
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        exchange(self.0, 0);
    }
}

/// To be asked before a wait for the lock at an address.
///
/// # Panics
///
/// If this thread holds it, who would wait for itself.
#[cfg_attr(loom, allow(dead_code, reason = "loom finds that out itself"))]
pub(crate) fn check(lock: usize) {
    let held = HELD.with(|held| array::from_fn::<_, MOST, _>(|place| held[place].get()));
    assert!(
        !held.contains(&lock),
        "what clones or looks at the value of a channel uses the same channel, which is locked meanwhile: it would wait \
         for itself for ever (put the value into an `Arc`, or let go of what `borrow` has returned)"
    );
}
