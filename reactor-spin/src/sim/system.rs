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

/// The numbers of what [`replace_system!`](super::replace_system) asks the kernel for: chance, ...
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

std::thread_local! {
    /// What answers on the thread of a simulation as long as no host runs. Without a destructor, as are the others: the
    /// system may be asked for as long as there is a thread.
    static CHANCE: RefCell<Option<Rng>> = const { RefCell::new(None) };
    /// Set while this thread finds out whether it is asked in the system's place.
    static PROBE: Cell<bool> = const { Cell::new(false) };
}

/// What Linux calls the wall clock, its coarse one, that of alarms, and atomic time.
const WALL: [i32; 4] = [0, 5, 8, 11];
/// Its clocks of the CPU time of a process and of a thread.
const CPU: [i32; 2] = [2, 3];

fn host<R>(ask: impl FnOnce(&mut super::world::Host) -> R) -> Option<R> {
    let Net { world, host } = Network::current_sim()?;
    // Whoever asks while the simulation works on its state is part of that, as an allocator is.
    world.try_with(|state| ask(&mut state.hosts[host as usize]))
}

/// What a clock of the system shows, in seconds and nanoseconds; `None` if it is the system that is to be asked.
///
/// A host spends no CPU time, and clocks that belong to a process or a device by number are the system's.
#[must_use]
pub fn clock(number: i32) -> Option<[i64; 2]> {
    if PROBE.get() {
        return Some([0, 0]);
    }
    if number < 0 {
        return None;
    }
    let shown = host(|host| match number {
        _ if CPU.contains(&number) => Duration::ZERO,
        _ if WALL.contains(&number) => host.clock.wall_time(),
        _ => Duration::from_nanos(host.clock.local()),
    })?;
    let seconds = i64::try_from(shown.as_secs()).unwrap_or(i64::MAX);
    Some([seconds, i64::from(shown.subsec_nanos())])
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
