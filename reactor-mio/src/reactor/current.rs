//! Which reactor a thread's sockets belong to, and whether anybody drives it.

use std::cell::RefCell;
use std::io;
use std::mem::ManuallyDrop;

use polliwog_core::Spawner;
use polliwog_core::task::tell_refusal;

use super::MioReactor;

/// What to do where an executor with another reactor runs.
pub(crate) const INSTEAD: &str = "the reactor of the executor that runs here is not mio's; in tests and simulations use \
     `polliwog::spin::net` or `polliwog::sim::net`, `polliwog::sim::fs`, `signal` and `spawn_blocking`, or build without feature \
     `mio`, where `polliwog::net`, `fs`, `signal` and `spawn_blocking` are these";

impl MioReactor {
    /// Returns the reactor in whose context the calling code runs.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotConnected`] outside of a runtime.
    pub fn current() -> io::Result<Self> {
        CURRENT
            .with(|current| current.borrow().as_ref().cloned())
            .ok_or_else(|| {
                let reason = match polliwog_core::time::now() {
                    Some(_) => {
                        tell_refusal();
                        INSTEAD
                    }
                    None => "call it inside `block_on`, or inside `Runtime::enter`",
                };
                let reason = format!("no mio reactor in this context: {reason}");
                io::Error::new(io::ErrorKind::NotConnected, reason)
            })
    }

    /// Runs `f` with this as the thread's current reactor.
    pub fn enter<T>(&self, f: impl FnOnce() -> T) -> T {
        let _entered = self.entered();
        f()
    }

    /// Makes this the thread's current reactor until the guard is dropped.
    pub(crate) fn entered(&self) -> Entered {
        Entered(replace_current(Some(self.clone())))
    }

    /// Notes that a runtime has this reactor, which is not driven but by that.
    pub(crate) fn set_of_runtime(&self) {
        self.inner.of_runtime.set(true);
    }

    /// Notes that the runtime ends: from now on waiting is an error.
    pub(crate) fn end(&self) {
        self.inner.ended.set(true);
        self.inner.is_home.set(false);
    }

    /// Whether anybody will ever report something to those who begin to wait now.
    ///
    /// # Errors
    ///
    /// That nobody will, and why.
    #[inline]
    pub(crate) fn check_wait(&self) -> io::Result<()> {
        if self.inner.is_home.get() {
            return Ok(());
        }
        self.check_wait_elsewhere()
    }

    #[cold]
    #[inline(never)]
    fn check_wait_elsewhere(&self) -> io::Result<()> {
        let other = CURRENT.with(|current| current.borrow().is_some());
        let reason = if self.inner.ended.get() {
            "would wait for ever: the runtime that it was made in has ended"
        } else if other {
            "would wait for ever: it belongs to another runtime than the one that runs here"
        } else if self.inner.of_runtime.get() && Spawner::current().is_none() {
            "would wait for ever: its runtime does not run; use it inside of `block_on`"
        } else {
            // Driven by hand, by whoever made the reactor.
            return Ok(());
        };
        Err(io::Error::other(reason))
    }
}

thread_local! {
    /// Without a destructor, so that it is there as long as the thread is: also for what a runtime
    /// drops that is itself in a thread-local. It is empty whenever nothing is entered.
    static CURRENT: RefCell<ManuallyDrop<Option<MioReactor>>> =
        const { RefCell::new(ManuallyDrop::new(None)) };
}

fn replace_current(next: Option<MioReactor>) -> Option<MioReactor> {
    let note = |reactor: &Option<MioReactor>, is_current| {
        if let Some(reactor) = reactor {
            let inner = &reactor.inner;
            inner.is_home.set(is_current && !inner.ended.get());
        }
    };
    CURRENT.with(|current| {
        note(&current.borrow(), false);
        note(&next, true);
        ManuallyDrop::into_inner(current.replace(ManuallyDrop::new(next)))
    })
}

/// Makes the reactor current again that was current before, also when a panic passes by.
pub(crate) struct Entered(Option<MioReactor>);

impl Drop for Entered {
    fn drop(&mut self) {
        // Dropping a reactor runs destructors of wakers: not while the cell is borrowed.
        let mine = replace_current(self.0.take());
        drop(mine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn a_reactor_is_current_inside_of_enter_only() {
        assert_eq!(
            MioReactor::current().unwrap_err().kind(),
            io::ErrorKind::NotConnected
        );
        let (outer, inner) = (MioReactor::new().unwrap(), MioReactor::new().unwrap());
        let is_current = |reactor: &MioReactor| {
            Rc::ptr_eq(&MioReactor::current().unwrap().inner, &reactor.inner)
        };
        outer.enter(|| {
            let inside = || inner.enter(|| -> () { panic!("{}", is_current(&inner)) });
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(inside));
            assert_eq!(panic.unwrap_err().downcast_ref::<String>().unwrap(), "true");
            assert!(is_current(&outer));
        });
        assert!(MioReactor::current().is_err());
    }
}
