//! What leads to a channel, and channels on the heap.

use core::ops::Deref;

use super::{Buffer, Channel, Scope};
#[cfg(feature = "alloc")]
use super::{Growing, Ring};

/// What leads to a [`Channel`]: a reference or, with feature `alloc`, an `Rc` or `Arc`.
pub trait ChannelRef:
    Deref<Target = Channel<Self::Buffer, Self::Scope>> + Clone + sealed::Sealed
{
    /// What the messages lie in.
    type Buffer: Buffer;
    /// Who may use it.
    type Scope: Scope;
    /// What knows the channel without keeping it.
    #[doc(hidden)]
    type Weak: Clone;
    #[doc(hidden)]
    fn downgrade(&self) -> Self::Weak;
    #[doc(hidden)]
    fn upgrade(weak: &Self::Weak) -> Option<Self>;
}

/// The messages of the channel that `P` leads to.
pub(in crate::sync) type Item<P> = <<P as ChannelRef>::Buffer as Buffer>::Item;

mod sealed {
    pub trait Sealed {}
}

macro_rules! channel_ref {
    ($owner:ty, $weak:ty, |$this:ident| $downgrade:expr, |$known:ident| $upgrade:expr) => {
        impl<B: Buffer, S: Scope> sealed::Sealed for $owner {}
        impl<B: Buffer, S: Scope> ChannelRef for $owner {
            type Buffer = B;
            type Scope = S;
            type Weak = $weak;
            fn downgrade(&self) -> Self::Weak {
                let $this = self;
                $downgrade
            }
            fn upgrade($known: &Self::Weak) -> Option<Self> {
                $upgrade
            }
        }
    };
}

channel_ref!(&Channel<B, S>, Self, |this| this, |known| Some(known));
#[cfg(feature = "alloc")]
channel_ref!(
    alloc::rc::Rc<Channel<B, S>>,
    alloc::rc::Weak<Channel<B, S>>,
    |this| Self::downgrade(this),
    |known| known.upgrade()
);
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
channel_ref!(
    alloc::sync::Arc<Channel<B, S>>,
    alloc::sync::Weak<Channel<B, S>>,
    |this| Self::downgrade(this),
    |known| known.upgrade()
);

/// A channel on the heap for up to `capacity` messages.
#[cfg(feature = "alloc")]
#[track_caller]
pub(in crate::sync) fn bounded<T, S: Scope>(capacity: usize) -> S::Counted<Channel<Boxed<T>, S>> {
    assert!(capacity > 0, "a channel has room for at least one message");
    Channel::with_handles(Ring::boxed(capacity)).into()
}

/// A channel on the heap for any number of messages.
#[cfg(feature = "alloc")]
pub(in crate::sync) fn unbounded<T, S: Scope>() -> S::Counted<Channel<Growing<T>, S>> {
    Channel::with_handles(Growing::new()).into()
}

/// A buffer on the heap.
#[cfg(feature = "alloc")]
pub(in crate::sync) type Boxed<T> = Ring<alloc::boxed::Box<[core::cell::Cell<Option<T>>]>>;
