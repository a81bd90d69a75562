//! An executor that runs for ever: on a chip with a single core, in as little code as does it. All other builds have
//! `multi.rs` in place of this file.

use super::event_interval::EventInterval;
use super::{Reactor, StaticSpawner, TaskPool};
use crate::executor::context;
use crate::interrupt::masked;
use crate::reactor::Deadline;
use crate::task::run;
use crate::task::state::{Block, words};

#[inline(always)]
pub(super) fn run_forever<R: Reactor, const N: usize, const BYTES: usize, const BLOCKS: usize>(
    pool: &'static TaskPool<N, BYTES, BLOCKS>,
    reactor: R,
    start: impl FnOnce(StaticSpawner),
) -> ! {
    let Some(claim) = pool.open(&reactor) else {
        panic!("the task pool belongs to another executor");
    };
    start(StaticSpawner::new(claim));
    let shared = claim.shared();
    // SAFETY: this is the executor's level from now on, and the reactor stays where it is.
    unsafe { context::enter_for_ever(shared, &reactor) };
    let block = pool.block();
    let mut interval = EventInterval::new();
    loop {
        // SAFETY: as in `Running::turn`; the block has N slots.
        let busy = unsafe {
            let poll = |slot| {
                run::poll_slot(slot);
            };
            if words(N) == 1 {
                Block::sweep_one(block, N, poll)
            } else {
                Block::sweep(block, words(N), poll)
            }
        };
        if busy {
            // Also where something is always ready, timers fire and sources are looked at.
            if !R::HAS_CLOCK || !interval.is_due() {
                continue;
            }
            check(reactor.park(Deadline::Now));
        }
        let mut until = Deadline::Never;
        if R::HAS_CLOCK && (busy || shared.has_timers()) {
            // Before the wait: what is due at once need not go through the reactor, and what
            // an interrupt has woken comes before what the clock wakes.
            let now = reactor.now();
            if busy {
                interval.measure(now);
            }
            if shared.fire(now) > 0 || busy {
                continue;
            }
            if let Some(deadline) = shared.next_deadline() {
                until = Deadline::At(deadline);
            }
        }
        if !busy {
            interval.pause();
            check(masked(|| {
                // SAFETY: the block has N slots.
                match unsafe { Block::is_pending(block, words(N)) } {
                    true => Ok(()),
                    false => reactor.park(until),
                }
            }));
        }
    }
}

#[inline(always)]
fn check<E>(parked: Result<(), E>) {
    if parked.is_err() {
        panic!("the reactor failed");
    }
}
