//! Coarse lists in front of the heap, for executors with many timers.
//!
//! The heap is exact and small as long as few timers are in it; with a hundred thousand, to take
//! out the first of them looks at nodes all over the memory. So what is due later than the others
//! waits in lists without any order, each of which stands for a span of time, and moves into the
//! heap when its span begins. Deadlines lose nothing by that: what fires comes from the heap.
//!
//! A list of the lowest level spans a *tick* of about a millisecond, one of each further level 128
//! times as much. A timer's level is that of the highest digit, to the base of 128, in which its
//! tick differs from the present one. Whatever comes later than the highest level's lists reach,
//! after half an hour, lies in the heap.
//!
//! Invariants, besides those of the [queue](super):
//!
//! * **T4, lists.** A node whose `list` is not zero is linked into that list: `next` is the next
//!   node there, `prev` the one before or, for the first, null.
//! * **T5, base.** The tick of a node in a list is later than `base`, and the list is that of the
//!   highest digit in which the two differ. Hence the list that begins first is the first one of
//!   the lowest level that has any, and the heap has all timers up to the tick `base`.

use alloc::boxed::Box;
use core::cell::{Cell, OnceCell};
use core::mem::MaybeUninit;
use core::ptr;

use super::{Link, TimerNode};
use crate::time::instant::Instant;

/// Of a node: the number of the list that it is in, or zero.
pub(super) struct Number(Cell<u16>);

impl Number {
    pub(super) const fn new() -> Self {
        Self(Cell::new(0))
    }
}

/// Up to so many timers all are in the heap.
const FEW: u32 = 64;
/// Nanoseconds of a tick, as a shift.
const TICK: u32 = 20;
const LEVELS: usize = 3;
const DIGIT: u32 = 7;
const LISTS: usize = 1 << DIGIT;

pub(super) struct Wheel {
    /// All timers: in lists and in the heap.
    len: Cell<u32>,
    base: Cell<u64>,
    /// A bit for each list that is not empty.
    occupied: [Cell<u128>; LEVELS],
    /// Made when the first timer comes that is not of the few: most executors have no more.
    lists: OnceCell<Box<Lists>>,
}

type Lists = [[Cell<Link>; LISTS]; LEVELS];

impl Wheel {
    pub(super) const fn new() -> Self {
        Self {
            len: Cell::new(0),
            base: Cell::new(0),
            occupied: [const { Cell::new(0) }; LEVELS],
            lists: OnceCell::new(),
        }
    }

    /// Whether there is no timer at all.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    /// Counts a new timer, and takes it unless it belongs into the heap.
    #[inline]
    pub(super) fn take(&self, node: &TimerNode) -> bool {
        let len = self.len.get();
        self.len.set(len + 1);
        len >= FEW && self.place(node)
    }

    /// Counts a timer that goes, and takes it out of its list if it is in one.
    #[inline]
    pub(super) fn give_back(&self, node: &TimerNode) -> bool {
        self.len.set(self.len.get() - 1);
        let list = node.list.0.get();
        if list == 0 {
            return false;
        }
        self.unlink(node, usize::from(list - 1));
        true
    }

    /// When the first list begins: nothing in any list is due before.
    #[inline]
    pub(super) fn begins(&self) -> Option<Instant> {
        if self.len.get() <= FEW && self.occupied.iter().all(|bits| bits.get() == 0) {
            return None;
        }
        let (_, _, start) = self.first()?;
        Some(Instant::from_nanos(start << TICK))
    }

    /// Hands out all timers that may be due at `now`.
    #[inline]
    pub(super) fn advance(&self, now: Instant, near: impl FnMut(&TimerNode)) {
        let tick = now.as_nanos() >> TICK;
        if tick > self.base.get() {
            self.advance_to(tick, near);
        }
    }

    /// For another clock; there is no timer.
    pub(super) fn reset(&self) {
        self.base.set(0);
    }

    fn advance_to(&self, tick: u64, mut near: impl FnMut(&TimerNode)) {
        while let (Some((level, index, start)), Some(lists)) = (self.first(), self.lists.get()) {
            if start > tick {
                break;
            }
            // T5: nothing is left in a list below, and lists above still differ in their digit.
            self.base.set(start);
            let bits = &self.occupied[level];
            bits.set(bits.get() & !(1 << index));
            let mut next = lists[level][index].replace(ptr::null());
            while !next.is_null() {
                // SAFETY: T1: a linked node is alive; T4: so are its neighbours in the list.
                let node = unsafe { &*next };
                fetch(node);
                next = node.next.replace(ptr::null());
                node.prev.set(ptr::null());
                node.list.0.set(0);
                if !self.place(node) {
                    near(node);
                }
            }
        }
        // T5: no list begins before that, so each still differs from it in the same digit.
        self.base.set(tick);
    }

    /// The list that begins first: level, index, and its first tick.
    fn first(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|bits| bits.get() != 0)?;
        let index = self.occupied[level].get().trailing_zeros();
        let shift = DIGIT * level as u32;
        let above = self.base.get() >> shift & !(LISTS as u64 - 1);
        Some((level, index as usize, (above | u64::from(index)) << shift))
    }

    /// Links a node into the list that its deadline asks for; `false` if that is none.
    fn place(&self, node: &TimerNode) -> bool {
        let tick = node.deadline().as_nanos() >> TICK;
        let base = self.base.get();
        let differ = tick ^ base;
        if tick <= base || differ >> (DIGIT * LEVELS as u32) != 0 {
            return false;
        }
        let level = (differ.ilog2() / DIGIT) as usize;
        let index = (tick >> (DIGIT * level as u32)) as usize % LISTS;
        let bits = &self.occupied[level];
        bits.set(bits.get() | 1 << index);
        let lists = self.lists.get_or_init(|| {
            Box::new([const { [const { Cell::new(ptr::null()) }; LISTS] }; LEVELS])
        });
        let next = lists[level][index].replace(node);
        node.next.set(next);
        node.prev.set(ptr::null());
        node.list.0.set((level * LISTS + index + 1) as u16);
        if !next.is_null() {
            // SAFETY: T1: a linked node is alive; T4: so are its neighbours in the list.
            unsafe { (*next).prev.set(node) };
        }
        true
    }

    fn unlink(&self, node: &TimerNode, list: usize) {
        let (level, index) = (list / LISTS, list % LISTS);
        let next = node.next.replace(ptr::null());
        let prev = node.prev.replace(ptr::null());
        node.list.0.set(0);
        // SAFETY: T1: a linked node is alive; T4: so are its neighbours in the list.
        unsafe {
            if !next.is_null() {
                (*next).prev.set(prev);
            }
            if !prev.is_null() {
                (*prev).next.set(next);
                return;
            }
        }
        if let Some(lists) = self.lists.get() {
            lists[level][index].set(next);
        }
        if next.is_null() {
            let bits = &self.occupied[level];
            bits.set(bits.get() & !(1 << index));
        }
    }
}

/// Makes the processor fetch the waker, which as a rule lies in another cache line than what
/// the lists look at, without waiting for it: it will be needed soon.
#[inline]
fn fetch(node: &TimerNode) {
    // SAFETY: T2; a word within the cell, whatever it holds, is only loaded.
    unsafe { ptr::read_volatile(node.waker.get().cast::<MaybeUninit<usize>>()) };
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::TimerQueue;
    use super::*;
    use crate::executor::random::generator::next as next_random;
    use crate::time::with_static;
    use std::boxed::Box;
    use std::collections::BTreeMap;
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Wake, Waker};
    use std::vec::Vec;

    struct Note(usize, Arc<Mutex<Vec<usize>>>);

    impl Wake for Note {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    /// Many timers, near ones and far ones, inserted, moved, cancelled and fired at random: each
    /// fires at the first look that is not before its deadline, in the order of the deadlines, and
    /// no wait ends after the first of them.
    #[test]
    fn many_timers_fire_like_a_sorted_list() {
        for seed in 1..=20 {
            with_static(TimerQueue::new(), |queue| check(queue, seed));
        }
    }

    fn check(queue: &'static TimerQueue, seed: u64) {
        let mut random = seed * 0x9E37_79B9;
        let mut draw = |below: u64| {
            random = next_random(random);
            (random >> 11) % below
        };
        // Of any order of magnitude below this power of two.
        let magnitude = |draw: &mut dyn FnMut(u64) -> u64, bits| {
            let bits = draw(bits);
            draw(1 << bits)
        };
        let fired = Arc::new(Mutex::new(Vec::new()));
        let timers: Vec<Pin<Box<TimerNode>>> = (0..if cfg!(miri) { 50 } else { 500 })
            .map(|_| Box::pin(TimerNode::new(Instant::ZERO)))
            .collect();
        let mut expected: BTreeMap<(u64, u32), usize> = BTreeMap::new();
        let mut keys: Vec<Option<(u64, u32)>> = std::vec![None; timers.len()];
        // Not at the start of a digit.
        let mut now = seed << 33 | 12_345;
        let mut waiting = 0;
        for order in 0..if cfg!(miri) { 70 } else { 20_000 } {
            let number = draw(timers.len() as u64) as usize;
            let timer = timers[number].as_ref();
            match draw(8) {
                0 => {
                    if let Some(key) = keys[number].take() {
                        expected.remove(&key);
                        waiting -= 1;
                    }
                    timer.cancel();
                }
                1 => {
                    // Time goes on, by little or until the end of the next wait.
                    let until = queue.next_deadline().map(Instant::as_nanos);
                    let first = expected.keys().next().map(|key| key.0);
                    let first = first.filter(|first| *first != u64::MAX);
                    assert!(until.is_some() || first.is_none());
                    assert!(first.is_none() || until <= first);
                    now = match until {
                        Some(until) if draw(2) == 0 && until != u64::MAX => now.max(until),
                        _ => now + magnitude(&mut draw, 40),
                    };
                    queue.fire(Instant::from_nanos(now));
                    let mut due = Vec::new();
                    while let Some((&key, &number)) = expected.first_key_value() {
                        if key.0 > now || key.0 == u64::MAX {
                            break;
                        }
                        expected.remove(&key);
                        keys[number] = None;
                        waiting -= 1;
                        due.push(number);
                    }
                    assert_eq!(*fired.lock().unwrap(), due);
                    fired.lock().unwrap().clear();
                }
                _ => {
                    if let Some(key) = keys[number].take() {
                        expected.remove(&key);
                        waiting -= 1;
                    }
                    let after = match draw(50) {
                        0 => u64::MAX,
                        _ => magnitude(&mut draw, 48),
                    };
                    let deadline = now.saturating_add(after);
                    queue.schedule(timer, Instant::from_nanos(deadline));
                    let waker = Waker::from(Arc::new(Note(number, fired.clone())));
                    let mut cx = Context::from_waker(&waker);
                    assert!(timer.poll(&mut cx).is_pending());
                    expected.insert((deadline, order), number);
                    keys[number] = Some((deadline, order));
                    waiting += 1;
                }
            }
            assert_eq!(queue.is_empty(), waiting == 0);
        }
        queue.close();
        assert!(queue.is_empty() && !timers.iter().any(|timer| timer.is_linked()));
    }
}
