//! How a run ends: [`Report`] and [`Failure`].

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;
use core::time::Duration;

use super::fault::Fault;
use super::trace::TraceEvent;
use crate::idle::name_tasks;

/// What there is to tell of a run that went well.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The virtual time that has passed.
    pub elapsed: Duration,
    /// How many turns the hosts took, in each of which all tasks of one host that are ready are polled once.
    pub turns: u64,
    /// How many messages were sent, those that got lost included.
    pub messages: u64,
    /// A hash of all that happened. Runs with the same seed have the same one, also on another machine.
    pub hash: u64,
    /// What happened, as much as [`Builder::trace`](super::Builder::trace) keeps.
    pub trace: Vec<TraceEvent>,
    /// The packets that were sent, as a file of the format pcap, if [`Builder::capture`](super::Builder::capture) asked for
    /// them; else nothing.
    pub capture: Vec<u8>,
    /// The hosts whose programs have failed, with the texts of their errors, and of their panics after `panic: `, where that
    /// does not end the run; and the clients that were crashed or killed before they were done.
    pub failed: Vec<(Arc<str>, String)>,
    /// The faults that were scheduled: see [`Simulation::faults`](super::Simulation::faults).
    pub faults: Vec<Fault>,
    /// Those of them that have not begun, since the run was over before: a test that is done sooner than its faults strike
    /// tests less than it seems to. See [`Nemesis::within`](super::Nemesis::within).
    pub missed: Vec<Fault>,
    /// The tasks that were left when nothing could happen any more, with their hosts.
    pub(crate) waiting: Vec<String>,
    /// How long [`outside`](super::outside()) was patient, if the run has stalled by that.
    pub(crate) patience: Option<Duration>,
    /// Why a host that has failed does not start again, though some do.
    pub(crate) hint: Option<String>,
}

/// Why a run did not go well.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// A program came to its end with an error; this is its text.
    Error(String),
    /// A program's future panicked, or a [task](super::Builder::task_panics_end) of it; this is the text, and which task
    /// it was.
    Panic(String),
    /// Nothing can happen any more, and clients are not done: these.
    Stalled(Vec<Arc<str>>),
    /// The [time limit](super::Builder::time_limit) has been reached, and clients are not done: these.
    TimeLimit(Vec<Arc<str>>),
    /// Tasks are ready again and again, and no virtual time passes.
    Livelock,
    /// Another thread has woken a task of the host.
    ForeignThread {
        /// The tasks that were woken: the names that they were spawned by, else the types of their futures, which
        /// name the functions; of the host's program the place of [`host`](super::Simulation::host) or
        /// [`client`](super::Simulation::client), too.
        tasks: Vec<String>,
        /// The name of the thread, if it has one.
        thread: Option<String>,
    },
    /// The simulation itself is at its end: too many tasks, or a reactor that fails.
    Executor(String),
    /// The test that ran the simulation panicked or failed by itself, or what it asks for cannot be: a nemesis that finds
    /// no host, a search whose builder is not used, or a [`History`](super::History) that nobody has checked.
    Test(String),
}

/// How a run failed: see [`Simulation::run`](super::Simulation::run). Shows the seed.
#[derive(Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The seed that makes it happen again.
    pub seed: u64,
    /// The host that it happened on, if it is one's.
    pub host: Option<Arc<str>>,
    /// What happened.
    pub reason: Reason,
    /// The virtual time.
    pub at: Duration,
    /// What there is to tell of the run until then.
    pub run: Box<Report>,
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "(without a text)".to_string())
}

impl Failure {
    /// A page of HTML that shows the run, as far as [`Builder::trace`](super::Builder::trace) has kept it: hosts as lanes,
    /// messages as arrows, faults.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
    /// use polliwog::sim::Simulation;
    ///
    /// let mut simulation = Simulation::builder(7).trace(usize::MAX).build();
    /// simulation.client("frog", async { panic!("no pond") });
    /// let failure = simulation.run().unwrap_err();
    /// assert!(failure.page().contains("no pond"));
    /// ```
    pub fn page(&self) -> String {
        super::page::page(&alloc::format!("{self}"), &self.run.trace)
    }
}

fn names(f: &mut fmt::Formatter<'_>, names: &[Arc<str>]) -> fmt::Result {
    for (index, name) in names.iter().enumerate() {
        let before = if index == 0 { "" } else { ", " };
        write!(f, "{before}{name}")?;
    }
    Ok(())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}, after {:?} of virtual time: ",
            self.seed, self.at
        )?;
        let host = self.host.as_deref().unwrap_or("a host");
        match &self.reason {
            Reason::Error(text) | Reason::Panic(text) => {
                let how = match self.reason {
                    Reason::Error(_) => "failed",
                    _ => "panicked",
                };
                write!(f, "{host} {how}: {text}")?;
                match &self.run.hint {
                    Some(hint) => write!(f, "\n  ({hint})"),
                    None => Ok(()),
                }
            }
            Reason::Stalled(waiting) => {
                match self.run.patience {
                    Some(patience) => write!(
                        f,
                        "stalled: no thread has woken a task for {patience:?} of real time, the patience of \
                         `sim::outside`, while which no virtual time passes; these wait: "
                    )?,
                    None => f.write_str(
                        "stalled: nothing is ready, no message is on its way, no timer is set; these wait: ",
                    )?,
                }
                names(f, waiting)?;
                let tasks = &self.run.waiting;
                if tasks.is_empty() {
                    return Ok(());
                }
                if self.run.patience.is_none() {
                    f.write_str(
                        "; if one of them waits for a real thread, timer, socket or file, a simulation knows nothing \
                         of that",
                    )?;
                }
                f.write_str("; the tasks that are left:")?;
                name_tasks(f, tasks.iter())
            }
            Reason::TimeLimit(waiting) => {
                f.write_str("the time limit was reached; these are not done: ")?;
                names(f, waiting)
            }
            Reason::Livelock => write!(
                f,
                "no time passes: {host} has tasks that are ready again and again without waiting for anything"
            ),
            Reason::ForeignThread { tasks, thread } => {
                let thread = thread.as_deref().unwrap_or("without a name");
                write!(
                    f,
                    "another thread ({thread}) has woken a task of {host}: a simulation is one thread, so something \
                     there uses a real socket, file or timer, a pool of threads, or another runtime"
                )?;
                // None: they have come to their end.
                if !tasks.is_empty() {
                    f.write_str("; look for what that task awaits:")?;
                }
                tasks.iter().try_for_each(|task| write!(f, "\n  {task}"))
            }
            Reason::Executor(error) => write!(f, "{host} cannot go on: {error}"),
            Reason::Test(message) => write!(f, "the test failed: {message}"),
        }
    }
}

// What `unwrap` shows.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for Failure {}

impl From<Failure> for std::io::Error {
    fn from(failure: Failure) -> Self {
        // The trace is not `Send`.
        Self::other(alloc::format!("{failure}"))
    }
}

/// What a host's or client's program may return: nothing, or a result whose error can be shown.
pub trait Outcome {
    /// The outcome, its error as a text.
    fn into_result(self) -> Result<(), String>;
}

impl Outcome for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<T, E: fmt::Display> Outcome for Result<T, E> {
    fn into_result(self) -> Result<(), String> {
        self.map(drop).map_err(|error| alloc::format!("{error}"))
    }
}

/// A program without an end.
impl Outcome for Never {
    fn into_result(self) -> Result<(), String> {
        self
    }
}

/// What a function returns.
#[doc(hidden)]
pub trait Returns {
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}

/// The type `!`, which has no name in stable Rust.
type Never = <fn() -> ! as Returns>::Output;
