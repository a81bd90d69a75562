//! [`Log`]: what clients did, and when, and whether anybody has checked it.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::panic::Location;
use core::time::Duration;
use std::thread::panicking;

use crate::sim::ambient::{control, host_name};

/// What clients did; clones are the same.
#[derive(Debug)]
pub(super) struct Log<C, A>(Rc<Told<C, A>>);

impl<C, A> Clone for Log<C, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What clients have told a history.
#[derive(Debug)]
struct Told<C, A> {
    /// Where the test has made it.
    place: &'static Location<'static>,
    rows: RefCell<Vec<Row<C, A>>>,
    /// How many moments there were.
    moments: Rc<Cell<u64>>,
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

impl<C, A> Drop for Told<C, A> {
    fn drop(&mut self) {
        let rows = self.rows.get_mut().iter();
        let count = rows.filter(|row| row.called.0.get().is_some()).count();
        // A test that fails already has a better reason, though it may have told nothing in the run that has failed.
        if self.is_checked.get() || panicking() || failed() != self.failed_before {
            return;
        }
        if let Some(fate) = self.fate.get_mut() {
            fate.has_unchecked(count, self.place);
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
    /// Where the first history that nobody will check was made.
    place: Cell<Option<&'static Location<'static>>>,
}

impl Fate {
    /// The run has come to an end, for now.
    pub(crate) fn went(&self, well: bool) {
        self.went_well.set(Some(well));
        if !well {
            FAILED.set(failed() + 1);
        }
    }

    /// Nobody checks a history with so many operations, which was made there.
    fn has_unchecked(&self, count: usize, place: &'static Location<'static>) {
        if count > 0 {
            self.place.set(self.place.get().or(Some(place)));
        }
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
            count => {
                let plural = if count == 1 { "" } else { "s" };
                let place = self
                    .place
                    .take()
                    .map(|place| format!("; it was made at {place}"));
                let place = place.unwrap_or_default();
                Some(format!(
                    "a history was never checked: {count} operation{plural}{place}"
                ))
            }
        }
    }
}

/// When something was told to a history, and after how much else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) at: Duration,
    /// On one host this tells what came first at the same instant. Hosts are not in any order at an instant.
    pub(super) order: u64,
}

/// A moment, as soon as it has come: a host that calls may be ahead, and come to its end before.
#[derive(Clone, Debug)]
struct Stamp(Rc<Cell<Option<Moment>>>);

/// What a client has asked for, and the answer to it.
#[derive(Debug)]
struct Row<C, A> {
    client: Arc<str>,
    called: Stamp,
    call: C,
    answer: Option<(Stamp, A)>,
}

/// What a client has asked for, when, and the answer to it, as far as that has happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call<C, A> {
    /// The host that has called.
    pub(super) client: Arc<str>,
    pub(super) called: Moment,
    pub(super) call: C,
    pub(super) answer: Option<(Moment, A)>,
}

impl<C, A> Call<C, A> {
    /// When it was answered.
    pub(super) fn returned(&self) -> Option<Duration> {
        self.answer.as_ref().map(|(moment, _)| moment.at)
    }

    /// Whether it was answered before the same host has called again, at the same instant.
    pub(super) fn is_just_before(&self, other: &Self) -> bool {
        let is_before = |(answered, _): &(Moment, A)| {
            answered.at == other.called.at && answered.order < other.called.order
        };
        self.client == other.client && self.answer.as_ref().is_some_and(is_before)
    }
}

impl<C: Clone, A: Clone> Row<C, A> {
    /// What of it has happened.
    fn call(&self) -> Option<Call<C, A>> {
        let answer = self.answer.as_ref();
        Some(Call {
            client: self.client.clone(),
            called: self.called.0.get()?,
            call: self.call.clone(),
            answer: answer.and_then(|(stamp, answer)| Some((stamp.0.get()?, answer.clone()))),
        })
    }
}

impl<C, A> Log<C, A> {
    #[track_caller]
    pub(super) fn new() -> Self {
        Self(Rc::new(Told {
            place: Location::caller(),
            rows: RefCell::default(),
            moments: Rc::default(),
            is_checked: Cell::new(false),
            fate: RefCell::default(),
            failed_before: failed(),
        }))
    }

    /// The present moment of whoever calls.
    #[track_caller]
    fn now(&self) -> Stamp {
        let stamp = Stamp(Rc::default());
        let (cell, moments) = (stamp.0.clone(), self.0.moments.clone());
        control().world.act(move |world| {
            moments.set(moments.get() + 1);
            cell.set(Some(Moment {
                at: Duration::from_nanos(world.now.get()),
                order: moments.get(),
            }));
        });
        stamp
    }

    /// A client calls, now. Returns the number of the call.
    #[track_caller]
    pub(super) fn call(&self, call: C) -> usize {
        let fate = control().world.fate.clone();
        self.0.fate.replace(Some(fate));
        let client = host_name().unwrap_or_default();
        let row = Row {
            client: client.into(),
            called: self.now(),
            call,
            answer: None,
        };
        let mut rows = self.0.rows.borrow_mut();
        rows.push(row);
        rows.len() - 1
    }

    /// The answer to the call with this number is there, now.
    pub(super) fn answer(&self, number: usize, answer: A) {
        let answer = (self.now(), answer);
        self.0.rows.borrow_mut()[number].answer = Some(answer);
    }

    pub(super) fn len(&self) -> usize {
        self.0.rows.borrow().len()
    }
}

impl<C: Clone, A: Clone> Log<C, A> {
    /// What has happened, for somebody who checks it.
    pub(super) fn calls(&self) -> Vec<Call<C, A>> {
        self.0.is_checked.set(true);
        self.0.rows.borrow().iter().filter_map(Row::call).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_come_to_pass_is_not_told() {
        let at = |millis| Moment {
            at: Duration::from_millis(millis),
            order: millis,
        };
        let stamp = |millis: Option<u64>| Stamp(Rc::new(Cell::new(millis.map(at))));
        let row = |called, returned| Row {
            client: "ahead".into(),
            called: stamp(called),
            call: "read",
            answer: Some((stamp(returned), 7)),
        };
        assert!(row(None, None).call().is_none());
        let begun = row(Some(1), None).call().unwrap();
        assert_eq!((begun.called, begun.answer), (at(1), None));
        let done = row(Some(1), Some(2)).call().unwrap();
        assert_eq!(done.answer, Some((at(2), 7)));
    }
}
