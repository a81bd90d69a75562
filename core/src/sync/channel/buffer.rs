//! What a channel's messages lie in. Touched under the channel's lock, or by one thread.

use core::cell::Cell;

use crate::sync::maybe::MaybeCell;

mod sealed {
    pub trait Sealed {}
}

/// What a channel's messages lie in, in their order.
pub trait Buffer: sealed::Sealed {
    /// A message.
    type Item;
    /// Adds a message; the caller knows that there is room.
    #[doc(hidden)]
    fn push(&self, message: Self::Item);
    /// Takes the oldest message.
    #[doc(hidden)]
    fn pop(&self) -> Option<Self::Item>;
    /// How many messages there are.
    #[doc(hidden)]
    fn count(&self) -> usize;
    /// How many messages there is room for.
    #[doc(hidden)]
    fn capacity(&self) -> usize;
}

/// A place of a [`Ring`].
#[doc(hidden)]
pub trait Place {
    type Item;
    fn replace(&self, message: Option<Self::Item>) -> Option<Self::Item>;
}

/// A place in a static: all zero bits while it is empty.
#[doc(hidden)]
pub struct StaticPlace<T>(MaybeCell<T>);

impl<T> Place for StaticPlace<T> {
    type Item = T;
    #[inline]
    fn replace(&self, message: Option<T>) -> Option<T> {
        self.0.replace(message)
    }
}

/// A place on the heap: as small as can be.
impl<T> Place for Cell<Option<T>> {
    type Item = T;
    #[inline]
    fn replace(&self, message: Option<T>) -> Option<T> {
        Cell::replace(self, message)
    }
}

/// Places of a [`Ring`].
#[doc(hidden)]
pub trait Places {
    type Place: Place;
    fn places(&self) -> &[Self::Place];
}

impl<T, const N: usize> Places for [StaticPlace<T>; N] {
    type Place = StaticPlace<T>;
    #[inline]
    fn places(&self) -> &[StaticPlace<T>] {
        self
    }
}

#[cfg(feature = "alloc")]
impl<T> Places for alloc::boxed::Box<[Cell<Option<T>>]> {
    type Place = Cell<Option<T>>;
    #[inline]
    fn places(&self) -> &[Cell<Option<T>>] {
        self
    }
}

/// A buffer with a fixed number of places.
pub struct Ring<A> {
    places: A,
    /// Where the first message is, if there is one.
    head: Cell<usize>,
    /// Where the next one comes to.
    end: Cell<usize>,
}

/// A [`Ring`] that has its places in itself.
pub type Fixed<T, const N: usize> = Ring<[StaticPlace<T>; N]>;

impl<T, const N: usize> Fixed<T, N> {
    pub(super) const fn fixed() -> Self {
        Self {
            places: [const { StaticPlace(MaybeCell::new()) }; N],
            head: Cell::new(0),
            end: Cell::new(0),
        }
    }
}

#[cfg(feature = "alloc")]
impl<T> Ring<alloc::boxed::Box<[Cell<Option<T>>]>> {
    pub(super) fn boxed(capacity: usize) -> Self {
        Self {
            places: (0..capacity).map(|_| Cell::new(None)).collect(),
            head: Cell::new(0),
            end: Cell::new(0),
        }
    }
}

impl<A> sealed::Sealed for Ring<A> {}

impl<A: Places> Buffer for Ring<A> {
    type Item = <A::Place as Place>::Item;

    #[inline]
    fn push(&self, message: Self::Item) {
        let places = self.places.places();
        let end = self.end.get();
        let former = places[end].replace(Some(message));
        debug_assert!(former.is_none(), "no room");
        // The caller knows that there was none, and a destructor here would be foreign code.
        core::mem::forget(former);
        self.end.set(after(end, places.len()));
    }

    #[inline]
    fn pop(&self) -> Option<Self::Item> {
        let places = self.places.places();
        let head = self.head.get();
        let message = places[head].replace(None)?;
        self.head.set(after(head, places.len()));
        Some(message)
    }

    fn count(&self) -> usize {
        let places = self.places.places();
        let (head, end) = (self.head.get(), self.end.get());
        if head != end {
            return (end + places.len() - head) % places.len();
        }
        // All or nothing.
        let first = places[head].replace(None);
        let full = first.is_some();
        core::mem::forget(places[head].replace(first));
        if full { places.len() } else { 0 }
    }

    #[inline]
    fn capacity(&self) -> usize {
        self.places.places().len()
    }
}

/// The place after one of so many in a ring.
#[inline]
fn after(place: usize, places: usize) -> usize {
    let next = place + 1;
    if next < places { next } else { 0 }
}

/// A buffer that grows.
#[cfg(feature = "alloc")]
pub struct Growing<T>(Cell<alloc::collections::VecDeque<T>>);

#[cfg(feature = "alloc")]
impl<T> Growing<T> {
    pub(super) const fn new() -> Self {
        Self(Cell::new(alloc::collections::VecDeque::new()))
    }

    #[inline]
    fn with<U>(&self, f: impl FnOnce(&mut alloc::collections::VecDeque<T>) -> U) -> U {
        let mut messages = self.0.take();
        let result = f(&mut messages);
        // What was in the cell meanwhile is empty.
        core::mem::forget(self.0.replace(messages));
        result
    }
}

#[cfg(feature = "alloc")]
impl<T> sealed::Sealed for Growing<T> {}

#[cfg(feature = "alloc")]
impl<T> Buffer for Growing<T> {
    type Item = T;

    #[inline]
    fn push(&self, message: T) {
        self.with(|messages| messages.push_back(message));
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        self.with(alloc::collections::VecDeque::pop_front)
    }

    #[inline]
    fn count(&self) -> usize {
        self.with(|messages| messages.len())
    }

    #[inline]
    fn capacity(&self) -> usize {
        isize::MAX as usize
    }
}
