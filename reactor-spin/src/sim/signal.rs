//! Ctrl-C and the signals of Unix on simulated hosts, under mio's names.
//!
//! [`Control::signal`](super::Control::signal) and [`Nemesis::terminations`](super::Nemesis::terminations) send them. What a process
//! does not listen to does by default what it does on Linux: most signals end the process, as
//! [`Control::kill`](super::Control::kill) does.

use alloc::collections::BTreeSet;
use alloc::rc::{Rc, Weak};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};
use std::io;

use polliwog_core::task::budget::poll_proceed;

use self::unix::SignalKind;
use super::ambient::current;
use super::command::Command;
use super::control::Control;

pub mod unix;

/// Makes a future that is ready when the host's process gets a Ctrl-C ([`SignalKind::interrupt`]), for a clean end.
///
/// Those are noticed from the call on. It may be awaited again, by reference, for the next one. From the first call of a process on,
/// Ctrl-C no longer ends it by itself, even when all these futures are gone; [`restore_ctrl_c`] is the way back.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::signal; }
/// use polliwog::sim::{self, Simulation, signal::unix::SignalKind};
/// use polliwog::time::sleep;
/// use std::time::Duration;
///
/// async fn server() -> std::io::Result<()> {
///     polliwog::signal::ctrl_c().await?;
///     sim::note("ends well");
///     Ok(())
/// }
///
/// let mut simulation = Simulation::builder(7).trace(100).build();
/// simulation.host("server", server);
/// simulation.client("operator", async {
///     sleep(Duration::from_secs(1)).await;
///     sim::control().signal("server", SignalKind::interrupt());
///     sleep(Duration::from_secs(1)).await;
/// });
/// let report = simulation.run().unwrap();
/// assert!(report.trace.iter().any(|event| event.to_string().contains("ends well")));
/// ```
///
/// # Errors
///
/// The future's: [`io::ErrorKind::Unsupported`] outside of a simulation.
///
/// # Cancel safety
///
/// A signal is used up only by a wait that ends.
pub fn ctrl_c() -> CtrlC {
    CtrlC {
        listener: listen(SignalKind::interrupt()).ok(),
    }
}

/// Has Ctrl-C end the host's process again, as if nobody had ever waited for it, until the next call of [`ctrl_c`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::signal; }
/// # async fn finish_what_was_begun() {}
/// async fn server() -> std::io::Result<()> {
///     polliwog::signal::ctrl_c().await?;
///     polliwog::signal::restore_ctrl_c()?; // the next one cuts it short
///     finish_what_was_begun().await;
///     Ok(())
/// }
/// # let mut simulation = polliwog::sim::Simulation::new(7);
/// # simulation.host("server", server);
/// # simulation.client("frog", async {});
/// # simulation.run().unwrap();
/// ```
///
/// # Errors
///
/// [`io::ErrorKind::Unsupported`] outside of a simulation.
pub fn restore_ctrl_c() -> io::Result<()> {
    unix::restore_default(SignalKind::interrupt())
}

/// Made by [`ctrl_c`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct CtrlC {
    listener: Option<Rc<Listener>>,
}

impl Future for CtrlC {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.listener {
            Some(listener) => listener.poll(cx).map(Ok),
            None => Poll::Ready(Err(unsupported())),
        }
    }
}

fn unsupported() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "these signals are those of simulated hosts, and this is none",
    )
}

/// Who waits for a signal.
struct Listener {
    raised: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Listener {
    fn raise(&self) {
        self.raised.set(true);
        let waiter = self.waiter.borrow_mut().take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let permit = ready!(poll_proceed(cx));
        if self.raised.replace(false) {
            permit.charge(0);
            return Poll::Ready(());
        }
        let former = self.waiter.borrow_mut().replace(cx.waker().clone());
        drop(former);
        Poll::Pending
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

/// What a process does about signals.
#[derive(Default)]
pub(crate) struct Signals {
    /// Those that no longer do what they do by default.
    taken_over: BTreeSet<SignalKind>,
    listeners: Vec<(SignalKind, Weak<Listener>)>,
    /// Whether one has come that ends the process as soon as it is stopped no longer.
    pub(crate) ends: bool,
}

/// What a signal does to a process that does not listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Ends,
    Stops,
    Nothing,
}

impl Signals {
    /// Who hears of a signal; `None` if it does what it does by default.
    fn heard(&mut self, kind: SignalKind) -> Option<Vec<Rc<Listener>>> {
        self.listeners
            .retain(|(_, listener)| listener.strong_count() > 0);
        let listeners = self.listeners.iter().filter(|(other, _)| *other == kind);
        let listeners = listeners.filter_map(|(_, listener)| listener.upgrade());
        self.taken_over.contains(&kind).then(|| listeners.collect())
    }
}

/// Listens to a signal from now on.
fn listen(kind: SignalKind) -> io::Result<Rc<Listener>> {
    let listener = Rc::new(Listener {
        raised: Cell::new(false),
        waiter: RefCell::new(None),
    });
    let listens = (kind, Rc::downgrade(&listener));
    change(move |signals| {
        signals.listeners.push(listens);
        signals.taken_over.insert(kind);
    })?;
    Ok(listener)
}

/// Changes what the process of the current host does about signals, at the instant of its program.
fn change(f: impl FnOnce(&mut Signals) + 'static) -> io::Result<()> {
    let net = current().ok_or_else(unsupported)?;
    let host = net.host as usize;
    net.act(move |world| world.with(|state| f(&mut state.hosts[host].signals)));
    Ok(())
}

impl super::world::World {
    /// Lets the process of a host have a signal; returns what it does to the process.
    pub(crate) fn signal(&self, host: u32, kind: SignalKind) -> Effect {
        let heard = self.with(|state| state.hosts[host as usize].signals.heard(kind));
        match heard {
            Some(listeners) => {
                for listener in listeners {
                    listener.raise();
                }
                Effect::Nothing
            }
            None => kind.by_default(),
        }
    }
}

impl Control {
    /// Sends a signal to the processes of hosts, where they run. Processes that do not [listen](unix::signal) to it are ended by most
    /// signals, as by [`kill`](Self::kill); `SIGSTOP` (19) and `SIGCONT` (18) do what [`pause`](Self::pause) and
    /// [`resume`](Self::resume) do, the latter even if the process listens to it. One that is stopped hears when it goes on, and ends
    /// only then, except by `SIGKILL` (9). The number 0 asks on Linux whether there is a process, and does nothing.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; pub use polliwog_spin::sim::signal; }
    /// use polliwog::sim::Control;
    /// use polliwog::signal::unix::SignalKind;
    ///
    /// fn deploy(control: &Control) {
    ///     control.signal("server-*", SignalKind::terminate());
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If no host has such a name, or no signal that number: those of Linux go up to 64.
    #[track_caller]
    pub fn signal(&self, hosts: &str, kind: SignalKind) {
        let number = kind.as_raw_value();
        assert!(
            number == 0 || kind.is_one(),
            "there is no signal with the number {number}"
        );
        self.command(hosts, move |host| Command::Signal(host, kind));
    }
}
