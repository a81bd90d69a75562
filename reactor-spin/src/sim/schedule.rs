//! [`Scheduler`]: which host runs next, of those that have something to do at the same instant.

use alloc::vec::Vec;

use super::rng::Rng;
use super::world::HostId;

/// How a simulation looks for orders of events that a program does not expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// Each choice is uniform: good at what goes wrong in many orders.
    #[default]
    Uniform,
    /// Hosts have priorities, by which they run and are served by the network, and a few times in a run one
    /// becomes the last (probabilistic concurrency testing): good at what goes wrong only if one host is far
    /// behind at the wrong time.
    Priorities {
        /// How often priorities change: the depth of the error that is looked for.
        changes: u32,
        /// In how many turns of hosts all changes happen: about as many as a run has.
        turns: u64,
    },
}

impl Strategy {
    /// How [`explore`](super::explore) runs a seed: each third one by priorities. Whoever runs a seed that it has found
    /// in another way chooses this one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_spin::sim; }
    /// use polliwog::sim::{Simulation, Strategy};
    ///
    /// let simulation = Simulation::builder(14).strategy(Strategy::of_seed(14)).build();
    /// # drop(simulation);
    /// ```
    pub fn of_seed(seed: u64) -> Self {
        match seed % 3 {
            2 => Self::Priorities {
                changes: 3,
                turns: 5000,
            },
            _ => Self::Uniform,
        }
    }
}

pub(crate) struct Scheduler {
    chance: Rng,
    strategy: Strategy,
    /// The greater runs first.
    priorities: Vec<u64>,
    /// The turns at which priorities change, the last one first.
    changes: Vec<u64>,
    turns: u64,
    behind: Option<HostId>,
}

impl Scheduler {
    pub(crate) fn new(seed: u64, strategy: Strategy) -> Self {
        let mut chance = Rng::new(seed, 4);
        let mut changes = Vec::new();
        if let Strategy::Priorities {
            changes: count,
            turns,
        } = strategy
        {
            changes.extend((0..count).map(|_| chance.below(turns)));
            changes.sort_unstable_by(|one, other| other.cmp(one));
        }
        Self {
            chance,
            strategy,
            priorities: Vec::new(),
            changes,
            turns: 0,
            behind: None,
        }
    }

    pub(crate) fn add_host(&mut self) {
        let priority = match self.strategy {
            Strategy::Uniform => 0,
            Strategy::Priorities { .. } => (1 << 32) + (self.chance.next() >> 32),
        };
        self.priorities.push(priority);
    }

    /// From now on chance is that of another seed; priorities stay.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.chance = Rng::new(seed, 4);
    }

    /// A seed for a host's executor.
    pub(crate) fn seed(&mut self) -> u64 {
        self.chance.next()
    }

    /// Which of these hosts runs next.
    pub(crate) fn choose(&mut self, ready: &[HostId]) -> Option<usize> {
        if ready.is_empty() {
            return None;
        }
        self.turns += 1;
        match self.strategy {
            Strategy::Uniform => Some(self.chance.below(ready.len() as u64) as usize),
            Strategy::Priorities { .. } => {
                let first =
                    (0..ready.len()).max_by_key(|at| self.priorities[ready[*at] as usize])?;
                if self.changes.last().is_some_and(|at| *at <= self.turns) {
                    // Lower than all at the beginning, and the later the lower.
                    self.priorities[ready[first] as usize] = self.changes.len() as u64;
                    self.changes.pop();
                    self.behind = Some(ready[first]);
                }
                Some(first)
            }
        }
    }

    /// The host that has become the last since this was asked: what goes to it is on its way [`SLOW`] times as
    /// long as usual.
    pub(crate) fn fell_behind(&mut self) -> Option<HostId> {
        self.behind.take()
    }
}

/// How much slower the network is for hosts that are behind.
pub(crate) const SLOW: u64 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_hold_until_they_change() {
        let strategy = Strategy::Priorities {
            changes: 1,
            turns: 10,
        };
        let mut scheduler = Scheduler::new(3, strategy);
        (0..5).for_each(|_| scheduler.add_host());
        let ready = [0, 1, 2, 3, 4];
        let chosen: Vec<_> = (0..20).map(|_| scheduler.choose(&ready).unwrap()).collect();
        let mut different = chosen.clone();
        different.dedup();
        assert_eq!(different.len(), 2, "{chosen:?}");
        assert_eq!(scheduler.fell_behind(), Some(chosen[0] as u32));
        assert_eq!(scheduler.fell_behind(), None);
    }
}
