//! What operations are told; as [`io_uring::types`](https://docs.rs/io-uring/0.7/io_uring/types).

use core::marker::PhantomData;
use core::time::Duration;
use std::os::fd::RawFd;

use super::errno;

/// A set of flags as the crate has them, with what programs do to such a set.
macro_rules! flags {
    ($(#[$meta:meta])* $name:ident: $bits:ty { $($(#[$flag_meta:meta])* $flag:ident = $value:expr,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name($bits);

        impl $name {
            $($(#[$flag_meta])* pub const $flag: Self = Self($value);)+

            /// No flag.
            pub const fn empty() -> Self {
                Self(0)
            }

            /// The number that Linux has for them.
            pub const fn bits(&self) -> $bits {
                self.0
            }

            /// Whether all flags of `other` are among these.
            pub const fn contains(&self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether a flag of `other` is among these.
            pub const fn intersects(&self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// These and those of `other`.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl core::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }

        impl core::ops::BitOrAssign for $name {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }
    };
}
pub(super) use flags;

/// The number of a file: what [`sim::std::fs::File`](crate::sim::std::fs::File) and
/// [`sim::fs::File`](crate::sim::fs::File) return as [`as_raw_fd`](std::os::fd::AsRawFd::as_raw_fd).
#[derive(Clone, Copy, Debug)]
pub struct Fd(pub RawFd);

flags! {
    /// How to sync.
    FsyncFlags: u32 {
        /// Without what is known of the file: here it is all the same.
        DATASYNC = 1 << 0,
    }
}

flags! {
    /// How a [`Timeout`](super::opcode::Timeout) waits. Others than [`ETIME_SUCCESS`](Self::ETIME_SUCCESS) fail with `EINVAL`.
    TimeoutFlags: u32 {
        /// The time is one of the clock's.
        ABS = 1 << 0,
        /// By the clock that goes on while the machine sleeps.
        BOOTTIME = 1 << 2,
        /// By the wall clock.
        REALTIME = 1 << 3,
        /// Its end does not cancel what is linked to it.
        ETIME_SUCCESS = 1 << 5,
        /// It begins again.
        MULTISHOT = 1 << 6,
    }
}

/// A length of time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timespec {
    sec: u64,
    nsec: u32,
}

impl Timespec {
    /// No time.
    pub const fn new() -> Self {
        Self { sec: 0, nsec: 0 }
    }

    /// Sets the seconds.
    #[must_use]
    pub const fn sec(mut self, sec: u64) -> Self {
        self.sec = sec;
        self
    }

    /// Sets the nanoseconds beyond those.
    #[must_use]
    pub const fn nsec(mut self, nsec: u32) -> Self {
        self.nsec = nsec;
        self
    }

    /// As Linux checks it: seconds are signed there, and nanoseconds may be more than a second's.
    pub(super) fn duration(self) -> Result<Duration, i32> {
        let time =
            Duration::from_secs(self.sec).checked_add(Duration::from_nanos(self.nsec.into()));
        time.filter(|_| i64::try_from(self.sec).is_ok())
            .ok_or(errno::EINVAL)
    }
}

impl From<Duration> for Timespec {
    fn from(time: Duration) -> Self {
        Self::new().sec(time.as_secs()).nsec(time.subsec_nanos())
    }
}

/// How [`submit_with_args`](super::Submitter::submit_with_args) waits.
#[derive(Clone, Copy, Debug, Default)]
pub struct SubmitArgs<'prev, 'now> {
    pub(super) limit: Option<Timespec>,
    lent: PhantomData<(&'prev (), &'now ())>,
}

impl<'prev, 'now> SubmitArgs<'prev, 'now> {
    /// For ever.
    pub const fn new() -> SubmitArgs<'static, 'static> {
        SubmitArgs {
            limit: None,
            lent: PhantomData,
        }
    }

    /// For so long at most.
    pub fn timespec<'new>(self, timespec: &'new Timespec) -> SubmitArgs<'now, 'new> {
        SubmitArgs {
            limit: Some(*timespec),
            lent: PhantomData,
        }
    }
}

/// Which operations are to be cancelled: the first one, unless it says otherwise.
#[derive(Clone, Debug)]
pub struct CancelBuilder {
    pub(super) which: Which,
    pub(super) all: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Which {
    Any,
    UserData(u64),
    Fd(RawFd),
}

impl CancelBuilder {
    /// All.
    pub const fn any() -> Self {
        Self {
            which: Which::Any,
            all: true,
        }
    }

    /// Those whose completion will carry that number.
    pub const fn user_data(user_data: u64) -> Self {
        Self {
            which: Which::UserData(user_data),
            all: false,
        }
    }

    /// Those of a file.
    pub const fn fd(fd: Fd) -> Self {
        Self {
            which: Which::Fd(fd.0),
            all: false,
        }
    }

    /// All of these.
    #[must_use]
    pub const fn all(mut self) -> Self {
        self.all = true;
        self
    }
}
