//! Ctrl-C.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is ready when the user presses Ctrl-C, for a clean end.
///
/// Presses are noticed from the call on, so keep the future where they must not be missed. It
/// may be awaited again, by reference, for the next press; several tasks may wait, each with a
/// future of its own. Presses that come close together may count as one.
///
/// From the first call in a process on, Ctrl-C no longer ends the process by itself, even when
/// all these futures are gone.
///
/// ```no_run
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_mio::*; }
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

/// Made by [`ctrl_c`].
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
mod system {
    use super::*;
    use crate::source::Registered;
    use signal_hook::SigId;
    use signal_hook::consts::SIGINT;
    use signal_hook::low_level::{pipe, unregister};
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    /// The signal handler writes a byte into one end of a pair of sockets, the other is read.
    #[derive(Debug)]
    pub(super) struct Listener {
        receiver: Registered<mio::net::UnixStream>,
        handler: SigId,
    }

    impl Listener {
        pub(super) fn new() -> io::Result<Self> {
            let (receiver, sender) = UnixStream::pair()?;
            receiver.set_nonblocking(true)?;
            let receiver = Registered::new(mio::net::UnixStream::from_std(receiver))?;
            let handler = pipe::register(SIGINT, sender)?;
            Ok(Self { receiver, handler })
        }

        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            let mut buf = [0; 64];
            let read = |mut socket: &mio::net::UnixStream| socket.read(&mut buf);
            self.receiver.poll_read_with(cx, read).map_ok(drop)
        }
    }

    impl Drop for Listener {
        fn drop(&mut self) {
            unregister(self.handler);
        }
    }
}

#[cfg(windows)]
mod system {
    use super::*;
    use crate::event::{Trigger, UserEvent};
    use std::sync::{Mutex, PoisonError};

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
            Ok(Self(event))
        }

        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.0.poll_wait(cx).map(Ok)
        }
    }

    /// Runs on a thread of its own.
    fn press() {
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
}
