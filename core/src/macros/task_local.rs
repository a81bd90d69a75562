//! `task_local!`.

use core::cell::RefCell;
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::thread::LocalKey as ThreadKey;

use pin_project_lite::pin_project;

/// Declares values that each task has its own of, each a [`LocalKey`](crate::task::LocalKey).
///
/// ```
/// # use polliwog_core as polliwog;
/// polliwog::task_local! {
///     static REQUEST: u32;
/// }
///
/// async fn log(text: &str) -> String {
///     REQUEST.with(|request| format!("{request}: {text}"))
/// }
///
/// # async fn example() {
/// assert_eq!(REQUEST.scope(7, log("hello")).await, "7: hello");
/// # }
/// ```
#[macro_export]
macro_rules! task_local {
    ($($(#[$meta:meta])* $vis:vis static $name:ident: $value:ty);+ $(;)?) => {
        $(
            $(#[$meta])*
            $vis static $name: $crate::task::LocalKey<$value> = {
                $crate::__private::thread_local! {
                    static PLACE: $crate::__private::RefCell<$crate::__private::Option<$value>> =
                        const { $crate::__private::RefCell::new($crate::__private::Option::None) };
                }
                $crate::task::LocalKey::new(&PLACE)
            };
        )+
    };
}

/// A value that each task has its own of: see [`task_local!`](crate::task_local).
///
/// A task has a value while the future that [`scope`](Self::scope) has made is polled in it. A task that
/// it spawns has none, unless it is given one.
pub struct LocalKey<T: 'static> {
    place: &'static ThreadKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new(place: &'static ThreadKey<RefCell<Option<T>>>) -> Self {
        Self { place }
    }

    /// Runs a future in which the value is `value`.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task_local;
    ///
    /// polliwog::block_on(async {
    ///     task_local! { static USER: &'static str; }
    ///     USER.scope("tadpole", async {
    ///         assert_eq!(USER.get(), "tadpole");
    ///     })
    ///     .await;
    /// });
    /// ```
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        TaskLocalFuture {
            key: self,
            value: Some(value),
            future: Some(future),
        }
    }

    /// Runs a function in which the value is `value`.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task_local;
    ///
    /// task_local! { static USER: &'static str; }
    /// assert_eq!(USER.sync_scope("tadpole", || USER.get()), "tadpole");
    /// ```
    ///
    /// # Panics
    ///
    /// In a function that [`with`](Self::with) runs on the same value.
    #[track_caller]
    pub fn sync_scope<U>(&'static self, value: T, f: impl FnOnce() -> U) -> U {
        let mut value = Some(value);
        let _inside = Inside::new(self, &mut value);
        f()
    }

    /// Runs `f` with the value of the task that runs.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task_local;
    ///
    /// task_local! { static USER: String; }
    /// let length = USER.sync_scope("tadpole".into(), || USER.with(|user| user.len()));
    /// assert_eq!(length, 7);
    /// ```
    ///
    /// # Panics
    ///
    /// If it has none.
    #[track_caller]
    pub fn with<U>(&'static self, f: impl FnOnce(&T) -> U) -> U {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Runs `f` with the value of the task that runs.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task_local;
    ///
    /// task_local! { static USER: String; }
    /// assert!(USER.try_with(|user| user.len()).is_err()); // outside of any scope
    /// ```
    ///
    /// # Errors
    ///
    /// If it has none.
    pub fn try_with<U>(&'static self, f: impl FnOnce(&T) -> U) -> Result<U, AccessError> {
        self.place
            .try_with(|place| place.borrow().as_ref().map(f))
            .ok()
            .flatten()
            .ok_or(AccessError(()))
    }

    /// Returns the value of the task that runs.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task_local;
    ///
    /// task_local! { static LEVEL: u32; }
    /// assert_eq!(LEVEL.sync_scope(3, || LEVEL.get()), 3);
    /// ```
    ///
    /// # Panics
    ///
    /// If it has none.
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

/// Exchanges the value for the one in the thread's place, and back.
struct Inside<'a, T: 'static> {
    key: &'static LocalKey<T>,
    value: &'a mut Option<T>,
}

impl<'a, T> Inside<'a, T> {
    #[track_caller]
    fn new(key: &'static LocalKey<T>, value: &'a mut Option<T>) -> Self {
        match Self::try_new(key, value) {
            Some(inside) => inside,
            None => panic!("the task-local value is in use, or the thread ends"),
        }
    }

    /// `None`, and nothing is exchanged, while somebody uses the value, and when the thread has dropped its place.
    fn try_new(key: &'static LocalKey<T>, value: &'a mut Option<T>) -> Option<Self> {
        let exchanged = key.place.try_with(|place| {
            core::mem::swap(&mut *place.try_borrow_mut().ok()?, value);
            Some(())
        });
        exchanged.ok()??;
        Some(Self { key, value })
    }
}

impl<T> Drop for Inside<'_, T> {
    fn drop(&mut self) {
        // Nobody borrows it any more: whoever does is inside of us.
        let _ = self.key.place.try_with(|place| {
            if let Ok(mut place) = place.try_borrow_mut() {
                core::mem::swap(&mut *place, self.value);
            }
        });
    }
}

pin_project! {
    /// A future that has a task-local value: see [`LocalKey::scope`].
    ///
    /// Its destructor drops what it runs while that has the value, too. In a function that [`LocalKey::with`] runs on
    /// the same value, and in a destructor of a thread-local at the end of its thread, that may have another value or none.
    ///
    /// # Panics
    ///
    /// When it is polled in a function that [`LocalKey::with`] runs on the same value, and after its end.
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct TaskLocalFuture<T: 'static, F> {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // Its destructor sees the value, too, unless the place cannot be had: a destructor must not panic.
            if this.value.is_some() && this.future.is_some() {
                let _inside = Inside::try_new(*this.key, this.value);
                this.future.set(None);
            }
        }
    }
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Returns the value, which the future then has no longer.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task_local;
    /// use std::pin::pin;
    ///
    /// task_local! { static LEVEL: u32; }
    /// let mut scope = pin!(LEVEL.scope(3, async {}));
    /// assert_eq!(scope.as_mut().take_value(), Some(3));
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _inside = Inside::new(*this.key, this.value);
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("polled after its end");
        };
        let polled = future.poll(cx);
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }
}

impl<T: fmt::Debug + 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLocalFuture")
            .field("value", &self.value)
            .finish_non_exhaustive()
    }
}

/// The task that runs has no such value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task-local value not set")
    }
}

impl core::error::Error for AccessError {}

impl From<AccessError> for std::io::Error {
    fn from(error: AccessError) -> Self {
        Self::other(error)
    }
}
