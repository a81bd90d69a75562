//! [`Pending`]: what was submitted to a ring and has not completed, and in which order it begins and completes.

use alloc::collections::{BTreeMap, BTreeSet};
use std::os::fd::RawFd;

use super::ring::Work;
use super::squeue::Flags;

/// An operation that has not completed.
#[derive(Debug)]
pub(super) struct Submitted {
    pub(super) work: Work,
    pub(super) fd: Option<RawFd>,
    pub(super) flags: Flags,
    pub(super) user_data: u64,
    /// Whether the one before has to complete first.
    pub(super) follows: bool,
    /// Once it has begun: when it completes, and whether it fails.
    pub(super) due: Option<(u64, bool)>,
    /// It goes with one before it that has failed and would not have told of its success.
    pub(super) silent: bool,
    /// Whether timeouts that wait for completions count it: not each other.
    pub(super) counts: bool,
    /// Of a timeout that has begun and waits for completions: how many there have been then.
    until: u64,
}

impl Submitted {
    pub(super) fn new(work: Work, fd: Option<RawFd>, flags: Flags, user_data: u64) -> Self {
        Self {
            work,
            fd,
            flags,
            user_data,
            follows: false,
            due: None,
            silent: false,
            counts: true,
            until: 0,
        }
    }
}

/// They have numbers in the order of submission. There may be tens of thousands of them, so none is looked for among all.
#[derive(Debug, Default)]
pub(super) struct Pending {
    all: BTreeMap<u64, Submitted>,
    /// Counts those that there have been.
    made: u64,
    /// Those that have not begun and wait for no single one.
    idle: BTreeSet<u64>,
    /// Those that all before have to complete for, and that all after them wait for.
    drains: BTreeSet<u64>,
    /// Those that have begun, by when they complete.
    due: BTreeSet<(u64, u64)>,
    /// Timeouts that have begun and wait for completions, by how many there have been then.
    counting: BTreeSet<(u64, u64)>,
    /// How many completions there have been that count.
    counted: u64,
}

impl Pending {
    pub(super) fn push(&mut self, one: Submitted) {
        let number = self.made;
        self.made += 1;
        if !one.follows {
            self.idle.insert(number);
        }
        if one.flags.contains(Flags::IO_DRAIN) {
            self.drains.insert(number);
        }
        self.all.insert(number, one);
    }

    /// All of them, in the order of submission.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Submitted)> {
        self.all.iter().map(|(number, one)| (*number, one))
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Submitted> {
        self.all.get_mut(&number)
    }

    /// When the next one completes, and which one.
    pub(super) fn next(&self) -> Option<(u64, u64)> {
        self.due.first().copied()
    }

    /// The first of those that may begin.
    pub(super) fn next_to_begin(&self) -> Option<u64> {
        let first = *self.idle.first()?;
        // If this one may not, none after it may.
        let waits = match self.drains.first() {
            Some(drain) if *drain == first => self.all.keys().next() != Some(&first),
            Some(drain) => *drain < first,
            None => false,
        };
        (!waits).then_some(first)
    }

    /// One begins, and completes then.
    pub(super) fn begin(&mut self, number: u64, at: u64, fails: bool) {
        let Some(one) = self.all.get_mut(&number) else {
            return;
        };
        one.due = Some((at, fails));
        self.idle.remove(&number);
        self.due.insert((at, number));
        if let Work::Timeout(_, completions @ 1.., _) = one.work {
            one.until = self.counted + u64::from(completions);
            self.counting.insert((one.until, number));
        }
    }

    /// The result of one is there, whatever it was about to do; M2.
    pub(super) fn finish(&mut self, number: u64, result: i32, now: u64) {
        let Some(one) = self.all.get_mut(&number) else {
            return;
        };
        one.work = Work::Done(result);
        if let Some((at, _)) = one.due.replace((now, false)) {
            self.due.remove(&(at, number));
        }
        self.due.insert((now, number));
        self.idle.remove(&number);
        self.counting.remove(&(one.until, number));
    }

    /// Takes out one that completes.
    pub(super) fn take(&mut self, number: u64) -> Option<Submitted> {
        let one = self.all.remove(&number)?;
        if let Some((at, _)) = one.due {
            self.due.remove(&(at, number));
        }
        self.idle.remove(&number);
        self.drains.remove(&number);
        self.counting.remove(&(one.until, number));
        Some(one)
    }

    /// The one that waits for the one with this number, which it does no longer.
    pub(super) fn let_go(&mut self, number: u64) -> Option<u64> {
        let (next, one) = self.all.range_mut(number + 1..).next()?;
        if !core::mem::take(&mut one.follows) {
            return None;
        }
        self.idle.insert(*next);
        Some(*next)
    }

    /// Somebody was told of a completion: timeouts that have waited for it are done.
    pub(super) fn count(&mut self, now: u64) {
        self.counted += 1;
        while let Some((_, number)) = self
            .counting
            .first()
            .copied()
            .filter(|(until, _)| *until <= self.counted)
        {
            if let Some(one) = self.all.get_mut(&number) {
                one.counts = false;
            }
            self.finish(number, 0, now);
        }
    }

    /// Gives up all, in the order of submission.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Submitted> + use<> {
        core::mem::take(self).all.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::io_uring::types::TimeoutFlags;
    use crate::sim::rng::Rng;
    use alloc::vec::Vec;
    use core::time::Duration;

    fn one(chance: &mut Rng, user_data: u64) -> Submitted {
        let mut flags = Flags::empty();
        if chance.chance(0.1) {
            flags = flags.union(Flags::IO_DRAIN);
        }
        let work = match chance.below(3) {
            0 => Work::Timeout(
                Duration::ZERO,
                chance.below(4) as u32,
                TimeoutFlags::empty(),
            ),
            _ => Work::Done(0),
        };
        let mut one = Submitted::new(work, None, flags, user_data);
        one.follows = user_data > 0 && chance.chance(0.3);
        one
    }

    /// What begins next, by a look at all.
    fn begins(pending: &Pending) -> Option<u64> {
        let mut drains = false;
        for (at, (number, one)) in pending.iter().enumerate() {
            let is_drain = one.flags.contains(Flags::IO_DRAIN);
            let waits = one.follows || drains || (is_drain && at > 0);
            if one.due.is_none() && !waits {
                return Some(number);
            }
            drains |= is_drain;
        }
        None
    }

    #[test]
    fn the_first_is_the_one_that_a_look_at_all_finds() {
        let mut counted = 0;
        for seed in 0..50 {
            let mut chance = Rng::new(seed, 1);
            let mut pending = Pending::default();
            // Timeouts that have begun, and how many completions each still waits for.
            let mut waiting = Vec::<(u64, u32)>::new();
            for now in 0..200 {
                let new = one(&mut chance, now);
                pending.push(new);
                while let Some(number) = pending.next_to_begin() {
                    assert_eq!(Some(number), begins(&pending));
                    pending.begin(number, now + chance.below(5), false);
                    if let Work::Timeout(_, left @ 1.., _) = pending.get_mut(number).unwrap().work {
                        waiting.push((number, left));
                    }
                }
                assert_eq!(begins(&pending), None);
                while let Some((due, number)) = pending.next().filter(|(due, _)| *due <= now) {
                    let all = pending.iter();
                    let least = all.filter_map(|(number, one)| Some((one.due?.0, number)));
                    assert_eq!(Some((due, number)), least.min());
                    let taken = pending.take(number).unwrap();
                    assert_eq!(taken.user_data, number);
                    waiting.retain(|(other, _)| *other != number);
                    let breaks = chance.chance(0.3);
                    let mut linked = pending.let_go(number);
                    while let Some(next) = linked.filter(|_| breaks) {
                        pending.finish(next, -1, now);
                        linked = pending.let_go(next);
                    }
                    if !taken.counts {
                        continue;
                    }
                    pending.count(now);
                    for (number, left) in &mut waiting {
                        *left -= 1;
                        let one = pending.get_mut(*number).unwrap();
                        assert_eq!(one.counts, *left > 0);
                        assert_eq!(matches!(one.work, Work::Timeout(..)), *left > 0);
                    }
                    waiting.retain(|(_, left)| *left > 0);
                }
            }
            counted += pending.counted;
        }
        assert!(counted > 2000, "{counted}");
    }
}
