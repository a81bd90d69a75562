//! Clocks: where a [`SpinReactor`](crate::SpinReactor) takes the time from.

use core::cell::Cell;
use core::time::Duration;

use polliwog_core::{Deadline, Instant};

/// A monotonic clock, and the alarm that ends the idle hook's sleep.
///
/// On hardware this is a timer peripheral:
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use polliwog::{Clock, Deadline, Instant};
/// use core::time::Duration;
/// # mod timer { pub fn micros() -> u64 { 0 } pub fn disarm() {} pub fn arm(_: u64) {} }
///
/// /// A free-running counter of microseconds with a compare register.
/// struct Timer;
///
/// impl Clock for Timer {
///     fn now(&self) -> Instant {
///         Instant::from_micros(timer::micros())
///     }
///
///     fn resolution(&self) -> Option<Duration> {
///         Some(Duration::from_micros(1))
///     }
///
///     fn set_alarm(&self, at: Deadline) {
///         match at {
///             // Round up: an alarm that comes early costs another turn, for nothing.
///             Deadline::At(at) => timer::arm(at.as_nanos().div_ceil(1_000)),
///             Deadline::Now | Deadline::Never => timer::disarm(),
///         }
///     }
/// }
/// # Timer.set_alarm(Deadline::At(Timer.now()));
/// ```
///
/// A clock with a periodic tick needs no alarm: the tick's interrupt ends the sleep, and the
/// [resolution](Self::resolution) is the tick.
pub trait Clock {
    /// The time since an arbitrary start. Never goes back.
    fn now(&self) -> Instant;

    /// The length of the clock's ticks, by which a sleep begins later so that it never ends early:
    /// see [`Reactor::resolution`](polliwog_core::Reactor::resolution). Zero for a clock that moves
    /// only when the program moves it.
    ///
    /// `None`, the default, means that the reactor finds it out: the tick is taken for what all
    /// differences of readings so far are multiples of, but for ten milliseconds at most, and for as
    /// much at first. It reads the clock up to 64 times in a row to begin with.
    fn resolution(&self) -> Option<Duration> {
        None
    }

    /// Arranges for an interrupt at `at`, in the place of an earlier one; none for
    /// [`Deadline::Never`]. Called before every sleep, on a chip with interrupts masked: the alarm's
    /// handler cannot run before the sleep has begun.
    ///
    /// If `at` has passed already, or passes while the alarm is being set, the interrupt must
    /// be pending at once: a compare register that waits for equality has to be checked again after
    /// it was written.
    fn set_alarm(&self, at: Deadline) {
        let _ = at;
    }
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Instant {
        (**self).now()
    }

    fn resolution(&self) -> Option<Duration> {
        (**self).resolution()
    }

    fn set_alarm(&self, at: Deadline) {
        (**self).set_alarm(at);
    }
}

/// A clock that stands still until it is moved: by [`advance`](Self::advance), or by the
/// [`AutoAdvance`](crate::AutoAdvance) hook, which moves it to the next deadline whenever nothing else is left
/// to do.
///
/// With feature `alloc` it can be cloned, and all clones show the same time.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use polliwog::{Clock, VirtualClock};
/// use core::time::Duration;
///
/// let clock = VirtualClock::new();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now().as_duration(), Duration::from_secs(3600));
/// ```
#[derive(Debug, Default)]
#[cfg_attr(feature = "alloc", derive(Clone))]
pub struct VirtualClock {
    #[cfg(feature = "alloc")]
    state: alloc::rc::Rc<State>,
    #[cfg(not(feature = "alloc"))]
    state: State,
}

#[derive(Debug, Default)]
struct State {
    now: Cell<Instant>,
    paused: Cell<bool>,
}

impl VirtualClock {
    /// Makes a clock that shows [`Instant::ZERO`] and jumps when nothing else is left to do.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Clock, VirtualClock};
    /// use polliwog::Instant;
    ///
    /// assert_eq!(VirtualClock::new().now(), Instant::ZERO);
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock by hand, paused or not.
    ///
    /// Sleeping tasks notice it once the executor looks at its timers again: all that have come
    /// due meanwhile, in the order of their deadlines, and all at the new time. To have each
    /// task run at its own time, use [`Runtime::advance`](crate::Runtime::advance), or let the
    /// task that tests them sleep.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{Clock, VirtualClock};
    /// use polliwog::Instant;
    /// use core::time::Duration;
    ///
    /// let clock = VirtualClock::new();
    /// clock.advance(Duration::from_millis(5));
    /// assert_eq!(clock.now(), Instant::from_millis(5));
    /// ```
    pub fn advance(&self, by: Duration) {
        self.state.now.set(self.state.now.get() + by);
    }

    /// Stops the clock from jumping: from now on only [`advance`](Self::advance) moves it.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::VirtualClock;
    ///
    /// let clock = VirtualClock::new();
    /// clock.pause();
    /// assert!(clock.is_paused());
    /// ```
    pub fn pause(&self) {
        self.state.paused.set(true);
    }

    /// Lets the clock jump again.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::VirtualClock;
    ///
    /// let clock = VirtualClock::new();
    /// clock.pause();
    /// clock.resume();
    /// assert!(!clock.is_paused());
    /// ```
    pub fn resume(&self) {
        self.state.paused.set(false);
    }

    /// Returns whether the clock may not jump.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::VirtualClock;
    ///
    /// assert!(!VirtualClock::new().is_paused());
    /// ```
    pub fn is_paused(&self) -> bool {
        self.state.paused.get()
    }

    /// Moves the clock to `at`, unless it is later already.
    pub(crate) fn jump_to(&self, at: Instant) {
        self.state.now.set(self.state.now.get().max(at));
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        self.state.now.get()
    }

    fn resolution(&self) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

/// The operating system's monotonic clock, counted from when this was made.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::{Clock, WallClock};
///
/// let clock = WallClock::new();
/// assert!(clock.now() <= clock.now());
/// ```
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    start: std::time::Instant,
}

#[cfg(feature = "std")]
impl WallClock {
    /// Makes a clock that starts now.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::{ParkThread, SpinReactor, WallClock};
    ///
    /// let reactor = SpinReactor::new(WallClock::new(), ParkThread);
    /// # drop(reactor);
    /// ```
    pub fn new() -> Self {
        Self {
            start: std::time::Instant::now(),
        }
    }
}

#[cfg(feature = "std")]
impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "std")]
impl Clock for WallClock {
    fn now(&self) -> Instant {
        Instant::from_duration(self.start.elapsed())
    }

    fn resolution(&self) -> Option<Duration> {
        // Of those that the standard library reads the coarsest counts tenths of a microsecond.
        Some(Duration::from_nanos(if cfg!(target_os = "linux") {
            1
        } else {
            100
        }))
    }
}
