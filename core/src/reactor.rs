//! What an executor needs from the world around it.

use core::fmt;
use core::task::Waker;
use core::time::Duration;

use crate::time::instant::Instant;

/// How long a [`Reactor::park`] may wait.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::{Deadline, Instant};
/// use std::time::Duration;
///
/// let now = Instant::from_millis(2);
/// assert_eq!(Deadline::At(Instant::from_millis(5)).remaining(now), Some(Duration::from_millis(3)));
/// assert_eq!(Deadline::Now.remaining(now), Some(Duration::ZERO));
/// assert_eq!(Deadline::Never.remaining(now), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Deadline {
    /// Dispatch what is ready and return at once.
    Now,
    /// Wait for something to happen, but not beyond this instant.
    At(Instant),
    /// Wait until something happens.
    Never,
}

impl Deadline {
    /// Returns the time left until the deadline, seen from `now`: `None` for [`Deadline::Never`],
    /// zero for [`Deadline::Now`] and for an instant that has passed.
    ///
    /// ```
    /// # use polliwog_core::conformance::facade as polliwog;
    /// use polliwog::{Deadline, Instant};
    /// use std::time::Duration;
    ///
    /// let deadline = Deadline::At(Instant::from_millis(5));
    /// assert_eq!(deadline.remaining(Instant::from_millis(9)), Some(Duration::ZERO));
    /// ```
    pub fn remaining(self, now: Instant) -> Option<Duration> {
        match self {
            Deadline::Now => Some(Duration::ZERO),
            Deadline::At(at) => Some(at.saturating_duration_since(now)),
            Deadline::Never => None,
        }
    }
}

/// The executor's view of time, input and output.
///
/// A reactor belongs to one executor and is called on that executor's thread only; the one
/// thing that other threads and interrupt handlers touch is the [`Waker`] which
/// [`Reactor::unparker`] hands out.
///
/// # Contract
///
/// * **Unpark is sticky.** Waking the unparker ends a `park` that is under way. Woken when no
///   park is under way, it makes the next one return at once. Any number of wakes before a
///   park count as one.
/// * **A park is bounded.** It returns no later than its deadline plus the reactor's
///   resolution. It may return early for any reason at all; the executor looks at its clock.
/// * **Nothing registered is missed.** A source that becomes ready before or during the park
///   is dispatched by that park or by a later one.
/// * **Wakers run inside.** `park` wakes tasks through their wakers, holding no borrow or lock
///   that a waker could need: a waker may call back into the reactor's public interface.
/// * **Time is monotonic.** [`Reactor::now`] never goes back.
///
/// # On a chip
///
/// The contract is the same, and an executor sees to it that a reactor without an operating system
/// is easily right. It **masks interrupts** (on the core that it runs on), looks for the last time at
/// whatever a handler could have set, and calls `park` with them masked. No handler can run between
/// that look and the sleep, and `wfi` ends when an interrupt becomes pending, masked or not; its handler
/// runs as soon as `park` has returned. So a park is to arm the alarm and to sleep, in this order,
/// and cannot lose the alarm or a wake:
///
/// ```
/// # use polliwog_core as polliwog;
/// use core::{convert::Infallible, task::Waker};
/// use polliwog::{Deadline, Instant, Reactor, unpark::Flag};
/// # mod timer { pub fn micros() -> u64 { 0 } pub fn arm(_: u64) {} pub fn disarm() {} }
/// # mod cortex_m { pub mod asm { pub fn wfi() {} } }
///
/// struct Chip;
/// static UNPARK: Flag = Flag::new();
///
/// impl Reactor for Chip {
///     type Error = Infallible;
///     fn now(&self) -> Instant { Instant::from_micros(timer::micros()) }
///     fn park(&self, until: Deadline) -> Result<(), Infallible> {
///         if UNPARK.take() || until == Deadline::Now { return Ok(()); }
///         match until {
///             Deadline::At(at) => timer::arm(at.as_nanos().div_ceil(1_000)),
///             _ => timer::disarm(),
///         }
///         cortex_m::asm::wfi();
///         Ok(())
///     }
///     fn unparker(&self) -> Waker { UNPARK.waker() }
/// }
/// # Chip.park(Deadline::Now).unwrap();
/// ```
///
/// What follows from the mask: such a park returns after one sleep and does not wait in a loop for
/// what only a handler can do; and an alarm whose time has passed while it was armed must have its
/// interrupt pending. A park with [`Deadline::Now`] is called with interrupts as they are. With feature
/// `single-core` nothing ever unparks (a wake is a store to memory); else whoever wakes from another core
/// sets the unparker's flag and has to interrupt this core, see
/// [`Flag::with_bell`](crate::unpark::Flag::with_bell).
///
/// Interrupts are masked by `PRIMASK` on Cortex-M. Elsewhere a `single-core` build does it by a
/// [critical section](critical_section::with), and other builds by `mstatus.MIE` on RISC-V; on other
/// machines with several cores there is no mask, and `park` has to bring its own.
///
/// [`conformance`](crate::conformance) (feature `test-kit`) checks all of this for any reactor.
///
/// # Example
///
/// The smallest reactor that works: no input or output, only time and sleep, by a thread's
/// own park and unpark.
///
/// ```
/// # use polliwog_core as polliwog;
/// use polliwog::{Deadline, Instant, Reactor};
/// use std::{convert::Infallible, sync::Arc, task::{Wake, Waker}, thread, time};
///
/// struct ThreadReactor { start: time::Instant, waker: Waker }
///
/// struct Unpark(thread::Thread);
/// impl Wake for Unpark {
///     fn wake(self: Arc<Self>) { self.0.unpark() } // sticky, as the contract asks
/// }
///
/// impl ThreadReactor {
///     fn new() -> Self {
///         let waker = Arc::new(Unpark(thread::current())).into();
///         Self { start: time::Instant::now(), waker }
///     }
/// }
///
/// impl Reactor for ThreadReactor {
///     type Error = Infallible;
///     fn now(&self) -> Instant { Instant::from_duration(self.start.elapsed()) }
///     fn park(&self, until: Deadline) -> Result<(), Infallible> {
///         match until.remaining(self.now()) {
///             None => thread::park(),
///             Some(left) => thread::park_timeout(left),
///         }
///         Ok(())
///     }
///     fn unparker(&self) -> Waker { self.waker.clone() }
/// }
/// # ThreadReactor::new().park(Deadline::Now).unwrap();
/// ```
pub trait Reactor {
    /// Why a park can fail. Such an error ends the executor's run: it is for a reactor that is
    /// broken as a whole, not for a source that is.
    type Error: fmt::Debug;

    /// Whether there is a clock. A microcontroller that only reacts to interrupts says `false` and
    /// saves the code for timers. Nothing may sleep then: a sleep panics as it does outside of any
    /// executor, and [`now`](Self::now) is never called.
    const HAS_CLOCK: bool = true;

    /// Monotonic time since an arbitrary start that stays the same for the reactor's life.
    fn now(&self) -> Instant;

    /// How much time can have passed since the instant that [`now`](Self::now) shows: the length
    /// of the clock's ticks.
    ///
    /// A clock that ticks once a millisecond may be read at the very end of a tick, so a sleep of a
    /// millisecond has to wait for the tick after the next one. Whatever waits for a *duration*
    /// (`sleep`, `timeout`, the ticks of an interval) therefore begins to count one `resolution`
    /// later than `now`, and never ends early; whatever waits for an *instant* waits until the clock
    /// shows it.
    ///
    /// Zero, the default, stands for a clock that shows the present exactly, as one that is moved by
    /// hand or by the waits themselves does: then nothing is added. A clock that goes by itself should
    /// tell its tick, be it a nanosecond; from that the executor knows, too, that a wait of several
    /// seconds need not be compared with the clock each time it is polled.
    fn resolution(&self) -> Duration {
        Duration::ZERO
    }

    /// The clock that [`now`](Self::now) reads, as a function that any interrupt handler may call, if
    /// there is one: by it tasks of an `InterruptExecutor` can sleep, too. They are woken by the executor
    /// that waits in this reactor, so a task of that one which is busy when they are due delays them.
    ///
    /// So it is on a host, too. Of several executors whose reactors have such a clock, it is the one that was
    /// entered last; before any of them is, the one that was made first.
    ///
    /// `None`, the default, has their sleeps panic.
    fn shared_clock(&self) -> Option<fn() -> Instant> {
        None
    }

    /// Whether [`park`](Self::park) lasts until another thread wakes a task, if need be. `false` where time is virtual
    /// and goes on meanwhile, or nothing goes on: then who would start a thread for a task is told to ask first
    /// (`Handle::is_secluded`).
    #[doc(hidden)]
    fn waits_for_threads(&self) -> bool {
        true
    }

    /// Dispatches what is ready; where nothing is, waits for it until the deadline. Called with
    /// interrupts masked [on a chip](Self#on-a-chip), if it may wait.
    ///
    /// # Errors
    ///
    /// When the operating system refuses to wait. Interruption by a signal is not an error.
    fn park(&self, until: Deadline) -> Result<(), Self::Error>;

    /// A waker that ends a park, this one or the next: see the contract. The executor keeps it
    /// for as long as it lives and may wake it from any thread or interrupt handler.
    fn unparker(&self) -> Waker;
}

impl<R: Reactor + ?Sized> Reactor for &R {
    type Error = R::Error;
    const HAS_CLOCK: bool = R::HAS_CLOCK;

    fn now(&self) -> Instant {
        (**self).now()
    }

    fn resolution(&self) -> Duration {
        (**self).resolution()
    }

    fn shared_clock(&self) -> Option<fn() -> Instant> {
        (**self).shared_clock()
    }

    fn waits_for_threads(&self) -> bool {
        (**self).waits_for_threads()
    }

    fn park(&self, until: Deadline) -> Result<(), Self::Error> {
        (**self).park(until)
    }

    fn unparker(&self) -> Waker {
        (**self).unparker()
    }
}
