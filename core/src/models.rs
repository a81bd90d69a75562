//! Loom models: every interleaving of the lock-free parts, within bounds.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p polliwog-core --lib models`. Each
//! model says which promise it proves. `.ci/mutants` breaks the code on purpose, in one place
//! per model, and checks that the model notices.

use std::boxed::Box;
use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};
use std::vec::Vec;

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use crate::task::state::{
    Block, BlockOf, Due, Ended, Op, ReadyQueue, Slot, SlotRef, claim_bit, release_bit,
};
use crate::unpark::Flag;
use crate::{Deadline, Executor, Instant, Reactor};

mod primitives;
mod wait_list;

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
                    unsafe { queue.get().mark_remote(block.0.cast(), 1 << index) };
                })
            })
            .collect();
        let (number, index) = plan[2];
        data[index].store(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { queue.get().mark_remote(blocks[number].0.cast(), 1 << index) };

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
                    if unsafe { queue.get().mark_remote(block.0.cast(), 1 << index) } {
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
                if !slot.get().is_tenant(0) {
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

/// A reactor of a parker.
struct LoomReactor(Arc<Parker>);

struct Unpark(Arc<Parker>);

impl Wake for Unpark {
    fn wake(self: StdArc<Self>) {
        self.0.unpark();
    }
}

impl Reactor for LoomReactor {
    type Error = core::convert::Infallible;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, until: Deadline) -> Result<(), Self::Error> {
        if until == Deadline::Never {
            self.0.park();
        }
        Ok(())
    }

    fn unparker(&self) -> Waker {
        StdArc::new(Unpark(self.0.clone())).into()
    }
}

#[cfg(feature = "alloc")]
fn executor() -> Executor<LoomReactor> {
    Executor::with_capacity(2, LoomReactor(Arc::new(Parker::new())))
}

/// The whole: a task that two other threads wake is polled after each wake; an executor that
/// sleeps wakes up.
#[test]
#[cfg(feature = "alloc")]
fn an_executor_sees_the_wakes_of_other_threads() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let executor = executor();
        let woken: Arc<[AtomicBool; 2]> = Arc::new([false; 2].map(AtomicBool::new));
        let mut threads = Vec::new();
        executor.block_on(core::future::poll_fn(|cx| {
            if threads.is_empty() {
                for index in 0..2 {
                    let (woken, waker) = (woken.clone(), cx.waker().clone());
                    threads.push(thread::spawn(move || {
                        woken[index].store(true, Ordering::Release);
                        waker.wake();
                    }));
                }
            }
            if woken.iter().all(|one| one.load(Ordering::Acquire)) {
                core::task::Poll::Ready(())
            } else {
                core::task::Poll::Pending
            }
        }));
        // A wake may still be on its way: into an executor that is gone.
        drop(executor);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// Promise 10 and the abort half of 5, with a whole executor: aborted from another thread while
/// it runs, the task ends, its future is dropped here, and the joiner is woken.
#[test]
#[cfg(feature = "alloc")]
fn an_abort_from_another_thread_ends_the_task() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(6);
    model.check(|| {
        let executor = executor();
        let task = executor
            .spawner()
            .spawn(core::future::pending::<()>())
            .unwrap();
        let abort = task.abort_handle();
        let thread = thread::spawn(move || abort.abort());
        assert!(executor.block_on(task).unwrap_err().is_aborted());
        thread.join().unwrap();
    });
}

/// A task from another thread gets a slot and its output arrives; or the executor is gone, and
/// the handle says so.
#[test]
#[cfg(feature = "std")]
fn a_spawn_from_another_thread_arrives_or_fails() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(|| {
        let executor = executor();
        let handle = executor.handle();
        let thread = thread::spawn(move || {
            let spawned = handle.spawn(async { 7 });
            handle.shutdown();
            spawned
        });
        executor.run().unwrap();
        executor.run_until_stalled().unwrap();
        let remote = thread.join().unwrap().expect("the executor is alive");
        assert_eq!(executor.block_on(remote).unwrap(), 7);
    });
}

/// What another thread sends while the executor empties its inbox is taken over in that turn, or in the
/// next one, which comes.
#[test]
#[cfg(feature = "std")]
fn an_inbox_that_is_being_emptied_loses_nothing() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let executor = executor();
        let handle = executor.handle();
        let thread = thread::spawn(move || {
            let left = Arc::new(AtomicUsize::new(2));
            for _ in 0..2 {
                let left = left.clone();
                let task = async move {
                    if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                        handle.shutdown();
                    }
                };
                drop(handle.spawn(task).unwrap());
            }
        });
        executor.run().unwrap();
        thread.join().unwrap();
    });
}

/// Promise 5 for tasks of other threads: one that is aborted while the executor starts it ends all the
/// same.
#[test]
#[cfg(feature = "std")]
fn an_abort_reaches_a_task_that_is_being_started() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let executor = executor();
        let handle = executor.handle();
        let mut remote = handle.spawn(core::future::pending::<()>()).unwrap();
        let thread = thread::spawn(move || {
            remote.abort();
            let parker = Arc::new(Parker::new());
            let waker = Waker::from(StdArc::new(Unpark(parker.clone())));
            let mut cx = core::task::Context::from_waker(&waker);
            let outcome = loop {
                match core::pin::Pin::new(&mut remote).poll(&mut cx) {
                    core::task::Poll::Ready(outcome) => break outcome,
                    core::task::Poll::Pending => parker.park(),
                }
            };
            assert!(outcome.unwrap_err().is_aborted());
            handle.shutdown();
        });
        executor.run().unwrap();
        thread.join().unwrap();
    });
}

/// Shutting down from another thread ends a run, wherever in its park the executor is.
#[test]
#[cfg(feature = "alloc")]
fn a_shutdown_from_another_thread_ends_a_run() {
    loom::model(|| {
        let executor = executor();
        let handle = executor.handle();
        let thread = thread::spawn(move || assert!(handle.shutdown()));
        executor.run().unwrap();
        thread.join().unwrap();
    });
}

/// Promise 1 and the reuse of slots: two threads wake a task that ends meanwhile, and whose
/// slot gets another task. The bits are never lost: whoever has the slot by then is polled and
/// sees what the threads did before.
#[test]
#[cfg(feature = "alloc")]
fn a_stale_wake_polls_the_next_tenant() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let executor = executor();
        let spawner = executor.spawner();
        let data: Arc<[AtomicBool; 2]> = Arc::new([false; 2].map(AtomicBool::new));
        let theirs = data.clone();
        let first = spawner
            .spawn(core::future::poll_fn(move |cx| {
                let wakers = [0, 1].map(|index| {
                    let (data, waker) = (theirs.clone(), cx.waker().clone());
                    thread::spawn(move || {
                        data[index].store(true, Ordering::Relaxed);
                        waker.wake();
                    })
                });
                core::task::Poll::Ready(wakers)
            }))
            .unwrap();
        let mut wakers = None;
        executor.block_on(async {
            let slot = first.id().0.slot;
            wakers = Some(first.await.unwrap());
            let second = spawner
                .spawn(core::future::poll_fn(move |_| {
                    // Nobody else wakes this task.
                    if data.iter().all(|one| one.load(Ordering::Relaxed)) {
                        core::task::Poll::Ready(())
                    } else {
                        core::task::Poll::Pending
                    }
                }))
                .unwrap();
            assert!(second.id().0.slot == slot);
            second.await.unwrap();
        });
        for waker in wakers.into_iter().flatten() {
            waker.join().unwrap();
        }
        assert_eq!(executor.stats().live, 0);
    });
}

/// Promise 8 towards other threads: while an executor is dropped they wake and abort its tasks
/// and spawn others. Nothing is touched that is gone, and every handle has an answer.
#[test]
#[cfg(feature = "std")]
fn an_executor_may_be_dropped_while_others_use_it() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(|| {
        let executor = executor();
        let handle = executor.handle();
        let (send, receive) = loom::sync::mpsc::channel();
        let task = executor
            .spawner()
            .spawn(core::future::poll_fn(move |cx| {
                let _ = send.send(cx.waker().clone());
                core::task::Poll::<()>::Pending
            }))
            .unwrap();
        let abort = task.abort_handle();
        executor.tick().unwrap();
        let waker = receive.recv().unwrap();
        let waking = thread::spawn(move || {
            waker.wake();
            abort.abort();
        });
        let spawning = thread::spawn(move || handle.spawn(async { 7 }).ok());
        drop(executor);
        assert!(resolved(task).unwrap().unwrap_err().is_aborted());
        waking.join().unwrap();
        if let Some(remote) = spawning.join().unwrap() {
            assert!(resolved(remote).expect("no executor").is_err());
        }
    });
}

/// What a future gives in its first poll.
#[cfg(feature = "std")]
fn resolved<F: Future>(future: F) -> Option<F::Output> {
    let mut cx = core::task::Context::from_waker(Waker::noop());
    match core::pin::pin!(future).poll(&mut cx) {
        core::task::Poll::Ready(output) => Some(output),
        core::task::Poll::Pending => None,
    }
}

/// Whoever joins from another thread's executor is woken when the output is there.
#[test]
#[cfg(feature = "std")]
fn a_joiner_on_another_thread_is_woken() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(|| {
        let here = executor();
        let handle = here.handle();
        let there = thread::spawn(move || {
            let remote = handle.spawn(async { 7 }).unwrap();
            let there = executor();
            assert_eq!(there.block_on(remote).unwrap(), 7);
            handle.shutdown();
        });
        here.run().unwrap();
        there.join().unwrap();
    });
}

/// One executor after the other: of two threads that want the same core at most one has it at a
/// time, and it finds what the former one left.
#[test]
#[cfg(feature = "alloc")]
fn a_core_belongs_to_one_executor_at_a_time() {
    loom::model(|| {
        let core = leak(crate::executor::shared::Shared::new());
        let uses = Arc::new(AtomicUsize::new(0));
        let claims: Vec<_> = (0..2)
            .map(|_| {
                let uses = uses.clone();
                move || {
                    let Some(claim) = core.get().claim() else {
                        return;
                    };
                    assert!(claim.get().is_some());
                    core.get().open(2, true, Some(Waker::noop().clone()));
                    let used = uses.fetch_add(1, Ordering::Relaxed);
                    (0..used).for_each(|_| core.get().count_poll());
                    let slot = core.get().claim_or_grow().unwrap();
                    core.get().release_slot(slot);
                    core.get().close();
                    assert!(claim.get().is_none());
                }
            })
            .collect();
        let mut claims = claims.into_iter();
        let other = thread::spawn(claims.next().unwrap());
        claims.next().unwrap()();
        other.join().unwrap();
        assert!(uses.load(Ordering::Relaxed) >= 1);
    });
}

/// The stack of idle cores gives each of them to one taker, and there is one for each taker, whatever
/// the order of takes and puts.
#[test]
#[cfg(feature = "alloc")]
fn an_idle_core_is_taken_once() {
    use crate::executor::idle::Idle;
    use crate::executor::shared::Shared;
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(6);
    model.check(|| {
        let idle = leak(Idle::new());
        let cores = [leak(Shared::new()), leak(Shared::new())];
        for core in cores {
            idle.get().put(core.get());
        }
        let use_one = move || {
            let core = idle.get().take().expect("two for two");
            // Loom's cells notice if two have the same.
            core.count_poll();
            idle.get().put(core);
        };
        let other = thread::spawn(use_one);
        use_one();
        other.join().unwrap();
        let mut polls = 0;
        for _ in 0..2 {
            polls += idle.get().take().expect("both are back").polls();
        }
        assert!(idle.get().take().is_none());
        assert_eq!(polls, 2);
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

/// Promise 10 for a value that was sent away and is dropped elsewhere while its executor ends: it is dropped at
/// home, or leaked, and neither twice.
#[test]
#[cfg(feature = "std")]
fn what_is_dropped_elsewhere_goes_home_or_nowhere() {
    // Not loom's: what is leaked is meant to be.
    struct Value(thread::ThreadId, StdArc<std::sync::atomic::AtomicUsize>);
    impl Drop for Value {
        fn drop(&mut self) {
            assert_eq!(thread::current().id(), self.0, "dropped on another thread");
            assert_eq!(
                self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
                0,
                "dropped twice"
            );
        }
    }
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let executor = executor();
        let dropped = StdArc::default();
        let value = Value(thread::current().id(), dropped);
        let value = executor.block_on(async move { crate::SendWrapper::new(value) });
        let thread = thread::spawn(move || drop(value));
        executor.block_on(async {});
        let alive = executor.handle();
        drop(executor);
        assert!(!alive.is_alive());
        thread.join().unwrap();
    });
}
