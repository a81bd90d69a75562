//! What users of other crates have reported: wakes, permits and messages that were lost, ends that were not seen,
//! locks that were not let go. Each is tried on ours, in both scopes.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_core::Stream;

use super::{both_scopes, ready, task, waiting};

/// Does something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A waker that panics.
struct Faulty;

impl Wake for Faulty {
    fn wake(self: Arc<Self>) {
        panic!("a faulty waker");
    }
}

#[track_caller]
fn panics(f: impl FnOnce()) {
    assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
}

both_scopes! {
    // --- Notify ---

    fn a_dropped_waiter_does_not_take_the_notification_along() {
        let notify = Notify::new();
        let first = waiting(notify.notified());
        notify.notify_one();
        drop(first);
        ready(notify.notified());

        let (first, mut second) = (waiting(notify.notified()), waiting(notify.notified()));
        notify.notify_one();
        drop(first);
        second.woken();
    }

    fn a_permit_that_comes_after_a_round_of_all_survives_whoever_was_in_it() {
        let notify = Notify::new();
        let first = waiting(notify.notified());
        notify.notify_waiters();
        notify.notify_one();
        drop(first);
        ready(notify.notified());
        assert!(task(notify.notified()).poll().is_pending());
    }

    fn one_that_existed_at_a_round_of_all_leaves_the_permit_alone() {
        let notify = Notify::new();
        let mut first = task(notify.notified());
        notify.notify_waiters();
        notify.notify_one();
        first.ready();
        ready(notify.notified());
    }

    fn a_round_of_all_notifies_nobody_twice() {
        let notify = Notify::new();
        let mut both = waiting(async {
            notify.notified().await;
            notify.notified().await;
        });
        notify.notify_waiters();
        assert!(both.poll().is_pending());
    }

    fn one_that_is_enabled_and_dropped_passes_on() {
        let notify = Notify::new();
        let mut first = Box::pin(notify.notified());
        assert!(!first.as_mut().enable());
        let mut second = waiting(notify.notified());
        notify.notify_one();
        drop(first);
        second.woken();
    }

    fn a_waker_may_notify_again() {
        struct Again(std::sync::Mutex<Box<dyn FnMut() + Send>>);
        impl Wake for Again {
            fn wake(self: Arc<Self>) {
                (self.0.lock().unwrap())();
            }
        }
        // Only what is shared can be reached from a waker that is `Send`.
        let notify = Arc::new(polliwog_core::sync::Notify::new());
        let inside = notify.clone();
        let waker = Waker::from(Arc::new(Again(std::sync::Mutex::new(Box::new(move || {
            inside.notify_waiters();
            inside.notify_one();
        })))));
        let mut first = Box::pin(notify.notified());
        assert!(first.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let mut second = waiting(notify.notified());
        notify.notify_one();
        second.woken();
        ready(notify.notified());
    }

    fn a_waker_that_panics_costs_the_others_nothing() {
        let notify = Notify::new();
        let faulty = Waker::from(Arc::new(Faulty));
        let mut first = Box::pin(notify.notified());
        assert!(first.as_mut().poll(&mut Context::from_waker(&faulty)).is_pending());
        let mut others: Vec<_> = (0..20).map(|_| waiting(notify.notified())).collect();
        notify.notify_waiters();
        for other in &mut others {
            other.woken();
        }
        assert!(first.as_mut().poll(&mut Context::from_waker(&faulty)).is_ready());
    }

    // --- Semaphores and locks ---

    fn a_cancelled_acquire_of_many_lets_those_behind_it_through() {
        let semaphore = Semaphore::new(2);
        let many = waiting(semaphore.acquire_many(3));
        let mut one = waiting(semaphore.acquire());
        let mut other = waiting(semaphore.acquire());
        drop(many);
        let (_a, _b) = (one.woken().unwrap(), other.woken().unwrap());
        assert_eq!(semaphore.available_permits(), 0);
    }

    fn permits_that_were_granted_and_not_seen_come_back() {
        let semaphore = Semaphore::new(0);
        let waits: Vec<_> = (0..10).map(|_| waiting(semaphore.acquire_many(3))).collect();
        semaphore.add_permits(20);
        drop(waits);
        assert_eq!(semaphore.available_permits(), 20);
    }

    fn more_than_there_can_be_is_refused_and_changes_nothing() {
        let semaphore = Semaphore::new(1);
        panics(|| semaphore.add_permits(usize::MAX));
        panics(|| semaphore.add_permits(Semaphore::MAX_PERMITS));
        assert_eq!(semaphore.available_permits(), 1);
        semaphore.add_permits(Semaphore::MAX_PERMITS - 1);
        assert_eq!(semaphore.forget_permits(usize::MAX), Semaphore::MAX_PERMITS);
        assert_eq!(semaphore.available_permits(), 0);
        drop(waiting(semaphore.acquire_many(u32::MAX)));
    }

    fn none_at_all_are_had_at_once_unless_it_is_closed() {
        let semaphore = Semaphore::new(0);
        let first = waiting(semaphore.acquire());
        assert_eq!(ready(semaphore.acquire_many(0)).unwrap().num_permits(), 0);
        assert!(semaphore.try_acquire_many(0).is_ok());
        drop(first);
        semaphore.close();
        assert!(ready(semaphore.acquire_many(0)).is_err());
    }

    fn a_granted_permit_counts_although_the_semaphore_is_closed_then() {
        let semaphore = Semaphore::new(0);
        let (mut first, mut second) = (waiting(semaphore.acquire()), waiting(semaphore.acquire()));
        semaphore.add_permits(1);
        semaphore.close();
        assert!(first.woken().is_ok());
        assert!(second.woken().is_err());
    }

    fn a_lock_goes_on_when_its_holder_panics() {
        let mutex = Mutex::new(1);
        let mut next = None;
        panics(|| {
            let _guard = mutex.try_lock().unwrap();
            next = Some(waiting(mutex.lock()));
            panic!("with the lock");
        });
        assert_eq!(*next.unwrap().woken(), 1);
        assert!(mutex.try_lock().is_ok());
    }

    fn a_lock_that_one_gets_who_does_not_look_is_nobody_elses() {
        let mutex = Mutex::new(());
        let guard = mutex.try_lock().unwrap();
        let mut first = waiting(mutex.lock());
        drop(guard);
        // Not even if it is asked for again and again: no overtaking.
        assert!(mutex.try_lock().is_err());
        let mut late = waiting(mutex.lock());
        drop(first.woken());
        drop(late.woken());
    }

    fn readers_behind_a_writer_go_on_when_it_is_dropped_or_downgrades() {
        let lock = RwLock::new(0);
        let reading = ready(lock.read());
        let writer = waiting(lock.write());
        let mut behind: Vec<_> = (0..3).map(|_| waiting(lock.read())).collect();
        drop(writer);
        let behind: Vec<_> = behind.iter_mut().map(|reader| reader.woken()).collect();
        drop((reading, behind));

        let writing = ready(lock.write());
        let mut reader = waiting(lock.read());
        let mut writer = waiting(lock.write());
        let reading = writing.downgrade();
        drop(reader.woken());
        assert!(writer.poll().is_pending());
        drop(reading);
        *writer.ready() += 1;
    }

    fn a_destructor_of_what_a_lock_holds_may_use_the_lock() {
        let mutex = Rc::new(Mutex::new(None::<Box<dyn std::any::Any>>));
        let inner = mutex.clone();
        let seen = Rc::new(Cell::new(false));
        let tell = seen.clone();
        *mutex.try_lock().unwrap() = Some(Box::new(OnDrop(move || {
            tell.set(inner.try_lock().is_err());
        })));
        // Dropped while it is locked: the lock is not to be had, and nothing hangs.
        *mutex.try_lock().unwrap() = None;
        assert!(seen.get());
        assert!(mutex.try_lock().is_ok());
    }

    fn a_value_whose_making_panics_is_made_by_the_next() {
        let cell = OnceCell::new();
        panics(|| {
            ready(cell.get_or_init(|| async { panic!("made badly") }));
        });
        let mut first = waiting(cell.get_or_init(std::future::pending::<u8>));
        let mut second = waiting(cell.get_or_init(|| async { 2 }));
        assert!(first.poll().is_pending());
        drop(first);
        assert_eq!(second.woken(), &2);
        assert_eq!(ready(cell.get_or_init(|| async { 3 })), &2);
    }

    fn one_who_leaves_a_barrier_is_missed() {
        let barrier = Barrier::new(2);
        let first = waiting(barrier.wait());
        drop(first);
        let mut second = waiting(barrier.wait());
        assert!(ready(barrier.wait()).is_leader());
        assert!(!second.woken().is_leader());
        // And once more: nobody is left over.
        drop(waiting(barrier.wait()));
        drop(waiting(barrier.wait()));
    }

    // --- Channels of messages ---

    fn what_comes_by_a_reserved_place_when_nobody_receives_is_dropped() {
        let count = Rc::new(Cell::new(0));
        let message = || {
            let count = count.clone();
            count.set(count.get() + 1);
            OnDrop(move || count.set(count.get() - 1))
        };
        let (sender, receiver) = mpsc::channel(2);
        let permit = ready(sender.reserve()).unwrap();
        let owned = ready(sender.clone().reserve_owned()).unwrap();
        drop(receiver);
        permit.send(message());
        assert_eq!(count.get(), 0);
        owned.send(message());
        assert_eq!(count.get(), 0);

        // A place that was granted is no reason to keep the message either: it comes back.
        let (sender, mut receiver) = mpsc::channel(1);
        sender.try_send(message()).ok().unwrap();
        let mut sending = waiting(sender.send(message()));
        drop(receiver.try_recv());
        drop(receiver);
        assert!(sending.ready().is_err());
        drop(sending);
        assert_eq!(count.get(), 0);
    }

    fn a_closed_channel_with_a_reserved_place_is_not_at_its_end() {
        let (sender, mut receiver) = mpsc::channel(2);
        let permit = ready(sender.reserve()).unwrap();
        receiver.close();
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
        permit.send(1);
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Disconnected));

        let (sender, mut receiver) = mpsc::channel::<u8>(1);
        let owned = ready(sender.reserve_owned()).unwrap();
        receiver.close();
        let mut receiving = waiting(receiver.recv());
        let sender = owned.release();
        assert_eq!(receiving.woken(), None);
        drop(sender);
    }

    fn one_who_waits_to_send_hears_of_the_end_with_its_message() {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.try_send(1).unwrap();
        let (mut sending, mut reserving) = (waiting(sender.send(2)), waiting(sender.reserve()));
        receiver.close();
        assert_eq!(sending.woken().unwrap_err().0, 2);
        assert!(reserving.woken().is_err());
        assert_eq!(ready(receiver.recv()), Some(1));
        assert_eq!(ready(receiver.recv()), None);
    }

    fn clearing_a_channel_wakes_who_waits_for_room() {
        let channel = mpmc::Channel::<u8, 2>::new();
        channel.try_send(1).unwrap();
        channel.try_send(2).unwrap();
        let (mut a, mut b) = (waiting(channel.send(3)), waiting(channel.send(4)));
        channel.clear();
        a.woken().unwrap();
        b.woken().unwrap();
        assert_eq!(channel.try_recv(), Ok(3));
    }

    fn a_message_that_owns_the_channel_may_be_dropped_by_it() {
        // The last message has the last sender: dropped by the receiver's end, it ends the channel meanwhile.
        let (sender, receiver) = mpsc::channel::<Box<dyn std::any::Any>>(4);
        sender.try_send(Box::new(sender.clone())).ok().unwrap();
        sender.try_send(Box::new(())).ok().unwrap();
        drop(sender);
        drop(receiver);

        // A destructor that sends, into a channel that nobody receives from any more.
        let (sender, receiver) = mpsc::unbounded_channel::<Box<dyn std::any::Any>>();
        let again = sender.clone();
        let refused = Rc::new(Cell::new(0));
        let tell = refused.clone();
        let message = OnDrop(move || {
            tell.set(tell.get() + usize::from(again.send(Box::new(())).is_err()));
        });
        sender.send(Box::new(message)).ok().unwrap();
        drop(receiver);
        assert_eq!(refused.get(), 1);
    }

    fn the_end_comes_after_the_end() {
        let (sender, receiver) = mpsc::channel::<u8>(1);
        drop(sender);
        let mut stream = Box::pin(receiver);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(matches!(stream.as_mut().poll_next(&mut cx), Poll::Ready(None)));
        }
    }

    fn several_at_once_take_no_more_than_they_are_told() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let mut buffer = Vec::new();
        assert_eq!(ready(receiver.recv_many(&mut buffer, 0)), 0);
        (0..10).for_each(|n| sender.send(n).unwrap());
        assert_eq!(ready(receiver.recv_many(&mut buffer, 4)), 4);
        drop(sender);
        assert_eq!(ready(receiver.recv_many(&mut buffer, usize::MAX)), 6);
        assert_eq!(ready(receiver.recv_many(&mut buffer, 5)), 0);
        assert_eq!(buffer, (0..10).collect::<Vec<_>>());
    }

    fn a_receiver_that_is_dropped_in_one_task_and_used_in_another_is_woken_there() {
        let (sender, mut receiver) = mpsc::channel(1);
        let first = waiting(receiver.recv());
        drop(first);
        let mut second = waiting(receiver.recv());
        sender.try_send(1).unwrap();
        assert_eq!(second.woken(), Some(1));
    }

    fn a_message_that_another_has_taken_costs_a_receiver_its_wake_not_its_place() {
        let channel = mpmc::Channel::<u8, 4>::new();
        let (mut first, mut second) = (waiting(channel.recv()), waiting(channel.recv()));
        channel.try_send(1).unwrap();
        // Whoever comes when a message is there has it: one that has been woken may not look for a long time.
        assert_eq!(channel.try_recv(), Ok(1));
        assert!(first.poll().is_pending());
        channel.try_send(2).unwrap();
        assert_eq!((first.ready(), second.wakes()), (2, 0));
        channel.try_send(3).unwrap();
        assert_eq!(second.woken(), 3);
    }

    fn a_room_of_none_is_refused() {
        panics(|| drop(mpsc::channel::<u8>(0)));
        panics(|| drop(mpmc::channel::<u8>(0)));
        panics(|| drop(broadcast::channel::<u8>(0)));
    }

    // --- One message, broadcast, watch ---

    fn one_message_comes_back_if_nobody_is_there() {
        let (sender, mut receiver) = oneshot::channel();
        receiver.close();
        assert_eq!(sender.send(1), Err(1));
        assert!(ready(receiver).is_err());

        // What has been sent before it was closed is there.
        let (sender, mut receiver) = oneshot::channel();
        sender.send(2).unwrap();
        receiver.close();
        assert_eq!(receiver.try_recv(), Ok(2));
    }

    fn a_sender_of_one_message_sees_the_receiver_go() {
        let (mut sender, receiver) = oneshot::channel::<u8>();
        drop(waiting(sender.closed()));
        let mut closed = waiting(sender.closed());
        drop(receiver);
        closed.woken();
    }

    fn a_new_receiver_of_a_broadcast_that_has_ended_sees_the_end() {
        let (sender, receiver) = broadcast::channel::<u8>(4);
        drop(sender);
        let mut again = receiver.resubscribe();
        drop(receiver);
        assert_eq!(ready(again.recv()), Err(broadcast::RecvError::Closed));
        assert_eq!(again.try_recv(), Err(broadcast::TryRecvError::Closed));
    }

    fn a_broadcast_tells_exactly_how_much_was_missed() {
        let (sender, mut receiver) = broadcast::channel(3);
        (0..1000).for_each(|n| assert_eq!(sender.send(n), Ok(1)));
        assert_eq!(ready(receiver.recv()), Err(broadcast::RecvError::Lagged(997)));
        for n in 997..1000 {
            assert_eq!(ready(receiver.recv()), Ok(n));
        }
        let mut receiving = waiting(receiver.recv());
        drop(sender);
        assert_eq!(receiving.woken(), Err(broadcast::RecvError::Closed));
    }

    fn a_clone_that_panics_costs_its_receiver_alone() {
        struct Once(Rc<Cell<bool>>);
        impl Clone for Once {
            fn clone(&self) -> Self {
                assert!(!self.0.replace(false), "a faulty clone");
                Self(self.0.clone())
            }
        }
        let faulty = Rc::new(Cell::new(true));
        let (sender, mut receiver) = broadcast::channel(4);
        let mut other = sender.subscribe();
        assert!(sender.send(Once(faulty.clone())).is_ok());
        panics(|| drop(receiver.try_recv()));
        assert!(other.try_recv().is_ok());
        assert!(sender.send(Once(faulty)).is_ok());
        assert!(other.try_recv().is_ok());
    }

    fn nobody_receives_a_broadcast_from_the_beginning() {
        let channel = broadcast::Broadcast::<u8, 2>::new();
        let sender = channel.sender();
        ready(sender.closed());
        assert!(sender.send(1).is_err());
    }

    fn a_change_that_panics_changes_nothing_for_those_who_watch() {
        let (sender, mut receiver) = watch::channel(1);
        panics(|| sender.send_modify(|_| panic!("a faulty change")));
        panics(|| { sender.send_if_modified(|_| panic!("a faulty change")); });
        assert_eq!(receiver.has_changed(), Ok(false));
        sender.send(2).unwrap();
        assert_eq!((ready(receiver.changed()), receiver.get()), (Ok(()), 2));
        panics(|| { receiver.with(|_| panic!("a faulty look")); });
        sender.send(3).unwrap();
        assert_eq!(receiver.get(), 3);
    }

    fn the_last_change_is_seen_before_the_end() {
        let (sender, mut receiver) = watch::channel(1);
        let mut changed = waiting(receiver.changed());
        sender.send(2).unwrap();
        drop(sender);
        assert!(changed.woken().is_ok());
        drop(changed);
        assert!(ready(receiver.changed()).is_err());
        assert_eq!(*receiver.borrow(), 2);
    }

    fn a_signal_may_be_signalled_by_the_value_that_it_drops() {
        let signal = Rc::new(Signal::<OnDrop<Box<dyn FnMut()>>>::new());
        let inner = signal.clone();
        let nothing: Box<dyn FnMut()> = Box::new(|| ());
        let mut spare = Some(OnDrop(nothing));
        let value: Box<dyn FnMut()> = Box::new(move || {
            if let Some(spare) = spare.take() {
                inner.signal(spare);
            }
        });
        signal.signal(OnDrop(value));
        let other: Box<dyn FnMut()> = Box::new(|| ());
        signal.signal(OnDrop(other));
        assert!(signal.try_take().is_some());
        assert!(signal.try_take().is_none());
    }

    // --- Cancellation ---

    fn a_grandchild_outlives_the_tree_and_is_cancelled_with_it() {
        let parent = CancellationToken::new();
        let grandchild = parent.child_token().child_token();
        let mut cancelled = waiting(grandchild.cancelled());
        parent.cancel();
        drop(parent);
        assert_eq!((cancelled.wakes(), grandchild.is_cancelled()), (1, true));
        cancelled.ready();
    }

    fn a_line_of_descendants_is_held_by_its_last() {
        let root = CancellationToken::new();
        let mut last = root.child_token();
        for _ in 0..if cfg!(miri) { 100 } else { 100_000 } {
            last = last.child_token();
        }
        let other = last.clone();
        drop(last);
        root.cancel();
        assert!(other.is_cancelled());
    }

    fn many_children_come_and_go() {
        let parent = CancellationToken::new();
        let kept = parent.child_token();
        for _ in 0..if cfg!(miri) { 100 } else { 10_000 } {
            drop(parent.child_token());
        }
        parent.cancel();
        assert!(kept.is_cancelled() && parent.child_token().is_cancelled());
    }
}

#[test]
fn a_waker_that_is_woken_or_dropped_may_use_the_channel() {
    use polliwog_core::sync::mpsc::{UnboundedSender, unbounded_channel};

    /// Sends when it is woken, and when it is dropped.
    struct Sending(UnboundedSender<u8>, AtomicUsize);
    impl Wake for Sending {
        fn wake(self: Arc<Self>) {
            // Once: what is sent wakes whoever receives.
            if self.1.fetch_add(1, Ordering::Relaxed) == 0 {
                self.0.send(1).unwrap();
            }
        }
    }
    impl Drop for Sending {
        fn drop(&mut self) {
            let _ = self.0.send(2);
        }
    }
    let (sender, mut receiver) = unbounded_channel();
    let sending = || Waker::from(Arc::new(Sending(sender.clone(), AtomicUsize::new(0))));
    let (first, second) = (sending(), sending());
    assert!(
        receiver
            .poll_recv(&mut Context::from_waker(&first))
            .is_pending()
    );
    drop(first);
    // The first is dropped while the second takes its place.
    let mut cx = Context::from_waker(&second);
    assert!(receiver.poll_recv(&mut cx).is_pending());
    assert_eq!(receiver.try_recv(), Ok(2));
    drop(second);
    sender.send(0).unwrap();
    let rest: Vec<_> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
    // What the first sent when it was dropped has woken the second, which sent, and was dropped.
    assert_eq!(rest, [1, 2, 0]);
}
