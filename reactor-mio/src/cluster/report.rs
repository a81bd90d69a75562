//! How workers end, and what decides about that.

use std::fmt;
use std::io;

use polliwog_core::task::Panic;
use polliwog_core::{JoinError, SpawnError};

/// What a cluster does when a worker panics: a root of it, or a hook. (A panic of a task is that task's
/// outcome and hurts nobody else.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PanicPolicy {
    /// It shuts down.
    #[default]
    Shutdown,
    /// The worker starts again with a fresh runtime, on the same thread: its hooks run, and its roots. The
    /// tasks that had started there are [aborted](JoinError::Aborted), those that waited go on waiting, for
    /// it or for whoever is idle.
    Restart {
        /// So many times for each worker; then the cluster shuts down.
        limit: usize,
    },
}

/// How a worker ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The cluster was shut down.
    Stopped,
    /// It panicked and was not to be restarted.
    Panicked(Panic),
    /// The operating system gave it no runtime when it was to be restarted.
    Failed(io::Error),
    /// It had not ended when the time for that was up, or it is the one that asked.
    Unfinished,
}

/// What became of a worker.
#[derive(Debug)]
#[non_exhaustive]
pub struct WorkerReport {
    /// The worker's index.
    pub worker: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// How often it was restarted after a panic.
    pub restarts: usize,
}

/// Why [`block_on`](super::ClusterHandle::block_on) gave no output.
#[derive(Debug)]
#[non_exhaustive]
pub enum BlockOnError {
    /// The task was not spawned.
    Spawn(SpawnError),
    /// The task was aborted, or panicked.
    Join(JoinError),
    /// This is a worker of the cluster, which must not block: `await` the handle of a task instead.
    OnWorker,
}

impl fmt::Display for BlockOnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spawn(error) => error.fmt(f),
            Self::Join(error) => error.fmt(f),
            Self::OnWorker => f.write_str("a worker of the cluster must not block on it"),
        }
    }
}

impl std::error::Error for BlockOnError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Spawn(error) => Some(error),
            Self::Join(error) => Some(error),
            Self::OnWorker => None,
        }
    }
}

impl From<BlockOnError> for io::Error {
    fn from(error: BlockOnError) -> Self {
        io::Error::other(error)
    }
}
