//! Operations; as [`io_uring::opcode`](https://docs.rs/io-uring/0.7/io_uring/opcode). Each has `new` with what it must be
//! told, a method for each of the rest, and `build`.

use super::memory::Pointer;
use super::squeue::Entry;
use super::types::{CancelBuilder, Fd, FsyncFlags, TimeoutFlags, Timespec, Which};

/// What an entry asks for.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Nop,
    Read(Transfer),
    Write(Transfer),
    Fsync(Fd),
    Allocate {
        fd: Fd,
        offset: u64,
        len: u64,
        mode: i32,
    },
    Timeout(Waiting),
    Cancel(CancelBuilder),
}

/// Bytes that go from a file to memory, or back.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pub(super) fd: Fd,
    pub(super) buffer: Buffer,
    pub(super) offset: u64,
    pub(super) rw_flags: i32,
}

#[derive(Clone, Debug)]
pub(super) enum Buffer {
    One(Pointer<u8>, u32),
    Parts(Pointer<libc::iovec>, u32),
}

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) timespec: Pointer<Timespec>,
    pub(super) count: u32,
    pub(super) flags: TimeoutFlags,
}

macro_rules! opcode {
    (
        $(#[$meta:meta])*
        $name:ident = $code:literal { $($field:ident: $type:ty),* }
        $($(#[$option_meta:meta])* $option:ident: $option_type:ty = $default:expr;)*
        |$this:ident| $operation:expr
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name {
            $($field: $type,)*
            $($option: $option_type,)*
        }

        impl $name {
            /// The operation's number.
            pub const CODE: u8 = $code;

            /// The operation, with nothing else chosen.
            #[allow(clippy::new_without_default, reason = "the crate has none")]
            pub const fn new($($field: $type),*) -> Self {
                Self { $($field,)* $($option: $default,)* }
            }

            $(
                $(#[$option_meta])*
                #[must_use]
                pub const fn $option(mut self, $option: $option_type) -> Self {
                    self.$option = $option;
                    self
                }
            )*

            /// Its entry.
            pub fn build(self) -> Entry {
                let $this = self;
                Entry::new($operation)
            }
        }
    };
}

opcode! {
    /// Nothing: completes with 0 when it is submitted.
    Nop = 0 {}
    |_this| Operation::Nop
}

opcode! {
    /// Reads. The result is how many bytes there were.
    Read = 22 { fd: Fd, buf: *mut u8, len: u32 }
    /// Where in the file; there is no position that moves on.
    offset: u64 = 0;
    /// Flags of `preadv2`: there are none, so that others than 0 fail with `EOPNOTSUPP`.
    rw_flags: i32 = 0;
    |this| Operation::Read(Transfer {
        fd: this.fd,
        buffer: Buffer::One(Pointer::new(this.buf), this.len),
        offset: this.offset,
        rw_flags: this.rw_flags,
    })
}

opcode! {
    /// Writes. The result is how many bytes there was room for.
    Write = 23 { fd: Fd, buf: *const u8, len: u32 }
    /// Where in the file, unless it was opened to append to.
    offset: u64 = 0;
    /// As in [`Read`].
    rw_flags: i32 = 0;
    |this| Operation::Write(Transfer {
        fd: this.fd,
        buffer: Buffer::One(Pointer::new(this.buf), this.len),
        offset: this.offset,
        rw_flags: this.rw_flags,
    })
}

opcode! {
    /// As [`Read`], into several pieces of memory.
    Readv = 1 { fd: Fd, iovec: *const libc::iovec, len: u32 }
    /// Where in the file.
    offset: u64 = 0;
    /// As in [`Read`].
    rw_flags: i32 = 0;
    |this| Operation::Read(Transfer {
        fd: this.fd,
        buffer: Buffer::Parts(Pointer::new(this.iovec), this.len),
        offset: this.offset,
        rw_flags: this.rw_flags,
    })
}

opcode! {
    /// As [`Write`], out of several pieces of memory.
    Writev = 2 { fd: Fd, iovec: *const libc::iovec, len: u32 }
    /// Where in the file.
    offset: u64 = 0;
    /// As in [`Read`].
    rw_flags: i32 = 0;
    |this| Operation::Write(Transfer {
        fd: this.fd,
        buffer: Buffer::Parts(Pointer::new(this.iovec), this.len),
        offset: this.offset,
        rw_flags: this.rw_flags,
    })
}

opcode! {
    /// Syncs: what had been written when it began outlives a crash once it has completed. That is not what was submitted
    /// before, unless it has completed or is linked.
    Fsync = 3 { fd: Fd }
    /// How: here it is all the same.
    flags: FsyncFlags = FsyncFlags::empty();
    |this| {
        let _ = this.flags;
        Operation::Fsync(this.fd)
    }
}

opcode! {
    /// Makes a file as long as `offset` and `len` together.
    Fallocate = 17 { fd: Fd, len: u64 }
    /// Where the room begins.
    offset: u64 = 0;
    /// `FALLOC_FL_*` of Linux: others than 0 fail with `EOPNOTSUPP`.
    mode: i32 = 0;
    |this| Operation::Allocate {
        fd: this.fd,
        offset: this.offset,
        len: this.len,
        mode: this.mode,
    }
}

opcode! {
    /// Waits. The result is `-ETIME`, or 0 if the count was there before.
    Timeout = 11 { timespec: *const Timespec }
    /// It ends when so many operations have completed, if not 0.
    count: u32 = 0;
    /// How to wait.
    flags: TimeoutFlags = TimeoutFlags::empty();
    |this| Operation::Timeout(Waiting {
        timespec: Pointer::new(this.timespec),
        count: this.count,
        flags: this.flags,
    })
}

opcode! {
    /// Cancels an operation that has begun. The result is 0; `-ENOENT` if there is none; `-EALREADY` if it cannot be
    /// cancelled any more, which for what a disk does is left to chance.
    AsyncCancel = 14 { user_data: u64 }
    |this| Operation::Cancel(CancelBuilder { which: Which::UserData(this.user_data), all: false })
}

opcode! {
    /// As [`AsyncCancel`]; the result is how many there were, if all were to be cancelled.
    AsyncCancel2 = 14 { builder: CancelBuilder }
    |this| Operation::Cancel(this.builder)
}
