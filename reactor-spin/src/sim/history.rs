//! [`History`]: whether what clients saw of a register could have happened one after the other.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread::panicking;

use super::ambient::{control, host_name};

/// More operations than that at once are not looked through.
const MOST: usize = 1 << 20;

/// What clients did with one register (one key of a store) and when: a checker for linearizability.
///
/// A history is linearizable if there is an order of all operations in which each takes effect at one instant between its
/// call and its return, and each read sees the write before it. An operation whose answer never came may have taken
/// effect at any time after its call, or not at all.
///
/// Clones are the same history: each client has one.
///
/// One that nobody has checked tests nothing: a run that goes well fails with [`Reason::Test`](super::Reason::Test) if such a
/// history is dropped within it.
///
/// # Panics
///
/// When it is dropped after a run that went well, without [`check`](Self::check) ever having been called, if there are operations.
/// Of several runs the one is meant in which the last of them began. It does not matter, and nothing is said, if any run of
/// the thread has failed since the history was made, or something panics: a test that fails so has a better reason.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{History, Simulation};
/// use polliwog::time::sleep_millis;
/// use std::{cell::Cell, rc::Rc};
///
/// let history = History::new(0);
/// let register = Rc::new(Cell::new(0));
/// let mut simulation = Simulation::new(1);
/// let (mine, place) = (history.clone(), register.clone());
/// simulation.client("writer", async move {
///     let write = mine.write(7);
///     sleep_millis(5).await;
///     place.set(7);
///     write.done();
/// });
/// let mine = history.clone();
/// simulation.client("reader", async move {
///     sleep_millis(10).await;
///     let read = mine.read();
///     read.saw(register.get());
/// });
/// simulation.run().unwrap();
/// history.check().unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "a history that nobody checks tests nothing"]
pub struct History<T> {
    first: T,
    told: Rc<Told<T>>,
}

/// What clients have told a history.
#[derive(Debug)]
struct Told<T> {
    rows: RefCell<Vec<Row<T>>>,
    is_checked: Cell<bool>,
    /// That of the run in which the last of them did.
    fate: RefCell<Option<Rc<Fate>>>,
    /// How many runs had failed before.
    failed_before: u64,
}

std::thread_local! {
    /// How many runs of this thread have failed.
    static FAILED: Cell<u64> = const { Cell::new(0) };
}

fn failed() -> u64 {
    FAILED.try_with(Cell::get).unwrap_or(0)
}

impl<T> Drop for Told<T> {
    fn drop(&mut self) {
        let rows = self.rows.get_mut().iter();
        let count = rows.filter(|row| row.called.0.get().is_some()).count();
        // A test that fails already has a better reason, though it may have told nothing in the run that has failed.
        if self.is_checked.get() || panicking() || failed() != self.failed_before {
            return;
        }
        if let Some(fate) = self.fate.get_mut() {
            fate.has_unchecked(count);
        }
    }
}

/// What becomes of a run, for the histories of what clients did in it.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    /// Unknown while it goes on.
    pub(crate) went_well: Cell<Option<bool>>,
    /// So many operations nobody will check.
    unchecked: Cell<usize>,
}

impl Fate {
    /// The run has come to an end, for now.
    pub(crate) fn went(&self, well: bool) {
        self.went_well.set(Some(well));
        if !well {
            FAILED.set(failed() + 1);
        }
    }

    /// Nobody checks a history with so many operations.
    fn has_unchecked(&self, count: usize) {
        self.unchecked.set(self.unchecked.get() + count);
        if self.went_well.get() == Some(true) {
            if let Some(text) = self.unchecked() {
                panic!("{text}");
            }
        }
    }

    /// Tells, once, that there were histories that nobody has checked.
    pub(crate) fn unchecked(&self) -> Option<String> {
        match self.unchecked.take() {
            0 => None,
            count => Some(format!(
                "a history was never checked: {count} operation{}",
                if count == 1 { "" } else { "s" }
            )),
        }
    }
}

/// A moment, as soon as it has come: a host that calls may be ahead, and come to its end before.
#[derive(Clone, Debug)]
struct Stamp(Rc<Cell<Option<Duration>>>);

impl Stamp {
    /// The present moment of whoever calls.
    fn now() -> Self {
        let stamp = Self(Rc::default());
        let cell = stamp.0.clone();
        control()
            .world
            .act(move |world| cell.set(Some(Duration::from_nanos(world.now.get()))));
        stamp
    }
}

/// What a client has done.
#[derive(Clone, Debug)]
struct Row<T> {
    client: Arc<str>,
    called: Stamp,
    returned: Option<Stamp>,
    what: Op<T>,
}

impl<T: Clone> Row<T> {
    /// What of it has happened.
    fn call(&self) -> Option<Call<T>> {
        let returned = self.returned.as_ref().and_then(|stamp| stamp.0.get());
        let what = match &self.what {
            Op::Read(_) if returned.is_none() => Op::Read(None),
            what => what.clone(),
        };
        Some(Call {
            client: self.client.clone(),
            called: self.called.0.get()?,
            returned,
            what,
        })
    }
}

/// What a client has done, and when.
#[derive(Clone, Debug)]
struct Call<T> {
    /// The host that has called.
    client: Arc<str>,
    called: Duration,
    returned: Option<Duration>,
    what: Op<T>,
}

#[derive(Clone, Debug, PartialEq)]
enum Op<T> {
    Read(Option<T>),
    Write(T),
}

/// A write whose answer has not come yet. Dropped, it never does.
#[derive(Debug)]
#[must_use = "without an answer the write may have taken effect or not"]
pub struct Writing<T>(History<T>, usize);

/// A read whose answer has not come yet. Dropped, it never does, and says nothing.
#[derive(Debug)]
#[must_use = "without an answer the read says nothing"]
pub struct Reading<T>(History<T>, usize);

impl<T: Clone + PartialEq + fmt::Debug> History<T> {
    /// The history of a register that holds `first`.
    pub fn new(first: T) -> Self {
        Self {
            first,
            told: Rc::new(Told {
                rows: RefCell::default(),
                is_checked: Cell::new(false),
                fate: RefCell::default(),
                failed_before: failed(),
            }),
        }
    }

    fn call(&self, what: Op<T>) -> usize {
        let fate = control().world.fate.clone();
        self.told.fate.replace(Some(fate));
        let mut rows = self.told.rows.borrow_mut();
        let client = host_name().unwrap_or_default();
        rows.push(Row {
            client: client.into(),
            called: Stamp::now(),
            returned: None,
            what,
        });
        rows.len() - 1
    }

    /// A client asks for a value to be written, now.
    ///
    /// # Panics
    ///
    /// Outside of a simulation.
    pub fn write(&self, value: T) -> Writing<T> {
        Writing(self.clone(), self.call(Op::Write(value)))
    }

    /// A client asks for the value, now.
    ///
    /// # Panics
    ///
    /// Outside of a simulation.
    pub fn read(&self) -> Reading<T> {
        Reading(self.clone(), self.call(Op::Read(None)))
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.told.rows.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks for an order.
    ///
    /// # Errors
    ///
    /// [`NotLinearizable`] if there is none. Histories in which very many operations go on at once may take too long
    /// to look through; then it is an error, too, and says so.
    pub fn check(&self) -> Result<(), NotLinearizable> {
        self.told.is_checked.set(true);
        let rows = self.told.rows.borrow();
        let calls = rows.iter().filter_map(Row::call).collect();
        let mut calls = telling(calls);
        calls.sort_by_key(|call| call.called);
        search(&self.first, &calls)
    }
}

/// Leaves out what says nothing: a read without an answer, and a write without one whose value nobody has seen, which
/// may have taken no effect. Many of those would make the search long.
fn telling<T: Clone + PartialEq>(calls: Vec<Call<T>>) -> Vec<Call<T>> {
    let says_something = |call: &&Call<T>| match &call.what {
        Op::Read(saw) => saw.is_some(),
        Op::Write(value) => {
            call.returned.is_some()
                || calls
                    .iter()
                    .any(|other| matches!(&other.what, Op::Read(Some(saw)) if saw == value))
        }
    };
    calls.iter().filter(says_something).cloned().collect()
}

/// The states that were seen already: which operations are done, and the last write among them.
type Seen = BTreeSet<(Vec<u64>, usize)>;

/// Depth first through all orders (Wing and Gong), each state once (Lowe).
fn search<T: Clone + PartialEq + fmt::Debug>(
    first: &T,
    calls: &[Call<T>],
) -> Result<(), NotLinearizable> {
    let mut done = alloc::vec![0_u64; calls.len() / 64 + 1];
    let mut seen = Seen::new();
    let mut stack: Vec<(usize, usize)> = Vec::new();
    // The value is that of the last write, or the first.
    let mut last = usize::MAX;
    let mut next = 0;
    let mut best = (0, done.clone());
    loop {
        let left =
            (0..calls.len()).filter(|at| is_open(*at, &done) && calls[*at].returned.is_some());
        let Some(first_return) = left.filter_map(|at| calls[at].returned).min() else {
            return Ok(());
        };
        let value = if last == usize::MAX {
            first
        } else {
            written(&calls[last]).unwrap_or(first)
        };
        // What was called before anything that is left had returned may be the next.
        let candidate = (next..calls.len()).find(|at| {
            let call = &calls[*at];
            is_open(*at, &done)
                && call.called <= first_return
                && match &call.what {
                    Op::Read(saw) => saw.as_ref() == Some(value),
                    Op::Write(_) => true,
                }
        });
        match candidate {
            Some(at) => {
                done[at / 64] |= 1 << (at % 64);
                let after = if matches!(calls[at].what, Op::Write(_)) {
                    at
                } else {
                    last
                };
                if seen.insert((done.clone(), after)) {
                    stack.push((at, last));
                    if stack.len() > best.0 {
                        best = (stack.len(), done.clone());
                    }
                    (last, next) = (after, 0);
                } else {
                    done[at / 64] &= !(1 << (at % 64));
                    next = at + 1;
                }
                if seen.len() > MOST {
                    return Err(NotLinearizable::new(calls, &best.1, true));
                }
            }
            None => match stack.pop() {
                Some((at, before)) => {
                    done[at / 64] &= !(1 << (at % 64));
                    (last, next) = (before, at + 1);
                }
                None => return Err(NotLinearizable::new(calls, &best.1, false)),
            },
        }
    }
}

/// Whether an operation is not among those that are done.
fn is_open(at: usize, done: &[u64]) -> bool {
    done[at / 64] >> (at % 64) & 1 == 0
}

fn written<T>(call: &Call<T>) -> Option<&T> {
    match &call.what {
        Op::Write(value) => Some(value),
        Op::Read(_) => None,
    }
}

impl<T> Writing<T> {
    /// The answer is there: the value was written.
    pub fn done(self) {
        self.0.told.rows.borrow_mut()[self.1].returned = Some(Stamp::now());
    }
}

impl<T> Reading<T> {
    /// The answer is there: this was the value.
    pub fn saw(self, value: T) {
        let row = &mut self.0.told.rows.borrow_mut()[self.1];
        row.returned = Some(Stamp::now());
        row.what = Op::Read(Some(value));
    }
}

/// There is no order in which a [`History`] could have happened.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotLinearizable {
    /// The longest part for which there is an order: so many operations.
    pub longest: usize,
    /// Whether the search was given up.
    pub given_up: bool,
    /// The history, a line for each operation, in the order in which they were called, with the host that has called. An
    /// arrow is at the one that has to come next after the longest part, and cannot.
    pub history: String,
}

impl NotLinearizable {
    /// `done`: the longest part for which there is an order.
    fn new<T: fmt::Debug>(calls: &[Call<T>], done: &[u64], given_up: bool) -> Self {
        let longest = done.iter().map(|bits| bits.count_ones() as usize).sum();
        let left = (0..calls.len()).filter(|at| is_open(*at, done));
        let stuck = left.filter(|at| calls[*at].returned.is_some());
        let stuck = stuck.min_by_key(|at| calls[*at].returned);
        let mut history = String::new();
        for (at, call) in calls.iter().enumerate() {
            let returned = match call.returned {
                Some(at) => format!("{at:?}"),
                None => "…".into(),
            };
            let mark = if stuck == Some(at) { "  <--" } else { "" };
            let Call {
                client,
                called,
                what,
                ..
            } = call;
            history += &format!("  {called:?} to {returned}: {client}: {what:?}{mark}\n");
        }
        Self {
            longest,
            given_up,
            history,
        }
    }
}

impl fmt::Display for NotLinearizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.given_up {
            "too many orders to look through"
        } else {
            "not linearizable"
        };
        write!(
            f,
            "{what}: at most {} of these operations can be put in order:\n{}",
            self.longest, self.history
        )
    }
}

// What `unwrap` shows.
impl fmt::Debug for NotLinearizable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for NotLinearizable {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn read(from: u64, to: u64, saw: u32) -> Call<u32> {
        Call {
            client: "reader".into(),
            called: at(from),
            returned: Some(at(to)),
            what: Op::Read(Some(saw)),
        }
    }

    fn write(from: u64, to: Option<u64>, value: u32) -> Call<u32> {
        Call {
            client: "writer".into(),
            called: at(from),
            returned: to.map(at),
            what: Op::Write(value),
        }
    }

    #[test]
    fn known_histories() {
        let good: &[&[Call<u32>]] = &[
            &[],
            &[read(0, 1, 0)],
            &[
                write(0, Some(10), 1),
                read(2, 3, 0),
                read(4, 5, 1),
                read(11, 12, 1),
            ],
            // It may take effect late, or never.
            &[write(0, None, 1), read(5, 6, 0), read(7, 8, 1)],
            &[write(0, None, 1), read(5, 6, 0)],
            &[
                write(0, Some(10), 1),
                write(0, Some(10), 2),
                read(11, 12, 1),
                read(13, 14, 1),
            ],
        ];
        for (number, calls) in good.iter().enumerate() {
            assert_eq!(search(&0, calls), Ok(()), "{number}");
        }
        let bad: &[&[Call<u32>]] = &[
            &[read(0, 1, 7)],
            // A stale read.
            &[write(0, Some(1), 1), read(2, 3, 0)],
            // Seen, and then not.
            &[write(0, Some(10), 1), read(2, 3, 1), read(4, 5, 0)],
            &[write(0, None, 1), read(2, 3, 1), read(4, 5, 0)],
            // Two readers that disagree about the order.
            &[
                write(0, Some(10), 1),
                write(0, Some(10), 2),
                read(11, 12, 1),
                read(13, 14, 2),
            ],
            // Lost.
            &[write(0, Some(1), 1), write(2, Some(3), 2), read(4, 5, 1)],
        ];
        for (number, calls) in bad.iter().enumerate() {
            let error = search(&0, calls).unwrap_err();
            assert!(!error.given_up && error.longest < calls.len(), "{number}");
        }
    }

    #[test]
    fn what_has_not_come_to_pass_is_not_told() {
        let stamp = |at: Option<u64>| Stamp(Rc::new(Cell::new(at.map(Duration::from_millis))));
        let row = |called, returned| Row {
            client: "ahead".into(),
            called: stamp(called),
            returned: Some(stamp(returned)),
            what: Op::Read(Some(7)),
        };
        assert!(row(None, None).call().is_none());
        let begun = row(Some(1), None).call().unwrap();
        assert_eq!((begun.what, begun.returned), (Op::Read(None), None));
        let done = row(Some(1), Some(2)).call().unwrap();
        assert_eq!((done.what, done.returned), (Op::Read(Some(7)), Some(at(2))));
    }

    #[test]
    fn what_nobody_has_seen_is_left_out() {
        let calls = vec![
            write(0, None, 1),
            write(0, None, 2),
            write(0, Some(1), 3),
            read(2, 3, 2),
            Call {
                returned: None,
                what: Op::Read(None),
                ..read(2, 3, 0)
            },
        ];
        let left = telling(calls);
        assert_eq!(left.len(), 3);
        assert!(left.iter().all(|call| call.what != Op::Write(1)));
        // So that hundreds of them take no time.
        let mut calls: Vec<_> = (0..500).map(|at| write(at, None, at as u32 + 1)).collect();
        calls.push(read(600, 601, 500));
        calls.push(read(602, 603, 499));
        calls.push(read(604, 605, 500));
        assert!(!search(&0, &telling(calls)).unwrap_err().given_up);
    }

    #[test]
    fn long_histories_are_no_problem() {
        let mut calls = Vec::new();
        for round in 0..100_u32 {
            let start = u64::from(round) * 100;
            calls.push(write(start, Some(start + 90), 2 * round + 1));
            calls.push(write(start + 1, None, 2 * round + 2));
            calls.push(read(start + 2, start + 95, 2 * round + 1));
            calls.push(read(start + 3, start + 95, 2 * round + 2));
        }
        calls.sort_by_key(|call| call.called);
        assert_eq!(search(&0, &calls), Ok(()));
        let end = 100 * 100 + 1;
        calls.push(read(end, end + 1, 1));
        assert!(search(&0, &calls).is_err());
    }
}
