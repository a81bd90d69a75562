use super::all::BATCH;
use super::*;
use crate::sync::Local;

use core::alloc::Layout;
use core::pin::Pin;
use core::ptr;
use core::task::{Context, Poll};
use std::boxed::Box;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;
use std::vec::Vec;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Arc<Count>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(waker.clone())))
}

/// Runs the body with `S` as each of the scopes.
macro_rules! in_both_scopes {
    ($($(#[$meta:meta])* fn $name:ident<$scope:ident>() $body:block)*) => {
        $(
            $(#[$meta])*
            #[test]
            fn $name() {
                fn body<$scope: Scope>() $body
                body::<Local>();
                body::<Shared>();
            }
        )*
    };
}

#[test]
fn a_local_list_is_one_pointer() {
    assert_eq!(size_of::<WaitList<Local>>(), size_of::<usize>());
    static_assertions();
}

fn static_assertions() {
    static LIST: WaitList<Shared> = WaitList::new();
    const _: WaitList<Local> = WaitList::new();
    fn is_send_and_sync<T: Send + Sync>(_: &T) {}
    is_send_and_sync(&LIST);
    is_send_and_sync(&LIST.wait());
    let held = Held::new_shared(Arc::new(WaitList::<Shared>::new()), |list| list);
    is_send_and_sync(&Wait::<_>::new(held, ()));
}

in_both_scopes! {
    fn those_who_wait_are_notified_in_their_order<S>() {
        let list = WaitList::<S>::new();
        let counts = [(); 3].map(|()| Count::new());
        let mut waits = [(); 3].map(|()| Box::pin(list.wait()));
        for (wait, count) in waits.iter_mut().zip(&counts) {
            assert!(poll(wait.as_mut(), count).is_pending());
        }
        for index in 0..3 {
            assert!(!list.is_empty(0));
            assert!(list.notify_one(0));
            let woken: Vec<_> = counts.iter().map(|count| count.get()).collect();
            assert_eq!(woken.iter().sum::<usize>(), index + 1);
            assert_eq!(woken[index], 1);
            assert!(poll(waits[index].as_mut(), &counts[index]).is_ready());
        }
        assert!(list.is_empty(0));
        assert!(!list.notify_one(0));
    }

    /// One that has ended can wait again, and then is the last.
    fn a_wait_can_be_used_again<S>() {
        let list = WaitList::<S>::new();
        let (one, two) = (Count::new(), Count::new());
        let (mut first, mut second) = (Box::pin(list.wait()), Box::pin(list.wait()));
        assert!(poll(first.as_mut(), &one).is_pending());
        assert!(poll(second.as_mut(), &two).is_pending());
        list.notify_one(0);
        assert!(poll(first.as_mut(), &one).is_ready());
        assert!(poll(first.as_mut(), &one).is_pending());
        list.notify_one(0);
        assert!(poll(first.as_mut(), &one).is_pending());
        assert!(poll(second.as_mut(), &two).is_ready());
        list.notify_one(0);
        assert!(poll(first.as_mut(), &one).is_ready());
    }

    fn the_waker_of_the_last_poll_is_woken<S>() {
        let list = WaitList::<S>::new();
        let (old, new) = (Count::new(), Count::new());
        let mut wait = Box::pin(list.wait());
        assert!(poll(wait.as_mut(), &old).is_pending());
        assert!(poll(wait.as_mut(), &old).is_pending());
        assert!(poll(wait.as_mut(), &new).is_pending());
        assert_eq!(Arc::strong_count(&old), 1, "the old waker is dropped");
        list.notify_all(0);
        assert_eq!((old.get(), new.get()), (0, 1));
        assert_eq!(Arc::strong_count(&new), 1);
        assert!(poll(wait.as_mut(), &old).is_ready());
    }

    /// A dropped waiter is out of the list; one that had been notified alone passes that on.
    fn a_dropped_wait_leaves_and_passes_on<S>() {
        let list = WaitList::<S>::new();
        let counts = [(); 3].map(|()| Count::new());
        let mut waits: Vec<_> = counts
            .iter()
            .map(|count| {
                let mut wait = Box::pin(list.wait());
                assert!(poll(wait.as_mut(), count).is_pending());
                wait
            })
            .collect();
        drop(waits.remove(1));
        list.notify_one(0);
        assert_eq!(counts.each_ref().map(|count| count.get()), [1, 0, 0]);
        drop(waits.remove(0));
        assert_eq!(counts.each_ref().map(|count| count.get()), [1, 0, 1]);
        assert!(list.is_empty(0));
        assert!(poll(waits[0].as_mut(), &counts[2]).is_ready());
        for count in &counts {
            assert_eq!(Arc::strong_count(count), 1);
        }
    }

    /// As one among all it passes nothing on.
    fn a_wait_notified_with_all_passes_nothing_on<S>() {
        let list = WaitList::<S>::new();
        let (count, late) = (Count::new(), Count::new());
        let mut wait = Box::pin(list.wait());
        assert!(poll(wait.as_mut(), &count).is_pending());
        list.notify_all(0);
        let mut next = Box::pin(list.wait());
        assert!(poll(next.as_mut(), &late).is_pending());
        drop(wait);
        assert!(poll(next.as_mut(), &late).is_pending());
        assert_eq!(late.get(), 0);
    }

    fn whoever_is_cancelled_is_told_how_far_it_was<S>() {
        let list = WaitList::<S, (), u8, 1>::with_value(());
        let count = Count::new();
        let mut wait = Box::pin(Wait::<_>::new(&list, 7));
        assert_eq!(wait.as_mut().cancel_with(|_, state, _| state), None);
        assert!(poll(wait.as_mut(), &count).is_pending());
        wait.as_mut().set_data(8);
        let told = wait.as_mut().cancel_with(|_, state, data| (state, data));
        assert_eq!(told, Some((WaitState::Waiting, 8)));
        assert_eq!(wait.as_mut().cancel_with(|_, state, _| state), None);
        assert!(list.is_empty(0));
        assert!(poll(wait.as_mut(), &count).is_pending());
        list.with(|access| {
            assert_eq!(access.first(0), Some(8));
            access.set_first(0, 9);
        });
        assert!(list.notify_one(0));
        assert_eq!(wait.as_mut().data(), 9);
        let told = wait.as_mut().cancel_with(|_, state, data| (state, data));
        assert_eq!(told, Some((WaitState::Notified, 9)));
        assert!(poll(wait.as_mut(), &count).is_pending());
        list.notify_all(0);
        let told = wait.as_mut().cancel_with(|_, state, _| state);
        assert_eq!(told, Some(WaitState::NotifiedWithAll));
    }

    /// Notified, but the condition does not hold: first again, not last.
    fn one_who_has_to_wait_on_keeps_its_place<S>() {
        let list = WaitList::<S, Cell<bool>>::with_value(Cell::new(false));
        let counts = [(); 2].map(|()| Count::new());
        let mut waits = [(); 2].map(|()| Box::pin(Wait::<_>::new(&list, ())));
        let mut poll = |index: usize| {
            let waker = Waker::from(counts[index].clone());
            waits[index].as_mut().poll_with(&mut Context::from_waker(&waker), |access, _| {
                access.value().replace(false).then_some(())
            })
        };
        assert!(poll(0).is_pending() && poll(1).is_pending());
        list.notify_one(0);
        assert!(poll(0).is_pending());
        list.with(|access| access.value().set(true));
        list.notify_one(0);
        assert_eq!(counts.each_ref().map(|count| count.get()), [2, 0]);
        assert!(poll(0).is_ready());
        // Alone in the list as well.
        list.notify_one(0);
        assert!(poll(1).is_pending());
        list.notify_one(0);
        list.with(|access| access.value().set(true));
        assert!(poll(1).is_ready());
        assert!(list.is_empty(0));
    }

    /// What an attempt itself takes out of the list, be it the waiter that it is about.
    fn an_attempt_may_notify<S>() {
        let list = WaitList::<S>::new();
        let count = Count::new();
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let mut wait = Box::pin(list.wait());
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        let mut taken = None;
        let polled = wait.as_mut().poll_with(&mut cx, |access, _| {
            taken = access.take_first(0);
            None::<()>
        });
        assert!(polled.is_pending() && taken.is_some());
        assert!(list.is_empty(0));
        assert!(wait.as_mut().poll(&mut cx).is_ready());
    }

    fn queues_are_apart<S>() {
        let list = WaitList::<S, (), (), 2>::with_value(());
        let (count, other) = (Count::new(), Count::new());
        let mut zero = Box::pin(Wait::<_, 0, 2>::new(&list, ()));
        let mut one = Box::pin(Wait::<_, 1, 2>::new(&list, ()));
        assert!(poll(zero.as_mut(), &count).is_pending());
        assert!(poll(one.as_mut(), &other).is_pending());
        assert_eq!(list.notify_all(1), 1);
        assert!(!list.notify_one(1));
        assert!(poll(zero.as_mut(), &count).is_pending());
        assert!(poll(one.as_mut(), &other).is_ready());
        drop(zero);
        assert!(list.is_empty(0));
    }

    /// A list that forgotten nodes are still linked into can be moved, used and dropped.
    fn forgotten_nodes_do_no_harm<S>() {
        let count = Count::new();
        let mut list = WaitList::<S>::new();
        let mut memory = Vec::new();
        for _ in 0..3 {
            let wait = Box::leak(Box::new(list.wait()));
            memory.push((ptr::from_mut(wait).cast(), Layout::for_value(wait)));
            // SAFETY: the memory of the wait is freed when no list knows of it any more, below.
            let wait = unsafe { Pin::new_unchecked(wait) };
            assert!(poll(wait, &count).is_pending());
            list = *Box::new(list);
        }
        let mut wait = Box::pin(list.wait());
        assert!(poll(wait.as_mut(), &count).is_pending());
        assert!(list.notify_one(0));
        assert!(poll(wait.as_mut(), &count).is_pending());
        drop(wait);
        assert_eq!(count.get(), 1);
        assert_eq!(list.notify_all(0), 2);
        drop(list);
        for (wait, layout) in memory {
            // SAFETY: it comes from a `Box` of that layout, and nobody uses it any more.
            unsafe { std::alloc::dealloc(wait, layout) };
        }
    }

    fn many_are_notified_in_their_order<S>() {
        let list = WaitList::<S>::new();
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        struct Note(usize, Arc<std::sync::Mutex<Vec<usize>>>);
        impl Wake for Note {
            fn wake(self: Arc<Self>) {
                self.1.lock().unwrap().push(self.0);
            }
        }
        let many = 3 * BATCH + 1;
        let mut waits: Vec<_> = (0..many).map(|_| Box::pin(list.wait())).collect();
        for (index, wait) in waits.iter_mut().enumerate() {
            let waker = Waker::from(Arc::new(Note(index, order.clone())));
            assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert_eq!(list.notify_all(0), many);
        assert_eq!(*order.lock().unwrap(), (0..many).collect::<Vec<_>>());
        assert_eq!(list.notify_all(0), 0);
    }
}

/// A waker that does something, which is given the numbers of those that were woken.
struct Act(Box<dyn Fn()>);

// SAFETY: the tests have one thread each.
unsafe impl Send for Act {}
// SAFETY: as above.
unsafe impl Sync for Act {}

impl Wake for Act {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

fn act(f: impl Fn() + 'static) -> Waker {
    Arc::new(Act(Box::new(f))).into()
}

/// Wakers that, while all are being notified, drop others, wait anew, and notify.
#[test]
fn wakers_may_use_the_list() {
    type List = WaitList<Local>;
    type Place = Cell<Option<Pin<Box<Wait<Held<Rc<List>, Local>>>>>>;
    let list = Rc::new(List::new());
    let waits = Rc::new([const { Place::new(None) }; 20]);
    let woken = Rc::new(Cell::new(0));
    let late = Count::new();
    for index in 0..20 {
        let mut wait = Box::pin(Wait::<_>::new(Held::new(list.clone(), |list| list), ()));
        let (theirs, others, woken) = (list.clone(), waits.clone(), woken.clone());
        let late = late.clone();
        let waker = act(move || {
            woken.set(woken.get() + 1);
            // The next one, the last one, and this one.
            let (next, last) = (
                others[(index + 1) % 20].take(),
                others[19 - index / 2].take(),
            );
            drop((next, last));
            if let Some(mut own) = others[index].take() {
                assert!(poll(own.as_mut(), &late).is_ready());
                assert!(poll(own.as_mut(), &late).is_pending());
                others[index].set(Some(own));
            }
            // Nobody who was there before.
            if index == 0 {
                theirs.notify_one(0);
            }
        });
        assert!(
            wait.as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
        waits[index].set(Some(wait));
    }
    let notified = list.notify_all(0);
    assert_eq!(notified, woken.get());
    assert!(notified < 20, "those who went away are not notified");
    assert_eq!(late.get(), 1, "those who came are not, either");
    for wait in waits.iter() {
        drop(wait.take());
    }
    assert!(list.is_empty(0));
}

/// Cloning a waker notifies: the second look sees it.
#[test]
fn a_clone_may_notify() {
    use core::task::{RawWaker, RawWakerVTable};
    static LIST: WaitList<Shared> = WaitList::new();
    static OTHER: WaitList<Shared, Cell<bool>> = WaitList::with_value(Cell::new(false));
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, |_| {}, |_| {}, |_| {});
    fn clone(data: *const ()) -> RawWaker {
        LIST.notify_one(0);
        OTHER.with(|access| access.value().set(true));
        RawWaker::new(data, &VTABLE)
    }
    // SAFETY: the vtable's functions do not use the pointer.
    let waker = unsafe { Waker::new(ptr::null(), &VTABLE) };
    let mut cx = Context::from_waker(&waker);
    let count = Count::new();
    let mut wait = Box::pin(LIST.wait());
    assert!(poll(wait.as_mut(), &count).is_pending());
    assert!(wait.as_mut().poll(&mut cx).is_ready());
    let mut wait = Box::pin(Wait::<_>::new(&OTHER, ()));
    let polled = wait
        .as_mut()
        .poll_with(&mut cx, |access, _| access.value().get().then_some(()));
    assert!(polled.is_ready());
}

/// Panics in cloning, waking and dropping cost the one whose waker it is, and nobody else.
#[test]
#[cfg(feature = "std")]
fn panics_of_wakers_hurt_no_other() {
    use core::task::{RawWaker, RawWakerVTable};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    static CLONE: RawWakerVTable = RawWakerVTable::new(|_| panic!("clone"), |_| {}, |_| {}, |_| {});
    static WAKE: RawWakerVTable = RawWakerVTable::new(
        |data| RawWaker::new(data, &WAKE),
        |_| panic!("wake"),
        |_| panic!("wake by reference"),
        |_| {},
    );
    static DROP: RawWakerVTable = RawWakerVTable::new(
        |data| RawWaker::new(data, &DROP),
        |_| {},
        |_| {},
        |_| panic!("drop"),
    );
    // SAFETY: the vtables' functions do not use the pointer.
    let [clone, wake, dropped] =
        [&CLONE, &WAKE, &DROP].map(|vtable| unsafe { Waker::new(ptr::null(), vtable) });
    let dropped = core::mem::ManuallyDrop::new(dropped);

    let list = WaitList::<Local>::new();
    let count = Count::new();
    let mut waits: Vec<_> = (0..2 * BATCH).map(|_| Box::pin(list.wait())).collect();
    let poll_by = |wait: &mut Pin<Box<Wait<_>>>, waker: &Waker| {
        let mut cx = Context::from_waker(waker);
        catch_unwind(AssertUnwindSafe(|| wait.as_mut().poll(&mut cx)))
    };
    for (index, wait) in waits.iter_mut().enumerate() {
        match index % 2 {
            0 => assert!(poll_by(wait, &wake).unwrap().is_pending()),
            _ => assert!(poll(wait.as_mut(), &count).is_pending()),
        }
    }
    // Its old waker stays.
    poll_by(&mut waits[1], &clone).unwrap_err();
    assert_eq!(list.notify_all(0), 2 * BATCH);
    assert_eq!(count.get(), BATCH);
    for wait in &mut waits {
        assert!(poll(wait.as_mut(), &count).is_ready());
    }
    // The old waker's drop panics; the new one is in its place.
    assert!(poll_by(&mut waits[0], &dropped).unwrap().is_pending());
    let waker = Waker::from(count.clone());
    poll_by(&mut waits[0], &waker).unwrap_err();
    assert!(list.notify_one(0));
    assert_eq!(count.get(), BATCH + 1);
    // A drop that panics while its waiter goes away.
    assert!(poll_by(&mut waits[1], &dropped).unwrap().is_pending());
    let last = waits.remove(1);
    catch_unwind(AssertUnwindSafe(|| drop(last))).unwrap_err();
    drop(waits);
    assert!(list.is_empty(0));
}

/// Random operations, next to a queue of numbers.
#[test]
fn does_what_a_queue_of_numbers_does() {
    fn check<S: Scope>(mut seed: u64) {
        const WAITS: usize = 12;
        let list = WaitList::<S>::new();
        let counts = [(); WAITS].map(|()| Count::new());
        let mut waits: Vec<_> = (0..WAITS).map(|_| Box::pin(list.wait())).collect();
        let mut queue = VecDeque::new();
        let mut notified = [WaitState::New; WAITS];
        let mut expected = [0; WAITS];
        let mut random = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed >> 20) as usize % below
        };
        for _ in 0..if cfg!(miri) { 150 } else { 20_000 } {
            let index = random(WAITS);
            match random(8) {
                0..=3 => {
                    let polled = poll(waits[index].as_mut(), &counts[index]);
                    assert_eq!(polled.is_ready(), notified[index].is_notified());
                    if polled.is_ready() {
                        notified[index] = WaitState::New;
                    } else if !queue.contains(&index) {
                        queue.push_back(index);
                    }
                }
                4 => {
                    waits[index] = Box::pin(list.wait());
                    queue.retain(|one| *one != index);
                    let state = core::mem::replace(&mut notified[index], WaitState::New);
                    if state == WaitState::Notified {
                        if let Some(next) = queue.pop_front() {
                            notified[next] = state;
                            expected[next] += 1;
                        }
                    }
                }
                5 => {
                    let told = waits[index].as_mut().cancel_with(|_, state, ()| state);
                    let state = match queue.contains(&index) {
                        true => WaitState::Waiting,
                        false => notified[index],
                    };
                    assert_eq!(told.unwrap_or(WaitState::New), state);
                    queue.retain(|one| *one != index);
                    notified[index] = WaitState::New;
                }
                6 => {
                    let first = queue.pop_front();
                    assert_eq!(list.notify_one(0), first.is_some());
                    if let Some(first) = first {
                        notified[first] = WaitState::Notified;
                        expected[first] += 1;
                    }
                }
                _ => {
                    assert_eq!(list.notify_all(0), queue.len());
                    for one in queue.drain(..) {
                        notified[one] = WaitState::NotifiedWithAll;
                        expected[one] += 1;
                    }
                }
            }
            assert_eq!(list.is_empty(0), queue.is_empty());
            assert_eq!(counts.each_ref().map(|count| count.get()), expected);
        }
    }
    for seed in [0x9E37_79B9, 0x1234_5678_9ABC] {
        check::<Local>(seed);
        check::<Shared>(seed);
    }
}

/// Threads that wait, notify and give up.
#[test]
fn threads_share_a_list() {
    static LIST: WaitList<Shared, Cell<usize>> = WaitList::with_value(Cell::new(0));
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    const EACH: usize = if cfg!(miri) { 20 } else { 2_000 };
    let takers: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(|| {
                let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
                let mut cx = Context::from_waker(&waker);
                for _ in 0..EACH {
                    // One who comes and goes.
                    {
                        let gone = core::pin::pin!(Wait::<_>::new(&LIST, ()));
                        let _ = gone.poll(&mut cx);
                    }
                    let mut wait = core::pin::pin!(Wait::<_>::new(&LIST, ()));
                    while wait
                        .as_mut()
                        .poll_with(&mut cx, |access, _| {
                            let left = access.value().get();
                            access.value().set(left.saturating_sub(1));
                            (left > 0).then_some(())
                        })
                        .is_pending()
                    {
                        std::thread::park();
                    }
                }
            })
        })
        .collect();
    for _ in 0..3 * EACH {
        let first = LIST.with(|access| {
            access.value().set(access.value().get() + 1);
            access.take_first(0)
        });
        if let Some(waker) = first {
            waker.wake();
        }
    }
    for taker in takers {
        taker.join().unwrap();
    }
    assert!(LIST.is_empty(0));
    assert_eq!(LIST.with(|access| access.value().get()), 0);
}
