//! Which CPUs there are for workers.

use std::io;
use std::num::NonZero;
use std::thread;

/// How many workers can run at a time.
pub(super) fn count() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Keeps the calling thread on the CPU of its turn among those that it may use now.
#[cfg(target_os = "linux")]
pub(super) fn pin(worker: usize) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None)?;
    let cpus: Vec<_> = (0..CpuSet::MAX_CPU)
        .filter(|cpu| allowed.is_set(*cpu))
        .collect();
    if let Some(cpu) = cpus.get(worker % cpus.len().max(1)) {
        let mut only = CpuSet::new();
        only.set(*cpu);
        sched_setaffinity(None, &only)?;
    }
    Ok(())
}

/// Nothing safe to do it by.
#[cfg(not(target_os = "linux"))]
pub(super) fn pin(_worker: usize) -> io::Result<()> {
    Ok(())
}
