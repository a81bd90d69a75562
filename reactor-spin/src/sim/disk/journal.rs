//! [`Journal`]: what has been done to a file or to names since it was safe.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What can be done, and undone.
pub(super) trait Step {
    type On;
    /// What it takes to undo it.
    type Undo;

    /// Does it. What it is about may be another place each time.
    fn apply(&mut self, on: &mut Self::On) -> Self::Undo;

    /// Undoes what was done last.
    fn undo(undo: Self::Undo, on: &mut Self::On);
}

/// What has been done, in the order of its instants. A program that has run ahead does it at instants that are still to come, and may
/// come to its end before them; what its system or the test does meanwhile comes before that.
pub(super) struct Journal<S: Step> {
    rows: VecDeque<Row<S>>,
    /// So many of them are done to what the journal is about, as whoever has looked last has found it.
    seen: usize,
}

struct Row<S: Step> {
    at: u64,
    what: What<S>,
}

enum What<S: Step> {
    /// With what undoes it, while it is done.
    Done(S, Option<S::Undo>),
    /// From this instant on all before it is safe.
    Synced(u64),
}

impl<S: Step> Default for Journal<S> {
    fn default() -> Self {
        Self {
            rows: VecDeque::new(),
            seen: 0,
        }
    }
}

impl<S: Step> Journal<S> {
    /// Does something at the instant `at`. Returns what undoes it.
    pub(super) fn push(&mut self, on: &mut S::On, at: u64, mut step: S) -> Option<&S::Undo> {
        self.look(on, at);
        let undo = step.apply(on);
        let what = What::Done(step, Some(undo));
        self.rows.insert(self.seen, Row { at, what });
        self.seen += 1;
        match &self.rows[self.seen - 1].what {
            What::Done(_, undo) => undo.as_ref(),
            What::Synced(_) => None,
        }
    }

    /// A sync that is over at the instant `at`: it is about what was done up to `until`.
    pub(super) fn sync(&mut self, until: u64, at: u64) {
        let place = self.until(until);
        let what = What::Synced(at);
        self.rows.insert(place, Row { at: until, what });
        if place <= self.seen {
            self.seen += 1;
        }
    }

    /// How many rows are not later than that.
    fn until(&self, instant: u64) -> usize {
        self.rows.partition_point(|row| row.at <= instant)
    }

    /// Lets all be done that is done up to an instant, and nothing else. It takes as long as what has been done between that
    /// and the instant of whoever has looked last.
    pub(super) fn look(&mut self, on: &mut S::On, instant: u64) {
        let until = self.until(instant);
        while self.seen > until {
            self.seen -= 1;
            if let What::Done(_, undo) = &mut self.rows[self.seen].what {
                undo.take().into_iter().for_each(|undo| S::undo(undo, on));
            }
        }
        self.see(on, until);
    }

    fn see(&mut self, on: &mut S::On, until: usize) {
        while self.seen < until {
            if let What::Done(step, undo) = &mut self.rows[self.seen].what {
                *undo = Some(step.apply(on));
            }
            self.seen += 1;
        }
    }

    /// Lets go what is safe at the instant `now`: what is synced by then, and what was done up to `old`.
    pub(super) fn settle(&mut self, on: &mut S::On, now: u64, old: Option<u64>) {
        self.see(on, self.until(now));
        let is_synced = |row: &Row<S>| matches!(row.what, What::Synced(at) if at <= now);
        let synced = self.rows.iter().rposition(is_synced);
        let count = old.map_or(0, |old| self.until(old));
        let count = count.max(synced.map_or(0, |at| at + 1));
        self.seen -= count;
        self.rows.drain(..count);
    }

    /// Leaves out what would be done after the instant `now`.
    pub(super) fn forget(&mut self, on: &mut S::On, now: u64) {
        self.look(on, now);
        self.rows.retain(|row| match row.what {
            What::Done(..) => row.at <= now,
            What::Synced(at) => at <= now,
        });
        self.seen = self.rows.len();
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.iter().count()
    }

    /// Undoes all but the first steps, of which all have been done, and lets go of all of them. Returns those that were undone.
    pub(super) fn cut(&mut self, on: &mut S::On, kept: usize) -> Vec<S> {
        self.seen = 0;
        let rows = core::mem::take(&mut self.rows).into_iter();
        let done = rows.filter_map(|row| match row.what {
            What::Done(step, undo) => Some((step, undo)),
            What::Synced(_) => None,
        });
        let (steps, undos): (Vec<S>, Vec<_>) = done.skip(kept).unzip();
        for undo in undos.into_iter().rev().flatten() {
            S::undo(undo, on);
        }
        steps
    }

    /// The steps, each with what undoes it if it is done.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&S, Option<&S::Undo>)> {
        self.rows.iter().filter_map(|row| match &row.what {
            What::Done(step, undo) => Some((step, undo.as_ref())),
            What::Synced(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counted;

    impl Step for Counted {
        type On = usize;
        type Undo = ();

        fn apply(&mut self, count: &mut usize) {
            *count += 1;
        }

        fn undo((): (), count: &mut usize) {
            *count += 1;
        }
    }

    /// Whoever looks back does as much as has been done since, however much there was before.
    #[test]
    fn a_look_back_takes_as_long_as_what_it_goes_back_over() {
        const FILES: usize = 10_000;
        const LOOKS: usize = 1000;
        let (mut journal, mut count) = (Journal::default(), 0);
        for _ in 0..FILES {
            journal.push(&mut count, 1, Counted);
        }
        journal.push(&mut count, 9, Counted);
        for _ in 0..LOOKS {
            journal.look(&mut count, 5);
            journal.look(&mut count, 9);
        }
        assert_eq!(count, FILES + 1 + 2 * LOOKS);
        journal.settle(&mut count, 1, Some(1));
        journal.forget(&mut count, 1);
        assert_eq!((journal.len(), count), (0, FILES + 2 + 2 * LOOKS));
    }
}
