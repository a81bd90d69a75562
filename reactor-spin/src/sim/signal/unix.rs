//! The signals of Unix, as streams.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::signal; }
//! use polliwog::select;
//! use polliwog::signal::unix::{SignalKind, signal};
//! use polliwog::sim::{self, Simulation};
//! use polliwog::time::sleep;
//! use std::time::Duration;
//!
//! async fn server() -> std::io::Result<()> {
//!     let mut terminate = signal(SignalKind::terminate())?;
//!     let mut reload = signal(SignalKind::hangup())?;
//!     loop {
//!         select! {
//!             _ = terminate.recv() => return Ok(()),
//!             _ = reload.recv() => sim::note("reads the configuration again"),
//!         }
//!     }
//! }
//!
//! let mut simulation = Simulation::new(7);
//! simulation.host("server", server);
//! simulation.client("operator", async {
//!     for kind in [SignalKind::hangup(), SignalKind::terminate()] {
//!         sleep(Duration::from_secs(1)).await;
//!         sim::control().signal("server", kind);
//!     }
//! });
//! simulation.run().unwrap();
//! ```

use alloc::rc::Rc;
use core::ffi::c_int;
use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use futures_core::Stream;

use super::{Effect, Listener, change, listen};

/// Which signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignalKind(c_int);

macro_rules! kinds {
    ($($name:ident = $number:literal, $what:literal;)*) => {
        impl SignalKind {
            $(
                #[doc = $what]
                pub const fn $name() -> Self {
                    Self($number)
                }
            )*
        }
    };
}

// The numbers are those of Linux on x86-64 and ARM, signal(7).
kinds! {
    hangup = 1, "`SIGHUP`: the terminal is gone; for servers, by custom, to read their configuration again.";
    interrupt = 2, "`SIGINT`: Ctrl-C.";
    quit = 3, "`SIGQUIT`: Ctrl-\\\\.";
    user_defined1 = 10, "`SIGUSR1`.";
    user_defined2 = 12, "`SIGUSR2`.";
    pipe = 13, "`SIGPIPE`, which Rust's programs do not heed by default.";
    alarm = 14, "`SIGALRM`.";
    terminate = 15, "`SIGTERM`: the request to end, as from service managers.";
    child = 17, "`SIGCHLD`, which does nothing by default.";
    window_change = 28, "`SIGWINCH`, which does nothing by default.";
    io = 29, "`SIGIO`.";
}

impl SignalKind {
    /// A signal by its number.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_spin::sim::signal; }
    /// use polliwog::signal::unix::SignalKind;
    ///
    /// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
    /// ```
    pub const fn from_raw(signal: c_int) -> Self {
        Self(signal)
    }

    /// The signal's number.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_spin::sim::signal; }
    /// use polliwog::signal::unix::SignalKind;
    ///
    /// assert_eq!(SignalKind::interrupt().as_raw_value(), 2);
    /// ```
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }

    /// What it does to a process that does not listen: signal(7), and for `SIGPIPE` what Rust's programs do.
    pub(super) fn by_default(self) -> Effect {
        match self.0 {
            19..=22 => Effect::Stops,
            // SIGPIPE, SIGCHLD, SIGCONT, SIGURG, SIGWINCH.
            13 | 17 | 18 | 23 | 28 => Effect::Nothing,
            _ => Effect::Ends,
        }
    }

    /// Whether there is such a signal.
    pub(crate) fn is_one(self) -> bool {
        (1..=64).contains(&self.0)
    }

    /// Whether a process that is stopped goes on by it (`SIGCONT`).
    pub(crate) fn goes_on(self) -> bool {
        self.0 == 18
    }

    /// Whether it ends a process even while that is stopped (`SIGKILL`).
    pub(crate) fn is_kill(self) -> bool {
        self.0 == 9
    }

    /// Whether a process can listen to it. `SIGKILL` and `SIGSTOP` are the system's alone; faults of the program's own are not
    /// simulated.
    fn can_be_heard(self) -> bool {
        self.is_one() && ![4, 8, 9, 11, 19].contains(&self.0)
    }
}

impl From<c_int> for SignalKind {
    fn from(signal: c_int) -> Self {
        Self::from_raw(signal)
    }
}

impl From<SignalKind> for c_int {
    fn from(kind: SignalKind) -> Self {
        kind.as_raw_value()
    }
}

/// Listens to a signal of the current host's process from now on; it no longer does what it does by default.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`] outside of a simulation; [`io::ErrorKind::InvalidInput`] for a signal that nobody can listen to, such as
/// `SIGKILL`.
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    if !kind.can_be_heard() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "nobody can listen to this signal",
        ));
    }
    let listener = listen(kind)?;
    Ok(Signal { kind, listener })
}

/// Has a signal do again what it does by default, until the next call of [`signal`] for it.
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`] outside of a simulation.
pub fn restore_default(kind: SignalKind) -> io::Result<()> {
    change(move |signals| {
        signals.taken_over.remove(&kind);
    })
}

/// Listens to a signal; made by [`signal`]. As a [`Stream`], it has an item for each time that [`recv`](Self::recv) would return.
/// Signals that come before the last one was taken count as one.
#[must_use = "a listener that nobody asks hears of nothing"]
pub struct Signal {
    kind: SignalKind,
    listener: Rc<Listener>,
}

impl Signal {
    /// Waits for the signal, if it has not come since the last wait; never `None`.
    ///
    /// # Cancel safety
    ///
    /// A signal is used up only by a wait that ends.
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Self::recv) as a poll function.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.listener.poll(cx).map(Some)
    }

    /// Returns the signal that is listened to.
    pub fn kind(&self) -> SignalKind {
        self.kind
    }
}

impl Stream for Signal {
    type Item = ();

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.poll_recv(cx)
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
