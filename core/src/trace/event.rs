//! What a tracer is told.

use core::fmt;
use core::panic::Location;

/// What has happened. Tasks have numbers: that of a task is never another one's. Without feature `std` the number is
/// the address of the task's slot, which may be another one's after its end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// A task is there.
    #[non_exhaustive]
    Spawned {
        /// Its number.
        task: u64,
        /// The name that it was spawned by.
        name: Option<&'static str>,
        /// The type of its future.
        type_name: &'static str,
        /// Where it was spawned; `None` if that is not known, as nobody of the program has spawned it.
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        place: Option<&'static Location<'static>>,
    },
    /// A waker of the task has been used.
    #[non_exhaustive]
    Woken {
        /// Its number.
        task: u64,
        /// By whom.
        by: Cause,
    },
    /// The task is being polled, until the `PollEnd` of the same task.
    #[non_exhaustive]
    PollBegin {
        /// Its number.
        task: u64,
    },
    /// The poll is over.
    #[non_exhaustive]
    PollEnd {
        /// Its number.
        task: u64,
        /// How long the poll has taken.
        #[cfg(feature = "std")]
        #[cfg_attr(feature = "defmt", defmt(Debug2Format))]
        took: core::time::Duration,
    },
    /// The task has ended, by itself, by an abort or with its executor. If that was in a poll, this comes after
    /// the end of the poll.
    #[non_exhaustive]
    Ended {
        /// Its number.
        task: u64,
    },
    /// The executor of this thread has nothing to do, and waits.
    #[non_exhaustive]
    Parked {},
    /// It goes on.
    #[non_exhaustive]
    Unparked {},
}

/// Who has woken a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Cause {
    /// The task of this number, while it was polled: itself, perhaps.
    Task(u64),
    /// A timer that was due.
    Timer,
    /// The reactor: a socket that became ready, or another source of it.
    Reactor,
    /// Code outside of any executor: another thread, an interrupt handler, or whoever runs it.
    Elsewhere,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Task(task) => write!(f, "task {task}"),
            Cause::Timer => f.write_str("a timer"),
            Cause::Reactor => f.write_str("the reactor"),
            Cause::Elsewhere => f.write_str("elsewhere"),
        }
    }
}

/// Is told what happens: see [`set_tracer`](super::set_tracer).
pub trait Tracer: Send + Sync {
    /// Something has happened, on this thread or at this level of interrupts, just now. It is called in the middle of
    /// the executor: it must not spawn, or wait for long. What it causes itself, say by a wake, is not told (but on a
    /// chip without feature `single-core` it is). With `std` a panic of it is caught.
    fn event(&self, event: &Event);
}
