//! [`Hold`]: how a source lies in what watches it.

use std::cell::RefCell;
use std::fmt;
use std::io;

use mio::event::Source;

#[cfg(unix)]
use crate::sys::Shareable;

/// A place for a source, by which it gets into the selector.
pub(crate) trait Hold {
    /// What lies there.
    type Source;

    fn new(source: Self::Source) -> Self;

    /// Calls `f` with the source.
    ///
    /// # Errors
    ///
    /// What `f` returns, or that the source has been taken out.
    fn with<T>(&self, f: impl FnOnce(&Self::Source) -> io::Result<T>) -> io::Result<T>;

    /// Calls `f` with what the selector knows the source by.
    ///
    /// # Errors
    ///
    /// What `f` returns; that the source has been taken out, or is in use.
    fn attach<T>(&self, f: impl FnOnce(&mut dyn Source) -> io::Result<T>) -> io::Result<T>;

    /// Takes the source out.
    fn take(&mut self) -> Option<Self::Source>;
}

/// A source that the selector changes when it takes it in, as any of mio's may be.
pub(crate) struct Exclusive<S> {
    /// `None` only while the source is being taken out.
    source: RefCell<Option<S>>,
}

impl<S: Source> Hold for Exclusive<S> {
    type Source = S;

    fn new(source: S) -> Self {
        Self {
            source: RefCell::new(Some(source)),
        }
    }

    #[inline]
    fn with<T>(&self, f: impl FnOnce(&S) -> io::Result<T>) -> io::Result<T> {
        match &*self.source.borrow() {
            Some(source) => f(source),
            None => Err(gone()),
        }
    }

    fn attach<T>(&self, f: impl FnOnce(&mut dyn Source) -> io::Result<T>) -> io::Result<T> {
        let Ok(mut source) = self.source.try_borrow_mut() else {
            return Err(io::Error::other("a source used inside its own operation"));
        };
        f(source.as_mut().ok_or_else(gone)?)
    }

    fn take(&mut self) -> Option<S> {
        self.source.get_mut().take()
    }
}

impl<S: fmt::Debug> fmt::Debug for Exclusive<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// A source that nobody changes, so that it can be borrowed for as long as it is here. On Unix the selector knows
/// it by its descriptor.
#[cfg(unix)]
pub(crate) struct Shared<S> {
    /// `None` only while the source is being taken out.
    source: Option<S>,
}

#[cfg(unix)]
impl<S: Shareable> Hold for Shared<S> {
    type Source = S;

    fn new(source: S) -> Self {
        Self {
            source: Some(source),
        }
    }

    #[inline]
    fn with<T>(&self, f: impl FnOnce(&S) -> io::Result<T>) -> io::Result<T> {
        match &self.source {
            Some(source) => f(source),
            None => Err(gone()),
        }
    }

    fn attach<T>(&self, f: impl FnOnce(&mut dyn Source) -> io::Result<T>) -> io::Result<T> {
        use std::os::fd::AsRawFd;
        let source = self.source.as_ref().ok_or_else(gone)?;
        f(&mut mio::unix::SourceFd(&source.as_fd().as_raw_fd()))
    }

    fn take(&mut self) -> Option<S> {
        self.source.take()
    }
}

#[cfg(unix)]
impl<S> Shared<S> {
    pub(super) fn get(&self) -> &S {
        match &self.source {
            Some(source) => source,
            // Only `take` and what ends the whole make it so.
            None => unreachable!("a source that has been taken out"),
        }
    }
}

#[cfg(unix)]
impl<S: fmt::Debug> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

/// Here the selector changes what it takes in.
#[cfg(not(unix))]
pub(crate) use Exclusive as Shared;

#[cold]
pub(super) fn gone() -> io::Error {
    io::Error::other("the source has been taken out")
}
