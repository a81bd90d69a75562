//! Seeded schedules: the tasks of a turn in an order drawn from a seed.

use super::ready::{Chain, LAST, ReadyQueue, Turn, is_end};
use super::slot::Slot;
use crate::executor::random::generator::next;

impl Turn<'_> {
    /// Puts the slots in an order drawn from `seed`, those that have yielded among the others.
    #[cold]
    pub(crate) fn shuffle(&mut self, seed: &mut u64) {
        if !is_end(self.yielded.next) {
            if !is_end(self.rest.next) {
                // SAFETY: R1, S1: the `next` of the last slot.
                unsafe { (*self.rest.tail).set(self.yielded.next) };
                self.yielded.next = self.rest.next;
            }
            self.rest = self.yielded;
            self.yielded.next = LAST;
        }
        let (mut len, mut name) = (0, self.rest.next);
        while !is_end(name) {
            // SAFETY: R1: what is in a list is the name of a slot.
            name = unsafe { ReadyQueue::find(name) }.slot.next.get();
            len += 1;
        }
        if len > 0 {
            let (next, last) = shuffled(self.rest.next, len, seed);
            self.rest = Chain {
                next,
                tail: &last.next,
            };
        }
    }
}

/// Shuffles the `len` slots from `first` on, each order being as likely as any other: both
/// halves, and then the halves into one another. Returns the first one's name and the last slot,
/// after which there is none.
fn shuffled(first: *const (), len: usize, seed: &mut u64) -> (*const (), &'static Slot) {
    // SAFETY: R1: the names are those of slots in the list.
    let slot = |name| unsafe { ReadyQueue::find(name) }.slot;
    if len == 1 {
        slot(first).next.set(LAST);
        return (first, slot(first));
    }
    let half = len / 2;
    let middle = (0..half).fold(first, |name, _| slot(name).next.get());
    let mut lists = [
        (shuffled(first, half, seed).0, half),
        (shuffled(middle, len - half, seed).0, len - half),
    ];
    let mut draw = || {
        *seed = next(*seed);
        let drawn = (*seed >> 33) as usize % (lists[0].1 + lists[1].1);
        let (name, left) = &mut lists[usize::from(drawn >= lists[0].1)];
        *left -= 1;
        let drawn = *name;
        *name = slot(drawn).next.replace(LAST);
        drawn
    };
    let head = draw();
    let last = (1..len).fold(slot(head), |last, _| {
        let name = draw();
        last.next.set(name);
        slot(name)
    });
    (head, last)
}
