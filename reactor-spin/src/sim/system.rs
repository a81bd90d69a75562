//! What [`replace_system!`](super::replace_system) answers in the system's place, and [`isolated`].

use core::cell::{Cell, RefCell};
use core::mem::MaybeUninit;
use core::time::Duration;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use super::net::Net;
use super::rng::Rng;
use crate::net::Network;

mod replace;

/// The numbers of what [`replace_system!`](super::replace_system) asks Linux for: chance, ...
pub const GETRANDOM: i64 = if cfg!(target_arch = "x86_64") {
    318
} else {
    278
};
/// ... a clock, ...
pub const CLOCK_GETTIME: i64 = if cfg!(target_arch = "x86_64") {
    228
} else {
    113
};
/// ... the wall clock, in the old way.
pub const GETTIMEOFDAY: i64 = if cfg!(target_arch = "x86_64") {
    96
} else {
    169
};
/// The error of a request for too much.
pub const EIO: i32 = 5;
/// As many bytes as `getentropy` gives at a time: POSIX' `GETENTROPY_MAX`.
pub const MAX_ENTROPY: usize = 256;
/// The wall clock, for all systems.
pub const REALTIME: i32 = 0;
/// What `Instant` shows on macOS.
pub const UPTIME_RAW: i32 = 8;

std::thread_local! {
    /// What answers on the thread of a simulation as long as no host runs. Without a destructor, as are the others: the
    /// system may be asked for as long as there is a thread.
    static CHANCE: RefCell<Option<Rng>> = const { RefCell::new(None) };
    /// Set while this thread finds out whether it is asked in the system's place.
    static PROBE: Cell<bool> = const { Cell::new(false) };
}

/// What a clock of a system shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    Wall,
    /// The time since some moment.
    Steady,
    /// The CPU time of a process or a thread.
    Cpu,
}

/// What Linux' clocks show: `include/uapi/linux/time.h`. Those that belong to a process or a device are the system's.
#[cfg(any(target_os = "linux", test))]
fn shows_linux(clock: i32) -> Option<Shows> {
    match clock {
        // With the coarse one, the one for alarms, and atomic time.
        REALTIME | 5 | 8 | 11 => Some(Shows::Wall),
        // Monotonic, raw, coarse; since the boot, for alarms, too.
        1 | 4 | 6 | 7 | 9 => Some(Shows::Steady),
        2 | 3 => Some(Shows::Cpu),
        _ => None,
    }
}

/// What macOS' clocks show: its `<time.h>`, or the constants `CLOCK_…` of the crate libc (`unix/bsd/apple/mod.rs`).
#[cfg(any(not(target_os = "linux"), test))]
fn shows_macos(clock: i32) -> Option<Shows> {
    match clock {
        REALTIME => Some(Shows::Wall),
        // Monotonic, and two raw ones, each also approximately.
        4 | 5 | 6 | UPTIME_RAW | 9 => Some(Shows::Steady),
        12 | 16 => Some(Shows::Cpu),
        _ => None,
    }
}

#[cfg(target_os = "linux")]
use shows_linux as shows;
#[cfg(not(target_os = "linux"))]
use shows_macos as shows;

fn host<R>(ask: impl FnOnce(&mut super::world::Host) -> R) -> Option<R> {
    let Net { world, host } = Network::current_sim()?;
    // Whoever asks while the simulation works on its state is part of that, as an allocator is.
    world.try_with(|state| ask(&mut state.hosts[host as usize]))
}

/// What a clock of the system shows, in seconds and nanoseconds; `None` if it is the system that is to be asked.
///
/// A host spends no CPU time.
#[must_use]
pub fn clock(number: i32) -> Option<[i64; 2]> {
    if PROBE.get() {
        return Some([0, 0]);
    }
    let shows = shows(number)?;
    let shown = host(|host| match shows {
        Shows::Cpu => Duration::ZERO,
        Shows::Wall => host.clock.wall_time(),
        Shows::Steady => Duration::from_nanos(host.clock.local()),
    })?;
    let seconds = i64::try_from(shown.as_secs()).unwrap_or(i64::MAX);
    Some([seconds, i64::from(shown.subsec_nanos())])
}

/// What a clock shows in ticks, of which each lasts `ratio[0] / ratio[1]` nanoseconds.
#[must_use]
pub fn ticks([seconds, nanos]: [i64; 2], [numerator, denominator]: [u32; 2]) -> u64 {
    let nanos = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let ticks = nanos * i128::from(denominator) / i128::from(numerator.max(1));
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// Fills memory by the seed; `false`, and nothing done, if it is the system that is to be asked.
#[must_use]
pub fn fill(memory: &mut [MaybeUninit<u8>]) -> bool {
    let mut by = |chance: &mut Rng| {
        for part in memory.chunks_mut(8) {
            for (byte, by_chance) in part.iter_mut().zip(chance.next().to_le_bytes()) {
                byte.write(by_chance);
            }
        }
    };
    if Network::current_sim().is_some() {
        return host(|host| by(&mut host.chance)).is_some();
    }
    CHANCE.with(|chance| match chance.try_borrow_mut().as_deref_mut() {
        Ok(Some(chance)) => {
            by(chance);
            true
        }
        _ => false,
    })
}

/// Whether the program contains what [`replace_system!`](super::replace_system) stands for.
fn is_replaced() -> bool {
    static REPLACED: OnceLock<bool> = OnceLock::new();
    *REPLACED.get_or_init(|| {
        PROBE.set(true);
        let now = SystemTime::now();
        PROBE.set(false);
        now == UNIX_EPOCH
    })
}

/// Runs a test on a thread of its own, whose chance is the seed's from the beginning, if the program has
/// [`replace_system!`](super::replace_system); else just calls it.
///
/// The standard library asks the system once for each thread for the keys of hash tables, and so do others: `rand::rng()`
/// is seeded once for each thread. On a thread that has asked before, a simulation finds what it has got then.
/// [`explore`](super::explore) and [`check`](super::check) run each seed in this way; this is for whoever calls
/// [`Simulation::run`](super::Simulation::run).
///
/// A panic of `test` goes on in the caller.
///
/// ```
/// # mod polliwog { pub use polliwog_spin::sim; }
/// use polliwog::sim::{self, Simulation};
///
/// let seed = 7;
/// let report = sim::isolated(seed, || {
///     let mut simulation = Simulation::new(seed);
///     simulation.client("frog", async {});
///     simulation.run()
/// });
/// assert!(report.is_ok());
/// ```
///
/// # Panics
///
/// If the system has no thread to give.
pub fn isolated<T: Send>(seed: u64, test: impl FnOnce() -> T + Send) -> T {
    if !is_replaced() {
        return test();
    }
    // A panic tells the name of the thread.
    let mut builder = thread::Builder::new();
    if let Some(name) = thread::current().name() {
        builder = builder.name(name.into());
    }
    let run = || {
        CHANCE.set(Some(Rng::new(seed, 5)));
        test()
    };
    thread::scope(|scope| match builder.spawn_scoped(scope, run) {
        Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        Err(error) => panic!("no thread for a simulation: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_its_clocks() {
        // By the names that the crate libc has for them.
        let linux = [
            (0, Shows::Wall),
            (1, Shows::Steady),
            (3, Shows::Cpu),
            (7, Shows::Steady),
        ];
        for (clock, expected) in linux {
            assert_eq!(shows_linux(clock), Some(expected), "{clock}");
        }
        let macos = [
            (0, Shows::Wall),
            (6, Shows::Steady),
            (8, Shows::Steady),
            (16, Shows::Cpu),
        ];
        for (clock, expected) in macos {
            assert_eq!(shows_macos(clock), Some(expected), "{clock}");
        }
        for clock in [-1, 10, 17, i32::MIN, i32::MAX] {
            assert_eq!(shows_linux(clock).or(shows_macos(clock)), None, "{clock}");
        }
    }

    #[test]
    fn ticks_are_nanoseconds_by_the_ratio() {
        assert_eq!(ticks([3, 141_592_653], [1, 1]), 3_141_592_653);
        // As on ARM, with 24 ticks to a microsecond.
        assert_eq!(ticks([1, 0], [125, 3]), 24_000_000);
        assert_eq!(ticks([i64::MAX, 999_999_999], [1, 1]), u64::MAX);
    }
}
