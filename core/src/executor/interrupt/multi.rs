//! A run of an interrupt's executor on hosts, and on chips with several cores. Chips with a single core have
//! `single.rs` in place of this file.

use super::{Bell, Pend, WithClock, levels};
use crate::executor::context::Entered;
use crate::executor::run_loop::Running;
use crate::executor::shared::{INBOX, Shared};
use crate::reactor::Reactor;
use crate::task::memory::pool::TaskPool;

/// Polls what is due, until nothing is.
pub(super) fn run<const N: usize, P: Pend>(pool: &'static TaskPool<N>, pend: &'static P) {
    match levels::clock() {
        Some(clock) => run_with(pool.shared(), &WithClock(clock)),
        None => run_with(pool.shared(), &Bell(pend)),
    }
}

fn run_with<R: Reactor>(shared: &'static Shared, reactor: &R) {
    // Once more, should a wake have pended the interrupt while we were about to return, and another
    // call have found us running.
    while shared.try_run() {
        shared.state.ready.unannounce_park();
        // SAFETY: `try_run` keeps any other level out, so this is the executor's for now, and
        // the tasks have come here by `Send`. The guard goes before the reactor.
        let entered = unsafe { Entered::new(shared, reactor, true) };
        let mut running = Running::again(shared, reactor, entered);
        loop {
            running.fire_due();
            while running.counted_turn().is_ok_and(|polls| polls > 0) || shared.is_pending() {}
            if shared.state.ready.announce_park() && !shared.has_signal(INBOX) {
                break;
            }
            shared.state.ready.unannounce_park();
        }
        // Before the run ends: from then on the timers may be another call's.
        if R::HAS_CLOCK {
            levels::post(shared, shared.timers.next_deadline());
        }
        shared.end_run(running);
        if !shared.is_pending() && !shared.has_signal(INBOX) {
            break;
        }
    }
}
