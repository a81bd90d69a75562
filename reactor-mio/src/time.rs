//! Virtual time on this reactor, for tests: [`pause`], [`advance`], [`resume`].
//!
//! While a runtime's clock is paused, time passes only when there is nothing else to do: when no task
//! is ready, no source of input has news and no job of the [blocking pool](crate::blocking) is under way
//! that was brought from within the runtime, the clock jumps to the next timer. A test that sleeps for an
//! hour is done at once, and what its tasks measure is exact. Files take no time at all, as they are such
//! jobs. Sockets and other threads go on in real time, and the clock does not wait for them: so a timeout
//! around them may end first.
//!
//! ```
//! # mod polliwog {
//! #     pub use {polliwog_core::*, polliwog_mio::*};
//! #     pub mod time { pub use {polliwog_core::time::*, polliwog_mio::time::*}; }
//! # }
//! use polliwog::time::{Duration, Instant, sleep};
//! use polliwog::{Runtime, time};
//!
//! let runtime = Runtime::builder().start_paused(true).build()?;
//! runtime.block_on(async {
//!     let start = Instant::now();
//!     sleep(Duration::from_secs(3600)).await;
//!     assert_eq!(start.elapsed(), Duration::from_secs(3600));
//!
//!     time::resume();
//!     time::pause();
//!     let reminder = polliwog::spawn(sleep(Duration::from_secs(60))).unwrap();
//!     time::advance(Duration::from_secs(59)).await;
//!     assert!(!reminder.is_finished());
//!     time::advance(Duration::from_secs(1)).await;
//!     assert!(reminder.is_finished());
//! });
//! # std::io::Result::Ok(())
//! ```

use std::cell::Cell;
use std::io;

use polliwog_core::time::{Duration, Instant, sleep_until};
use polliwog_core::{Deadline, Handle, Reactor, yield_now};

use crate::blocking;
use crate::reactor::MioReactor;
use crate::runtime::Runtime;

/// What has become of a reactor's clock.
pub(crate) struct Paused {
    /// What the clock shows while it is paused; the end of time if it is not.
    now: Cell<Instant>,
    /// Nanoseconds by which it differs from the system's otherwise, modulo 2⁶⁴.
    shift: Cell<u64>,
}

impl Paused {
    pub(crate) const fn new() -> Self {
        Self {
            now: Cell::new(Instant::MAX),
            shift: Cell::new(0),
        }
    }

    /// The time, if the clock is paused.
    #[inline]
    pub(crate) fn get(&self) -> Option<Instant> {
        let now = self.now.get();
        (now != Instant::MAX).then_some(now)
    }

    /// What a clock that is not paused shows.
    #[inline]
    pub(crate) fn shifted(&self, system: Instant) -> Instant {
        Instant::from_nanos(system.as_nanos().wrapping_add(self.shift.get()))
    }
}

impl MioReactor {
    /// Stops the clock: see the [module](crate::time). Without effect if it is paused already.
    pub fn pause(&self) {
        let now = self.now();
        self.inner.paused.now.set(now);
    }

    /// Lets a paused clock go by itself again, from what it shows. Without effect if it is not paused.
    pub fn resume(&self) {
        let paused = &self.inner.paused;
        if let Some(now) = paused.get() {
            let system = self.system_time().as_nanos();
            paused.shift.set(now.as_nanos().wrapping_sub(system));
            paused.now.set(Instant::MAX);
        }
    }

    /// Returns whether the clock is paused.
    pub fn is_paused(&self) -> bool {
        self.inner.paused.get().is_some()
    }

    /// A wait by a paused clock: it jumps, unless there is something else to do.
    #[cold]
    pub(crate) fn wait_paused(&self, at: Instant) -> io::Result<()> {
        if !self.look()? {
            // Its end ends the wait, also if nobody awaits it.
            if Handle::current().is_some_and(blocking::has_jobs) {
                return self.park(Deadline::Never);
            }
            let paused = &self.inner.paused.now;
            // A waker may have resumed the clock: then nothing is to be done.
            if paused.get() < at {
                paused.set(at);
            }
        }
        Ok(())
    }
}

impl Runtime {
    /// Stops the clock: see [`time::pause`](pause).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::new()?;
    /// runtime.pause();
    /// assert!(runtime.is_paused());
    /// # Ok(()) }
    /// ```
    pub fn pause(&self) {
        self.reactor().pause();
    }

    /// Lets a paused clock go by itself again: see [`time::resume`](resume).
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let runtime = Runtime::builder().start_paused(true).build()?;
    /// runtime.resume();
    /// assert!(!runtime.is_paused());
    /// # Ok(()) }
    /// ```
    pub fn resume(&self) {
        self.reactor().resume();
    }

    /// Returns whether the clock is paused.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::Runtime;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// assert!(!Runtime::new()?.is_paused());
    /// # Ok(()) }
    /// ```
    pub fn is_paused(&self) -> bool {
        self.reactor().is_paused()
    }
}

/// The reactor whose clock is meant.
#[track_caller]
fn current() -> MioReactor {
    match MioReactor::current() {
        Ok(reactor) => reactor,
        Err(error) => panic!("there is no clock to be paused or moved: {error}"),
    }
}

/// Stops the clock of the runtime that runs on this thread, until [`resume`]. From now on it jumps to
/// the next timer whenever nothing else is left to do. Without effect if it is paused already.
///
/// ```
/// # mod polliwog { pub use polliwog_mio::*; pub mod time { pub use {polliwog_core::time::*, polliwog_mio::time::*}; } pub use polliwog_core::Instant; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::time;
/// use std::time::Duration;
///
/// polliwog::block_on(async {
///     time::pause();
///     time::sleep(Duration::from_secs(3600)).await; // takes no time
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn pause() {
    current().pause();
}

/// Lets the paused clock of the runtime that runs on this thread go by itself again, from what it
/// shows. Without effect if it is not paused.
///
/// ```
/// # mod polliwog { pub use polliwog_mio::*; pub mod time { pub use {polliwog_core::time::*, polliwog_mio::time::*}; } pub use polliwog_core::Instant; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::time;
///
/// polliwog::block_on(async {
///     time::pause();
///     // What depends on time, without waiting for it.
///     time::resume();
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// Outside of a runtime.
#[track_caller]
pub fn resume() {
    current().resume();
}

/// Lets `by` of virtual time pass on the paused clock of the runtime that runs on this thread.
///
/// Each task that sleeps until some time before that runs at its own time; those that are due at the
/// very end have been polled when this returns. So tasks that are ready run first, and time passes
/// when none is.
///
/// ```
/// # mod polliwog { pub use polliwog_mio::*; pub mod time { pub use {polliwog_core::time::*, polliwog_mio::time::*}; } pub use polliwog_core::Instant; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::{Instant, time};
/// use std::time::Duration;
///
/// polliwog::block_on(async {
///     time::pause();
///     let before = Instant::now();
///     time::advance(Duration::from_secs(5)).await;
///     assert_eq!(before.elapsed(), Duration::from_secs(5));
///     Ok(())
/// })
/// # }
/// ```
///
/// # Panics
///
/// Outside of a runtime, when its clock is not paused, and if that came to the end of time ([`Instant::MAX`], 584 years
/// after the runtime was made), at which nothing is ever due.
///
/// # Cancel safety
///
/// Dropped early, it has moved the clock as far as the tasks have come.
pub async fn advance(by: Duration) {
    let reactor = current();
    assert!(
        reactor.is_paused(),
        "the clock can be advanced only while it is paused"
    );
    let until = reactor.now() + by;
    assert!(
        until < Instant::MAX,
        "the clock cannot be advanced to the end of time, at which nothing is ever due"
    );
    sleep_until(until).await;
    // What is due at the same time has been woken just now; where no time was to pass, this task may
    // still be before others in the present turn.
    yield_now().await;
    yield_now().await;
}
