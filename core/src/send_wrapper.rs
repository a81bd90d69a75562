//! [`SendWrapper`].
//!
//! All the unsafe code of it is two `impl`s, which rest on this:
//!
//! * **X1.** The value is made, looked at, moved out and dropped on one thread only, that which
//!   [`SendWrapper::new`] was called on: whatever leads to it asks first which thread this is. Elsewhere only
//!   the box that it lies in goes from hand to hand, and is forgotten in the end if no hand can take it home.
//!
//! Why not the crate `send_wrapper`: its destructor panics on another thread, after which the value's memory
//! is freed without its destructor. That ends a program whose library drops a future where it likes, as
//! quinn's and hyper's do; and it is unsound for a value that is pinned there, such as a
//! [`Sleep`](crate::time::Sleep), which the timer queue goes on pointing to. Here the value lies in a box,
//! stays in its place, and goes home to be dropped.

use alloc::boxed::Box;
use core::cell::Cell;
use core::fmt;
use core::future::Future;
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::task::{Context, Poll};
#[cfg(loom)]
use loom::thread::{self, ThreadId};
#[cfg(not(loom))]
use std::thread::{self, ThreadId};

use crate::executor::{Handle, Spawner};

#[cfg(not(loom))]
std::thread_local! {
    // Const and without a destructor: usable at any time, also while the thread ends. Unknown on a thread
    // that has never wrapped anything, where hence nothing is at home.
    static HERE: Cell<Option<ThreadId>> = const { Cell::new(None) };
}

#[cfg(loom)]
loom::thread_local! {
    static HERE: Cell<Option<ThreadId>> = Cell::new(None);
}

fn here() -> ThreadId {
    HERE.with(|here| {
        let id = here.get().unwrap_or_else(|| thread::current().id());
        here.set(Some(id));
        id
    })
}

fn is_here(thread: ThreadId) -> bool {
    HERE.with(|here| here.get() == Some(thread))
}

/// A value that may be sent to other threads and can be used on its own thread only.
///
/// For libraries that ask for `Send` although all of it stays on one thread: hyper's upgrades and timers,
/// axum's handlers, clients that keep connections in a pool. Whether it really does is checked at each use,
/// which costs a comparison with a thread-local.
///
/// It is what it wraps: a [`Future`], a [`Stream`](futures_core::Stream), and with the features
/// `futures-io`, `tokio` and `hyper` a reader and writer by their traits. The value lies in a box and stays
/// where it is, so that the wrapper is `Unpin` and its value need not be.
///
/// ```
/// use polliwog_core::SendWrapper;
/// use std::rc::Rc;
///
/// fn is_send<T: Send + Sync>(_: &T) {}
///
/// let name = SendWrapper::new(Rc::new("polliwog"));
/// is_send(&name);
/// assert_eq!(name.len(), 8);
///
/// let greeting = SendWrapper::new(async move {
///     polliwog_core::yield_now().await;
///     format!("hello {name}", name = *name)
/// });
/// is_send(&greeting); // although the future holds an `Rc`, if it were not for the wrappers
/// ```
///
/// # Panics
///
/// Elsewhere, everything that leads to the value panics, or is an error where it has one
/// ([`get`](Self::get), readers and writers): see [`WrongThread`]. Debugging and dropping do not.
///
/// # Dropped elsewhere
///
/// The value goes home to the executor that ran where it was wrapped, and is dropped there in its next turn,
/// however full the executor is. If there was none, or it is gone, the value is leaked: nobody could drop it on its
/// own thread, and to drop it on another one would be unsound.
pub struct SendWrapper<T: 'static> {
    /// Gone only once the value has been taken out, or in the middle of a drop.
    value: Option<Pin<Box<T>>>,
    thread: ThreadId,
    home: Option<Handle>,
}

// SAFETY: X1: whichever thread has the wrapper, the value is used and dropped on its own.
unsafe impl<T: 'static> Send for SendWrapper<T> {}
// SAFETY: X1: a shared reference leads to the value on its own thread only.
unsafe impl<T: 'static> Sync for SendWrapper<T> {}

impl<T: 'static> SendWrapper<T> {
    /// Wraps a value, which belongs to this thread and to the executor that runs here, if any.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::SendWrapper;
    /// use std::rc::Rc;
    ///
    /// let shared = SendWrapper::new(Rc::new(7));
    /// assert_eq!(shared.get().map(|value| **value), Ok(7));
    /// ```
    pub fn new(value: T) -> Self {
        Self {
            value: Some(Box::pin(value)),
            thread: here(),
            // Not `Handle::current`, which on a pool's thread is the executor of another thread.
            home: Spawner::current().map(|spawner| spawner.handle()),
        }
    }

    /// Returns whether this is the thread on which the value can be used.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::SendWrapper;
    ///
    /// let wrapped = SendWrapper::new(7);
    /// assert!(wrapped.is_home());
    /// assert!(!std::thread::spawn(move || wrapped.is_home()).join().unwrap());
    /// ```
    pub fn is_home(&self) -> bool {
        is_here(self.thread)
    }

    /// Returns the value.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::SendWrapper;
    ///
    /// let wrapped = SendWrapper::new(7);
    /// assert_eq!(wrapped.get(), Ok(&7));
    /// assert!(std::thread::spawn(move || wrapped.get().is_err()).join().unwrap());
    /// ```
    ///
    /// # Errors
    ///
    /// [`WrongThread`] on any thread but its own.
    pub fn get(&self) -> Result<&T, WrongThread> {
        match &self.value {
            Some(value) if is_here(self.thread) => Ok(value),
            _ => Err(WrongThread(())),
        }
    }

    /// Returns the value, to be changed where it is.
    ///
    /// # Errors
    ///
    /// [`WrongThread`] on any thread but its own.
    pub fn get_pin_mut(&mut self) -> Result<Pin<&mut T>, WrongThread> {
        match &mut self.value {
            Some(value) if is_here(self.thread) => Ok(value.as_mut()),
            _ => Err(WrongThread(())),
        }
    }

    /// Takes the value out.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::SendWrapper;
    ///
    /// assert_eq!(SendWrapper::new(7).into_inner().unwrap(), 7);
    /// ```
    ///
    /// # Errors
    ///
    /// The wrapper, on any thread but the value's own.
    pub fn into_inner(mut self) -> Result<T, Self>
    where
        T: Unpin,
    {
        match self.value.take_if(|_| is_here(self.thread)) {
            Some(value) => Ok(*Pin::into_inner(value)),
            None => Err(self),
        }
    }

    #[track_caller]
    fn pinned(&mut self) -> Pin<&mut T> {
        match self.get_pin_mut() {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }
}

impl<T: 'static> Drop for SendWrapper<T> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else {
            return;
        };
        if is_here(self.thread) {
            return drop(value);
        }
        // Without a home, so that whoever drops it next does it there or not at all.
        let thread = self.thread;
        let parcel = SendWrapper {
            value: Some(value),
            thread,
            home: None,
        };
        match self.home.take() {
            Some(home) => home.send_home(parcel),
            None => core::mem::forget(parcel),
        }
    }
}

/// # Panics
///
/// On any thread but the value's own.
impl<T: 'static> Deref for SendWrapper<T> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        match self.get() {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }
}

/// # Panics
///
/// On any thread but the value's own.
impl<T: Unpin + 'static> DerefMut for SendWrapper<T> {
    #[track_caller]
    fn deref_mut(&mut self) -> &mut T {
        self.pinned().get_mut()
    }
}

/// # Panics
///
/// On any thread but the value's own.
impl<T: Clone + 'static> Clone for SendWrapper<T> {
    #[track_caller]
    fn clone(&self) -> Self {
        Self::new(T::clone(self))
    }
}

impl<T: 'static> From<T> for SendWrapper<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug + 'static> fmt::Debug for SendWrapper<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("SendWrapper");
        match self.get() {
            Ok(value) => tuple.field(value),
            Err(_) => tuple.field(&format_args!("of {:?}", self.thread)),
        };
        tuple.finish()
    }
}

/// # Panics
///
/// Polling panics on any thread but the value's own.
impl<F: Future + 'static> Future for SendWrapper<F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.get_mut().pinned().poll(cx)
    }
}

/// # Panics
///
/// Polling panics on any thread but the value's own.
impl<S: futures_core::Stream + 'static> futures_core::Stream for SendWrapper<S> {
    type Item = S::Item;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.get_mut().pinned().poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.get().map_or((0, None), S::size_hint)
    }
}

/// A [`SendWrapper`] was used on a thread that its value does not belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongThread(());

impl fmt::Display for WrongThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value was used on another thread than the one that it belongs to")
    }
}

impl core::error::Error for WrongThread {}

impl From<WrongThread> for std::io::Error {
    fn from(error: WrongThread) -> Self {
        Self::other(error)
    }
}

#[cfg(feature = "futures-io")]
mod futures_io {
    use super::SendWrapper;
    use ::futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};
    use core::pin::Pin;
    use core::task::{Context, Poll};
    use std::io::{IoSlice, IoSliceMut, Result, SeekFrom};

    impl<T: AsyncRead + 'static> AsyncRead for SendWrapper<T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut [u8],
        ) -> Poll<Result<usize>> {
            self.get_mut().get_pin_mut()?.poll_read(cx, buf)
        }

        fn poll_read_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &mut [IoSliceMut<'_>],
        ) -> Poll<Result<usize>> {
            let inner = self.get_mut().get_pin_mut()?;
            inner.poll_read_vectored(cx, bufs)
        }
    }

    impl<T: AsyncWrite + 'static> AsyncWrite for SendWrapper<T> {
        fn poll_write(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<Result<usize>> {
            self.get_mut().get_pin_mut()?.poll_write(cx, buf)
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bufs: &[IoSlice<'_>],
        ) -> Poll<Result<usize>> {
            let inner = self.get_mut().get_pin_mut()?;
            inner.poll_write_vectored(cx, bufs)
        }

        fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
            self.get_mut().get_pin_mut()?.poll_flush(cx)
        }

        fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
            self.get_mut().get_pin_mut()?.poll_close(cx)
        }
    }

    impl<T: AsyncSeek + 'static> AsyncSeek for SendWrapper<T> {
        fn poll_seek(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            to: SeekFrom,
        ) -> Poll<Result<u64>> {
            self.get_mut().get_pin_mut()?.poll_seek(cx, to)
        }
    }

    impl<T: AsyncBufRead + 'static> AsyncBufRead for SendWrapper<T> {
        fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
            self.get_mut().get_pin_mut()?.poll_fill_buf(cx)
        }

        /// # Panics
        ///
        /// On any thread but the value's own.
        fn consume(self: Pin<&mut Self>, amount: usize) {
            self.get_mut().pinned().consume(amount);
        }
    }
}

/// What tokio's and hyper's traits of this have in common: all.
#[cfg(any(feature = "tokio", feature = "hyper"))]
macro_rules! poll_writes {
    ($trait:ident) => {
        impl<T: $trait + 'static> $trait for SendWrapper<T> {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<Result<usize>> {
                self.get_mut().get_pin_mut()?.poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<Result<usize>> {
                let inner = self.get_mut().get_pin_mut()?;
                inner.poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                self.get().is_ok_and(T::is_write_vectored)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
                self.get_mut().get_pin_mut()?.poll_flush(cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
                self.get_mut().get_pin_mut()?.poll_shutdown(cx)
            }
        }
    };
}

#[cfg(feature = "tokio")]
mod tokio_io {
    use super::SendWrapper;
    use ::tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};
    use core::pin::Pin;
    use core::task::{Context, Poll};
    use std::io::{IoSlice, Result, SeekFrom};

    impl<T: AsyncRead + 'static> AsyncRead for SendWrapper<T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<Result<()>> {
            self.get_mut().get_pin_mut()?.poll_read(cx, buf)
        }
    }

    poll_writes!(AsyncWrite);

    impl<T: AsyncSeek + 'static> AsyncSeek for SendWrapper<T> {
        fn start_seek(self: Pin<&mut Self>, to: SeekFrom) -> Result<()> {
            self.get_mut().get_pin_mut()?.start_seek(to)
        }

        fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u64>> {
            self.get_mut().get_pin_mut()?.poll_complete(cx)
        }
    }

    impl<T: AsyncBufRead + 'static> AsyncBufRead for SendWrapper<T> {
        fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<&[u8]>> {
            self.get_mut().get_pin_mut()?.poll_fill_buf(cx)
        }

        /// # Panics
        ///
        /// On any thread but the value's own.
        fn consume(self: Pin<&mut Self>, amount: usize) {
            self.get_mut().pinned().consume(amount);
        }
    }
}

#[cfg(feature = "hyper")]
mod hyper_io {
    use super::SendWrapper;
    use ::hyper::rt::{Read, ReadBufCursor, Sleep, Write};
    use core::future::Future;
    use core::pin::Pin;
    use core::task::{Context, Poll};
    use std::io::{IoSlice, Result};

    impl<F: Future<Output = ()> + 'static> Sleep for SendWrapper<F> {}

    impl<T: Read + 'static> Read for SendWrapper<T> {
        fn poll_read(
            self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: ReadBufCursor<'_>,
        ) -> Poll<Result<()>> {
            self.get_mut().get_pin_mut()?.poll_read(cx, buf)
        }
    }

    poll_writes!(Write);
}
