//! [`Crowd`]: those who wait beside the first ones, and how many of them may be there who are perhaps not alive.
//!
//! A waiter without an identity that gives up leaves its waker behind, and nobody can tell it from one that is alive.
//! So once there are many of them they are woken, for nothing, and taken out: those who are alive come back. That
//! bounds the list; but if all of them are alive, and more than the bound, they would wake one another for ever. So
//! the bound follows the number of those who come back. Of those who are woken a few are kept in mind, the *probes*:
//!
//! * if half of them come back, the bound is doubled, as it is below twice the number of the living;
//! * if they have not come back by the time that so many more crowds have been woken as is the *patience*, they are
//!   dead: the bound is halved, and the patience doubled, as it may have been too short for a round of all who live.
//!
//! So `n` living waiters wake one another about `n log n` times altogether before they are left in peace, and one that
//! gives up costs the others no more than a share of a wake.

use alloc::boxed::Box;
#[cfg(not(target_has_atomic = "ptr"))]
use alloc::rc::Rc as Shared;
#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc as Shared;
use alloc::vec::Vec;
use core::task::Waker;

use super::{Direction, Waiter, WaiterId};
use crate::task::unwind::run_quietly;
use crate::task::wake_quietly;

/// So many may wait in any case, for each direction.
const LEAST: usize = 32;
/// How many of those who are woken are kept in mind.
const PROBES: usize = 4;
/// More patience than anybody can need: so many crowds have room for 2²⁵ waiters.
const MOST_PATIENCE: u32 = 1 << 20;

/// Wakers that are woken by one who may drop them, and kept in mind by another one who may not.
type Probes = Shared<Vec<Waker>>;

/// All but the first of each direction, in the order in which they came.
#[derive(Default)]
pub(in crate::sources) struct Crowd {
    pub(super) list: Vec<Waiter>,
    /// There once a crowd has been woken.
    bounds: [Option<Box<Bound>>; 2],
}

struct Bound {
    most: usize,
    probes: Option<Probes>,
    /// Which of them have come back.
    back: [bool; PROBES],
    /// How many crowds have been woken since.
    crowds: u32,
    patience: u32,
}

/// Those who are to be woken because they were too many.
pub(in crate::sources) struct Drained {
    list: Vec<Waiter>,
    probes: Option<Probes>,
    /// Former probes, which are to be dropped where nothing is borrowed.
    former: Option<Probes>,
}

impl Drained {
    #[cold]
    pub(super) fn wake(self) {
        for waiter in self.list {
            wake_quietly(waiter.waker);
        }
        for probe in self.probes.iter().flat_map(|probes| probes.iter()) {
            run_quietly(|| probe.wake_by_ref());
        }
        drop(self.former);
    }
}

impl Crowd {
    pub(super) fn of(list: Vec<Waiter>) -> Self {
        Self {
            list,
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty() && self.bounds.iter().all(Option::is_none)
    }

    /// Whether it knows how many really wait, which should outlast the wait.
    pub(super) fn is_known(&self) -> bool {
        self.bounds.iter().any(Option::is_some)
    }

    /// Makes room for one more without an identity, whose waker it is.
    pub(super) fn make_room(
        &mut self,
        direction: Direction,
        waker: &Waker,
    ) -> Option<Box<Drained>> {
        let bound = &mut self.bounds[direction as usize];
        let most = match bound {
            Some(bound) => {
                bound.note(waker);
                bound.most
            }
            None => LEAST,
        };
        let is_unknown =
            |waiter: &Waiter| waiter.direction == direction && waiter.id == WaiterId::ANONYMOUS;
        if self.list.len() < most || self.list.iter().filter(|one| is_unknown(one)).count() < most {
            return None;
        }
        let all = core::mem::take(&mut self.list).into_iter();
        let (list, left): (Vec<_>, Vec<_>) = all.partition(is_unknown);
        self.list = left;
        let mut drained = Drained {
            list,
            probes: None,
            former: None,
        };
        bound.get_or_insert_default().judge(&mut drained);
        Some(Box::new(drained))
    }
}

impl Default for Bound {
    fn default() -> Self {
        Self {
            most: LEAST,
            probes: None,
            back: [false; PROBES],
            crowds: 0,
            patience: 1,
        }
    }
}

impl Bound {
    /// Notes that a waiter has come.
    fn note(&mut self, waker: &Waker) {
        let Some(probes) = &self.probes else {
            return;
        };
        for (back, probe) in self.back.iter_mut().zip(probes.iter()) {
            *back = *back || probe.will_wake(waker);
        }
        if self.are_alive() && self.crowds != u32::MAX {
            self.most *= 2;
            // Judged; to be dropped with the next crowd.
            self.crowds = u32::MAX;
        }
    }

    fn are_alive(&self) -> bool {
        self.back.iter().filter(|back| **back).count() >= PROBES / 2
    }

    /// Judges the probes, if it is time, and takes new ones from a crowd.
    fn judge(&mut self, drained: &mut Drained) {
        self.crowds = self.crowds.saturating_add(1);
        if self.probes.is_some() && !self.are_alive() {
            if self.crowds <= self.patience {
                return;
            }
            self.most = (self.most / 2).max(LEAST);
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
        drained.former = self.probes.take();
        // From the last to the first, so that the others keep their places.
        let step = drained.list.len() / PROBES;
        let probes = (0..PROBES).rev();
        let probes = probes.map(|at| drained.list.remove(at * step).waker);
        let probes = Shared::new(probes.collect());
        self.probes = Some(Shared::clone(&probes));
        drained.probes = Some(probes);
        self.back = [false; PROBES];
        self.crowds = 0;
    }
}
