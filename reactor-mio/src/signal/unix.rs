//! The signals of Unix, as streams.
//!
//! ```
//! # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
//! use polliwog::signal::unix::{SignalKind, signal};
//!
//! polliwog::block_on(async {
//!     let mut hangup = signal(SignalKind::hangup())?;
//!     # rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP)?;
//!     // After `kill -HUP`:
//!     hangup.recv().await;
//!     println!("reading the configuration again");
//!     std::io::Result::Ok(())
//! })
//! # .unwrap();
//! ```

use std::ffi::c_int;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use polliwog_core::__reactor::waits_for;
use polliwog_core::sources::WaiterId;
use polliwog_core::task::budget::poll_proceed;
use signal_hook::consts;

use super::driver::{self, Driver};
use crate::event::UserEvent;
use crate::reactor::MioReactor;
use crate::source::name::fresh;

/// Which signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(c_int);

impl SignalKind {
    /// Makes a signal by its number, a real-time one for example.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::signal::unix::SignalKind;
    ///
    /// assert_eq!(SignalKind::from_raw(15), SignalKind::terminate());
    /// ```
    pub const fn from_raw(signal: c_int) -> Self {
        Self(signal)
    }

    /// Returns the number of the signal.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// use polliwog::signal::unix::SignalKind;
    ///
    /// assert_eq!(SignalKind::terminate().as_raw_value(), 15);
    /// ```
    pub const fn as_raw_value(&self) -> c_int {
        self.0
    }

    /// `SIGALRM`: a timer of the system has run out. Ends the process by default.
    pub const fn alarm() -> Self {
        Self(consts::SIGALRM)
    }

    /// `SIGCHLD`: a child process has ended, stopped or gone on. Ignored by default.
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::signal::unix::{SignalKind, signal};
    ///
    /// polliwog::block_on(async {
    ///     let mut children = signal(SignalKind::child())?;
    ///     children.recv().await;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub const fn child() -> Self {
        Self(consts::SIGCHLD)
    }

    /// `SIGHUP`: the terminal is gone; for servers, by custom: read the configuration again. Ends the process by
    /// default.
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::signal::unix::{SignalKind, signal};
    ///
    /// polliwog::block_on(async {
    ///     let mut reload = signal(SignalKind::hangup())?;
    ///     while reload.recv().await.is_some() {
    ///         // Read the configuration again.
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub const fn hangup() -> Self {
        Self(consts::SIGHUP)
    }

    /// `SIGINFO`: the user asks for the status of the process. Ignored by default.
    #[cfg(any(
        target_os = "macos",
        target_os = "ios",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd",
    ))]
    pub const fn info() -> Self {
        Self(consts::SIGINFO)
    }

    /// `SIGINT`: the user presses Ctrl-C. Ends the process by default; see also [`ctrl_c`](super::ctrl_c).
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::signal::unix::{SignalKind, signal};
    ///
    /// polliwog::block_on(async {
    ///     signal(SignalKind::interrupt())?.recv().await;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub const fn interrupt() -> Self {
        Self(consts::SIGINT)
    }

    /// `SIGIO`: a descriptor is ready. Ends the process by default on Linux.
    pub const fn io() -> Self {
        Self(consts::SIGIO)
    }

    /// `SIGPIPE`: nobody reads what has been written. Rust programs ignore it unless they listen to it.
    ///
    /// In a program that [restores its default](restore_default), which is to end the process, writes to sockets of
    /// [`net`](crate::net) still give the error instead. Writes to pipes, which are those to a child's input and
    /// perhaps to the program's own output, do not: the systems have no way to say so for a single write.
    pub const fn pipe() -> Self {
        Self(consts::SIGPIPE)
    }

    /// `SIGQUIT`: the user presses Ctrl-\. Ends the process and dumps its memory by default.
    pub const fn quit() -> Self {
        Self(consts::SIGQUIT)
    }

    /// `SIGTERM`: the process shall end. Ends it by default.
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::signal::unix::{SignalKind, signal};
    ///
    /// polliwog::block_on(async {
    ///     signal(SignalKind::terminate())?.recv().await;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub const fn terminate() -> Self {
        Self(consts::SIGTERM)
    }

    /// `SIGUSR1`: what the program makes of it. Ends the process by default.
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::signal::unix::{SignalKind, signal};
    ///
    /// polliwog::block_on(async {
    ///     let mut report = signal(SignalKind::user_defined1())?;
    ///     while report.recv().await.is_some() {
    ///         println!("still here");
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub const fn user_defined1() -> Self {
        Self(consts::SIGUSR1)
    }

    /// `SIGUSR2`: what the program makes of it. Ends the process by default.
    pub const fn user_defined2() -> Self {
        Self(consts::SIGUSR2)
    }

    /// `SIGWINCH`: the terminal has another size. Ignored by default.
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::signal::unix::{SignalKind, signal};
    ///
    /// polliwog::block_on(async {
    ///     let mut resized = signal(SignalKind::window_change())?;
    ///     while resized.recv().await.is_some() {
    ///         // Draw anew.
    ///     }
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub const fn window_change() -> Self {
        Self(consts::SIGWINCH)
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

/// Listens to a signal, from now on.
///
/// There may be any number of listeners, in one runtime or in several: each hears of the signal. Signals that
/// come before a listener looks are one to it, as they may be to the system already.
///
/// From the first call in a process on, the signal no longer does what it does by default, even when all its
/// listeners are gone; [`restore_default`] is the way back.
///
/// A runtime that listens to signals takes two file descriptors and one more for each kind.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidInput`] for signals that nobody can listen to (`SIGKILL`, `SIGSTOP`) or that are
/// about the very instruction under way (`SIGSEGV`, `SIGILL`, `SIGFPE`), and for what is no signal;
/// [`io::ErrorKind::NotConnected`] outside of a runtime; what the system says to the handler.
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    let driver = Driver::of(&MioReactor::current()?)?;
    let event = UserEvent::new();
    driver.listen(kind.0, &event)?;
    Ok(Signal {
        driver,
        event,
        kind,
        id: fresh(),
    })
}

/// Has a signal do again what it does by default, until the next call of [`signal`] for it.
///
/// If that ends or stops the process, it does so, whoever listens. Listeners still hear of other signals.
///
/// ```
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// use polliwog::signal::unix::{SignalKind, restore_default};
///
/// restore_default(SignalKind::hangup()).unwrap();
/// ```
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`] if the signal has been listened to and it is not known what it does by
/// default, as with real-time signals.
pub fn restore_default(kind: SignalKind) -> io::Result<()> {
    driver::restore(kind.0)
}

/// Listens to a signal; made by [`signal`]. As a [`Stream`], it has an item for each time that
/// [`recv`](Self::recv) would return.
///
/// ```no_run
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// use polliwog::signal::unix::{SignalKind, signal};
/// use polliwog::select;
///
/// polliwog::block_on(async {
///     let mut terminate = signal(SignalKind::terminate())?;
///     let mut reload = signal(SignalKind::hangup())?;
///     loop {
///         select! {
///             _ = terminate.recv() => break,
///             _ = reload.recv() => println!("reading the configuration again"),
///         }
///     }
///     Ok(())
/// })
/// # }
/// ```
#[must_use = "a listener that nobody asks hears of nothing"]
pub struct Signal {
    driver: Rc<Driver>,
    event: UserEvent,
    kind: SignalKind,
    /// The one that its waits have.
    id: WaiterId,
}

impl Signal {
    /// Waits for the signal, if it has not come since the last wait.
    ///
    /// `None` where nobody would ever end the wait: once the runtime of the call of [`signal`] has ended, and
    /// inside of another one.
    ///
    /// ```no_run
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::signal::unix::{SignalKind, signal};
    ///
    /// polliwog::block_on(async {
    ///     let mut terminate = signal(SignalKind::terminate())?;
    ///     terminate.recv().await;
    ///     Ok(())
    /// })
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// A signal is used up only by a wait that ends.
    pub async fn recv(&mut self) -> Option<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Self::recv) as a poll function.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.poll_next_signal(cx).map(|result| {
            if let Err(_error) = &result {
                record!(debug, "listens to a signal no longer: {_error}");
            }
            result.ok()
        })
    }

    /// The same, with the reason.
    pub(super) fn poll_next_signal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        waits_for("signal::unix::Signal::recv", || self.poll_taken(cx))
    }

    fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let permit = ready!(poll_proceed(cx));
        self.driver.collect();
        loop {
            if self.event.poll_wait(cx).is_ready() {
                permit.charge(0);
                return Poll::Ready(Ok(()));
            }
            // Whoever reads triggers the events of all, and so wakes those who wait for theirs only.
            ready!(self.driver.poll_any(self.id, cx))?;
            self.driver.collect();
        }
    }

    /// Returns the signal that is listened to.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
    /// # fn main() -> std::io::Result<()> {
    /// use polliwog::signal::unix::{SignalKind, signal};
    ///
    /// polliwog::block_on(async {
    ///     let signal = signal(SignalKind::user_defined2())?;
    ///     assert_eq!(signal.kind(), SignalKind::user_defined2());
    ///     Ok(())
    /// })
    /// # }
    /// ```
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

impl Drop for Signal {
    fn drop(&mut self) {
        self.driver.forget(self.id);
        self.driver.leave(self.kind.0);
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
