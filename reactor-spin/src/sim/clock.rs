//! [`HostClock`]: a host's clock, which may go wrong, and [`HostReactor`], which shows it to the host's executor.

use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::convert::Infallible;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use core::time::Duration;
use std::sync::{Condvar, LazyLock, Mutex, OnceLock, PoisonError};
use std::task::Wake;
use std::thread::{self, ThreadId};
use std::time::UNIX_EPOCH;

use polliwog_core::{Deadline, Instant, Reactor};

/// A million: parts of drift.
const MILLION: u128 = 1_000_000;

/// The last moment that the system has a [`SystemTime`](std::time::SystemTime) for, in whole seconds since 1970.
static LAST_MOMENT: LazyLock<Duration> = LazyLock::new(|| {
    let more = (0..u64::BITS).rev().map(|bit| 1 << bit);
    let last = more.fold(0, |last, more: u64| {
        let later = UNIX_EPOCH.checked_add(Duration::from_secs(last | more));
        if later.is_some() { last | more } else { last }
    });
    Duration::from_secs(last)
});

/// A host's clock: the simulation's time, at a rate of its own. Nanoseconds.
#[derive(Debug)]
pub(crate) struct HostClock {
    now: Rc<Cell<u64>>,
    /// What wall clocks show at the beginning: the time since 1970.
    epoch: Duration,
    /// An instant of the simulation and what the clock showed then.
    since: Cell<(u64, u64)>,
    /// How many millionths it goes too fast.
    ppm: Cell<i32>,
    /// What the wall clock shows beyond that; jumps change it.
    pub(crate) wall: Cell<i64>,
    /// How far the program that runs now is ahead of the simulation, since it has waited by blocking.
    pub(crate) ahead: Cell<u64>,
    /// Until when the host does nothing, since its program has blocked it for so long; 0 if it has not. The program has seen
    /// the clock as it will be then.
    pub(crate) busy_until: Cell<u64>,
}

impl HostClock {
    pub(crate) fn new(now: Rc<Cell<u64>>, epoch: Duration) -> Self {
        Self {
            now,
            epoch,
            since: Cell::new((0, 0)),
            ppm: Cell::new(0),
            wall: Cell::new(0),
            ahead: Cell::new(0),
            busy_until: Cell::new(0),
        }
    }

    fn rate(&self) -> u128 {
        // `set_ppm` keeps it positive.
        (MILLION as i128 + i128::from(self.ppm.get())) as u128
    }

    /// The simulation's time.
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    /// The simulation's time, as the program that runs now finds it.
    pub(crate) fn instant(&self) -> u64 {
        self.now.get().saturating_add(self.ahead.get())
    }

    /// Lets time pass for the program that runs now, which waits for that long by blocking.
    pub(crate) fn block(&self, nanos: u64) {
        self.ahead.set(self.ahead.get().saturating_add(nanos));
    }

    /// As [`block`](Self::block), until this clock has gone on by so much. `false`: no virtual time is so late, and it is now
    /// the last there is.
    pub(crate) fn block_for(&self, limit: Duration) -> bool {
        let until = u64::try_from(limit.as_nanos())
            .ok()
            .and_then(|nanos| self.local().checked_add(nanos));
        let instant = self.global(until.unwrap_or(u64::MAX));
        self.block(instant.saturating_sub(self.instant()));
        until.is_some_and(|until| self.local() >= until)
    }

    /// What the clock shows.
    pub(crate) fn local(&self) -> u64 {
        self.local_at(self.instant())
    }

    /// What it shows at an instant that is not before the program that runs now.
    pub(crate) fn local_at(&self, instant: u64) -> u64 {
        let (base, shown) = self.since.get();
        // It is behind its base if it was set while a program is ahead.
        let passed = instant.saturating_sub(base);
        let passed = u128::from(passed) * self.rate() / MILLION;
        shown.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// What the wall clock shows: the time since 1970.
    pub(crate) fn wall_time(&self) -> Duration {
        let passed = Duration::from_nanos(self.local());
        let shown = self.epoch.saturating_add(passed);
        let jumps = self.wall.get();
        let jump = Duration::from_nanos(jumps.unsigned_abs());
        let shown = match jumps < 0 {
            true => shown.saturating_sub(jump),
            false => shown.saturating_add(jump),
        };
        shown.min(*LAST_MOMENT)
    }

    /// The first instant of the simulation at which the clock shows `local`.
    pub(crate) fn global(&self, local: u64) -> u64 {
        let (base, shown) = self.since.get();
        let left = u128::from(local.saturating_sub(shown)) * MILLION;
        let left = u64::try_from(left.div_ceil(self.rate())).unwrap_or(u64::MAX);
        base.saturating_add(left)
    }

    /// Lets the clock go so many millionths too fast from now on; too slow, if negative.
    pub(crate) fn set_ppm(&self, ppm: i32) {
        let from = self.instant().max(self.busy_until.get());
        self.since.set((from, self.local_at(from)));
        self.ppm.set(ppm.clamp(-900_000, 9_000_000));
    }
}

/// Hosts that somebody has woken, since the simulation looked last.
#[derive(Debug)]
pub(crate) struct Woken {
    thread: ThreadId,
    hosts: Mutex<Vec<u32>>,
    /// Rung when another thread has woken a host.
    bell: Condvar,
    /// Whether other threads may wake hosts.
    open: AtomicBool,
    /// The host that another thread has woken first that must not, and the name of that.
    foreign: OnceLock<(u32, Option<String>)>,
}

impl Woken {
    pub(crate) fn new() -> Self {
        Self {
            thread: thread::current().id(),
            hosts: Mutex::default(),
            bell: Condvar::new(),
            open: AtomicBool::new(false),
            foreign: OnceLock::new(),
        }
    }

    /// Sets whether other threads may wake hosts.
    pub(crate) fn open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }

    /// Waits until a host has been woken, for so long at most. Returns whether one was.
    pub(crate) fn wait(&self, patience: Duration) -> bool {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .bell
            .wait_timeout_while(hosts, patience, |hosts| hosts.is_empty());
        !waited.unwrap_or_else(PoisonError::into_inner).0.is_empty()
    }

    /// Moves the hosts that were woken into `into`.
    pub(crate) fn drain(&self, into: &mut Vec<u32>) {
        into.append(&mut self.hosts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A host that was woken by another thread than the simulation's, and the name of that.
    pub(crate) fn foreign(&self) -> Option<&(u32, Option<String>)> {
        self.foreign.get()
    }

    /// Notes who wakes a host and must not.
    fn note(&self, host: u32) {
        let current = thread::current();
        if current.id() != self.thread && !self.open.load(Ordering::Acquire) {
            let name = || (host, current.name().map(String::from));
            self.foreign.get_or_init(name);
        }
    }

    fn wake(&self, host: u32) {
        self.hosts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(host);
        if self.open.load(Ordering::Acquire) {
            self.bell.notify_one();
        }
    }
}

/// The unparker of a host's executor.
pub(crate) struct HostWaker {
    woken: Arc<Woken>,
    host: u32,
    /// Set while it is in the list, so that it is there once.
    listed: AtomicBool,
}

impl HostWaker {
    pub(crate) fn new(woken: Arc<Woken>, host: u32) -> Arc<Self> {
        Arc::new(Self {
            woken,
            host,
            listed: AtomicBool::new(false),
        })
    }

    /// To be told when the host has been taken out of the list.
    pub(crate) fn unlist(&self) {
        self.listed.store(false, Ordering::Release);
    }
}

impl Wake for HostWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.note(self.host);
        if !self.listed.swap(true, Ordering::AcqRel) {
            self.woken.wake(self.host);
        }
    }
}

/// The reactor of a host's executor. It never waits: the simulation does that for all hosts.
#[derive(Debug)]
pub(crate) struct HostReactor {
    pub(crate) clock: Rc<HostClock>,
    pub(crate) waker: Waker,
}

impl Reactor for HostReactor {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::from_nanos(self.clock.local())
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        Ok(())
    }

    fn unparker(&self) -> Waker {
        self.waker.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let now = Rc::new(Cell::new(0));
        let clock = HostClock::new(now.clone(), Duration::ZERO);
        for ppm in [0, 1, -1, 500, -500, 333_333, -900_000] {
            clock.set_ppm(ppm);
            for step in [0, 1, 2, 999, 1_000_001, 3_600_000_000_000] {
                let local = clock.local() + step;
                let global = clock.global(local);
                now.set(global.max(now.get()));
                assert!(clock.local() >= local, "{ppm} {step}");
                if global > 0 && global == now.get() && step > 0 {
                    now.set(global - 1);
                    assert!(clock.local() < local, "{ppm} {step}: not the first");
                    now.set(global);
                }
            }
        }
    }
}
