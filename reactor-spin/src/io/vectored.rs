//! Several buffers by one call, for streams that take one at a time.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::task::{Poll, ready};
use std::io::{IoSlice, IoSliceMut};

/// No more bytes are gathered for one write: buffers that take more are rare, and it would be copied in vain.
const MOST: usize = 256 * 1024;

/// Reads into one buffer after the other, into the first one that is not empty by `first`, and then what is there
/// without waiting by `rest`.
pub(crate) fn read<E>(
    bufs: &mut [IoSliceMut<'_>],
    first: impl FnOnce(&mut [u8]) -> Poll<Result<usize, E>>,
    mut rest: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Poll<Result<usize, E>> {
    let at = bufs.iter().position(|buf| !buf.is_empty());
    let Some((buf, more)) = at.and_then(|at| bufs[at..].split_first_mut()) else {
        return first(&mut []);
    };
    let mut total = ready!(first(buf))?;
    if total < buf.len() {
        return Poll::Ready(Ok(total));
    }
    for buf in more {
        // An error is the next read's.
        let count = rest(buf).unwrap_or(0);
        total += count;
        if count < buf.len() {
            break;
        }
    }
    Poll::Ready(Ok(total))
}

/// The bytes of the buffers in one piece: what is written together travels together.
pub(crate) fn gather<'a>(bufs: &'a [IoSlice<'_>]) -> Cow<'a, [u8]> {
    let mut filled = bufs.iter().filter(|buf| !buf.is_empty());
    let Some(first) = filled.next() else {
        return Cow::Borrowed(&[]);
    };
    let mut gathered = Cow::Borrowed(&**first);
    for buf in filled {
        if gathered.len() >= MOST {
            break;
        }
        let bytes: &mut Vec<u8> = gathered.to_mut();
        bytes.extend_from_slice(buf);
    }
    gathered
}

/// The methods of a stream in the module `net` that takes several buffers.
macro_rules! vectored {
    ($stream:ident) => {
        impl<E: $crate::net::NetError> $stream<E> {
            /// [`read`](Self::read) into several buffers, one after the other.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($stream), "};")]
            /// use std::io::IoSliceMut;
            ///
            #[doc = concat!("async fn read_both(stream: &", stringify!($stream), ", head: &mut [u8], body: &mut [u8]) -> Result<usize, Error> {")]
            ///     stream.read_vectored(&mut [IoSliceMut::new(head), IoSliceMut::new(body)]).await
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// A read that is dropped has taken no bytes.
            pub async fn read_vectored(
                &self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> Result<usize, E> {
                core::future::poll_fn(|cx| self.poll_read_vectored(cx, bufs)).await
            }

            /// [`write`](Self::write) from several buffers, one after the other.
            ///
            /// ```
            /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
            #[doc = concat!("use polliwog::spin::{Error, net::", stringify!($stream), "};")]
            /// use std::io::IoSlice;
            ///
            #[doc = concat!("async fn write_both(stream: &", stringify!($stream), ", head: &[u8], body: &[u8]) -> Result<usize, Error> {")]
            ///     stream.write_vectored(&[IoSlice::new(head), IoSlice::new(body)]).await
            /// }
            /// ```
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            ///
            /// A write that is dropped has written nothing.
            pub async fn write_vectored(
                &self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> Result<usize, E> {
                let data = $crate::io::vectored::gather(bufs);
                self.write(&data).await
            }

            /// [`try_read`](Self::try_read) into several buffers.
            ///
            /// # Errors
            ///
            /// As [`try_read`](Self::try_read).
            pub fn try_read_vectored(
                &self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> Result<usize, E> {
                let first = |buf: &mut [u8]| Poll::Ready(self.try_read(buf));
                match $crate::io::vectored::read(bufs, first, |buf| self.try_read(buf)) {
                    Poll::Ready(read) => read,
                    Poll::Pending => Err(E::of(Error::WouldBlock)),
                }
            }

            /// [`try_write`](Self::try_write) from several buffers.
            ///
            /// # Errors
            ///
            /// As [`try_write`](Self::try_write).
            pub fn try_write_vectored(
                &self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> Result<usize, E> {
                self.try_write(&$crate::io::vectored::gather(bufs))
            }

            /// [`read_vectored`](Self::read_vectored) as a poll function.
            pub fn poll_read_vectored(
                &self,
                cx: &mut Context<'_>,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> Poll<Result<usize, E>> {
                let first = |buf: &mut [u8]| self.poll_read(cx, buf);
                $crate::io::vectored::read(bufs, first, |buf| self.try_read(buf))
            }

            /// [`write_vectored`](Self::write_vectored) as a poll function.
            pub fn poll_write_vectored(
                &self,
                cx: &mut Context<'_>,
                bufs: &[std::io::IoSlice<'_>],
            ) -> Poll<Result<usize, E>> {
                self.poll_write(cx, &$crate::io::vectored::gather(bufs))
            }
        }
    };
    (@reading $stream:ident: $($half:ty),*) => {$(
        impl<E: $crate::net::NetError> $half {
            #[doc = concat!("Reads into several buffers: see [`", stringify!($stream), "::read_vectored`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As for [`", stringify!($stream), "::read`].")]
            ///
            /// # Cancel safety
            ///
            /// A read that is dropped has taken no bytes.
            pub async fn read_vectored(
                &self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> Result<usize, E> {
                self.stream().read_vectored(bufs).await
            }
        }
    )*};
    (@writing $stream:ident: $($half:ty),*) => {$(
        impl<E: $crate::net::NetError> $half {
            #[doc = concat!("Writes from several buffers: see [`", stringify!($stream), "::write_vectored`].")]
            ///
            /// # Errors
            ///
            #[doc = concat!("As for [`", stringify!($stream), "::write`].")]
            ///
            /// # Cancel safety
            ///
            /// A write that is dropped has written nothing.
            pub async fn write_vectored(
                &self,
                bufs: &[std::io::IoSlice<'_>],
            ) -> Result<usize, E> {
                self.stream().write_vectored(bufs).await
            }
        }
    )*};
}
pub(crate) use vectored;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_filled_buffer_is_not_copied() {
        let bufs = [&b""[..], b"frog", b""].map(IoSlice::new);
        assert!(matches!(gather(&bufs), Cow::Borrowed(b"frog")));
        let bufs = [&b"fr"[..], b"", b"og"].map(IoSlice::new);
        assert_eq!(*gather(&bufs), *b"frog");
        assert!(gather(&[]).is_empty());
        let large = [0; MOST];
        let bufs = [&large[..], b"frog"].map(IoSlice::new);
        assert_eq!(gather(&bufs).len(), MOST);
    }
}
