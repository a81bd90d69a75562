//! An executor that runs for ever: on servers, and on chips with several cores. Chips with a single core have
//! `single.rs` in place of this file.

use super::{Reactor, StaticSpawner, TaskPool};
use crate::executor::Executor;
use crate::executor::shared::SHUTDOWN;

#[inline]
pub(super) fn run_forever<R: Reactor, const N: usize, const BYTES: usize, const BLOCKS: usize>(
    pool: &'static TaskPool<N, BYTES, BLOCKS>,
    reactor: R,
    start: impl FnOnce(StaticSpawner),
) -> ! {
    let Ok(executor) = Executor::new(pool, reactor) else {
        panic!("the task pool belongs to another executor");
    };
    start(StaticSpawner::new(executor.claim));
    loop {
        match executor.run() {
            // Told to shut down, which is not for us: else the next run would end at once.
            Ok(()) => executor.shared().clear_signal(SHUTDOWN),
            Err(error) => panic!("{error}"),
        }
    }
}
