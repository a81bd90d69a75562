//! Ctrl-C, and the signals of Unix.
//!
//! [`ctrl_c`] works everywhere; on Unix `signal::unix` has all signals as streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Makes a future that is ready when the user presses Ctrl-C, for a clean end.
///
/// Presses are noticed from the call on, so keep the future where they must not be missed. It
/// may be awaited again, by reference, for the next press; several tasks may wait, each with a
/// future of its own. Presses that come close together may count as one.
///
/// From the first call in a process on, Ctrl-C no longer ends the process by itself, even when
/// all these futures are gone; [`restore_ctrl_c`] is the way back.
///
/// ```no_run
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// polliwog::block_on(async {
///     let mut ctrl_c = polliwog::signal::ctrl_c();
///     (&mut ctrl_c).await?;
///     println!("Once more to quit.");
///     ctrl_c.await
/// })
/// # .unwrap();
/// ```
///
/// # Errors
///
/// The future's: [`io::ErrorKind::NotConnected`] outside of a runtime, or what the system says
/// to the handler; on Windows also when another part of the process has set one through the
/// `ctrlc` crate. Neither Unix nor Windows: [`io::ErrorKind::Unsupported`].
///
/// # Cancel safety
///
/// A press is used up only by a wait that ends.
pub fn ctrl_c() -> CtrlC {
    CtrlC {
        listener: system::Listener::new().map_err(Some),
    }
}

/// Has Ctrl-C end the process again, as if nobody had ever waited for it, until the next call of [`ctrl_c`].
///
/// For an end that may take long, or hang: the first press begins it, and the next one cuts it short. Who
/// still waits for Ctrl-C by an earlier call keeps it from nothing.
///
/// ```no_run
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::{*, io}; }
/// use polliwog::signal::{ctrl_c, restore_ctrl_c};
///
/// # async fn finish_what_was_begun() {}
/// polliwog::block_on(async {
///     ctrl_c().await?;
///     restore_ctrl_c()?;
///     println!("Ending; press Ctrl-C again to quit at once.");
///     finish_what_was_begun().await;
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
///
/// # Errors
///
/// Neither Unix nor Windows: [`io::ErrorKind::Unsupported`].
pub fn restore_ctrl_c() -> io::Result<()> {
    system::restore()
}

/// Made by [`ctrl_c`].
///
/// ```no_run
/// # mod polliwog { pub use polliwog_core::{*, time}; pub use polliwog_mio::{*, io}; }
/// # fn main() -> std::io::Result<()> {
/// polliwog::block_on(async {
///     polliwog::signal::ctrl_c().await?;
///     println!("good night");
///     Ok(())
/// })
/// # }
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CtrlC {
    listener: Result<system::Listener, Option<io::Error>>,
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.listener {
            Ok(listener) => listener.poll(cx),
            Err(error) => Poll::Ready(Err(error
                .take()
                .unwrap_or_else(|| io::Error::other("there is no handler for Ctrl-C")))),
        }
    }
}

#[cfg(unix)]
mod driver;
#[cfg(unix)]
pub mod unix;

#[cfg(unix)]
pub(crate) use driver::OfReactor;

#[cfg(unix)]
mod system {
    use super::unix::{Signal, SignalKind, restore_default, signal};
    use super::*;

    #[derive(Debug)]
    pub(super) struct Listener(Signal);

    impl Listener {
        pub(super) fn new() -> io::Result<Self> {
            signal(SignalKind::interrupt()).map(Self)
        }

        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.poll_next_signal(cx)
        }
    }

    pub(super) fn restore() -> io::Result<()> {
        restore_default(SignalKind::interrupt())
    }
}

#[cfg(windows)]
mod system {
    use super::*;
    use crate::event::{Trigger, UserEvent};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, PoisonError};

    /// Nobody is told: the process ends.
    static RESTORED: AtomicBool = AtomicBool::new(false);
    /// By this status Windows says that Ctrl-C has ended a process (`STATUS_CONTROL_C_EXIT`).
    const ENDED_BY_CTRL_C: u32 = 0xC000_013A;

    /// Whom the handler tells. `None` until there is one.
    static TRIGGERS: Mutex<Option<Vec<Trigger>>> = Mutex::new(None);

    #[derive(Debug)]
    pub(super) struct Listener(UserEvent);

    impl Listener {
        pub(super) fn new() -> io::Result<Self> {
            let event = UserEvent::new();
            let mut triggers = TRIGGERS.lock().unwrap_or_else(PoisonError::into_inner);
            if triggers.is_none() {
                ctrlc::set_handler(press).map_err(io::Error::other)?;
            }
            let triggers = triggers.get_or_insert_with(Vec::new);
            triggers.retain(Trigger::is_attached);
            triggers.push(event.trigger_handle());
            RESTORED.store(false, Ordering::SeqCst);
            Ok(Self(event))
        }

        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.poll_wait(cx).map(Ok)
        }
    }

    pub(super) fn restore() -> io::Result<()> {
        RESTORED.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Runs on a thread of its own.
    fn press() {
        if RESTORED.load(Ordering::SeqCst) {
            std::process::exit(ENDED_BY_CTRL_C as i32);
        }
        let triggers = TRIGGERS.lock().unwrap_or_else(PoisonError::into_inner);
        for trigger in triggers.iter().flatten() {
            trigger.trigger();
        }
    }
}

#[cfg(not(any(unix, windows)))]
mod system {
    use super::*;

    #[derive(Debug)]
    pub(super) struct Listener;

    impl Listener {
        pub(super) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn poll(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    pub(super) fn restore() -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
