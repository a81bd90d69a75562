//! The value, borrowed.

use core::fmt;
use core::ops::Deref;

#[cfg(doc)]
use super::Watch;
use super::{OpenShelf, WatchRef};

/// The value of a [`Watch`], borrowed.
pub struct Ref<'a, P: WatchRef<Shelf: OpenShelf<P::Value>> + 'a> {
    value: <P::Shelf as OpenShelf<P::Value>>::Guard<'a>,
    changed: bool,
}

impl<'a, P: WatchRef<Shelf: OpenShelf<P::Value>> + 'a> Ref<'a, P> {
    pub(super) fn new(value: <P::Shelf as OpenShelf<P::Value>>::Guard<'a>, changed: bool) -> Self {
        Self { value, changed }
    }

    /// Returns whether the value was one that the receiver had not seen when it borrowed it.
    pub fn has_changed(&self) -> bool {
        self.changed
    }
}

impl<P: WatchRef<Shelf: OpenShelf<P::Value>>> Deref for Ref<'_, P> {
    type Target = P::Value;

    fn deref(&self) -> &P::Value {
        &self.value
    }
}

impl<P: WatchRef<Shelf: OpenShelf<P::Value>>> fmt::Debug for Ref<'_, P>
where
    P::Value: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
