//! Loom models: every interleaving of the lock-free parts, within bounds.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p polliwog-core --lib models`. Each
//! model says which promise it proves. `.ci/mutants` breaks the code on purpose, in one place
//! per model, and checks that the model notices.

use std::boxed::Box;
use std::vec::Vec;

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::task::state::{
    Block, BlockOf, Due, Ended, Op, ReadyQueue, Slot, SlotRef, claim_bit, release_bit,
};
use crate::unpark::Flag;

#[cfg(feature = "alloc")]
mod executor;
mod primitives;
mod wait_list;
#[cfg(feature = "std")]
mod workers;

/// A pointer that may go to another thread: what the pointee does there is what is checked.
struct Shared<T>(*const T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: loom checks every access to the inside.
unsafe impl<T> Send for Shared<T> {}

impl<T> Shared<T> {
    fn get(&self) -> &'static T {
        // SAFETY: made from a leaked box.
        unsafe { &*self.0 }
    }
}

fn leak<T>(value: T) -> Shared<T> {
    Shared(Box::leak(Box::new(value)))
}

/// The waking half of a wait: what a reactor's park and unpark are made of.
struct Parker {
    token: Mutex<bool>,
    condvar: Condvar,
}

impl Parker {
    fn new() -> Self {
        Self {
            token: Mutex::new(false),
            condvar: Condvar::new(),
        }
    }

    fn unpark(&self) {
        *self.token.lock().unwrap() = true;
        self.condvar.notify_one();
    }

    fn park(&self) {
        let mut token = self.token.lock().unwrap();
        while !*token {
            token = self.condvar.wait(token).unwrap();
        }
        *token = false;
    }
}

fn queue_and_blocks(blocks: usize) -> (Shared<ReadyQueue>, Vec<Shared<BlockOf<4>>>) {
    let blocks = (0..blocks).map(|_| leak(BlockOf::<4>::new())).collect();
    let queue = leak(ReadyQueue::new());
    queue.get().open();
    (queue, blocks)
}

/// All slots that a turn finds, as bits per block.
fn drain(queue: &ReadyQueue, blocks: &[Shared<BlockOf<4>>]) -> Vec<usize> {
    let mut found = std::vec![0; blocks.len()];
    let mut turn = queue.begin_turn();
    while let Some(slot) = turn.next_slot() {
        for (number, block) in blocks.iter().enumerate() {
            for index in 0..4 {
                // SAFETY: a block of four.
                if unsafe { Block::slot(block.0.cast(), index) } == slot.name {
                    found[number] |= 1 << index;
                }
            }
        }
    }
    found
}

/// Promise 7: bits that several threads set at once, in the same word and in others, all
/// arrive, whatever the consumer does meanwhile; and what a thread wrote before its wake is
/// seen by the poll.
#[test]
fn no_wake_is_lost_between_wakers_and_the_consumer() {
    loom::model(|| {
        let (queue, blocks) = queue_and_blocks(2);
        let data: Arc<[AtomicUsize; 3]> = Arc::new([0; 3].map(AtomicUsize::new));
        let plan = [(0, 0), (0, 1), (1, 2)];
        let wakers: Vec<_> = plan[..2]
            .iter()
            .map(|&(block, index)| {
                let (data, block) = (data.clone(), blocks[block]);
                thread::spawn(move || {
                    data[index].store(1, Ordering::Relaxed);
                    // SAFETY: the block is this queue's.
                    unsafe { queue.get().set_ready_remote(block.0.cast(), 1 << index) };
                })
            })
            .collect();
        let (number, index) = plan[2];
        data[index].store(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe {
            queue
                .get()
                .set_ready_remote(blocks[number].0.cast(), 1 << index)
        };

        let mut found = drain(queue.get(), &blocks);
        // Whoever's bit has been found has its data seen.
        for &(block, index) in &plan {
            if found[block] >> index & 1 == 1 {
                assert_eq!(data[index].load(Ordering::Relaxed), 1);
            }
        }
        for waker in wakers {
            waker.join().unwrap();
        }
        for (all, more) in found.iter_mut().zip(drain(queue.get(), &blocks)) {
            *all |= more;
        }
        assert_eq!(found, [0b011, 0b100]);
        assert!(!queue.get().is_pending());
    });
}

/// The park handshake: whichever way a wake and a park cross, the executor either sees the bit
/// before it blocks or is unparked.
#[test]
fn no_wake_is_lost_around_a_park() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(|| {
        let (queue, blocks) = queue_and_blocks(1);
        let parker = Arc::new(Parker::new());
        let block = blocks[0];
        let wakers: Vec<_> = (0..2)
            .map(|index| {
                let parker = parker.clone();
                thread::spawn(move || {
                    // SAFETY: the block is this queue's.
                    if unsafe { queue.get().set_ready_remote(block.0.cast(), 1 << index) } {
                        parker.unpark();
                    }
                })
            })
            .collect();
        let mut found = 0;
        while found != 0b11 {
            found |= drain(queue.get(), &blocks)[0];
            if found != 0b11 && !queue.get().is_pending() {
                if queue.get().announce_park() {
                    parker.park();
                }
                queue.get().unannounce_park();
            }
        }
        for waker in wakers {
            waker.join().unwrap();
        }
    });
}

unsafe fn never(_: SlotRef, _: *mut (), _: Option<&mut Op<'_>>) -> Ended {
    Ended::not()
}

/// Promise 5: an abort that crosses the end of its task and the start of the next one in the
/// same slot hits the former or nothing, never the latter; and of two aborts one counts.
#[test]
fn an_abort_hits_its_own_tenant_or_nothing() {
    loom::model(|| {
        let slot = leak(Slot::new());
        let body = Box::into_raw(Box::new(0u64)).cast();
        slot.get().publish(never, body);
        let aborts: Vec<_> = (0..2)
            .map(|_| thread::spawn(move || slot.get().request_abort(0)))
            .collect();
        let due = slot.get().due();
        assert_ne!(due, Due::Nothing);
        slot.get().retire();
        assert_eq!(slot.get().due(), Due::Nothing);
        slot.get().publish(never, body);
        assert_eq!(slot.get().due(), Due::Poll, "the next tenant is left alone");
        let requested = aborts
            .into_iter()
            .map(|abort| abort.join().unwrap())
            .filter(|requested| *requested)
            .count();
        assert!(requested <= 1);
        assert!(due == Due::Poll || requested == 1);
        assert_eq!(slot.get().due(), Due::Poll);
        assert_eq!(slot.get().generation(), 1);
    });
}

/// What a thread did before it aborts a task is seen by the task's end, by whatever wake that comes; and
/// whoever learns that a task has ended sees what it did.
#[test]
fn an_abort_and_an_end_are_seen_with_what_came_before() {
    // Which of the two loom lets go first decides which interleavings it takes for the same.
    for executor_first in [true, false] {
        loom::model(move || {
            let slot = leak(Slot::new());
            slot.get()
                .publish(never, Box::into_raw(Box::new(0u64)).cast());
            let done: Arc<[AtomicBool; 2]> = Arc::new([false; 2].map(AtomicBool::new));
            let theirs = done.clone();
            let end = move || {
                if slot.get().due() == Due::Abort {
                    assert!(done[0].load(Ordering::Relaxed));
                }
                done[1].store(true, Ordering::Relaxed);
                slot.get().retire();
            };
            let abort = move || {
                theirs[0].store(true, Ordering::Relaxed);
                slot.get().request_abort(0);
                if !slot.get().holds(0) {
                    assert!(theirs[1].load(Ordering::Relaxed));
                }
            };
            let other = if executor_first {
                let other = thread::spawn(abort);
                end();
                other
            } else {
                let other = thread::spawn(end);
                abort();
                other
            };
            other.join().unwrap();
        });
    }
}

/// Whoever takes the flag of an unparker sees what all of those did before who have set it; and a flag
/// that is set while it is being taken stays set, or that setter is one of them.
#[test]
fn a_flag_tells_of_all_that_was_done_before() {
    loom::model(|| {
        let flag = leak(Flag::new());
        let done: Arc<[AtomicBool; 2]> = Arc::new([false; 2].map(AtomicBool::new));
        let setters = [0, 1].map(|index| {
            let done = done.clone();
            thread::spawn(move || {
                done[index].store(true, Ordering::Relaxed);
                flag.get().set();
            })
        });
        let mut seen = false;
        for _ in 0..2 {
            if flag.get().take() {
                seen = done.iter().all(|one| one.load(Ordering::Relaxed));
            }
        }
        for setter in setters {
            setter.join().unwrap();
        }
        assert!(seen || flag.get().is_set());
    });
}

/// Promise 2: claims from several contexts take different slots, and a freed slot's new tenant
/// sees what the former one left.
#[test]
#[cfg(not(feature = "std"))]
fn two_claims_never_take_the_same_slot() {
    loom::model(|| {
        let block = leak(BlockOf::<4>::new());
        block.get().head.adopt(std::ptr::null(), 2);
        let body = block.0.cast_mut().cast::<u64>().cast();
        let body = Shared::<()>(body);
        let claim = move || {
            let (index, _) = block.get().head.free().claim()?;
            // SAFETY: a block of four; nobody calls what is published.
            let slot = unsafe { Block::slot(block.0.cast(), index) };
            slot.publish(never, { body }.0.cast_mut());
            slot.retire();
            Some(index)
        };
        let other = thread::spawn(move || {
            let index = claim().expect("two slots for two claimers");
            block.get().head.free().release(index);
            claim().expect("one is free again")
        });
        let mine = claim().expect("two slots for two claimers");
        assert_ne!(mine, other.join().unwrap());
        assert_eq!(claim(), None);
    });
}

/// Pools and spawn sites: the memory of a body is one task's at a time, and all that its former user
/// did to it comes before what the next one does.
#[test]
fn a_body_is_given_back_before_it_is_taken_again() {
    loom::model(|| {
        let pool = Arc::new((AtomicUsize::new(0), loom::cell::UnsafeCell::new(0)));
        let use_it = |pool: &(AtomicUsize, loom::cell::UnsafeCell<usize>)| {
            let Some(index) = claim_bit(&pool.0, 1) else {
                return;
            };
            // SAFETY: the bit says that the memory is ours; loom checks that nobody else uses it.
            pool.1.with_mut(|body| unsafe { *body += 1 });
            release_bit(&pool.0, index);
        };
        let theirs = pool.clone();
        let other = thread::spawn(move || use_it(&theirs));
        use_it(&pool);
        other.join().unwrap();
        assert_eq!(pool.0.load(Ordering::Relaxed), 0);
    });
}
