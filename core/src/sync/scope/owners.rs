//! What counts the owners of something on the heap, in each scope.

use alloc::rc::{Rc, Weak};
use core::ops::Deref;

use super::{Local, Shared};
use crate::loom::{Arc, WeakArc};

/// The owners of a scope.
#[doc(hidden)]
pub trait Owners {
    /// An owner that counts, as many threads or one can share it.
    type Counted<T>: Deref<Target = T> + Clone + From<T>;

    /// What knows such an owner's value without owning it.
    type Weak<T>;

    fn downgrade<T>(owner: &Self::Counted<T>) -> Self::Weak<T>;

    fn upgrade<T>(weak: &Self::Weak<T>) -> Option<Self::Counted<T>>;

    /// The value, if nobody else owns it.
    fn into_inner<T>(owner: Self::Counted<T>) -> Option<T>;

    /// Whether it has an owner.
    fn is_owned<T>(weak: &Self::Weak<T>) -> bool;
}

impl Owners for Local {
    type Counted<T> = Rc<T>;
    type Weak<T> = Weak<T>;

    fn downgrade<T>(owner: &Rc<T>) -> Weak<T> {
        Rc::downgrade(owner)
    }

    fn upgrade<T>(weak: &Weak<T>) -> Option<Rc<T>> {
        weak.upgrade()
    }

    fn into_inner<T>(owner: Rc<T>) -> Option<T> {
        Rc::into_inner(owner)
    }

    fn is_owned<T>(weak: &Weak<T>) -> bool {
        weak.strong_count() > 0
    }
}

impl Owners for Shared {
    type Counted<T> = Arc<T>;
    type Weak<T> = WeakArc<T>;

    fn downgrade<T>(owner: &Arc<T>) -> WeakArc<T> {
        Arc::downgrade(owner)
    }

    fn upgrade<T>(weak: &WeakArc<T>) -> Option<Arc<T>> {
        weak.upgrade()
    }

    fn into_inner<T>(owner: Arc<T>) -> Option<T> {
        Arc::into_inner(owner)
    }

    fn is_owned<T>(weak: &WeakArc<T>) -> bool {
        weak.strong_count() > 0
    }
}
