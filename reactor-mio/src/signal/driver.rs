//! From signal handlers to those who wait, within one reactor.

use std::cell::RefCell;
use std::ffi::c_int;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use polliwog_core::sources::{Direction, Waited, WaiterId};
use signal_hook::SigId;
use signal_hook::consts::{FORBIDDEN, SIGPIPE};
use signal_hook::flag;
use signal_hook::low_level::{pipe, unregister};

use crate::event::{Trigger, UserEvent};
use crate::reactor::MioReactor;
use crate::source::Attached;

/// Hears of signals for all listeners of one reactor, and lives as long as one of them.
///
/// A handler sets the flag of its kind and then writes a byte into a pair of sockets. Whoever reads that
/// looks at all flags and triggers the events of the listeners: what one reads may be for another, who would
/// hear of it from nobody else.
#[derive(Debug)]
pub(crate) struct Driver {
    receiver: Attached<mio::net::UnixStream>,
    sender: UnixStream,
    kinds: RefCell<Vec<Kind>>,
}

/// A signal that is listened to.
#[derive(Debug)]
struct Kind {
    signal: c_int,
    raised: Arc<AtomicBool>,
    /// What the handler does.
    actions: Vec<SigId>,
    listeners: Vec<Trigger>,
    /// How many of those have not been dropped.
    alive: usize,
}

impl Drop for Kind {
    fn drop(&mut self) {
        for action in self.actions.drain(..) {
            unregister(action);
        }
    }
}

impl Driver {
    /// That of a reactor.
    pub(super) fn of(reactor: &MioReactor) -> io::Result<Rc<Driver>> {
        if let Some(driver) = reactor.signals().borrow().upgrade() {
            return Ok(driver);
        }
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        let receiver = mio::net::UnixStream::from_std(receiver);
        let driver = Rc::new(Driver {
            receiver: Attached::owning(reactor, receiver),
            sender,
            kinds: RefCell::default(),
        });
        reactor.signals().replace(Rc::downgrade(&driver));
        Ok(driver)
    }

    /// Triggers an event at each of these signals from now on.
    pub(super) fn listen(&self, signal: c_int, event: &UserEvent) -> io::Result<()> {
        if FORBIDDEN.contains(&signal) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "nobody can listen to this signal",
            ));
        }
        take_over(signal)?;
        // What has come until now is for those who listen already.
        self.collect();
        let mut kinds = self.kinds.borrow_mut();
        let known = kinds.iter_mut().find(|kind| kind.signal == signal);
        if let Some(kind) = known {
            kind.listeners.retain(Trigger::is_attached);
            kind.listeners.push(event.trigger_handle());
            kind.alive += 1;
            return Ok(());
        }
        let mut kind = Kind {
            signal,
            raised: Arc::default(),
            actions: Vec::new(),
            listeners: vec![event.trigger_handle()],
            alive: 1,
        };
        // In this order, which is that of the handler, too. If the second fails, the first is taken back.
        let action = flag::register(signal, Arc::clone(&kind.raised))?;
        kind.actions.push(action);
        let action = pipe::register(signal, self.sender.try_clone()?)?;
        kind.actions.push(action);
        kinds.push(kind);
        Ok(())
    }

    /// One listener less.
    pub(super) fn leave(&self, signal: c_int) {
        let mut kinds = self.kinds.borrow_mut();
        if let Some(at) = kinds.iter().position(|kind| kind.signal == signal) {
            kinds[at].alive -= 1;
            if kinds[at].alive == 0 {
                let kind = kinds.swap_remove(at);
                drop(kinds);
                drop(kind);
            }
        }
    }

    /// Triggers the events of all signals that have come.
    pub(super) fn collect(&self) {
        let mut due = Vec::new();
        for kind in self.kinds.borrow_mut().iter_mut() {
            if kind.raised.load(Ordering::SeqCst) && kind.raised.swap(false, Ordering::SeqCst) {
                kind.listeners.retain(Trigger::is_attached);
                due.extend(kind.listeners.iter().cloned());
            }
        }
        // Wakers can be foreign code, which may come back here.
        for trigger in due {
            trigger.trigger();
        }
    }

    /// Waits until some signal has come, whose ever. `id` is that of whoever listens.
    pub(super) fn poll_any(&self, id: WaiterId, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buf = [0; 256];
        let read = |mut socket: &mio::net::UnixStream| socket.read(&mut buf);
        let polled = self.receiver.poll_op(id, Direction::Read, cx, read, |_| 0);
        polled.map_ok(drop)
    }

    /// Takes out one who waits no more.
    pub(super) fn forget(&self, id: WaiterId) {
        self.receiver.forget(Direction::Read, id);
    }
}

/// What a reactor knows of its driver: it lives only as long as its listeners.
pub(crate) type OfReactor = RefCell<Weak<Driver>>;

/// Signals that this process has listened to, and whether each does again what it does by default. `None`
/// where it is not known what that is.
static TAKEN: Mutex<Vec<(c_int, Option<Arc<AtomicBool>>)>> = Mutex::new(Vec::new());

/// A signal no longer does what it does by default.
fn take_over(signal: c_int) -> io::Result<()> {
    take_over_in(
        &mut TAKEN.lock().unwrap_or_else(PoisonError::into_inner),
        signal,
    )
}

fn take_over_in(
    taken: &mut Vec<(c_int, Option<Arc<AtomicBool>>)>,
    signal: c_int,
) -> io::Result<()> {
    if let Some((_, restored)) = taken.iter().find(|(taken, _)| *taken == signal) {
        if let Some(restored) = restored {
            restored.store(false, Ordering::SeqCst);
        }
        return Ok(());
    }
    // The first action of the handler, and the only one that stays.
    let restored = Arc::new(AtomicBool::new(false));
    let known = signal_hook::low_level::signal_name(signal).is_some();
    if known {
        flag::register_conditional_default(signal, Arc::clone(&restored))?;
    }
    taken.push((signal, known.then_some(restored)));
    Ok(())
}

/// A signal does again what it does by default.
pub(super) fn restore(signal: c_int) -> io::Result<()> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if signal == SIGPIPE {
        // The standard library has it ignored, although nobody listens.
        take_over_in(&mut taken, signal)?;
    }
    match taken.iter().find(|(taken, _)| *taken == signal) {
        Some((_, Some(restored))) => {
            restored.store(true, Ordering::SeqCst);
            Ok(())
        }
        Some((_, None)) => Err(io::ErrorKind::Unsupported.into()),
        None => Ok(()),
    }
}
