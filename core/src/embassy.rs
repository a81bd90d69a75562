//! A time driver for `embassy-time`: crates written against `embassy_time::Timer` wait in the
//! timer queue of whichever executor runs them.
//!
//! Embassy's driver is one per program, found by the linker, and has one global time base; ours
//! is the clock of the executor that runs on the calling thread. An `embassy_time::Instant`
//! must therefore not travel between executors. Outside of any executor the time is zero and a
//! timer wakes at once.
//!
//! Embassy's timers do not say when they are dropped: the wake then comes anyway, as a
//! spurious one. There is one timer for each waker at a time, which fires at the earliest of
//! the instants asked for. Finding it takes time in proportion to the wakers that wait.

use core::pin::Pin;
use core::ptr;
#[cfg(not(lean))]
use core::task::Context;
use core::task::Waker;

use embassy_time_driver::{Driver, TICK_HZ};

use crate::Instant;
use crate::executor::context;
use crate::shim::Cell;
use crate::time::{TimerNode, TimerQueue};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

struct PolliwogDriver;

embassy_time_driver::time_driver_impl!(static DRIVER: PolliwogDriver = PolliwogDriver);

impl Driver for PolliwogDriver {
    fn now(&self) -> u64 {
        let now = crate::time::now().unwrap_or_default();
        let ticks = u128::from(now.as_nanos()) * u128::from(TICK_HZ) / NANOS_PER_SECOND;
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        let core = context::current().and_then(|executor| executor.get());
        match core {
            Some(core) => core.foreign.schedule(&core.timers, instant(at), waker),
            None => waker.wake_by_ref(),
        }
    }
}

/// The first instant at which the clock shows `ticks`.
fn instant(ticks: u64) -> Instant {
    if ticks == u64::MAX {
        return Instant::MAX;
    }
    let nanos = (u128::from(ticks) * NANOS_PER_SECOND).div_ceil(u128::from(TICK_HZ));
    Instant::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How many wakers can wait without an allocator, and the step in which there are more with one.
const NODES: usize = 16;

/// The timers of an executor that lie in no future of ours.
pub(crate) struct ForeignTimers {
    first: Group,
}

struct Group {
    nodes: [TimerNode; NODES],
    next: Cell<*const Group>,
}

impl Group {
    const fn new() -> Self {
        Self {
            nodes: [const { TimerNode::new(Instant::MAX) }; NODES],
            next: Cell::new(ptr::null()),
        }
    }
}

impl ForeignTimers {
    pub(crate) const fn new() -> Self {
        Self {
            first: Group::new(),
        }
    }

    fn schedule(&'static self, queue: &'static TimerQueue, at: Instant, waker: &Waker) {
        let mut free = None;
        let mut group = &self.first;
        loop {
            for node in &group.nodes {
                if !node.is_linked() {
                    free = free.or(Some(node));
                } else if node.wakes(waker) {
                    if at < node.deadline() {
                        queue.schedule(Pin::static_ref(node), at);
                    }
                    return;
                }
            }
            // SAFETY: only `grow` sets the link, to a group that is never freed.
            match unsafe { group.next.get().as_ref() } {
                Some(next) => group = next,
                None => break,
            }
        }
        let Some(node) = free.or_else(|| group.grow()) else {
            // No room: the task asks again in its next poll.
            return waker.wake_by_ref();
        };
        let node = Pin::static_ref(node);
        #[cfg(not(lean))]
        {
            queue.schedule(node, at);
            let _pending = node.poll(&mut Context::from_waker(waker));
        }
        #[cfg(lean)]
        {
            let waker = waker.clone();
            // Foreign code may have taken the node meanwhile.
            if node.is_linked() {
                waker.wake();
            } else {
                node.cancel();
                queue.insert(node, at, waker);
            }
        }
    }
}

impl Group {
    /// More nodes, for as long as the executor's core lives: for ever.
    #[cfg(feature = "alloc")]
    fn grow(&self) -> Option<&'static TimerNode> {
        let group: &'static Group = alloc::boxed::Box::leak(alloc::boxed::Box::new(Group::new()));
        self.next.set(group);
        group.nodes.first()
    }

    #[cfg(not(feature = "alloc"))]
    fn grow(&self) -> Option<&'static TimerNode> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_never_early() {
        assert_eq!(instant(0), Instant::ZERO);
        assert_eq!(instant(TICK_HZ), Instant::from_millis(1000));
        assert_eq!(instant(u64::MAX), Instant::MAX);
        for ticks in [1, 2, 3, 999, 12_345_678_901] {
            let nanos = u128::from(instant(ticks).as_nanos());
            assert!(nanos * u128::from(TICK_HZ) / NANOS_PER_SECOND >= u128::from(ticks));
        }
    }
}
