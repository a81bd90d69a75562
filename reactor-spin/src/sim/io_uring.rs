//! The crate `io-uring` on a simulated host: the names and the signatures are those of its version 0.7, the files are the
//! host's.
//!
//! A storage engine that takes the crate by an import is built for both:
//!
//! ```ignore
//! #[cfg(not(feature = "sim"))]
//! use io_uring::{IoUring, opcode, types};
//! #[cfg(feature = "sim")]
//! use polliwog::sim::io_uring::{IoUring, opcode, types};
//! #[cfg(not(feature = "sim"))]
//! use std::fs::File;
//! #[cfg(feature = "sim")]
//! use polliwog::sim::std::fs::File;
//! ```
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
//! use polliwog::sim::Simulation;
//! use polliwog::sim::io_uring::{IoUring, opcode, squeue::Flags, types};
//! use polliwog::sim::std::fs::File;
//! use std::os::fd::AsRawFd;
//!
//! fn append(ring: &mut IoUring, file: &File, line: &[u8], at: u64) -> std::io::Result<()> {
//!     let fd = types::Fd(file.as_raw_fd());
//!     let write = opcode::Write::new(fd, line.as_ptr(), line.len() as u32).offset(at).build();
//!     // Linked, since a sync is no better than what has been written before it.
//!     let entries = [write.flags(Flags::IO_LINK), opcode::Fsync::new(fd).build()];
//!     // SAFETY: both have completed when this function returns, and the line is there until then.
//!     unsafe { ring.submission().push_multiple(&entries) }.unwrap();
//!     ring.submit_and_wait(2)?;
//!     for completion in ring.completion() {
//!         if completion.result() < 0 {
//!             return Err(std::io::Error::from_raw_os_error(-completion.result()));
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let mut simulation = Simulation::new(7);
//! simulation.client("frog", async {
//!     let mut ring = IoUring::new(8).unwrap();
//!     let file = File::create("log").unwrap();
//!     append(&mut ring, &file, b"quak\n", 0).unwrap();
//!     assert_eq!(polliwog::sim::std::fs::read_to_string("log").unwrap(), "quak\n");
//! });
//! simulation.run().unwrap();
//! ```
//!
//! What is submitted completes later, each operation after a time of its own by the seed, so in any order. It is done when it
//! completes, by the same disk as that of [`sim::fs`](crate::sim::fs), which is slow, full, fails, reads short or wrong, and
//! loses what is not synced. A process that comes to its end takes its rings along: what was in flight is not done any more,
//! but a write may be there, or the first part of it. The same happens to a ring that is dropped.
//!
//! **Memory** is the program's, lent by raw pointers: [`push`](SubmissionQueue::push) is `unsafe`, as in the crate. It is
//! touched when the operation is submitted and when it completes, and never after the ring has been dropped or its host's process
//! has come to its end. What a write finds there when it completes is what lies in the file, so that a program that uses a
//! buffer too early is found out.
//!
//! **Waiting**: [`submit_and_wait`](IoUring::submit_and_wait) blocks the whole host, as a call of
//! [`sim::std::fs`](crate::sim::std::fs) does; with an [`AsyncFd`] a task waits alone.
//!
//! **What there is**: reads, writes, both vectored, syncs, room for files, timeouts, cancels, links and drains; a submission
//! queue that is full, and completions that wait for room in theirs. Other operations, registered files and buffers, and the
//! kernel's polling are not there; so a program that has them does not compile, or gets `EINVAL`, as on a kernel without. On Unix
//! only.

use core::marker::PhantomData;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;

use crate::net::Network;
use crate::sim::rng::nanos;

mod async_fd;
pub mod cqueue;
mod errno;
mod memory;
pub mod opcode;
mod pending;
mod ring;
pub mod squeue;
pub mod types;

pub use async_fd::AsyncFd;
pub use cqueue::CompletionQueue;
use ring::Ring;
pub(crate) use ring::{Ring as SharedRing, Rings};
pub use squeue::SubmissionQueue;
use types::{SubmitArgs, Timespec};

/// So many entries a submission queue has at most: `IORING_MAX_ENTRIES` of Linux's `io_uring/io_uring.h`.
const MOST: u32 = 32768;

/// A ring: a queue of operations and one of their completions.
#[derive(Debug)]
pub struct IoUring<S = squeue::Entry, C = cqueue::Entry>
where
    S: squeue::EntryMarker,
    C: cqueue::EntryMarker,
{
    ring: Arc<Ring>,
    entries: PhantomData<fn() -> (S, C)>,
}

/// What a ring has become.
#[derive(Clone, Debug)]
pub struct Parameters {
    sq_entries: u32,
    cq_entries: u32,
}

impl Parameters {
    /// How many entries the submission queue has room for.
    pub fn sq_entries(&self) -> u32 {
        self.sq_entries
    }

    /// How many completions there is room for.
    pub fn cq_entries(&self) -> u32 {
        self.cq_entries
    }

    /// Whether completions without room are kept: yes.
    pub fn is_feature_nodrop(&self) -> bool {
        true
    }
}

/// How to make a ring.
#[derive(Clone, Default)]
pub struct Builder {
    clamp: bool,
    polls: bool,
    cq_entries: Option<u32>,
}

impl Builder {
    /// Changes nothing: processes do not fork.
    pub fn dontfork(&mut self) -> &mut Self {
        self
    }

    /// Polls for completions, which is not simulated: [`build`](Self::build) fails.
    pub fn setup_iopoll(&mut self) -> &mut Self {
        self.polls = true;
        self
    }

    /// Lets the kernel poll for submissions, which is not simulated: [`build`](Self::build) fails.
    pub fn setup_sqpoll(&mut self, _idle: u32) -> &mut Self {
        self.polls = true;
        self
    }

    /// Sets how many completions there is room for: not as usual, twice as many as entries.
    pub fn setup_cqsize(&mut self, entries: u32) -> &mut Self {
        self.cq_entries = Some(entries);
        self
    }

    /// Makes the largest queue, if a larger one is asked for.
    pub fn setup_clamp(&mut self) -> &mut Self {
        self.clamp = true;
        self
    }

    /// Changes nothing: an entry that is wrong never holds up the next one.
    pub fn setup_submit_all(&mut self) -> &mut Self {
        self
    }

    /// Changes nothing: no program is interrupted.
    pub fn setup_coop_taskrun(&mut self) -> &mut Self {
        self
    }

    /// Changes nothing.
    pub fn setup_single_issuer(&mut self) -> &mut Self {
        self
    }

    /// Makes a ring on this host, with room for `entries` entries or, as that must be a power of two, for some more.
    ///
    /// # Errors
    ///
    /// `EINVAL` for queues of no or too many entries, and for what is not simulated;
    /// [`Unsupported`](ErrorKind::Unsupported) outside of a simulation.
    pub fn build(&self, entries: u32) -> Result<IoUring> {
        let size = |entries: u32, most: u32| match entries {
            0 => None,
            _ if entries > most => self.clamp.then_some(most),
            _ => Some(entries.next_power_of_two()),
        };
        let sq_entries = size(entries, MOST);
        let cq_entries = sq_entries.and_then(|entries| match self.cq_entries {
            None => Some(entries * 2),
            Some(cq_entries) => size(cq_entries, MOST * 2).filter(|size| *size >= entries),
        });
        let (Some(sq_entries), Some(cq_entries), false) = (sq_entries, cq_entries, self.polls)
        else {
            return Err(Error::from_raw_os_error(errno::EINVAL));
        };
        let params = Parameters {
            sq_entries,
            cq_entries,
        };
        let net = Network::current_sim().ok_or(ErrorKind::Unsupported)?;
        let ring = net.world.with(|state| {
            let host = &mut state.hosts[net.host as usize];
            host.is_alive().then(|| host.rings.add(params))
        });
        Ok(IoUring {
            ring: ring.ok_or_else(|| Error::other("the process is gone"))?,
            entries: PhantomData,
        })
    }
}

impl IoUring {
    /// Makes a ring on this host, with room for `entries` entries.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new(entries: u32) -> Result<Self> {
        Builder::default().build(entries)
    }

    /// To choose more than the number of entries.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// What it has become.
    pub fn params(&self) -> &Parameters {
        &self.ring.params
    }

    /// Who submits.
    pub fn submitter(&self) -> Submitter<'_> {
        Submitter { ring: &self.ring }
    }

    /// The submission queue.
    pub fn submission(&mut self) -> SubmissionQueue<'_> {
        SubmissionQueue::new(&self.ring)
    }

    /// The completion queue.
    pub fn completion(&mut self) -> CompletionQueue<'_> {
        CompletionQueue::new(&self.ring)
    }

    /// All three. The queues have to be synced, before and after a submission.
    pub fn split(&mut self) -> (Submitter<'_>, SubmissionQueue<'_>, CompletionQueue<'_>) {
        (
            Submitter { ring: &self.ring },
            SubmissionQueue::new(&self.ring),
            CompletionQueue::new(&self.ring),
        )
    }

    /// See [`Submitter::submit`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn submit(&self) -> Result<usize> {
        self.submitter().submit()
    }

    /// See [`Submitter::submit_and_wait`].
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As there.
    pub fn submit_and_wait(&self, want: usize) -> Result<usize> {
        self.submitter().submit_and_wait(want)
    }
}

impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> Drop for IoUring<S, C> {
    fn drop(&mut self) {
        self.ring.close();
    }
}

/// A number that stands for the ring in [`AsyncFd`], and nowhere else.
impl<S: squeue::EntryMarker, C: cqueue::EntryMarker> AsRawFd for IoUring<S, C> {
    fn as_raw_fd(&self) -> RawFd {
        self.ring.number
    }
}

/// Who submits what is in a ring's queue.
#[derive(Debug)]
pub struct Submitter<'a> {
    ring: &'a Arc<Ring>,
}

impl Submitter<'_> {
    /// Submits all that is in the queue; returns how much that is.
    ///
    /// # Errors
    ///
    /// `EBADF` for a ring of another host, or of a process that is gone.
    pub fn submit(&self) -> Result<usize> {
        self.submit_and_wait(0)
    }

    /// Submits all that is in the queue, and blocks until there are `want` completions; returns how much was submitted.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit).
    ///
    /// # Panics
    ///
    /// If that will never be, since too little is in flight. For real it waits for ever.
    pub fn submit_and_wait(&self, want: usize) -> Result<usize> {
        self.submit_with_args(want, &SubmitArgs::new())
    }

    /// As [`submit_and_wait`](Self::submit_and_wait), with a limit to the time.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit); `EINVAL` for a time that is none; `ETIME` if it was over and nothing was submitted.
    ///
    /// # Panics
    ///
    /// As [`submit_and_wait`](Self::submit_and_wait), without a limit.
    pub fn submit_with_args(&self, want: usize, args: &SubmitArgs<'_, '_>) -> Result<usize> {
        let limit = args.limit.map(Timespec::duration).transpose();
        let limit = limit.map_err(Error::from_raw_os_error)?;
        let want = want.min(self.ring.params.cq_entries as usize);
        let (submitted, late) = self.ring.with(|state, host, mut now| {
            let submitted = state.submit(host, now);
            let until = limit.map(|limit| {
                let local = host.clock.local_at(now).saturating_add(nanos(limit));
                host.clock.global(local)
            });
            let mut late = false;
            while state.completed.len() < want && !late {
                let due = state.next();
                late = until.is_some_and(|until| due.is_none_or(|due| due > until));
                let Some(then) = (if late { until } else { due }) else {
                    return (submitted, None);
                };
                host.clock.block(then - now);
                now = then;
                state.advance(host, now);
            }
            (submitted, Some(late))
        })?;
        match late {
            None => panic!("there are no {want} completions to wait for: too little is in flight"),
            Some(true) if submitted == 0 => Err(Error::from_raw_os_error(errno::ETIME)),
            Some(_) => Ok(submitted),
        }
    }
}
