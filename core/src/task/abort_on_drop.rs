//! [`AbortOnDrop`]: a task that ends with its handle.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{AbortHandle, JoinError, JoinHandle};

pin_project! {
    /// A [`JoinHandle`] that aborts its task when it is dropped.
    ///
    /// ```
    /// # use polliwog_core as polliwog;
    /// # async fn work() {}
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use polliwog::task::AbortOnDrop;
    ///
    /// let task = AbortOnDrop::new(polliwog::spawn(work())?);
    /// // Here, or where `?` leaves the function, the task ends.
    /// drop(task);
    /// # Ok(()) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it aborts the task.
    #[must_use = "dropped at once, it aborts the task at once"]
    pub struct AbortOnDrop<T> {
        #[pin]
        handle: JoinHandle<T>,
    }

    impl<T> PinnedDrop for AbortOnDrop<T> {
        fn drop(this: Pin<&mut Self>) {
            this.handle.abort();
        }
    }
}

impl<T> AbortOnDrop<T> {
    /// Has the task end with this handle.
    pub fn new(handle: JoinHandle<T>) -> Self {
        Self { handle }
    }

    /// Aborts the task now.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::AbortOnDrop;
    ///
    /// polliwog::block_on(async {
    ///     let task = AbortOnDrop::new(polliwog::spawn(std::future::pending::<()>()).unwrap());
    ///     task.abort();
    ///     assert!(task.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn abort(&self) {
        self.handle.abort();
    }

    /// A handle that can end the task but not take its output.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::AbortOnDrop;
    ///
    /// polliwog::block_on(async {
    ///     let task = AbortOnDrop::new(polliwog::spawn(std::future::pending::<()>()).unwrap());
    ///     task.abort_handle().abort();
    ///     assert!(task.await.is_err());
    /// });
    /// ```
    pub fn abort_handle(&self) -> AbortHandle {
        self.handle.abort_handle()
    }

    /// Whether the task has ended.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::task::AbortOnDrop;
    ///
    /// polliwog::block_on(async {
    ///     let task = AbortOnDrop::new(polliwog::spawn(async {}).unwrap());
    ///     polliwog::yield_now().await;
    ///     assert!(task.is_finished());
    /// });
    /// ```
    pub fn is_finished(&self) -> bool {
        self.handle.is_finished()
    }
}

impl<T> From<JoinHandle<T>> for AbortOnDrop<T> {
    fn from(handle: JoinHandle<T>) -> Self {
        Self::new(handle)
    }
}

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().handle.poll(cx)
    }
}

impl<T> fmt::Debug for AbortOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortOnDrop")
            .field("is_finished", &self.is_finished())
            .finish_non_exhaustive()
    }
}
