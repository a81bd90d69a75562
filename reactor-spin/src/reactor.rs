//! [`SpinReactor`]: a clock and an idle hook.

use core::task::Waker;
use core::time::Duration;

use polliwog_core::unpark::Flag;
use polliwog_core::{Deadline, Instant, Reactor};

use crate::clock::{Clock, VirtualClock};
use crate::idle::{AutoAdvance, Idle};
use crate::tick::Tick;
use crate::unpark::{Signal, Unpark};

/// A reactor without input and output: it knows the [time](Clock), and what to do
/// [when nothing is ready](Idle).
///
/// Interrupt handlers and other threads wake tasks; in memory, tasks wake each other.
///
/// | | clock | idle hook |
/// |---|---|---|
/// | microcontroller | a timer peripheral | `wfi`, see [`Idle`] |
/// | simulation | [`VirtualClock`] | [`AutoAdvance`] |
/// | threads without I/O | `WallClock` (feature `std`) | `ParkThread`, or [`SpinLoop`](crate::SpinLoop) |
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::{AutoAdvance, SpinReactor, VirtualClock};
/// use polliwog::{Executor, TaskPool, time::sleep_millis, unpark::Flag};
///
/// static POOL: TaskPool<4> = TaskPool::new();
/// static FLAG: Flag = Flag::new();
/// let reactor = SpinReactor::with_flag(VirtualClock::new(), AutoAdvance::new(), &FLAG);
/// let executor = Executor::new(&POOL, reactor).unwrap();
/// executor.block_on(sleep_millis(3_600_000)); // an hour in no time
/// ```
#[derive(Debug)]
pub struct SpinReactor<C, I> {
    clock: C,
    idle: I,
    signal: Signal,
    tick: Tick,
}

/// The reactor of a simulation: time jumps to the next deadline when nothing is ready.
pub type VirtualReactor = SpinReactor<VirtualClock, AutoAdvance>;

impl<C: Clock, I: Idle<C>> SpinReactor<C, I> {
    /// Makes a reactor with a flag of its own on the heap.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{AutoAdvance, SpinReactor, VirtualClock};
    ///
    /// let reactor = SpinReactor::new(VirtualClock::new(), AutoAdvance::new());
    /// # drop(reactor);
    /// ```
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    pub fn new(clock: C, idle: I) -> Self {
        Self {
            clock,
            idle,
            signal: Signal::new(),
            tick: Tick::new(),
        }
    }

    /// Makes a reactor whose unparker sets a static flag. The flag must be no other reactor's at the
    /// same time: whichever looks first would take the other's unpark away.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{AutoAdvance, SpinReactor, VirtualClock};
    /// use polliwog::unpark::Flag;
    ///
    /// static FLAG: Flag = Flag::new();
    /// let reactor = SpinReactor::with_flag(VirtualClock::new(), AutoAdvance::new(), &FLAG);
    /// # drop(reactor);
    /// ```
    pub fn with_flag(clock: C, idle: I, flag: &'static Flag) -> Self {
        Self {
            clock,
            idle,
            signal: Signal::Static(flag),
            tick: Tick::new(),
        }
    }

    /// Returns the clock.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Clock, AutoAdvance, SpinReactor, VirtualClock};
    /// use polliwog::{Instant, unpark::Flag};
    ///
    /// static FLAG: Flag = Flag::new();
    /// let reactor = SpinReactor::with_flag(VirtualClock::new(), AutoAdvance::new(), &FLAG);
    /// assert_eq!(reactor.clock().now(), Instant::ZERO);
    /// ```
    pub fn clock(&self) -> &C {
        &self.clock
    }
}

impl<C: Clock, I: Idle<C>> Reactor for SpinReactor<C, I> {
    type Error = I::Error;

    #[inline]
    fn now(&self) -> Instant {
        if self.clock.resolution().is_some() {
            return self.clock.now();
        }
        self.tick.watch(|| self.clock.now())
    }

    #[inline]
    fn resolution(&self) -> Duration {
        (self.clock.resolution()).unwrap_or_else(|| self.tick.length())
    }

    fn park(&self, until: Deadline) -> Result<(), I::Error> {
        if self.signal.take() || until == Deadline::Now {
            return Ok(());
        }
        self.clock.set_alarm(until);
        let result = self
            .idle
            .idle(&self.clock, until, &Unpark::new(&self.signal));
        // The unpark that has ended this park is not to end the next one too. Nothing is lost:
        // whoever set it had woken its task before, and the executor looks at that next.
        self.signal.take();
        result
    }

    fn unparker(&self) -> Waker {
        self.signal.waker()
    }

    fn waits_for_threads(&self) -> bool {
        self.idle.waits_for_threads()
    }
}
