//! Instructions in user mode, counted by the processor, where the system lets us.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Counts from when it was opened.
pub struct Counter(Option<OwnedFd>);

impl Counter {
    /// Of this thread.
    pub fn of_thread() -> Self {
        Self::open(false)
    }

    /// Of this thread and of those that it starts from now on.
    pub fn of_family() -> Self {
        Self::open(true)
    }

    fn open(inherit: bool) -> Self {
        // A `perf_event_attr` of the first version: the type (hardware) and its size, instructions, four words that
        // do not matter here, the flags, and two more words.
        let mut attr = [0u64; 8];
        attr[0] = 64 << 32;
        attr[1] = 1;
        // Without the kernel and the hypervisor.
        attr[5] = 1 << 5 | 1 << 6 | u64::from(inherit) << 1;
        // SAFETY: the kernel reads as many bytes as the attributes say that there are.
        let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), 0, -1, -1, 0) };
        // SAFETY: a descriptor of ours, which nobody else knows.
        Self((fd >= 0).then(|| unsafe { OwnedFd::from_raw_fd(fd as i32) }))
    }

    /// How many so far; none where nobody counts them.
    pub fn read(&self) -> Option<u64> {
        let fd = self.0.as_ref()?.as_raw_fd();
        let mut count = 0u64;
        // SAFETY: a valid place for the eight bytes.
        let read = unsafe { libc::read(fd, (&raw mut count).cast(), 8) };
        (read == 8).then_some(count)
    }
}

/// What this thread, and the process without it, have used.
pub struct Used {
    family: Counter,
    own: Counter,
}

/// For each operation: nanoseconds of CPU, of the servers and of this thread, and instructions of the servers.
pub struct PerOperation {
    pub servers: f64,
    pub clients: f64,
    pub instructions: f64,
}

impl Used {
    /// To be made before the servers are.
    pub fn new() -> Self {
        Self {
            family: Counter::of_family(),
            own: Counter::of_thread(),
        }
    }

    fn instructions(&self) -> Option<u64> {
        Some(self.family.read()? - self.own.read()?)
    }

    /// Runs `f`, which makes and counts operations on this thread.
    pub fn during(&self, f: impl FnOnce() -> io::Result<u64>) -> io::Result<(u64, PerOperation)> {
        let now = || (crate::meter::cpu_nanos(), super::thread_cpu_nanos());
        let (all, own, counted) = (now().0, now().1, self.instructions());
        let operations = f()?;
        let (all, own) = (now().0 - all, now().1 - own);
        let counted = counted.and_then(|before| Some(self.instructions()? - before));
        let per = |sum: u64| sum as f64 / operations as f64;
        let per_operation = PerOperation {
            servers: per(all - own),
            clients: per(own),
            instructions: counted.map_or(f64::NAN, per),
        };
        Ok((operations, per_operation))
    }
}
