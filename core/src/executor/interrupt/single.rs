//! A run of an interrupt's executor on a chip with a single core. All other builds have `multi.rs` in place of this
//! file.

use super::{Bell, Pend, WithClock, levels};
use crate::executor::context::Entered;
use crate::task::memory::pool::TaskPool;
use crate::task::run::poll_slot;
use crate::task::state::{Block, words};

/// Polls what is due, until nothing is.
pub(super) fn run<const N: usize, P: Pend>(pool: &'static TaskPool<N>, pend: &'static P) {
    let shared = pool.shared();
    if critical_section::with(|_| shared.running.replace(true)) {
        return;
    }
    if let Some(clock) = levels::clock() {
        let reactor = WithClock(clock);
        // SAFETY: as below.
        let entered = unsafe { Entered::new(shared, &reactor, true) };
        loop {
            if !shared.timers.is_empty() {
                shared.timers.fire(clock());
            }
            if !sweep(pool) {
                break;
            }
        }
        levels::post(shared, shared.timers.next_deadline());
        drop(entered);
    } else {
        let reactor = Bell(pend);
        // SAFETY: `running` keeps any other level out, so this is the executor's for now, and the
        // tasks have come here by `Send`. The guard goes before the reactor.
        let entered = unsafe { Entered::new(shared, &reactor, true) };
        while sweep(pool) {}
        drop(entered);
    }
    // A wake from now on, or since the last look, has pended the interrupt anew.
    shared.running.set(false);
}

/// Polls what is due once. Whether anything was.
fn sweep<const N: usize>(pool: &'static TaskPool<N>) -> bool {
    // SAFETY: the pool has N slots; `run` keeps any other level out and runs only once, so no task
    // is being polled.
    unsafe {
        Block::sweep(pool.block(), words(N), |slot| {
            poll_slot(slot);
        })
    }
}
