//! Values that are made once, by something that waits.

use core::cell::UnsafeCell;
use core::convert::Infallible;
use core::fmt;

use super::Shared;
use super::maybe::Maybe;
use super::scope::Scope;
use super::semaphore::{Once, Permits};
use crate::loom::{ACQUIRE, AtomicBool, Ordering};
use crate::task::budget::consume_budget;
use crate::trace::waits;

/// A value that is made once, by a future, when it is first asked for.
///
/// As in tokio. Whoever asks while it is being made waits; if whoever makes it fails, or is dropped, the
/// next makes it. It takes no allocation, and lies in a static, a structure, or behind an `Rc` or `Arc`.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::OnceCell;
///
/// static LIMIT: OnceCell<u32> = OnceCell::new();
///
/// async fn limit() -> u32 {
///     *LIMIT.get_or_init(|| async { 42 }).await
/// }
/// # let mut cx = core::task::Context::from_waker(core::task::Waker::noop());
/// # assert!(core::pin::pin!(limit()).poll(&mut cx).is_ready());
/// assert_eq!(LIMIT.get(), Some(&42));
/// ```
pub struct OnceCell<T, S: Scope = Shared> {
    /// One, until the value is there.
    permits: Permits<S, Once>,
    /// Whether the value is there; then it stays.
    set: AtomicBool,
    value: UnsafeCell<Maybe<T>>,
}

// SAFETY: references to the value are given to all threads, and it may be taken out on another one than
// it was put in.
unsafe impl<T: Send + Sync> Sync for OnceCell<T, Shared> {}
// SAFETY: it owns the value.
unsafe impl<T: Send> Send for OnceCell<T, Shared> {}

impl<T, S: Scope> OnceCell<T, S> {
    crate::loom::const_unless_loom! {
        /// Makes a cell without a value.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::OnceCell;
        ///
        /// static CONFIG: OnceCell<u32> = OnceCell::new();
        /// assert_eq!(CONFIG.get(), None);
        /// ```
        pub fn new() -> Self {
            Self {
                permits: Permits::new(1),
                set: AtomicBool::new(false),
                value: UnsafeCell::new(Maybe::Nothing),
            }
        }

        /// Makes a cell without a value: [`new`](Self::new) by tokio's name.
        ///
        /// ```
        /// # use polliwog_core::conformance::facade as polliwog;
        /// use polliwog::sync::OnceCell;
        ///
        /// static CONFIG: OnceCell<u32> = OnceCell::const_new();
        /// ```
        pub fn const_new() -> Self {
            Self::new()
        }
    }

    /// Makes a cell with a value, or without one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// let cell: OnceCell<u32> = OnceCell::new_with(Some(7));
    /// assert_eq!(cell.get(), Some(&7));
    /// ```
    pub fn new_with(value: Option<T>) -> Self {
        value.map_or_else(Self::new, Self::from)
    }

    /// Returns whether the cell has a value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// let cell: OnceCell<u32> = OnceCell::new();
    /// assert!(!cell.initialized());
    /// cell.set(7).unwrap();
    /// assert!(cell.initialized());
    /// ```
    #[inline]
    pub fn initialized(&self) -> bool {
        self.set.load(ACQUIRE)
    }

    /// Returns the cell's value, if it has one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// let cell: OnceCell<u32> = OnceCell::new();
    /// assert_eq!(cell.get(), None);
    /// cell.set(7).unwrap();
    /// assert_eq!(cell.get(), Some(&7));
    /// ```
    #[inline]
    pub fn get(&self) -> Option<&T> {
        if !self.initialized() {
            return None;
        }
        // SAFETY: from now on there are shared references only, until we are borrowed alone.
        unsafe { (*self.value.get()).as_ref() }
    }

    /// Returns the cell's value, if it has one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// let mut cell: OnceCell<u32> = OnceCell::new_with(Some(7));
    /// *cell.get_mut().unwrap() += 1;
    /// assert_eq!(cell.get(), Some(&8));
    /// ```
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// Takes the value out; then it is as new.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// let mut cell: OnceCell<u32> = OnceCell::new_with(Some(7));
    /// assert_eq!(cell.take(), Some(7));
    /// assert_eq!(cell.take(), None);
    /// ```
    pub fn take(&mut self) -> Option<T> {
        core::mem::take(self).into_inner()
    }

    /// Returns the cell's value, if it has one.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// let cell: OnceCell<u32> = OnceCell::new_with(Some(7));
    /// assert_eq!(cell.into_inner(), Some(7));
    /// ```
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner().into_option()
    }

    /// Puts a value there.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// let cell: OnceCell<u32> = OnceCell::new();
    /// cell.set(7).unwrap();
    /// let error = cell.set(8).unwrap_err();
    /// assert!(error.is_already_init_err());
    /// assert_eq!(error.into_inner(), 8);
    /// ```
    ///
    /// # Errors
    ///
    /// If there is one, or somebody is making one.
    pub fn set(&self, value: T) -> Result<(), SetError<T>> {
        if self.initialized() {
            return Err(SetError::AlreadyInitializedError(value));
        }
        match self.permits.try_acquire(1) {
            Ok(()) => {
                Making(self).done(value);
                Ok(())
            }
            Err(_) if self.initialized() => Err(SetError::AlreadyInitializedError(value)),
            Err(_) => Err(SetError::InitializingError(value)),
        }
    }

    /// Returns the value; if there is none yet, the future of `init` makes it.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// polliwog::block_on(async {
    ///     let cell: OnceCell<u32> = OnceCell::new();
    ///     assert_eq!(cell.get_or_init(async || 7).await, &7);
    ///     assert_eq!(cell.get_or_init(async || unreachable!()).await, &7);
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops the future if it is the one that makes the value; then the next one makes it.
    pub async fn get_or_init<F, Fut>(&self, init: F) -> &T
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = T>,
    {
        let init = || async { Ok::<_, Infallible>(init().await) };
        match self.get_or_try_init(init).await {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// Returns the value; if there is none yet, the future of `init` makes it, or fails.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// polliwog::block_on(async {
    ///     let cell: OnceCell<u32> = OnceCell::new();
    ///     assert_eq!(cell.get_or_try_init(async || Err("not yet")).await, Err("not yet"));
    ///     assert_eq!(cell.get_or_try_init(async || Ok::<_, &str>(7)).await, Ok(&7));
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// That of `init`; then there is still no value, and the next one makes it.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it drops the future if it is the one that makes the value; then the next one makes it.
    pub async fn get_or_try_init<E, F, Fut>(&self, init: F) -> Result<&T, E>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        consume_budget().await;
        if let Some(value) = self.get() {
            return Ok(value);
        }
        let permit = waits::of_method("OnceCell::get_or_init", self.permits.acquire(1)).await;
        if let Some(value) = self.get() {
            // Closed, or the one who had the permit before has made it just now.
            return Ok(value);
        }
        debug_assert!(permit.is_ok());
        let making = Making(self);
        let value = init().await?;
        Ok(making.done(value))
    }
}

/// Whoever has the permit.
struct Making<'a, T, S: Scope>(&'a OnceCell<T, S>);

impl<'a, T, S: Scope> Making<'a, T, S> {
    fn done(self, value: T) -> &'a T {
        let cell = self.0;
        // It is no longer needed: from here on nobody asks for it.
        core::mem::forget(self);
        let place = cell.value.get();
        // SAFETY: we had the only permit, and there was no value: nobody else has a reference, or gets
        // one before the flag is set.
        unsafe { *place = Maybe::Just(value) };
        cell.set.store(true, Ordering::Release);
        cell.permits.close();
        cell.get().expect("it has been set")
    }
}

impl<T, S: Scope> Drop for Making<'_, T, S> {
    fn drop(&mut self) {
        self.0.permits.release(1);
    }
}

impl<T, S: Scope> Default for OnceCell<T, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, S: Scope> From<T> for OnceCell<T, S> {
    /// With a value.
    fn from(value: T) -> Self {
        let cell = Self::new();
        // Nobody else can have been faster.
        let _ = cell.set(value);
        cell
    }
}

impl<T: fmt::Debug, S: Scope> fmt::Debug for OnceCell<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceCell")
            .field("value", &self.get())
            .finish()
    }
}

/// Why a value, which is in it, could not be put into a [`OnceCell`]; [`error`](Self::error) says it without the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetError<T> {
    /// There is one.
    AlreadyInitializedError(T),
    /// Somebody is making one.
    InitializingError(T),
}

impl<T> SetError<T> {
    /// Returns whether the reason is that the cell has a value already.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// let cell: OnceCell<u32> = OnceCell::new_with(Some(7));
    /// assert!(cell.set(8).unwrap_err().is_already_init_err());
    /// ```
    pub fn is_already_init_err(&self) -> bool {
        matches!(self, Self::AlreadyInitializedError(_))
    }

    /// Returns whether the reason is that somebody is making the cell's value.
    pub fn is_initializing_err(&self) -> bool {
        matches!(self, Self::InitializingError(_))
    }

    /// Returns the value that could not be put there.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::OnceCell;
    ///
    /// let cell = OnceCell::<_>::new_with(Some("old"));
    /// assert_eq!(cell.set("new").unwrap_err().into_inner(), "new");
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            Self::AlreadyInitializedError(value) | Self::InitializingError(value) => value,
        }
    }

    /// The error without the value: to pass on, whatever the value is, or while it is kept.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::{SetError, local::OnceCell};
    /// use std::rc::Rc;
    ///
    /// let cell = OnceCell::new_with(Some(Rc::new(7)));
    /// let error = cell.set(Rc::new(8)).unwrap_err().error();
    /// assert_eq!(error, SetError::AlreadyInitializedError(()));
    /// ```
    pub const fn error(&self) -> SetError<()> {
        match self {
            Self::AlreadyInitializedError(_) => SetError::AlreadyInitializedError(()),
            Self::InitializingError(_) => SetError::InitializingError(()),
        }
    }
}

impl<T> fmt::Display for SetError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyInitializedError(_) => "the value has been set already",
            Self::InitializingError(_) => "the value is being made",
        })
    }
}

impl<T: fmt::Debug> core::error::Error for SetError<T> {}

/// A value that is made once, by a future that is known from the start.
///
/// A static one, which has the function in it, lies in a chip's flash as it is at first, with the room for the value:
/// for a large value take a [`OnceCell`], which is zero.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::sync::LazyCell;
///
/// async fn read_limit() -> u32 {
///     42
/// }
///
/// # async fn example() {
/// let limit = LazyCell::new(read_limit);
/// assert_eq!(*limit.force().await, 42);
/// # }
/// ```
#[derive(Debug)]
pub struct LazyCell<T, F, S: Scope = Shared> {
    cell: OnceCell<T, S>,
    init: F,
}

impl<T, F, S: Scope> LazyCell<T, F, S> {
    crate::loom::const_unless_loom! {
        /// Makes a value that the future of `init` is going to make.
        pub fn new(init: F) -> Self {
            Self {
                cell: OnceCell::new(),
                init,
            }
        }
    }

    /// Returns the value, if it has been made.
    pub fn get(&self) -> Option<&T> {
        self.cell.get()
    }

    /// Returns the value, which is made now if it has not been.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::sync::LazyCell;
    ///
    /// polliwog::block_on(async {
    ///     let lazy: LazyCell<u32, _> = LazyCell::new(async || 6 * 7);
    ///     assert_eq!(lazy.get(), None);
    ///     assert_eq!(lazy.force().await, &42);
    ///     assert_eq!(lazy.get(), Some(&42));
    /// });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As that of [`OnceCell::get_or_init`].
    pub async fn force<Fut>(&self) -> &T
    where
        F: Fn() -> Fut,
        Fut: Future<Output = T>,
    {
        self.cell.get_or_init(&self.init).await
    }
}
