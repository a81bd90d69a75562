//! [`History`] and [`ModelHistory`]: whether what clients saw could have happened one after the other.

mod log;
mod model;
mod search;
mod zones;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use self::log::{Call, Log};
use self::search::{MOST, SHOWN, search};

pub(crate) use self::log::Fate;
pub use self::model::{Calling, Model, ModelHistory};
pub use self::search::NotLinearizable;

/// What clients did with one register (one key of a store) and when: a checker for linearizability.
///
/// A history is linearizable if there is an order of all operations in which each takes effect at one instant between its
/// call and its return, and each read sees the write before it. An operation whose answer never came may have taken
/// effect at any time after its call, or not at all.
///
/// What a host does after an answer comes after it, at the same instant, too; hosts are not in any order at an instant.
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
    log: Log<Op<T>, Option<T>>,
}

/// What a client asks of a register. The answer to a read is the value.
#[derive(Clone, Debug, PartialEq)]
enum Op<T> {
    Read,
    Write(T),
}

type Use<T> = Call<Op<T>, Option<T>>;

/// A write whose answer has not come yet. Dropped, it never does.
#[derive(Debug)]
#[must_use = "without an answer the write may have taken effect or not"]
pub struct Writing<T>(Log<Op<T>, Option<T>>, usize);

/// A read whose answer has not come yet. Dropped, it never does, and says nothing.
#[derive(Debug)]
#[must_use = "without an answer the read says nothing"]
pub struct Reading<T>(Log<Op<T>, Option<T>>, usize);

impl<T: Clone + PartialEq + fmt::Debug> History<T> {
    /// The history of a register that holds `first`.
    #[track_caller]
    pub fn new(first: T) -> Self {
        Self {
            first,
            log: Log::new(),
        }
    }

    /// A client asks for a value to be written, now.
    ///
    /// # Panics
    ///
    /// Outside of a simulation.
    #[track_caller]
    pub fn write(&self, value: T) -> Writing<T> {
        Writing(self.log.clone(), self.log.call(Op::Write(value)))
    }

    /// A client asks for the value, now.
    ///
    /// # Panics
    ///
    /// Outside of a simulation.
    #[track_caller]
    pub fn read(&self) -> Reading<T> {
        Reading(self.log.clone(), self.log.call(Op::Read))
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Looks for an order.
    ///
    /// # Errors
    ///
    /// [`NotLinearizable`] if there is none. If no value is written twice, nor the first one again, that is decided at once,
    /// however many clients there are. Else a history in which very many operations go on at once may take too long to look
    /// through; then it is an error, too, and says so ([`NotLinearizable::given_up`]).
    pub fn check(&self) -> Result<(), NotLinearizable> {
        let calls = telling(self.log.calls());
        find_order(&self.first, calls)
    }
}

/// Leaves out what says nothing: a read without an answer, and a write without one whose value nobody has seen, which
/// may have taken no effect. Many of those would make the search long.
fn telling<T: Clone + PartialEq>(calls: Vec<Use<T>>) -> Vec<Use<T>> {
    let says_something = |call: &&Use<T>| match &call.call {
        Op::Read => call.answer.is_some(),
        Op::Write(value) => {
            call.answer.is_some()
                || calls
                    .iter()
                    .any(|other| matches!(&other.answer, Some((_, Some(saw))) if saw == value))
        }
    };
    calls.iter().filter(says_something).cloned().collect()
}

/// The state is the place of the last write, so that values need not be compared but for equality.
fn find_order<T: Clone + PartialEq + fmt::Debug>(
    first: &T,
    calls: Vec<Use<T>>,
) -> Result<(), NotLinearizable> {
    match zones::decide(first, &calls) {
        Some(true) => Ok(()),
        // What is left is to show where.
        Some(false) => look(first, calls, SHOWN).map_err(NotLinearizable::proven),
        None => look(first, calls, MOST),
    }
}

fn look<T: Clone + PartialEq + fmt::Debug>(
    first: &T,
    calls: Vec<Use<T>>,
    most: usize,
) -> Result<(), NotLinearizable> {
    let step = |calls: &[Use<T>], last: &Option<usize>, at: usize| {
        let value = match last.map(|last| &calls[last].call) {
            Some(Op::Write(value)) => value,
            _ => first,
        };
        match (&calls[at].call, &calls[at].answer) {
            (Op::Write(_), _) => Some(Some(at)),
            (Op::Read, Some((_, Some(saw)))) => (saw == value).then_some(*last),
            (Op::Read, _) => None,
        }
    };
    search(calls, None, most, step, shown)
}

fn shown<T: fmt::Debug>(call: &Use<T>) -> String {
    match (&call.call, &call.answer) {
        (Op::Read, answer) => {
            let saw = answer.as_ref().and_then(|(_, saw)| saw.as_ref());
            format!("Read({saw:?})")
        }
        (write, _) => format!("{write:?}"),
    }
}

impl<T> Writing<T> {
    /// The answer is there: the value was written.
    pub fn done(self) {
        self.0.answer(self.1, None);
    }
}

impl<T> Reading<T> {
    /// The answer is there: this was the value.
    pub fn saw(self, value: T) {
        self.0.answer(self.1, Some(value));
    }
}

#[cfg(test)]
mod tests {
    use super::log::Moment;
    use super::*;
    use alloc::vec;
    use core::time::Duration;

    fn at(millis: u64) -> Moment {
        Moment {
            at: Duration::from_millis(millis),
            order: 0,
        }
    }

    fn read(from: u64, to: u64, saw: u32) -> Use<u32> {
        Call {
            client: "reader".into(),
            called: at(from),
            call: Op::Read,
            answer: Some((at(to), Some(saw))),
        }
    }

    fn write(from: u64, to: Option<u64>, value: u32) -> Use<u32> {
        Call {
            client: "writer".into(),
            called: at(from),
            call: Op::Write(value),
            answer: to.map(|to| (at(to), None)),
        }
    }

    fn search(first: u32, calls: &[Use<u32>]) -> Result<(), NotLinearizable> {
        find_order(&first, calls.to_vec())
    }

    #[test]
    fn known_histories() {
        let good: &[&[Use<u32>]] = &[
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
            assert_eq!(search(0, calls), Ok(()), "{number}");
        }
        let bad: &[&[Use<u32>]] = &[
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
            let error = search(0, calls).unwrap_err();
            assert!(!error.given_up && error.longest < calls.len(), "{number}");
        }
    }

    #[test]
    fn what_nobody_has_seen_is_left_out() {
        let calls = vec![
            write(0, None, 1),
            write(0, None, 2),
            write(0, Some(1), 3),
            read(2, 3, 2),
            Call {
                answer: None,
                ..read(2, 3, 0)
            },
        ];
        let left = telling(calls);
        assert_eq!(left.len(), 3);
        assert!(left.iter().all(|call| call.call != Op::Write(1)));
        // So that hundreds of them take no time.
        let mut calls: Vec<_> = (0..500).map(|at| write(at, None, at as u32 + 1)).collect();
        calls.push(read(600, 601, 500));
        calls.push(read(602, 603, 499));
        calls.push(read(604, 605, 500));
        assert!(!search(0, &telling(calls)).unwrap_err().given_up);
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
        assert_eq!(search(0, &calls), Ok(()));
        let end = 100 * 100 + 1;
        calls.push(read(end, end + 1, 1));
        assert!(search(0, &calls).is_err());
    }
}
