//! All waiters but the first of each direction: on the heap, in the order in which they came. Builds without feature
//! `alloc` have `without_heap.rs` in place of this file.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;
use core::task::Waker;

use super::{Direction, First, Former, Readiness, WaiterId, is_same, wake_quietly};

mod crowd;

use crowd::{Crowd, Drained};

/// An event of the usual kind concerns one waiter at most.
pub(super) const ASK_ALWAYS: bool = false;

pub(super) struct Waiter {
    direction: Direction,
    id: WaiterId,
    waker: Waker,
}

/// In a box, since a row has room for one pointer.
pub(super) type Many = Box<Crowd>;

pub(super) struct Others(Cell<Option<Many>>);

/// Those without an identity who were too many, as some of them may have given up.
#[derive(Default)]
pub(super) struct Surplus(Option<Box<Drained>>);

impl Surplus {
    #[inline]
    pub(super) fn wake(self) {
        if let Some(drained) = self.0 {
            drained.wake();
        }
    }
}

/// Those whom an event sets free.
#[derive(Default)]
pub(super) struct Taken(Option<Many>);

impl Taken {
    #[inline]
    pub(super) fn wake(self) {
        if let Some(mut crowd) = self.0 {
            wake_all(&mut crowd);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |crowd| crowd.list.len())
    }

    pub(super) fn push(&mut self, direction: Direction, id: WaiterId, waker: Waker) {
        self.0.get_or_insert_default().list.push(Waiter {
            direction,
            id,
            waker,
        });
    }
}

/// Rare, and out of line for the sake of the usual case.
#[cold]
#[inline(never)]
fn wake_all(crowd: &mut Crowd) {
    for waiter in crowd.list.drain(..) {
        wake_quietly(waiter.waker);
    }
}

impl Others {
    pub(super) const fn new() -> Self {
        Self(Cell::new(None))
    }

    /// Adds one that has found the first place taken, by `there`.
    pub(super) fn add(
        &self,
        first: &First,
        there: Waker,
        (direction, id, waker): (Direction, WaiterId, Waker),
    ) -> Former {
        first.waker.set(Some(there));
        let mut crowd = self.0.take().unwrap_or_default();
        let known = (crowd.list.iter_mut()).find(|other| {
            other.direction == direction && is_same(other.id, &other.waker, id, &waker)
        });
        let former = match known {
            Some(known) => Former::own(core::mem::replace(&mut known.waker, waker)),
            None => {
                let surplus = Surplus(match id {
                    WaiterId::ANONYMOUS => crowd.make_room(direction, &waker),
                    _ => None,
                });
                crowd.list.push(Waiter {
                    direction,
                    id,
                    waker,
                });
                Former {
                    surplus,
                    ..Former::default()
                }
            }
        };
        self.0.set(Some(crowd));
        former
    }

    /// Whether there is one for this direction that `is` says it is.
    pub(super) fn have(&self, direction: Direction, is: impl Fn(WaiterId, &Waker) -> bool) -> bool {
        let crowd = self.0.take();
        let found = crowd.as_ref().is_some_and(|crowd| {
            (crowd.list.iter())
                .any(|other| other.direction == direction && is(other.id, &other.waker))
        });
        self.0.set(crowd);
        found
    }

    pub(super) fn forget(&self, direction: Direction, id: WaiterId) -> Option<Waker> {
        let mut crowd = self.0.take()?;
        let at =
            (crowd.list.iter()).position(|other| other.direction == direction && other.id == id);
        let waker = at.map(|at| crowd.list.remove(at).waker);
        self.put_back(crowd);
        waker
    }

    /// Takes out all, for the end of a source.
    pub(super) fn close(&self, _: Taken) -> Taken {
        Taken(self.0.take())
    }

    /// What every event brings, whoever waits.
    #[inline]
    pub(super) fn called(&self) -> Taken {
        Taken(None)
    }

    /// All, if there are any: to be [put back](Self::put_back), or to be [looked through](Self::take_ready).
    #[inline]
    pub(super) fn take_crowd(&self) -> Option<Many> {
        self.0.take()
    }

    pub(super) fn put_back(&self, crowd: Many) {
        if !crowd.is_empty() {
            self.0.set(Some(crowd));
        }
    }

    /// Takes out of all those that wait for something that `ready` has.
    pub(super) fn take_ready(&self, mut crowd: Many, ready: Readiness) -> Taken {
        let is_ready = |waiter: &Waiter| ready.intersects(waiter.direction.mask());
        if !crowd.is_known() && crowd.list.iter().all(is_ready) {
            return Taken(Some(crowd));
        }
        let (taken, left): (Vec<_>, Vec<_>) = crowd.list.drain(..).partition(is_ready);
        crowd.list = left;
        self.put_back(crowd);
        Taken((!taken.is_empty()).then(|| Box::new(Crowd::of(taken))))
    }

    /// Takes out the one that came next for this direction.
    pub(super) fn take_next(&self, direction: Direction) -> Option<(WaiterId, Waker)> {
        let mut crowd = self.0.take()?;
        let next = (crowd.list.iter()).position(|other| other.direction == direction);
        let next = next.map(|next| crowd.list.remove(next));
        self.put_back(crowd);
        next.map(|next| (next.id, next.waker))
    }
}
