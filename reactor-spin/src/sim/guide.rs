//! [`Guide`]: which runs a search makes of those that it has seen.
//!
//! A run is its seed and its faults, and all runs with the same ones are the same up to the first difference. So a
//! search can go back to any moment of a run that it has seen, and on from there in another way: with the faults until
//! then, [another chance](FaultKind::Chance), and other faults.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::time::Duration;

use super::fault::{Fault, FaultKind};
use super::footprint::{Feature, Kind, Probed};
use super::nemesis::{Nemesis, Present};
use super::rng::Rng;

/// One in so many runs is by a seed alone, so that there are always new beginnings.
const FRESH: u64 = 4;

/// A run that has been, and goes on in another way.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    /// The faults until then.
    faults: Vec<Fault>,
    /// Until when, exclusively.
    until: Duration,
    /// What it is by from then on.
    chance: u64,
}

impl Branch {
    /// All faults: those until then, and those that a nemesis chooses or that were given from then on.
    pub(crate) fn faults(
        self,
        nemesis: Option<&Nemesis>,
        given: Option<Vec<Fault>>,
        present: &[Present],
    ) -> Vec<Fault> {
        let until = self.until;
        let mut faults = self.faults;
        let later = match (given, nemesis) {
            (Some(mut given), _) => {
                given.retain(|fault| fault.at >= until);
                given
            }
            (None, Some(nemesis)) => {
                let is_its = |fault: &&Fault| !matches!(fault.kind, FaultKind::Chance(_));
                let count = faults.iter().filter(is_its).count() as u64;
                nemesis.go_on(self.chance, present, count, until)
            }
            (None, None) => Vec::new(),
        };
        let chance = FaultKind::Chance(self.chance);
        faults.push(Fault::new(until, Duration::ZERO, chance));
        faults.extend(later);
        faults
    }
}

/// A run that is to be.
pub(crate) struct Candidate {
    pub(crate) seed: u64,
    pub(crate) branch: Option<Branch>,
}

/// A run that has been.
struct Run {
    seed: u64,
    faults: Vec<Fault>,
}

/// A feature: the run that leads to it by the fewest faults, and when.
struct Cell {
    run: Rc<Run>,
    faults: usize,
    at: u64,
    /// How many runs have shown it.
    shown: u64,
    /// How much of a run comes after it, in millionths.
    left: u64,
}

pub(crate) struct Guide {
    cells: BTreeMap<Kind, BTreeMap<u16, Cell>>,
    chance: Rng,
}

impl Guide {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            cells: BTreeMap::new(),
            chance: Rng::new(seed, 8),
        }
    }

    /// Takes in what a run has shown.
    pub(crate) fn learn(&mut self, seed: u64, probed: Probed) {
        let faults = probed.faults;
        let run = Rc::new(Run { seed, faults });
        let end = probed.end;
        let left = |at: u64| {
            let left = u128::from(end.saturating_sub(at)) * 1_000_000;
            (left / u128::from(end.max(1))) as u64
        };
        let mut new: Vec<Feature> = probed.features;
        new.sort_by_key(|feature| (feature.kind, feature.slot, feature.at));
        new.dedup_by_key(|feature| (feature.kind, feature.slot));
        for Feature { kind, slot, at } in new {
            let faults = run.until(at).count();
            let cells = self.cells.entry(kind).or_default();
            let cell = cells.entry(slot).or_insert_with(|| Cell {
                run: run.clone(),
                faults,
                at,
                shown: 0,
                left: left(at),
            });
            cell.shown += 1;
            if (faults, at) < (cell.faults, cell.at) {
                (cell.run, cell.faults, cell.at) = (run.clone(), faults, at);
                cell.left = left(at);
            }
        }
    }

    /// The runs that are to be next, of which each has a seed of its own.
    pub(crate) fn candidates(&mut self, seeds: impl Iterator<Item = u64>) -> Vec<Candidate> {
        // The rarer a feature, the more often it is gone on from; each time it is shown once more. And the earlier it
        // is, the more can come of that.
        let weights: Vec<Vec<u64>> = self
            .cells
            .values()
            .map(|cells| {
                let mut sum = 0;
                let cells = cells.values();
                let sums = cells.map(|cell| {
                    sum += cell.left * 1_000_000 / cell.shown;
                    sum
                });
                sums.collect()
            })
            .collect();
        seeds
            .map(|seed| {
                if weights.is_empty() || self.chance.below(FRESH) == 0 {
                    return Candidate { seed, branch: None };
                }
                let kind = self.chance.below(weights.len() as u64) as usize;
                let sums = &weights[kind];
                let sum = sums[sums.len() - 1];
                let thrown = self.chance.below(sum.max(1));
                let at = sums.partition_point(|sum| *sum <= thrown);
                let cells = self.cells.values().nth(kind);
                let cell = cells.and_then(|cells| cells.values().nth(at));
                match cell {
                    None => Candidate { seed, branch: None },
                    Some(cell) => Candidate {
                        seed: cell.run.seed,
                        branch: Some(cell.branch(&mut self.chance)),
                    },
                }
            })
            .collect()
    }
}

impl Run {
    /// The faults that have begun when something happens.
    fn until(&self, at: u64) -> impl Iterator<Item = &Fault> {
        let at = Duration::from_nanos(at);
        self.faults.iter().filter(move |fault| fault.at <= at)
    }
}

impl Cell {
    fn branch(&self, chance: &mut Rng) -> Branch {
        let mut faults: Vec<Fault> = self.run.until(self.at).cloned().collect();
        // Now and then without one of them: perhaps it was not needed, and there is room for another.
        if !faults.is_empty() && chance.chance(0.25) {
            faults.remove(chance.below(faults.len() as u64) as usize);
        }
        Branch {
            faults,
            until: Duration::from_nanos(self.at.saturating_add(1)),
            chance: chance.next(),
        }
    }
}
