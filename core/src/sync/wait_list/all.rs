//! Notifying all who wait. The invariants are those of the list, W1 to W7.

use core::ptr;
use core::task::Waker;

use super::Scope;
use super::links::{ALL, Link, Links, mark};
use crate::task::wake_quietly;

/// How many wakers are taken out under one lock when all are notified. Where the lock is a critical section it is
/// cheap, and the shorter the better.
pub(super) const BATCH: usize = if cfg!(threads) { 8 } else { 1 };

/// Notifies all who are in the ring of `end`; returns how many they were. One and the same code for all lists of a
/// scope.
///
/// # Safety
///
/// `raw` is the lock of the list that `tail` is a tail of. `end` is linked, in a ring that was split from that of
/// `tail`.
#[cfg_attr(target_os = "none", inline(never))]
pub(super) unsafe fn wake_all<S: Scope>(raw: &S::Raw, tail: &Link, end: &Links) -> usize {
    let mut notified = 0;
    loop {
        let mut batch = [const { None::<Waker> }; BATCH];
        S::locked(raw, || {
            for place in &mut batch {
                let first = end.next.get();
                if ptr::eq(first, end) {
                    break;
                }
                // SAFETY: W1, W3: `end` is linked and not alone; the tail is not in its ring.
                *place = unsafe { Links::unlink(first, tail, mark(ALL)) };
                notified += 1;
            }
        });
        // Nothing in here unwinds, or `end` would be lost with others in its ring.
        for place in batch {
            match place {
                Some(waker) => wake_quietly(waker),
                None => return notified,
            }
        }
    }
}
