//! The chance of an executor that cannot be seeded: there is none.

pub(crate) struct Chance;

impl Chance {
    pub(crate) const fn new() -> Self {
        Self
    }

    pub(crate) fn seed(&self, _: u64) {}

    pub(super) fn throw(&self) -> Option<u64> {
        None
    }
}
