//! What a source is ready for.

use core::fmt;
use core::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A set of readiness states.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::sources::Readiness;
///
/// let ready = Readiness::READABLE | Readiness::WRITABLE;
/// assert!(ready.contains(Readiness::READABLE) && ready.is_writable());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness(u8);

impl Readiness {
    /// Nothing.
    pub const NONE: Readiness = Readiness(0);
    /// A read may make progress.
    pub const READABLE: Readiness = Readiness(1);
    /// A write may make progress.
    pub const WRITABLE: Readiness = Readiness(2);
    /// The peer will send nothing more: from now on a read must be tried. Stays until a read would block
    /// all the same.
    pub const READ_CLOSED: Readiness = Readiness(4);
    /// Nothing more can be sent. Stays until a write would block all the same.
    pub const WRITE_CLOSED: Readiness = Readiness(8);
    /// An error is pending on the source. Stays until an operation would block all the same.
    pub const ERROR: Readiness = Readiness(16);
    /// Something is in the way of the data, an urgent byte as a rule: a read that returns less than it was
    /// asked for has perhaps not read all. Ends no wait by itself.
    pub const PRIORITY: Readiness = Readiness(32);

    /// What ends a reader's wait.
    const READ: Readiness = Readiness(1 | 4 | 16);
    /// What ends a writer's wait.
    const WRITE: Readiness = Readiness(2 | 8 | 16);
    /// What an operation that would have blocked may take back.
    pub(super) const CLEARABLE: Readiness = Readiness(1 | 2);
    /// Everything.
    pub(super) const ALL: Readiness = Readiness(63);

    #[inline]
    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    #[inline]
    pub(super) const fn from_bits(bits: u8) -> Self {
        Readiness(bits)
    }

    /// Returns whether nothing is set.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::Readiness;
    ///
    /// assert!(Readiness::default().is_empty());
    /// ```
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns whether all of `other` is set.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::Readiness;
    ///
    /// let both = Readiness::READABLE | Readiness::WRITABLE;
    /// assert!(both.contains(Readiness::READABLE));
    /// assert!(!Readiness::READABLE.contains(both));
    /// ```
    #[inline]
    pub const fn contains(self, other: Readiness) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns whether any of `other` is set.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::Readiness;
    ///
    /// let both = Readiness::READABLE | Readiness::WRITABLE;
    /// assert!(Readiness::READABLE.intersects(both));
    /// ```
    #[inline]
    pub const fn intersects(self, other: Readiness) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns whether a reader has something to do: data, the end of the stream, or an error.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::Readiness;
    ///
    /// assert!(Readiness::READABLE.is_readable());
    /// assert!(!Readiness::WRITABLE.is_readable());
    /// ```
    #[inline]
    pub const fn is_readable(self) -> bool {
        self.intersects(Self::READ)
    }

    /// Returns whether a writer has something to do: room, a closed pipe, or an error.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::Readiness;
    ///
    /// assert!(Readiness::WRITABLE.is_writable());
    /// ```
    #[inline]
    pub const fn is_writable(self) -> bool {
        self.intersects(Self::WRITE)
    }
}

impl BitOr for Readiness {
    type Output = Readiness;
    #[inline]
    fn bitor(self, other: Readiness) -> Readiness {
        Readiness(self.0 | other.0)
    }
}

impl BitOrAssign for Readiness {
    #[inline]
    fn bitor_assign(&mut self, other: Readiness) {
        self.0 |= other.0;
    }
}

impl BitAnd for Readiness {
    type Output = Readiness;
    #[inline]
    fn bitand(self, other: Readiness) -> Readiness {
        Readiness(self.0 & other.0)
    }
}

impl Not for Readiness {
    type Output = Readiness;
    #[inline]
    fn not(self) -> Readiness {
        Readiness(!self.0 & 63)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::READABLE, "READABLE"),
            (Self::WRITABLE, "WRITABLE"),
            (Self::READ_CLOSED, "READ_CLOSED"),
            (Self::WRITE_CLOSED, "WRITE_CLOSED"),
            (Self::ERROR, "ERROR"),
            (Self::PRIORITY, "PRIORITY"),
        ];
        let mut first = true;
        for (_, name) in names.iter().filter(|(bit, _)| self.contains(*bit)) {
            if !first {
                f.write_str(" | ")?;
            }
            first = false;
            f.write_str(name)?;
        }
        if first { f.write_str("NONE") } else { Ok(()) }
    }
}

/// Which half of a source an operation uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Reading, accepting, waiting for a user event.
    Read,
    /// Writing, and the end of a connect.
    Write,
}

impl Direction {
    /// Returns the readiness that ends a wait in this direction.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sources::{Direction, Readiness};
    ///
    /// assert!(Direction::Read.mask().contains(Readiness::READABLE));
    /// ```
    #[inline]
    pub const fn mask(self) -> Readiness {
        match self {
            Direction::Read => Readiness::READ,
            Direction::Write => Readiness::WRITE,
        }
    }

    /// What is known in this direction and ends no wait.
    #[inline]
    pub(super) const fn hints(self) -> Readiness {
        match self {
            Direction::Read => Readiness::PRIORITY,
            Direction::Write => Readiness::NONE,
        }
    }
}
