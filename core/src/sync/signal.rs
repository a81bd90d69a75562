//! The latest of a number of values.

use core::fmt;

use super::Shared;
use super::maybe::MaybeCell;
use super::scope::Scope;
use super::wait_list::{Access, Until, Wait, WaitList};
use crate::task::wake_quietly;
use crate::trace::waits;

/// A place for one value, of which only the latest is of interest: a new one replaces one that nobody
/// has taken yet.
///
/// As that of `embassy-sync`; any number of tasks can wait, and each value goes to one of them. It takes
/// no allocation, and lies in a static, a structure, or behind an `Rc` or `Arc`. Where each of several
/// tasks is to see the value there is `watch`.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::Signal;
///
/// static LEVEL: Signal<u16> = Signal::new();
///
/// fn conversion_done(level: u16) {
///     LEVEL.signal(level);
/// }
///
/// async fn levels() {
///     loop {
///         let level = LEVEL.wait().await;
///         # let _ = level;
///     }
/// }
/// ```
///
/// | operation | waits | from an interrupt handler |
/// |---|---|---|
/// | `wait` | yes, FIFO | no |
/// | `signal`, `try_take`, `reset`, `signaled` | no | yes, if [`Shared`] |
pub struct Signal<T, S: Scope = Shared>(WaitList<S, MaybeCell<T>>);

impl<T, S: Scope> Signal<T, S> {
    crate::loom::const_unless_loom! {
        /// Makes a signal without a value.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::Signal;
        ///
        /// static TEMPERATURE: Signal<i16> = Signal::new();
        /// ```
        pub fn new() -> Self {
            Self(WaitList::with_value(MaybeCell::new()))
        }
    }

    /// Puts a value there, in the place of one that nobody has taken, and wakes the first who waits.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Signal;
    ///
    /// static TEMPERATURE: Signal<i16> = Signal::new();
    /// TEMPERATURE.signal(21); // from an interrupt handler, too
    /// TEMPERATURE.signal(22);
    /// assert_eq!(TEMPERATURE.try_take(), Some(22));
    /// ```
    pub fn signal(&self, value: T) {
        let (former, first) = self.0.with(|view| {
            let former = view.value().replace(Some(value));
            (former, view.take_first(0))
        });
        if let Some(first) = first {
            wake_quietly(first);
        }
        drop(former);
    }

    /// Waits for a value and takes it.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Signal;
    ///
    /// polliwog::block_on(async {
    ///     static TEMPERATURE: Signal<i16> = Signal::new();
    ///     let display = polliwog::spawn(TEMPERATURE.wait()).unwrap();
    ///     TEMPERATURE.signal(21);
    ///     assert_eq!(display.await.unwrap(), 21);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it has taken nothing; the value goes to the next.
    #[inline]
    pub fn wait(&self) -> impl Future<Output = T> {
        let take = |view: &Access<'_, MaybeCell<T>, (), 1>| view.value().take();
        waits::of_method(
            "Signal::wait",
            Until::<Wait<_, 0, 1>, _, _>::new(&self.0, (), take, |_, value| value),
        )
    }

    /// Takes the value, if there is one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Signal;
    ///
    /// let signal: Signal<u32> = Signal::new();
    /// signal.signal(7);
    /// assert_eq!(signal.try_take(), Some(7));
    /// assert_eq!(signal.try_take(), None);
    /// ```
    pub fn try_take(&self) -> Option<T> {
        self.0.with(|view| view.value().take())
    }

    /// Drops the value, if there is one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Signal;
    ///
    /// let signal: Signal<u32> = Signal::new();
    /// signal.signal(7);
    /// signal.reset();
    /// assert_eq!(signal.try_take(), None);
    /// ```
    pub fn reset(&self) {
        drop(self.try_take());
    }

    /// Returns whether there is a value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::Signal;
    ///
    /// let signal: Signal<u32> = Signal::new();
    /// signal.signal(7);
    /// assert!(signal.signaled());
    /// ```
    pub fn signaled(&self) -> bool {
        self.0.with(|view| {
            let value = view.value().take();
            let any = value.is_some();
            // There was none in between.
            core::mem::forget(view.value().replace(value));
            any
        })
    }
}

impl<T, S: Scope> Default for Signal<T, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, S: Scope> fmt::Debug for Signal<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("signaled", &self.signaled())
            .finish_non_exhaustive()
    }
}
