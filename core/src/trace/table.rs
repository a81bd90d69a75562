//! The tasks of all executors of the program, and who is to be told of them.

use core::cell::Cell;
use core::fmt;
use core::mem;
use core::panic::Location;
use core::time::Duration;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::{String, ToString};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;
use std::vec::Vec;
use std::{format, thread_local};

use super::event::{Cause, Event, Tracer};
use super::waits::{self, Wait};
use crate::task::state::Description;

/// A poll that took longer than the limit of [`set_stall_limit`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stall {
    /// The task: its number, name, type and place.
    pub task: TaskDump,
    /// How long the poll has taken.
    pub took: Duration,
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kept its executor busy for {:.1?}{}",
            self.task.label(),
            self.took,
            self.task.spawned_at()
        )
    }
}

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It waits to be woken.
    Waiting,
    /// It has been woken and waits for its turn, or is new.
    Ready,
    /// It is being polled.
    Polled,
}

/// A task, as [`Handle::dump`](crate::Handle::dump) lists it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskDump {
    /// Its number, in the order of spawns.
    pub number: u64,
    /// The name that it was spawned by.
    pub name: Option<&'static str>,
    /// The type of its future.
    pub type_name: &'static str,
    /// Where it was spawned; `None` if that is not known, as nobody of the program has spawned it.
    pub place: Option<&'static Location<'static>>,
    /// What it is doing.
    pub state: State,
    /// What it waits for, if its state is [`State::Waiting`]: what was not ready when it was polled last, at most eight.
    /// Several with `select!` or `timeout`. A set of futures polls those that were woken, and notes only these. Empty if it
    /// waits for what another library, or a future of the program, wakes it for.
    pub waits_for: Vec<Wait>,
    /// Who has woken it last.
    pub woken_by: Option<Cause>,
    /// How often it has been polled.
    pub polls: u64,
    /// How long it has been polled, in all; with the poll that goes on.
    pub in_polls: Duration,
    /// Its longest poll.
    pub longest: Duration,
    /// How long ago it was spawned.
    pub age: Duration,
}

impl TaskDump {
    fn label(&self) -> String {
        match self.name {
            Some(name) => format!("task {} ({name})", self.number),
            None => format!("task {} ({})", self.number, self.type_name),
        }
    }

    fn what_for(&self) -> String {
        let waits: Vec<String> = self.waits_for.iter().map(Wait::to_string).collect();
        match waits.as_slice() {
            [] => String::new(),
            waits => format!(" for {}", waits.join(" or ")),
        }
    }

    fn spawned_at(&self) -> String {
        self.place
            .map(|place| format!(", spawned at {place}"))
            .unwrap_or_default()
    }
}

/// The tasks of an executor: see [`Handle::dump`](crate::Handle::dump). Its `Display` has a line for each.
#[derive(Clone, Debug)]
pub struct Dump(Vec<TaskDump>);

impl Dump {
    /// The tasks, in the order in which they were spawned.
    pub fn tasks(&self) -> &[TaskDump] {
        &self.0
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} tasks", self.0.len())?;
        for task in &self.0 {
            let state = match (task.state, task.woken_by) {
                (State::Waiting, None) => format!("waits{}", task.what_for()),
                (State::Waiting, Some(by)) => {
                    format!("waits{}, last woken by {by}", task.what_for())
                }
                (State::Ready, _) => "is ready".to_string(),
                (State::Polled, _) => "is being polled".to_string(),
            };
            writeln!(
                f,
                "{}: {state}; {} polls, {:.1?} in all, {:.1?} at most; {:.1?} old{}",
                task.label(),
                task.polls,
                task.in_polls,
                task.longest,
                task.age,
                task.spawned_at()
            )?;
        }
        Ok(())
    }
}

/// A live task.
struct Record {
    number: u64,
    executor: usize,
    what: Description,
    place: Option<&'static Location<'static>>,
    spawned: Instant,
    woken: bool,
    waits_for: Vec<Wait>,
    woken_by: Option<Cause>,
    polls: u64,
    in_polls: Duration,
    longest: Duration,
    polled_since: Option<Instant>,
}

impl Record {
    fn dump(&self, now: Instant) -> TaskDump {
        let current = self
            .polled_since
            .map_or(Duration::ZERO, |since| now - since);
        TaskDump {
            number: self.number,
            name: self.what.name,
            type_name: self.what.type_name,
            place: self.place,
            state: match self.polled_since {
                Some(_) => State::Polled,
                None if self.woken => State::Ready,
                None => State::Waiting,
            },
            waits_for: match self.polled_since {
                None if !self.woken => self.waits_for.clone(),
                _ => Vec::new(),
            },
            woken_by: self.woken_by,
            polls: self.polls,
            in_polls: self.in_polls + current,
            longest: self.longest.max(current),
            age: now - self.spawned,
        }
    }
}

/// The live tasks by the addresses of their slots, and the next number.
static TABLE: Mutex<(BTreeMap<usize, Record>, u64)> = Mutex::new((BTreeMap::new(), 1));
static TRACER: RwLock<Option<&'static dyn Tracer>> = RwLock::new(None);
static STALLS: RwLock<Option<Limit>> = RwLock::new(None);

/// How long a poll may take, and who is told of one that takes longer.
type Limit = (Duration, fn(&Stall));

thread_local! {
    /// Who would be the one to wake somebody on this thread now.
    static ACTING: Cell<Cause> = const { Cell::new(Cause::Elsewhere) };
    /// Whether a tracer is being told something on this thread.
    static TELLING: Cell<bool> = const { Cell::new(false) };
    /// Of the next task that is spawned on this thread, if somebody else has spawned it.
    static ORIGIN: Cell<Option<(&'static Location<'static>, &'static str)>> = const { Cell::new(None) };
}

fn table() -> MutexGuard<'static, (BTreeMap<usize, Record>, u64)> {
    // Nothing panics while it is locked.
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells the tracer. Never while the table is locked.
fn tell(event: &Event) {
    let tracer = *TRACER.read().unwrap_or_else(PoisonError::into_inner);
    let Some(tracer) = tracer else { return };
    // Or a tracer that wakes somebody would hear of that, and wake again, without an end.
    if TELLING.try_with(|telling| telling.replace(true)) == Ok(false) {
        let _ = catch_unwind(AssertUnwindSafe(|| tracer.event(event)));
        let _ = TELLING.try_with(|telling| telling.set(false));
    }
}

/// Gives what happens from now on, in all executors of the program, to a tracer, or with `None` to nobody.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::trace::{Event, Tracer, set_tracer};
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// struct CountPolls(AtomicUsize);
///
/// impl Tracer for CountPolls {
///     fn event(&self, event: &Event) {
///         if let Event::PollBegin { .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// static POLLS: CountPolls = CountPolls(AtomicUsize::new(0));
/// set_tracer(Some(&POLLS));
/// polliwog::block_on(polliwog::yield_now());
/// set_tracer(None);
/// assert!(POLLS.0.load(Ordering::Relaxed) >= 2);
/// ```
pub fn set_tracer(tracer: Option<&'static dyn Tracer>) {
    *TRACER.write().unwrap_or_else(PoisonError::into_inner) = tracer;
}

/// Has `report` called, at its end and on its thread, for each poll that takes longer than `limit`; with `None` no
/// more. What has not come to an end is seen in a [`Handle::dump`](crate::Handle::dump) by another thread.
///
/// ```
/// # use polliwog_core::conformance::facade as polliwog;
/// use polliwog::trace::set_stall_limit;
/// use std::time::Duration;
///
/// set_stall_limit(Some(Duration::from_millis(10)), |stall| eprintln!("{stall}"));
/// polliwog::block_on(async { std::thread::sleep(Duration::from_millis(15)) });
/// ```
pub fn set_stall_limit(limit: Option<Duration>, report: fn(&Stall)) {
    let limit = limit.map(|limit| (limit, report));
    *STALLS.write().unwrap_or_else(PoisonError::into_inner) = limit;
}

/// The tasks of an executor.
pub(crate) fn dump(executor: usize) -> Dump {
    let now = Instant::now();
    let table = table();
    let own = table
        .0
        .values()
        .filter(|record| record.executor == executor);
    let mut tasks: Vec<_> = own.map(|record| record.dump(now)).collect();
    drop(table);
    tasks.sort_by_key(|task| task.number);
    Dump(tasks)
}

/// Whether a place lies in this crate: then somebody else's call was passed on, and nobody knows whose.
fn is_own(place: &Location<'_>) -> bool {
    file!()
        .strip_suffix("table.rs")
        .and_then(|folder| folder.get(..folder.len() - "trace/".len()))
        .is_some_and(|folder| place.file().starts_with(folder))
}

pub(super) fn spawned(
    executor: usize,
    slot: usize,
    mut what: Description,
    mut place: &'static Location<'static>,
) {
    if let Ok(Some(origin)) = ORIGIN.try_with(Cell::take) {
        (place, what.type_name) = origin;
    }
    let place = (!is_own(place)).then_some(place);
    let number = {
        let (tasks, next) = &mut *table();
        let number = *next;
        *next += 1;
        let record = Record {
            number,
            executor,
            what,
            place,
            spawned: Instant::now(),
            woken: true,
            waits_for: Vec::new(),
            woken_by: None,
            polls: 0,
            in_polls: Duration::ZERO,
            longest: Duration::ZERO,
            polled_since: None,
        };
        tasks.insert(slot, record);
        number
    };
    tell(&Event::Spawned {
        task: number,
        name: what.name,
        type_name: what.type_name,
        place,
    });
}

/// The number of a live task.
pub(super) fn number(slot: usize) -> Option<u64> {
    Some(table().0.get(&slot)?.number)
}

pub(super) fn ended(slot: usize) {
    let record = table().0.remove(&slot);
    if let Some(record) = record {
        tell(&Event::Ended {
            task: record.number,
        });
    }
}

pub(super) fn woken(slot: usize) {
    // In a destructor of a thread there may be nobody any more.
    let by = ACTING.try_with(Cell::get).unwrap_or(Cause::Elsewhere);
    let task = {
        let (tasks, _) = &mut *table();
        // A stale wake is nobody's.
        let Some(record) = tasks.get_mut(&slot) else {
            return;
        };
        record.woken = true;
        record.woken_by = Some(by);
        record.number
    };
    tell(&Event::Woken { task, by });
}

/// Says of the next task that is spawned on this thread where it was and of which type, until it is dropped.
pub(super) struct Origin(());

impl Origin {
    pub(super) fn begin(place: &'static Location<'static>, type_name: &'static str) -> Self {
        let _ = ORIGIN.try_with(|origin| origin.set(Some((place, type_name))));
        Self(())
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        let _ = ORIGIN.try_with(Cell::take);
    }
}

/// On whose behalf this thread acts, until it is dropped.
pub(super) struct Acting(Cause);

impl Acting {
    pub(super) fn begin(cause: Cause) -> Self {
        Self(
            ACTING
                .try_with(|acting| acting.replace(cause))
                .unwrap_or(cause),
        )
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        let _ = ACTING.try_with(|acting| acting.set(self.0));
    }
}

/// A poll, until it is dropped.
pub(super) struct Poll {
    slot: usize,
    number: u64,
    since: Instant,
    /// What the task around this one has waited for so far.
    outer: Vec<Wait>,
    _acting: Acting,
}

impl Poll {
    pub(super) fn begin(slot: usize) -> Self {
        let since = Instant::now();
        let number = {
            let (tasks, _) = &mut *table();
            tasks.get_mut(&slot).map_or(0, |record| {
                record.woken = false;
                record.polls += 1;
                record.polled_since = Some(since);
                record.number
            })
        };
        tell(&Event::PollBegin { task: number });
        Self {
            slot,
            number,
            since,
            outer: waits::begin(),
            _acting: Acting::begin(Cause::Task(number)),
        }
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        let now = Instant::now();
        let took = now - self.since;
        let waits = waits::end(mem::take(&mut self.outer));
        let dump = {
            let (tasks, _) = &mut *table();
            tasks.get_mut(&self.slot).map(|record| {
                record.polled_since = None;
                record.waits_for = waits;
                record.in_polls += took;
                record.longest = record.longest.max(took);
                record.dump(now)
            })
        };
        tell(&Event::PollEnd {
            task: self.number,
            took,
        });
        let stalls = *STALLS.read().unwrap_or_else(PoisonError::into_inner);
        if let (Some((limit, report)), Some(task)) = (stalls, dump) {
            if took > limit {
                let _ = catch_unwind(AssertUnwindSafe(|| report(&Stall { task, took })));
            }
        }
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
