//! Kinds of permits: how many there are while nobody has any, and how many one waits for.

/// What kind of permits these are.
pub(in crate::sync) trait Usual {
    /// How many there are while nobody has any of them.
    const PERMITS: usize;
    /// Whether that there are no more of them can be said.
    const CLOSES: bool;
    /// What whoever waits for some brings along.
    type Many: Many;
}

/// How many permits somebody waits for.
pub(in crate::sync) trait Many: Copy {
    /// Whether it is one each time. Then nobody waits while one is free.
    const ONE: bool;
    fn of(permits: usize) -> Self;
    fn get(self) -> usize;
}

impl Many for usize {
    const ONE: bool = false;

    #[inline]
    fn of(permits: usize) -> Self {
        permits
    }

    #[inline]
    fn get(self) -> usize {
        self
    }
}

impl Many for () {
    const ONE: bool = true;

    #[inline]
    fn of(permits: usize) {
        debug_assert!(permits == 1);
    }

    #[inline]
    fn get(self) -> usize {
        1
    }
}

/// What a semaphore has is known at run time only.
pub(in crate::sync) struct Zero;

impl Usual for Zero {
    const PERMITS: usize = 0;
    const CLOSES: bool = true;
    type Many = usize;
}

/// What only one can have.
pub(in crate::sync) struct One;

impl Usual for One {
    const PERMITS: usize = 1;
    const CLOSES: bool = false;
    type Many = ();
}

/// What only one can have, until nobody needs it any more.
pub(in crate::sync) struct Once;

impl Usual for Once {
    const PERMITS: usize = 1;
    const CLOSES: bool = true;
    type Many = ();
}
