//! What [`replace_system!`](super::replace_system) answers in the system's place, and [`isolated`].

use alloc::format;
use core::cell::{Cell, RefCell};
use core::mem::MaybeUninit;
use core::time::Duration;
use std::io::Write as _;
use std::panic::resume_unwind;
use std::sync::OnceLock;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use super::net::Net;
use super::rng::Rng;
use crate::net::Network;

mod machine;
mod network;
mod replace;

pub use machine::{
    Asked, EACCES, ENAMETOOLONG, ENOMEM, GETPID, GETPPID, NAME_LEN, SOCKET, UNAME, kept, parent,
    process, processors, refuses_socket, rename, sysconf,
};
pub use network::{Hints, SocketAddress, device_number, devices, lookup};

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
/// ... the wall clock, in the old way, ...
pub const GETTIMEOFDAY: i64 = if cfg!(target_arch = "x86_64") {
    96
} else {
    169
};
/// ... to wait, by a clock, ...
pub const CLOCK_NANOSLEEP: i64 = if cfg!(target_arch = "x86_64") {
    230
} else {
    115
};
/// ... and until another thread wakes this one.
pub const FUTEX: i64 = if cfg!(target_arch = "x86_64") {
    202
} else {
    98
};
/// ... which processors there are.
pub const SCHED_GETAFFINITY: i64 = if cfg!(target_arch = "x86_64") {
    204
} else {
    123
};
/// The error of a request for too much.
pub const EIO: i32 = 5;
/// The error of a wait whose time is over.
pub const ETIMEDOUT: i32 = if cfg!(target_os = "linux") { 110 } else { 60 };
/// As many bytes as `getentropy` gives at a time: POSIX' `GETENTROPY_MAX`.
pub const MAX_ENTROPY: usize = 256;
/// The wall clock, for all systems.
pub const REALTIME: i32 = 0;
/// What `Instant` shows on Linux, ...
pub const MONOTONIC: i32 = 1;
/// ... and on macOS.
pub const UPTIME_RAW: i32 = 8;
/// For how many real seconds a host may wait for another thread before somebody is told.
pub const PATIENCE: i64 = 2;

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
        MONOTONIC | 4 | 6 | 7 | 9 => Some(Shows::Steady),
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

/// The time at which a clock shows so many ticks: the other way of [`ticks`]. A part of a nanosecond counts as one.
#[must_use]
pub fn time_of(ticks: u64, [numerator, denominator]: [u32; 2]) -> [i64; 2] {
    let nanos = u128::from(ticks) * u128::from(numerator);
    let nanos = nanos.div_ceil(u128::from(denominator.max(1)));
    let seconds = i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX);
    // Less than a second.
    [seconds, (nanos % 1_000_000_000) as i64]
}

/// Lets a wait by a clock take its time of the host: for so many seconds and nanoseconds, or, if that is `absolute`, until the
/// clock shows them. `None`, and nothing done, if it is the system that is to be asked; `Some(false)` if no virtual time is
/// so late.
#[must_use]
pub fn wait(clock: i32, absolute: bool, [seconds, nanos]: [i64; 2]) -> Option<bool> {
    // What is none is for the system to say.
    let nanos = u32::try_from(nanos)
        .ok()
        .filter(|&nanos| nanos < 1_000_000_000)?;
    let limit = Duration::new(u64::try_from(seconds).ok()?, nanos);
    let shown = match shows(clock)? {
        Shows::Cpu => return None,
        shows => shows,
    };
    host(|host| {
        let clock = &host.clock;
        let passed = match shown {
            _ if !absolute => Duration::ZERO,
            Shows::Wall => clock.wall_time(),
            _ => Duration::from_nanos(clock.local()),
        };
        // Who asks for what is over already may do so until time has gone on.
        let left = limit.saturating_sub(passed).max(Duration::from_nanos(1));
        clock.block_for(left)
    })
}

/// Whether this is a host's thread, and a system call `futex` with this operation waits: by which clock, and whether a limit
/// is an instant of that, according to `include/uapi/linux/futex.h`.
#[must_use]
pub fn futex_waits(operation: i32) -> Option<(i32, bool)> {
    const PRIVATE: i32 = 128;
    const CLOCK_REALTIME: i32 = 256;
    let clock = match operation & CLOCK_REALTIME {
        0 => MONOTONIC,
        _ => REALTIME,
    };
    let absolute = match operation & !(PRIVATE | CLOCK_REALTIME) {
        // `FUTEX_WAIT`, ...
        0 => false,
        // ... and `FUTEX_WAIT_BITSET`.
        9 => true,
        _ => return None,
    };
    is_on_host().then_some((clock, absolute))
}

/// Whether this is a host's thread.
#[must_use]
pub fn is_on_host() -> bool {
    host(|_| ()).is_some()
}

/// Tells what the host that runs does that is the test's to end, not the simulation's, and whether there is one. A test's own
/// output is not shown before it ends, which it might not.
fn tell(what: &str) -> bool {
    let Some(name) = host(|host| host.name.clone()) else {
        return false;
    };
    let thread = thread::current();
    let test = thread.name().unwrap_or("unnamed");
    // Without a place to write it to there is nobody to be told.
    _ = writeln!(
        std::io::stderr(),
        "the simulated host {name:?} (thread {test:?}) {what}"
    );
    true
}

/// Tells that the host that runs has waited for another thread for [`PATIENCE`].
pub fn tell_of_wait() {
    tell("waits for another thread, without a limit: no virtual time passes until that wakes it");
}

/// Whether this is a host's thread, which is told to end the whole test.
#[must_use]
pub fn tell_of_exit(code: i32) -> bool {
    tell(&format!(
        "calls `exit({code})`, which would end the whole test: a program on a host ends with its future, or by a panic"
    ))
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
    fn what_waits_waits_on_a_host_alone() {
        for operation in [0, 9, 128, 128 | 9, 256 | 9] {
            assert_eq!(futex_waits(operation), None);
        }
        assert_eq!(wait(REALTIME, false, [0, 1]), None);
    }

    #[test]
    fn a_wait_takes_time_by_the_hosts_clock() {
        const SECOND: [i64; 2] = [1, 0];
        let mut simulation = super::super::Simulation::new(7);
        simulation.client("frog", async {
            super::super::control().set_drift("frog", -1000);
            polliwog_core::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(futex_waits(128), Some((MONOTONIC, false)));
            assert_eq!(futex_waits(128 | 9), Some((MONOTONIC, true)));
            assert_eq!(futex_waits(256 | 128 | 9), Some((REALTIME, true)));
            // A wake, and a lock with priorities.
            assert_eq!(futex_waits(1).or(futex_waits(6)), None);
            let steady = || clock(MONOTONIC).unwrap();
            let [before, nanos] = steady();
            assert_eq!(wait(MONOTONIC, false, SECOND), Some(true));
            assert_eq!(steady(), [before + 1, nanos]);
            assert_eq!(wait(MONOTONIC, true, [before + 3, nanos]), Some(true));
            assert_eq!(steady(), [before + 3, nanos]);
            let [wall, part] = clock(REALTIME).unwrap();
            assert_eq!(wait(REALTIME, true, [wall + 1, part]), Some(true));
            assert_eq!(steady(), [before + 4, nanos]);
            // It is over, but `Condvar::wait_timeout_while` asks until it is so by the clock, too.
            assert_eq!(wait(MONOTONIC, true, SECOND), Some(true));
            assert_eq!(steady(), [before + 4, nanos + 1]);
            for wrong in [[-1, 0], [0, -1], [0, 1_000_000_000]] {
                assert_eq!(wait(MONOTONIC, false, wrong), None, "{wrong:?}");
            }
            assert_eq!(wait(2, false, SECOND), None);
            assert_eq!(steady(), [before + 4, nanos + 1]);
            assert_eq!(wait(MONOTONIC, false, [i64::MAX, 0]), Some(false));
            assert_eq!(wait(MONOTONIC, false, SECOND), Some(false));
        });
        let failure = simulation.run().unwrap_err();
        let at_the_end_of_time = matches!(failure.reason, super::super::Reason::TimeLimit(_));
        assert!(at_the_end_of_time, "{failure}");
    }

    #[test]
    fn ticks_are_nanoseconds_by_the_ratio() {
        assert_eq!(ticks([3, 141_592_653], [1, 1]), 3_141_592_653);
        // As on ARM, with 24 ticks to a microsecond.
        assert_eq!(ticks([1, 0], [125, 3]), 24_000_000);
        assert_eq!(time_of(24_000_001, [125, 3]), [1, 42]);
        assert_eq!(time_of(u64::MAX, [1, 1]), [18_446_744_073, 709_551_615]);
        assert_eq!(ticks([i64::MAX, 999_999_999], [1, 1]), u64::MAX);
    }
}
