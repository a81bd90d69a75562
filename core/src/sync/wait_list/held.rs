//! [`Held`]: a wait list inside of something that an `Rc` or `Arc` keeps alive.

use alloc::rc::Rc;
use core::fmt;

use crate::loom::Arc;

use super::{ListRef, Scope, Shared, WaitList};

/// A [`WaitList`] in what an `Rc` or `Arc` owns, and a share of the ownership: a [`Wait`](super::Wait)
/// made from it borrows nothing.
///
/// ```
/// # use polliwog_core as polliwog;
/// use std::rc::Rc;
/// use polliwog::sync::Local;
/// use polliwog::sync::wait_list::{Held, Wait, WaitList};
///
/// struct Source {
///     readers: WaitList<Local>,
/// }
///
/// let source = Rc::new(Source { readers: WaitList::new() });
/// let mut wait = Box::pin(Wait::<_>::new(Held::new(source.clone(), |source| &source.readers), ()));
/// # let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
/// # assert!(wait.as_mut().poll(&mut cx).is_pending());
/// assert!(source.readers.notify_one(0));
/// # assert!(wait.as_mut().poll(&mut cx).is_ready());
/// ```
pub struct Held<P, S: Scope, T = (), D = (), const K: usize = 1> {
    list: *const WaitList<S, T, D, K>,
    owner: P,
}

// SAFETY: it is a shared reference to the list and an owner of what the list is in.
unsafe impl<P: Send, T: Send, D: Copy + Send, const K: usize> Send for Held<P, Shared, T, D, K> {}
// SAFETY: as above.
unsafe impl<P: Sync, T: Send, D: Copy + Send, const K: usize> Sync for Held<P, Shared, T, D, K> {}

impl<O, S: Scope, T, D: Copy, const K: usize> Held<Rc<O>, S, T, D, K> {
    /// Returns the list that `find` finds in what `owner` owns.
    #[inline]
    pub fn new(owner: Rc<O>, find: impl FnOnce(&O) -> &WaitList<S, T, D, K>) -> Self {
        let list: *const _ = find(&owner);
        Self { list, owner }
    }
}

impl<O, S: Scope, T, D: Copy, const K: usize> Held<Arc<O>, S, T, D, K> {
    /// Returns the list that `find` finds in what `owner` owns.
    #[inline]
    pub fn new_shared(owner: Arc<O>, find: impl FnOnce(&O) -> &WaitList<S, T, D, K>) -> Self {
        let list: *const _ = find(&owner);
        Self { list, owner }
    }
}

/// The list that `find` finds in what an owner of the scope owns, which is an `Rc` or an `Arc`.
#[inline]
pub(crate) fn held<O, S: Scope, T, D: Copy, const K: usize>(
    owner: S::Counted<O>,
    find: impl FnOnce(&O) -> &WaitList<S, T, D, K>,
) -> Held<S::Counted<O>, S, T, D, K> {
    let list: *const _ = find(&owner);
    Held { list, owner }
}

impl<P, S: Scope, T, D, const K: usize> Held<P, S, T, D, K> {
    /// Returns who owns what the list is in.
    #[inline]
    pub fn owner(&self) -> &P {
        &self.owner
    }
}

// SAFETY: `new`, `new_shared` or `held` has found the list by a reference into what the owner, an `Rc` or `Arc`, owns. That
// stays where it is, and nobody gets it to itself, while we have a share: ours is given away by a
// shared reference only. So that reference could have lived as long as we do.
unsafe impl<P, S: Scope, T, D: Copy, const K: usize> ListRef<K> for Held<P, S, T, D, K> {
    type Scope = S;
    type Value = T;
    type Data = D;

    #[inline]
    fn list(&self) -> &WaitList<S, T, D, K> {
        // SAFETY: see above.
        unsafe { &*self.list }
    }
}

impl<P, S: Scope, T, D, const K: usize> fmt::Debug for Held<P, S, T, D, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}
