//! Numbers of errors: those of the system that the program is built for, by which it compares them; on Linux those of
//! `include/uapi/asm-generic/errno-base.h` and `errno.h`.

use std::io::{Error, ErrorKind};

pub(super) use libc::{
    EALREADY, EBADF, ECANCELED, EFBIG, EINVAL, EIO, EISDIR, ENOENT, ENOSPC, EOPNOTSUPP,
};

/// Linux's; not every system has it.
pub(super) const ETIME: i32 = 62;

/// So many parts a vectored operation has at most: `UIO_MAXIOV` of Linux's `include/uapi/linux/uio.h`.
pub(super) const PARTS: usize = 1024;

/// The number for what a disk says.
pub(super) fn of(error: &Error) -> i32 {
    match error.kind() {
        ErrorKind::StorageFull => ENOSPC,
        ErrorKind::FileTooLarge => EFBIG,
        ErrorKind::IsADirectory => EISDIR,
        _ => error.raw_os_error().unwrap_or(EIO),
    }
}
