//! `join!`, `try_join!` and `pin!`.

use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// A future, then its output.
    #[project = Projected]
    #[doc(hidden)]
    #[derive(Debug)]
    pub enum MaybeDone<F: Future> {
        Future { #[pin] future: F },
        Done { output: Option<F::Output> },
    }
}

impl<F: Future> MaybeDone<F> {
    #[doc(hidden)]
    #[inline]
    pub fn new(future: F) -> Self {
        Self::Future { future }
    }

    /// Returns whether it has ended, after a poll if it had not.
    #[doc(hidden)]
    #[inline]
    pub fn poll_done(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        match self.as_mut().project() {
            Projected::Future { future } => match future.poll(cx) {
                Poll::Ready(output) => {
                    self.set(Self::Done {
                        output: Some(output),
                    });
                    true
                }
                Poll::Pending => false,
            },
            Projected::Done { .. } => true,
        }
    }

    /// Returns the output, once.
    #[doc(hidden)]
    #[inline]
    pub fn take(self: Pin<&mut Self>) -> Option<F::Output> {
        match self.project() {
            Projected::Future { .. } => None,
            Projected::Done { output } => output.take(),
        }
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> MaybeDone<F> {
    /// Returns the error, if it has ended with one.
    #[doc(hidden)]
    #[inline]
    pub fn take_error(self: Pin<&mut Self>) -> Option<E> {
        match self.project() {
            Projected::Done { output } if matches!(output, Some(Err(_))) => output.take()?.err(),
            _ => None,
        }
    }

    /// Returns the value of one that has ended with one, once.
    #[doc(hidden)]
    #[inline]
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.take()?.ok()
    }
}

/// Waits for all of several futures, up to 64, and gives their outputs as a tuple.
///
/// They are polled in the same task, in the order in which they are written, each until it has ended.
/// For tasks of their own, spawn them.
///
/// ```
/// # use polliwog_core as polliwog;
/// # async fn one() -> u8 { 1 }
/// # async fn two() -> &'static str { "two" }
/// # async fn example() {
/// let (one, two) = polliwog::join!(one(), two());
/// # }
/// ```
///
/// # Cancel safety
///
/// Dropped before its end, it drops all futures and all outputs.
#[macro_export]
macro_rules! join {
    (@run $([$name:ident $index:tt] $future:expr;)*) => {{
        let mut futures = ($($crate::__private::pin!($crate::__private::MaybeDone::new(
            $crate::__private::IntoFuture::into_future($future)
        )),)*);
        let futures = &mut futures;
        $crate::__private::poll_fn(|cx| {
            let _ = &cx;
            #[allow(unused_mut)]
            let mut done = true;
            $(
                done &= futures.$index.as_mut().poll_done(cx);
            )*
            if !done {
                return $crate::__private::Poll::Pending;
            }
            $crate::__private::Poll::Ready(($(
                futures.$index.as_mut().take().expect("polled after its end"),
            )*))
        })
        .await
    }};
    (@read { $($done:tt)* } $names:tt) => {
        $crate::join!(@run $($done)*)
    };
    (@read { $($done:tt)* } { $name:tt $($names:tt)* } $future:expr $(, $($rest:tt)*)?) => {
        $crate::join!(@read { $($done)* $name $future; } { $($names)* } $($($rest)*)?)
    };
    (@read $done:tt {} $($rest:tt)*) => {
        compile_error!("join! has at most 64 futures")
    };
    ($($futures:tt)*) => {
        $crate::join!(@read {} {
            [B0 0] [B1 1] [B2 2] [B3 3] [B4 4] [B5 5] [B6 6] [B7 7] [B8 8] [B9 9] [B10 10] [B11 11]
            [B12 12] [B13 13] [B14 14] [B15 15] [B16 16] [B17 17] [B18 18] [B19 19] [B20 20] [B21 21]
            [B22 22] [B23 23] [B24 24] [B25 25] [B26 26] [B27 27] [B28 28] [B29 29] [B30 30] [B31 31]
            [B32 32] [B33 33] [B34 34] [B35 35] [B36 36] [B37 37] [B38 38] [B39 39] [B40 40] [B41 41]
            [B42 42] [B43 43] [B44 44] [B45 45] [B46 46] [B47 47] [B48 48] [B49 49] [B50 50] [B51 51]
            [B52 52] [B53 53] [B54 54] [B55 55] [B56 56] [B57 57] [B58 58] [B59 59] [B60 60] [B61 61]
            [B62 62] [B63 63]
        } $($futures)*)
    };
}

/// Waits for all of several futures, up to 64, or for the first error. Each gives a `Result`; so does the
/// whole: `Ok` with a tuple of their values, or the error, which drops the others.
///
/// They are polled in the same task, in the order in which they are written.
///
/// ```
/// # use polliwog_core as polliwog;
/// # use core::num::ParseIntError;
/// # async fn one() -> Result<u8, ParseIntError> { "1".parse() }
/// # async fn two() -> Result<i64, ParseIntError> { "-2".parse() }
/// # async fn example() -> Result<(), ParseIntError> {
/// let (one, two) = polliwog::try_join!(one(), two())?;
/// # Ok(()) }
/// ```
///
/// # Cancel safety
///
/// Dropped before its end, it drops all futures and all values.
#[macro_export]
macro_rules! try_join {
    (@run $([$name:ident $index:tt] $future:expr;)*) => {{
        let mut futures = ($($crate::__private::pin!($crate::__private::MaybeDone::new(
            $crate::__private::IntoFuture::into_future($future)
        )),)*);
        let futures = &mut futures;
        $crate::__private::poll_fn(|cx| {
            let _ = &cx;
            #[allow(unused_mut)]
            let mut done = true;
            $(
                if futures.$index.as_mut().poll_done(cx) {
                    if let Some(error) = futures.$index.as_mut().take_error() {
                        return $crate::__private::Poll::Ready(Err(error));
                    }
                } else {
                    done = false;
                }
            )*
            if !done {
                return $crate::__private::Poll::Pending;
            }
            $crate::__private::Poll::Ready(Ok(($(
                futures.$index.as_mut().take_value().expect("polled after its end"),
            )*)))
        })
        .await
    }};
    (@read { $($done:tt)* } $names:tt) => {
        $crate::try_join!(@run $($done)*)
    };
    (@read { $($done:tt)* } { $name:tt $($names:tt)* } $future:expr $(, $($rest:tt)*)?) => {
        $crate::try_join!(@read { $($done)* $name $future; } { $($names)* } $($($rest)*)?)
    };
    (@read $done:tt {} $($rest:tt)*) => {
        compile_error!("try_join! has at most 64 futures")
    };
    ($($futures:tt)*) => {
        $crate::try_join!(@read {} {
            [B0 0] [B1 1] [B2 2] [B3 3] [B4 4] [B5 5] [B6 6] [B7 7] [B8 8] [B9 9] [B10 10] [B11 11]
            [B12 12] [B13 13] [B14 14] [B15 15] [B16 16] [B17 17] [B18 18] [B19 19] [B20 20] [B21 21]
            [B22 22] [B23 23] [B24 24] [B25 25] [B26 26] [B27 27] [B28 28] [B29 29] [B30 30] [B31 31]
            [B32 32] [B33 33] [B34 34] [B35 35] [B36 36] [B37 37] [B38 38] [B39 39] [B40 40] [B41 41]
            [B42 42] [B43 43] [B44 44] [B45 45] [B46 46] [B47 47] [B48 48] [B49 49] [B50 50] [B51 51]
            [B52 52] [B53 53] [B54 54] [B55 55] [B56 56] [B57 57] [B58 58] [B59 59] [B60 60] [B61 61]
            [B62 62] [B63 63]
        } $($futures)*)
    };
}

/// Pins values where they are: `pin!(a, b);` makes `a` and `b` pinned mutable references to what they
/// were, and `pin! { let a = expression; }` pins what is new. As tokio's; [`core::pin::pin!`] is an
/// expression.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::{pin, time::sleep};
///
/// # async fn example() {
/// let limit = sleep(core::time::Duration::from_secs(1));
/// pin!(limit);
/// limit.as_mut().await;
/// # }
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),+ $(,)?) => {
        $(
            let mut $name = $crate::__private::pin!($name);
        )+
    };
    ($(let $name:ident = $value:expr;)+) => {
        $(
            let mut $name = $crate::__private::pin!($value);
        )+
    };
}
