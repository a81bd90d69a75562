//! A value that is set once, and that others wait for.

use core::fmt;
use core::pin::pin;

use super::Shared;
use super::once_cell::OnceCell;
use super::scope::Scope;
use super::wait_list::{Wait, WaitList};
use crate::task::budget::poll_within;
use crate::trace::waits;

/// A value that somebody sets once, and that others wait for.
///
/// As in tokio. Where whoever comes first is to make the value there is
/// [`OnceCell`](super::OnceCell). It takes no allocation, and lies in a static, a structure, or behind an
/// `Rc` or `Arc`.
///
/// ```
/// use polliwog_core::sync::SetOnce;
///
/// static ADDRESS: SetOnce<[u8; 4]> = SetOnce::new();
///
/// async fn greet() -> u8 {
///     ADDRESS.wait().await[0]
/// }
/// ADDRESS.set([10, 0, 0, 7]).unwrap();
/// # let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
/// # assert!(core::pin::pin!(greet()).poll(&mut cx).is_ready());
/// assert!(ADDRESS.set([10, 0, 0, 8]).is_err());
/// ```
///
/// | operation | waits | from an interrupt handler |
/// |---|---|---|
/// | `wait` | yes | no |
/// | `set`, `get`, `initialized` | no | yes, if [`Shared`] |
pub struct SetOnce<T, S: Scope = Shared> {
    cell: OnceCell<T, S>,
    waiters: WaitList<S>,
}

impl<T, S: Scope> SetOnce<T, S> {
    crate::loom::const_unless_loom! {
        /// Makes a place without a value.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::SetOnce;
        ///
        /// static ADDRESS: SetOnce<u32> = SetOnce::new();
        /// ```
        pub fn new() -> Self {
            Self {
                cell: OnceCell::new(),
                waiters: WaitList::with_value(()),
            }
        }

        /// Makes a place without a value: [`new`](Self::new) by tokio's name.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::SetOnce;
        ///
        /// static ADDRESS: SetOnce<u32> = SetOnce::const_new();
        /// ```
        pub fn const_new() -> Self {
            Self::new()
        }
    }

    /// Sets the value, which wakes all who wait for it.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{SetOnce, SetOnceError};
    ///
    /// let value: SetOnce<u32> = SetOnce::new();
    /// assert_eq!(value.set(7), Ok(()));
    /// assert_eq!(value.set(8), Err(SetOnceError(8)));
    /// ```
    ///
    /// # Errors
    ///
    /// The value, if there is one.
    pub fn set(&self, value: T) -> Result<(), SetOnceError<T>> {
        match self.cell.set(value) {
            Ok(()) => {
                self.waiters.notify_all(0);
                Ok(())
            }
            Err(error) => Err(SetOnceError(error.into_inner())),
        }
    }

    /// Returns whether there is a value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::SetOnce;
    ///
    /// let value: SetOnce<u32> = SetOnce::new();
    /// assert!(!value.initialized());
    /// value.set(7).unwrap();
    /// assert!(value.initialized());
    /// ```
    #[inline]
    pub fn initialized(&self) -> bool {
        self.cell.initialized()
    }

    /// Returns the value, if there is one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::SetOnce;
    ///
    /// let value: SetOnce<u32> = SetOnce::new();
    /// assert_eq!(value.get(), None);
    /// value.set(7).unwrap();
    /// assert_eq!(value.get(), Some(&7));
    /// ```
    #[inline]
    pub fn get(&self) -> Option<&T> {
        self.cell.get()
    }

    /// Returns the value, if there is one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::SetOnce;
    ///
    /// let value: SetOnce<u32> = SetOnce::new();
    /// value.set(7).unwrap();
    /// assert_eq!(value.into_inner(), Some(7));
    /// ```
    pub fn into_inner(self) -> Option<T> {
        self.cell.into_inner()
    }

    /// Waits until there is a value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::SetOnce;
    ///
    /// polliwog::block_on(async {
    ///     static ADDRESS: SetOnce<u32> = SetOnce::new();
    ///     let task = polliwog::spawn(async { *ADDRESS.wait().await }).unwrap();
    ///     ADDRESS.set(7).unwrap();
    ///     assert_eq!(task.await.unwrap(), 7);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it.
    pub async fn wait(&self) -> &T {
        let mut wait = pin!(Wait::<_>::new(&self.waiters, ()));
        // Set before all are notified, so whoever does not see it under the lock is notified.
        core::future::poll_fn(|cx| {
            waits::method("SetOnce::wait", || {
                poll_within(cx, |cx| wait.as_mut().poll_with(cx, |_, _| self.cell.get()))
            })
        })
        .await
    }
}

impl<T, S: Scope> Default for SetOnce<T, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, S: Scope> From<T> for SetOnce<T, S> {
    /// With a value.
    fn from(value: T) -> Self {
        Self {
            cell: OnceCell::from(value),
            waiters: WaitList::with_value(()),
        }
    }
}

impl<T: fmt::Debug, S: Scope> fmt::Debug for SetOnce<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetOnce")
            .field("value", &self.get())
            .finish()
    }
}

/// There is a value already; the one that was to be set is in it. [`error`](Self::error) says it without that one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetOnceError<T>(pub T);

impl<T> SetOnceError<T> {
    /// The error without the value: to pass on, whatever the value is, or while it is kept.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::local::SetOnce;
    /// use std::rc::Rc;
    ///
    /// let once = SetOnce::from(Rc::new(7));
    /// let error = once.set(Rc::new(8)).unwrap_err().error();
    /// assert_eq!(error.to_string(), "the value has been set already");
    /// ```
    pub const fn error(&self) -> SetOnceError<()> {
        SetOnceError(())
    }
}

impl<T> fmt::Display for SetOnceError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value has been set already")
    }
}

impl<T: fmt::Debug> core::error::Error for SetOnceError<T> {}
