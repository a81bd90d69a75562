//! What an executor needs from the world around it.

use core::fmt;
use core::task::Waker;
use core::time::Duration;

use crate::executor::core::Core;
use crate::time::Instant;

/// How long a [`Reactor::park`] may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// Dispatch what is ready and return at once.
    Now,
    /// Wait for something to happen, but not beyond this instant.
    At(Instant),
    /// Wait until something happens.
    Never,
}

impl Deadline {
    /// The time left until the deadline, seen from `now`: `None` for [`Deadline::Never`],
    /// zero for [`Deadline::Now`] and for an instant that has passed.
    pub fn remaining(self, now: Instant) -> Option<Duration> {
        match self {
            Deadline::Now => Some(Duration::ZERO),
            Deadline::At(at) => Some(at.saturating_duration_since(now)),
            Deadline::Never => None,
        }
    }
}

/// Whether an executor has anything to do: what [`Reactor::park_unless`] looks at.
#[derive(Clone, Copy)]
pub struct Pending<'a> {
    #[cfg(not(lean))]
    core: &'a Core,
    /// The signals that matter.
    #[cfg(not(lean))]
    reasons: usize,
    /// The ready bytes, and how many words of them to look at.
    #[cfg(lean)]
    block: *const crate::task::ready::Block,
    #[cfg(lean)]
    words: usize,
    #[cfg(lean)]
    _executor: core::marker::PhantomData<&'a Core>,
}

impl<'a> Pending<'a> {
    #[cfg(not(lean))]
    pub(crate) fn new(core: &'a Core, reasons: usize) -> Self {
        Self { core, reasons }
    }

    #[cfg(lean)]
    #[inline]
    pub(crate) fn new(block: *const crate::task::ready::Block, words: usize) -> Self {
        Self {
            block,
            words,
            _executor: core::marker::PhantomData,
        }
    }

    /// Whether a task has been woken, or a run been told to stop. Reads a word or a few.
    #[inline]
    pub fn is_set(&self) -> bool {
        #[cfg(not(lean))]
        return self.core.has_work(self.reasons);
        #[cfg(lean)]
        // SAFETY: S1; made with the number of the block's words.
        return unsafe { crate::task::ready::Block::is_pending(self.block, self.words) };
    }
}

impl fmt::Debug for Pending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pending").field(&self.is_set()).finish()
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
/// [`conformance`](crate::conformance) (feature `test-kit`) checks all of this for any reactor.
///
/// # Example
///
/// The smallest reactor that works: no input or output, only time and sleep, by a thread's
/// own park and unpark.
///
/// ```
/// use polliwog_core::{Deadline, Instant, Reactor};
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

    /// Whether the executor has to announce its parks, so that wakers on other threads know
    /// when to unpark. `false` only where nobody wakes a task but interrupt handlers of the same
    /// core, and where [`park_unless`](Self::park_unless) looks at [`Pending`] with interrupts
    /// masked: then a wake costs nothing beyond marking the task.
    const NEEDS_UNPARK: bool = true;

    /// Whether there is neither a clock nor anything to dispatch: `true` saves a microcontroller
    /// that only reacts to interrupts the code for timers. Nothing may sleep then; a sleep panics
    /// as it does outside of any executor, and [`now`](Self::now) is never called.
    const TIMELESS: bool = false;

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
    /// `None`, the default, has their sleeps panic.
    fn shared_clock(&self) -> Option<fn() -> Instant> {
        None
    }

    /// Dispatches what is ready; where nothing is, waits for it until the deadline.
    ///
    /// # Errors
    ///
    /// When the operating system refuses to wait. Interruption by a signal is not an error.
    fn park(&self, until: Deadline) -> Result<(), Self::Error>;

    /// [`park`](Self::park), but without waiting if something is pending: what an executor calls
    /// to wait in a reactor whose [`NEEDS_UNPARK`](Self::NEEDS_UNPARK) is `false`.
    ///
    /// An interrupt may wake a task between the executor's own look and this call, and no
    /// unparker tells of it. So the reactor has to look once more, and fall asleep in the same
    /// step, with interrupts masked: `wfi` ends when an interrupt is pending although masked.
    ///
    /// ```ignore
    /// fn park_unless(&self, pending: &Pending<'_>, until: Deadline) -> Result<(), Infallible> {
    ///     self.set_alarm(until);
    ///     critical_section::with(|_| if !pending.is_set() { asm::wfi() });
    ///     Ok(())
    /// }
    /// ```
    ///
    /// The default never waits, which is right but burns power.
    ///
    /// # Errors
    ///
    /// As [`park`](Self::park).
    fn park_unless(&self, pending: &Pending<'_>, until: Deadline) -> Result<(), Self::Error> {
        let _ = (pending, until);
        self.park(Deadline::Now)
    }

    /// A waker that ends a park, this one or the next: see the contract. The executor keeps it
    /// for as long as it lives and may wake it from any thread or interrupt handler.
    fn unparker(&self) -> Waker;
}

impl<R: Reactor + ?Sized> Reactor for &R {
    type Error = R::Error;
    const NEEDS_UNPARK: bool = R::NEEDS_UNPARK;
    const TIMELESS: bool = R::TIMELESS;

    fn now(&self) -> Instant {
        (**self).now()
    }

    fn resolution(&self) -> Duration {
        (**self).resolution()
    }

    fn shared_clock(&self) -> Option<fn() -> Instant> {
        (**self).shared_clock()
    }

    fn park(&self, until: Deadline) -> Result<(), Self::Error> {
        (**self).park(until)
    }

    fn park_unless(&self, pending: &Pending<'_>, until: Deadline) -> Result<(), Self::Error> {
        (**self).park_unless(pending, until)
    }

    fn unparker(&self) -> Waker {
        (**self).unparker()
    }
}
