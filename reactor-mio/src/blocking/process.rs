//! [`Process`]: the pools of this process, which a forked child does not share with its parent.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::DEFAULT_MAX_THREADS;
use super::pool::{Pool, is_on_pool};

/// The pools of one process.
///
/// A child that a process forks has a copy of the parent's memory and none of its threads: what
/// the copy says of threads is untrue there, and its lock may be held by one of them for ever. So
/// a child leaves the copy alone and has pools of its own, behind the one link of its parent's.
pub(super) struct Process {
    /// Zero until the first job.
    id: AtomicU32,
    /// For jobs from outside, and for jobs of jobs.
    ///
    /// A job may wait for one that it has brought itself. Were both to come from one queue, then as
    /// many such jobs as there may be threads would wait for ever.
    pools: [Pool; 2],
    /// For each of the standard streams a thread, which may wait in it for ever: it takes none from
    /// others, does everything in the order in which it was asked to, and belongs to no runtime.
    streams: [Pool; 3],
    child: OnceLock<Box<Process>>,
}

/// A standard stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Input,
    Output,
    Errors,
}

static FIRST: Process = Process::new(DEFAULT_MAX_THREADS);

/// The limit, as it was set last. A child inherits it.
static MAX_THREADS: AtomicUsize = AtomicUsize::new(DEFAULT_MAX_THREADS);

impl Process {
    const fn new(max_threads: usize) -> Self {
        Self {
            id: AtomicU32::new(0),
            pools: [Pool::new(max_threads), Pool::new(max_threads)],
            streams: [Pool::queue(), Pool::queue(), Pool::queue()],
            child: OnceLock::new(),
        }
    }

    /// The calling process's.
    pub(super) fn current() -> &'static Process {
        FIRST.find(process::id())
    }

    fn find(&self, id: u32) -> &Process {
        let mut process = self;
        // Relaxed: within a process this only ever becomes its own number, and says nothing of
        // the pools, which have a lock.
        while let Err(other) =
            process
                .id
                .compare_exchange(0, id, Ordering::Relaxed, Ordering::Relaxed)
        {
            if other == id {
                break;
            }
            process = process
                .child
                .get_or_init(|| Box::new(Process::new(MAX_THREADS.load(Ordering::Relaxed))));
        }
        process
    }

    /// The pool for a job that the calling code brings.
    pub(super) fn pool(&self) -> &Pool {
        &self.pools[usize::from(is_on_pool())]
    }

    /// The thread of a standard stream.
    pub(super) fn stream(&self, stream: Stream) -> &Pool {
        &self.streams[stream as usize]
    }

    /// Both pools; a job of the first can bring jobs to the second, but not the other way round.
    pub(super) fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// Sets the limit of both pools.
    pub(super) fn set_max_threads(&'static self, threads: usize) {
        MAX_THREADS.store(threads.max(1), Ordering::Relaxed);
        for pool in &self.pools {
            pool.set_max_threads(threads);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_of_a_line_has_its_own_pools() {
        let first = Process::new(1);
        let parent = first.find(7);
        assert!(std::ptr::eq(parent, &first));
        assert!(std::ptr::eq(parent, first.find(7)));
        let child = first.find(8);
        let grandchild = first.find(9);
        for (one, other) in [(parent, child), (child, grandchild), (grandchild, parent)] {
            assert!(!std::ptr::eq(one, other));
        }
        assert!(std::ptr::eq(child, first.find(8)));
        assert!(std::ptr::eq(grandchild, first.find(9)));
    }
}
