//! What a reactor calls before it blocks its thread, and after.

use std::cell::{Cell, OnceCell};

/// Two functions, as one: with `true` before the thread blocks, with `false` once it does not any more.
type Hook = Box<dyn Fn(bool)>;

/// The hooks of a reactor, if it has any.
#[derive(Default)]
pub(crate) struct ParkHooks {
    hook: OnceCell<Hook>,
    /// The first has been called, and the second has not.
    before: Cell<bool>,
}

impl ParkHooks {
    /// Sets the hook, once.
    pub(crate) fn set(&self, hook: Hook) {
        let _ = self.hook.set(hook);
    }

    #[inline]
    pub(crate) fn are_set(&self) -> bool {
        self.hook.get().is_some()
    }

    /// Calls the hook before a wait, unless it has been called for this one. Returns whether it was: then this
    /// park is over, since the hook may have woken a task, which nobody would see in the middle of it.
    pub(crate) fn before(&self) -> bool {
        let first = !self.before.replace(true);
        if first {
            self.call(true);
        }
        first
    }

    /// Calls the hook after a wait.
    pub(crate) fn after(&self) {
        self.before.set(false);
        self.call(false);
    }

    fn call(&self, before: bool) {
        if let Some(hook) = self.hook.get() {
            hook(before);
        }
    }
}
