//! Feature `defmt`: what tells something can be logged by `defmt`, whatever it holds of the program's.
#![cfg(feature = "defmt")]

use polliwog_core::reactor::Deadline;
use polliwog_core::sources::SourcesFull;
use polliwog_core::sync::{AcquireError, SetError, TryAcquireError, TryLockError};
use polliwog_core::sync::{broadcast, local, mpmc, mpsc, oneshot, watch};
use polliwog_core::task::Panic;
use polliwog_core::time::{Elapsed, MissedTickBehavior};
use polliwog_core::{
    Instant, JoinError, PoolInUseError, RunError, SpawnError, SpawnErrorKind, Stats, TaskId,
    TaskInfo, TaskState, TryNewError, TrySpawnError,
};

/// What `defmt` knows nothing of: a future, a reactor, a message.
struct Mine;

fn can_be_logged<T: defmt::Format>() {}

#[test]
fn whatever_tells_something() {
    can_be_logged::<SpawnErrorKind>();
    can_be_logged::<SpawnError>();
    can_be_logged::<TrySpawnError<Mine>>();
    can_be_logged::<PoolInUseError>();
    can_be_logged::<TryNewError<Mine>>();
    can_be_logged::<RunError<PoolInUseError>>();
    can_be_logged::<JoinError>();
    can_be_logged::<Panic>();
    can_be_logged::<TaskId>();
    can_be_logged::<TaskInfo>();
    can_be_logged::<TaskState>();
    can_be_logged::<Stats>();
    #[cfg(feature = "trace")]
    can_be_logged::<polliwog_core::trace::Event>();
    #[cfg(feature = "std")]
    can_be_logged::<polliwog_core::task::AccessError>();
    can_be_logged::<Elapsed>();
    can_be_logged::<Instant>();
    can_be_logged::<Deadline>();
    can_be_logged::<MissedTickBehavior>();
    can_be_logged::<SourcesFull>();
    can_be_logged::<AcquireError>();
    can_be_logged::<TryAcquireError>();
    can_be_logged::<TryLockError>();
    can_be_logged::<SetError<Mine>>();
    can_be_logged::<mpsc::SendError<Mine>>();
    can_be_logged::<mpsc::TrySendError<Mine>>();
    can_be_logged::<mpsc::SendTimeoutError<Mine>>();
    can_be_logged::<mpsc::TryRecvError>();
    can_be_logged::<local::mpmc::SendError<Mine>>();
    can_be_logged::<mpmc::RecvError>();
    can_be_logged::<mpmc::TryRecvError>();
    can_be_logged::<broadcast::RecvError>();
    can_be_logged::<broadcast::TryRecvError>();
    can_be_logged::<oneshot::RecvError>();
    can_be_logged::<watch::error::RecvError>();
}
