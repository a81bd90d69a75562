//! [`check`]: whether a simulation is the same each time.

use super::builder::Builder;
use super::failure::{Failure, Report};
use super::footprint::{NOT_RUN, Probe};
use super::trace::Difference;

/// Runs a simulation twice with the same seed and compares what happened, event by event.
///
/// It finds programs that ask the system for time or chance, or go through the entries of a hash table in the order
/// of its random seed: such a program is not repeatable, and a failing seed could not be run again.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim;
/// use polliwog::time::sleep;
/// use std::time::Duration;
///
/// sim::check(7, |builder| {
///     let mut simulation = builder.build();
///     simulation.client("sleeper", async {
///         sleep(Duration::from_millis(sim::random() % 1000)).await;
///     });
///     simulation.run()
/// })
/// .unwrap();
///
/// // The keys of a hash table are different in each run, unless somebody writes `sim::replace_system!()`.
/// use std::hash::{BuildHasher, RandomState};
/// let difference = sim::check(7, |builder| {
///     let mut simulation = builder.build();
///     simulation.client("sleeper", async {
///         sleep(Duration::from_nanos(RandomState::new().hash_one("frog"))).await;
///     });
///     simulation.run()
/// });
/// assert!(difference.unwrap_err().to_string().contains("sleeper"));
/// ```
///
/// # Errors
///
/// The first event that differs. Whether the runs fail does not matter, as long as both do so in the same way.
///
/// # Panics
///
/// If `test` runs no simulation that was made by its builder, since there is nothing to compare then.
#[track_caller]
pub fn check(
    seed: u64,
    mut test: impl FnMut(Builder) -> Result<Report, Failure> + Send,
) -> Result<(), Difference> {
    match differ(Builder::new(seed), &mut test) {
        Some(difference) => Err(difference),
        None => Ok(()),
    }
}

/// The first event in which two runs differ.
#[track_caller]
pub(crate) fn differ(
    builder: Builder,
    mut test: impl FnMut(Builder) -> Result<Report, Failure> + Send,
) -> Option<Difference> {
    let mut trace = || {
        let probe = Probe::default();
        let builder = builder.clone().trace(usize::MAX).probe(probe.clone());
        let trace = match super::system::isolated(builder.seed(), || test(builder)) {
            Ok(report) => report.trace,
            Err(failure) => failure.run.trace,
        };
        probe.with(|probed| probed.ran).then_some(trace)
    };
    let (Some(first), Some(second)) = (trace(), trace()) else {
        panic!("{NOT_RUN}");
    };
    Difference::of(&first, &second)
}
