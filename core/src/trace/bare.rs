//! Who is to be told where there is no operating system: `table.rs` without a table.

use core::cell::Cell;
use core::marker::PhantomData;
use core::panic::Location;

use critical_section::Mutex;

use super::event::{Cause, Event, Tracer};
use crate::task::state::Description;

static TRACER: Mutex<Cell<Option<&'static dyn Tracer>>> = Mutex::new(Cell::new(None));
/// Who would be the one to wake somebody now.
static ACTING: Mutex<Cell<Actor>> = Mutex::new(Cell::new(Actor::NOBODY));
/// Who has spawned the next task of a level, if somebody else starts it.
static ORIGIN: Mutex<Cell<Option<Spawner>>> = Mutex::new(Cell::new(None));
/// The level of interrupts at which a tracer is being told something, and one; or zero.
static TELLING: Mutex<Cell<usize>> = Mutex::new(Cell::new(0));

/// The level, the place and the type of the future.
type Spawner = (usize, &'static Location<'static>, &'static str);

/// The level of interrupts; `None` where nobody can tell.
fn level() -> Option<usize> {
    #[cfg(all(target_os = "none", feature = "single-core"))]
    return Some(crate::interrupt::level());
    #[cfg(not(all(target_os = "none", feature = "single-core")))]
    None
}

/// A [`Cause`] and the level at which it acts: handlers of other levels come in between and are somebody else. All zero
/// is nobody, so that the static takes no flash.
#[derive(Clone, Copy)]
struct Actor {
    kind: u8,
    level: usize,
    task: u64,
}

impl Actor {
    const NOBODY: Self = Self {
        kind: 0,
        level: 0,
        task: 0,
    };

    fn new(cause: Cause) -> Self {
        let (kind, task) = match cause {
            Cause::Elsewhere => (0, 0),
            Cause::Task(task) => (1, task),
            Cause::Timer => (2, 0),
            Cause::Reactor => (3, 0),
        };
        level().map_or(Self::NOBODY, |level| Self { kind, level, task })
    }

    fn cause(self) -> Cause {
        match self.kind {
            _ if level() != Some(self.level) => Cause::Elsewhere,
            1 => Cause::Task(self.task),
            2 => Cause::Timer,
            3 => Cause::Reactor,
            _ => Cause::Elsewhere,
        }
    }
}

fn replace<T>(place: &Mutex<Cell<T>>, value: T) -> T {
    critical_section::with(|cs| place.borrow(cs).replace(value))
}

fn get<T: Copy>(place: &Mutex<Cell<T>>) -> T {
    critical_section::with(|cs| place.borrow(cs).get())
}

/// Tells the tracer, with interrupts as they are.
fn tell(event: &Event) {
    let Some(tracer) = get(&TRACER) else { return };
    let Some(level) = level() else {
        return tracer.event(event);
    };
    let before = replace(&TELLING, level + 1);
    // Or a tracer that wakes somebody would hear of that, and wake again, without an end.
    if before != level + 1 {
        tracer.event(event);
    }
    replace(&TELLING, before);
}

/// Gives what happens from now on, in all executors of the program, to a tracer, or with `None` to nobody.
///
/// ```no_run
/// # use polliwog_core as polliwog;
/// use polliwog::trace::{Event, Tracer, set_tracer};
///
/// struct Log;
///
/// impl Tracer for Log {
///     fn event(&self, event: &Event) {
///         let _ = event; // defmt::trace!("{}", event);
///     }
/// }
///
/// set_tracer(Some(&Log));
/// ```
pub fn set_tracer(tracer: Option<&'static dyn Tracer>) {
    replace(&TRACER, tracer);
}

pub(super) fn spawned(
    _executor: usize,
    slot: usize,
    mut what: Description,
    mut place: &'static Location<'static>,
) {
    match get(&ORIGIN) {
        Some((of, at, type_name)) if level() == Some(of) => {
            replace(&ORIGIN, None);
            (place, what.type_name) = (at, type_name);
        }
        _ => {}
    }
    tell(&Event::Spawned {
        task: slot as u64,
        name: what.name,
        type_name: what.type_name,
        place: Some(place),
    });
}

pub(super) fn ended(slot: usize) {
    tell(&Event::Ended { task: slot as u64 });
}

pub(super) fn woken(slot: usize) {
    tell(&Event::Woken {
        task: slot as u64,
        by: get(&ACTING).cause(),
    });
}

/// Says of the next task that is spawned where it was and of which type, until it is dropped.
pub(super) struct Origin(PhantomData<*const ()>);

impl Origin {
    pub(super) fn begin(place: &'static Location<'static>, type_name: &'static str) -> Self {
        replace(&ORIGIN, level().map(|level| (level, place, type_name)));
        Self(PhantomData)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        replace(&ORIGIN, None);
    }
}

/// On whose behalf this level acts, until it is dropped.
pub(super) struct Acting(Actor);

impl Acting {
    pub(super) fn begin(cause: Cause) -> Self {
        Self(replace(&ACTING, Actor::new(cause)))
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        replace(&ACTING, self.0);
    }
}

/// A poll, until it is dropped.
pub(super) struct Poll {
    task: u64,
    _acting: Acting,
}

impl Poll {
    pub(super) fn begin(slot: usize) -> Self {
        let task = slot as u64;
        tell(&Event::PollBegin { task });
        Self {
            task,
            _acting: Acting::begin(Cause::Task(task)),
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        tell(&Event::PollEnd { task: self.task });
    }
}

/// A call of the reactor, until it is dropped.
pub(super) struct Park {
    waits: bool,
    _acting: Acting,
}

impl Park {
    pub(super) fn begin(waits: bool) -> Self {
        if waits {
            tell(&Event::Parked {});
        }
        Self {
            waits,
            _acting: Acting::begin(Cause::Reactor),
        }
    }
}

impl Drop for Park {
    fn drop(&mut self) {
        if self.waits {
            tell(&Event::Unparked {});
        }
    }
}
