//! [`How`]: the way in which a file is opened, and what its operations wait for.

use std::io::{Error, ErrorKind, Result};

use super::Span;
use super::modes::{READ, WRITE};

/// How a file is opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    pub(crate) write: bool,
    pub(crate) append: bool,
    pub(crate) truncate: bool,
    pub(crate) create: bool,
    pub(crate) create_new: bool,
    pub(crate) read: bool,
    /// The permissions of what is made, unless they are as always.
    pub(crate) mode: Option<u32>,
    /// It is the test's, who may do all.
    pub(crate) by_test: bool,
    pub(crate) flags: Flags,
}

/// What of Unix's flags makes a difference.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flags {
    /// Nothing comes from memory, and whole blocks only are read and written.
    pub(crate) direct: bool,
    /// What is written is safe at once.
    pub(crate) safe: bool,
    /// The last part of the path must be no symbolic link.
    pub(crate) no_link: bool,
    /// It must be a folder.
    pub(crate) folder: bool,
    /// Those that cannot be simulated.
    pub(crate) unknown: i32,
}

/// What an operation waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// The disk, unless the system has in its memory what the operation is about.
    Any,
    /// The disk, whatever the system has in its memory.
    Disk,
    /// The disk, until all is safe.
    Sync,
    /// The disk, unless the system has in its memory what is to be read, or the rest of the pages that are written to in part.
    Read(Span),
    Write(Span),
}

impl How {
    /// Whether it does not contradict itself.
    pub(crate) fn check(&self) -> Result<()> {
        let makes = self.create || self.create_new;
        let changes = makes || self.truncate;
        let empties = self.truncate && !self.create_new;
        if !(self.read || self.writes()) || (changes && !self.writes()) || (self.append && empties)
        {
            return Err(ErrorKind::InvalidInput.into());
        }
        match self.flags.unknown {
            // As Linux since 6.4.
            0 if makes && self.flags.folder => Err(ErrorKind::InvalidInput.into()),
            0 => Ok(()),
            flags => Err(Error::new(
                ErrorKind::Unsupported,
                alloc::format!("flags {flags:#o} are not simulated"),
            )),
        }
    }

    /// What the file has to allow.
    pub(crate) fn needs(&self) -> u32 {
        let read = if self.read { READ } else { 0 };
        let write = if self.writes() { WRITE } else { 0 };
        match self.by_test {
            true => 0,
            false => read | write,
        }
    }

    pub(crate) fn writes(&self) -> bool {
        self.write || self.append
    }
}

#[cfg(unix)]
impl Flags {
    /// What `open(2)` calls them.
    pub(crate) fn new(flags: i32) -> Self {
        // Those of the access mode are not taken, as by the standard library.
        let flags = flags & !libc::O_ACCMODE;
        // Programs do not see whether these are set: nobody executes another program, no file is a terminal, none waits.
        let plain = libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK | LARGE;
        let safe = libc::O_SYNC | libc::O_DSYNC;
        let known = plain | safe | DIRECT | libc::O_NOFOLLOW | libc::O_DIRECTORY;
        Self {
            direct: flags & DIRECT != 0,
            safe: flags & safe != 0,
            no_link: flags & libc::O_NOFOLLOW != 0,
            folder: flags & libc::O_DIRECTORY != 0,
            unknown: flags & !known,
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const DIRECT: i32 = libc::O_DIRECT;
#[cfg(any(target_os = "linux", target_os = "android"))]
const LARGE: i32 = libc::O_LARGEFILE;
/// Other systems have other means, or none.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const DIRECT: i32 = 0;
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
const LARGE: i32 = 0;

/// What the system says, by a number that has no stable name in the standard library.
macro_rules! says {
    ($($(#[$meta:meta])* $name:ident => $number:ident, $kind:ident;)*) => {$(
        $(#[$meta])*
        pub(super) fn $name() -> Error {
            #[cfg(unix)]
            return Error::from_raw_os_error(libc::$number);
            #[cfg(not(unix))]
            return ErrorKind::$kind.into();
        }
    )*};
}

says! {
    /// Of a part of a block.
    not_whole => EINVAL, InvalidInput;
    /// Of a symbolic link that is not to be followed, or of too many.
    is_link => ELOOP, Other;
    /// Of a socket that is to be opened as a file.
    is_socket => ENXIO, Other;
    /// Of an operation that the file was not opened for.
    not_opened_for_it => EBADF, PermissionDenied;
    /// Of a name, or of a path.
    too_long => ENAMETOOLONG, InvalidInput;
}
