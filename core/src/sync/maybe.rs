//! An `Option` that is all zero bits while it is empty, whatever it is one of: so that a static lies in `.bss`,
//! where it takes no flash. `None` of a `bool`, an enumeration or a `Duration` is not zero.

use core::cell::Cell;

/// A value, or none.
#[repr(u8)]
pub(super) enum Maybe<T> {
    Nothing = 0,
    Just(T) = 1,
}

impl<T> Maybe<T> {
    #[inline]
    pub(super) fn into_option(self) -> Option<T> {
        match self {
            Self::Just(value) => Some(value),
            Self::Nothing => None,
        }
    }

    #[inline]
    pub(super) fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Just(value) => Some(value),
            Self::Nothing => None,
        }
    }

    #[inline]
    pub(super) fn as_mut(&mut self) -> Option<&mut T> {
        match self {
            Self::Just(value) => Some(value),
            Self::Nothing => None,
        }
    }
}

impl<T> From<Option<T>> for Maybe<T> {
    #[inline]
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Self::Just)
    }
}

/// A cell for a value, or none.
pub(super) struct MaybeCell<T>(Cell<Maybe<T>>);

impl<T> MaybeCell<T> {
    pub(super) const fn new() -> Self {
        Self(Cell::new(Maybe::Nothing))
    }

    #[inline]
    pub(super) fn replace(&self, value: Option<T>) -> Option<T> {
        self.0.replace(value.into()).into_option()
    }

    #[inline]
    pub(super) fn take(&self) -> Option<T> {
        self.replace(None)
    }
}
