//! What users of tokio's `sync` type: ends that keep nothing open, room that owns its sender, parts of
//! what is locked, and so on.

use std::time::Duration;

use polliwog_core::Executor;
use polliwog_core::conformance::ThreadReactor;
use polliwog_core::sync::{self, scoped};

use super::{both_scopes, ready, task, waiting};

both_scopes! {
    fn a_weak_sender_keeps_nothing_open() {
        let (sender, mut receiver) = mpsc::channel(2);
        let weak = sender.downgrade();
        let clone = weak.clone();
        let other = weak.upgrade().unwrap();
        assert_eq!((other.strong_count(), clone.strong_count()), (2, 2));
        assert_eq!(receiver.sender_strong_count(), 2);
        assert!(other.same_channel(&sender));
        other.try_send(7).unwrap();
        drop(sender);
        assert_eq!(ready(receiver.recv()), Some(7));
        let mut receiving = waiting(receiver.recv());
        drop(other);
        assert_eq!(receiving.woken(), None);
        drop(receiving);
        // The channel is still there, but nobody opens it again.
        assert!(weak.upgrade().is_none());
        assert_eq!(receiver.sender_strong_count(), 0);
        drop(receiver);
        assert!(clone.upgrade().is_none());
        assert_eq!(clone.strong_count(), 0);
    }

    fn weak_senders_of_other_channels() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let weak: mpsc::WeakUnboundedSender<u8> = sender.downgrade();
        weak.upgrade().unwrap().send(1).unwrap();
        drop(sender);
        assert!(weak.upgrade().is_none());
        assert_eq!(receiver.try_recv(), Ok(1));

        let (sender, receiver) = mpmc::channel(1);
        let weak: mpmc::WeakSender<u8> = sender.downgrade();
        weak.upgrade().unwrap().try_send(1).unwrap();
        drop(sender);
        assert!(weak.upgrade().is_none());
        assert_eq!(ready(receiver.recv()), Ok(1));

        let sender = broadcast::Sender::new(2);
        let mut receiver = sender.subscribe();
        let weak: broadcast::WeakSender<u8> = sender.downgrade();
        weak.upgrade().unwrap().send(1).unwrap();
        assert_eq!((weak.strong_count(), receiver.sender_strong_count()), (1, 1));
        assert!(!receiver.is_closed());
        drop(sender);
        assert!(weak.upgrade().is_none() && receiver.is_closed());
        assert_eq!(ready(receiver.recv()), Ok(1));
    }

    fn room_owns_its_sender() {
        let (sender, mut receiver) = mpsc::channel(2);
        let first = ready(sender.clone().reserve_owned()).unwrap();
        let second = sender.clone().try_reserve_owned().unwrap();
        assert!(first.same_channel(&second) && first.same_channel_as_sender(&sender));
        let Err(mpsc::TrySendError::Full(back)) = sender.try_reserve_owned() else {
            panic!("there is no room");
        };
        let mut third = waiting(back.reserve_owned());
        // Dropped, it gives room and sender back.
        drop(second);
        let third = third.woken().unwrap();
        assert_eq!(receiver.sender_strong_count(), 2);
        let sender = first.send(1);
        let other = third.release();
        assert_eq!((sender.capacity(), receiver.len()), (1, 1));
        assert_eq!(receiver.try_recv(), Ok(1));
        // Dropped while it waits, it gives up its place and its sender.
        let full = sender.clone().try_reserve_owned().unwrap();
        let fuller = sender.clone().try_reserve_owned().unwrap();
        drop(waiting(other.reserve_owned()));
        drop((full, fuller));
        assert_eq!((sender.capacity(), sender.strong_count()), (2, 1));
        receiver.close();
        assert!(ready(sender.clone().reserve_owned()).is_err());
        assert!(matches!(sender.try_reserve_owned(), Err(mpsc::TrySendError::Closed(_))));
    }

    fn a_promised_message_comes_after_the_last_sender() {
        let (sender, mut receiver) = mpsc::channel(1);
        let permit = sender.try_reserve_owned().unwrap();
        let mut receiving = waiting(receiver.recv());
        assert_eq!(receiving.wakes(), 0);
        drop(permit.send(5));
        assert_eq!(receiving.ready(), Some(5));
        drop(receiving);
        assert_eq!(ready(receiver.recv()), None);
    }

    fn several_messages_at_once() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let mut buffer = vec![0];
        let mut receiving = waiting(receiver.recv_many(&mut buffer, 2));
        for number in 1..4 {
            sender.send(number).unwrap();
        }
        assert_eq!(receiving.woken(), 2);
        drop(receiving);
        assert_eq!(ready(receiver.recv_many(&mut buffer, 9)), 1);
        assert_eq!(buffer, [0, 1, 2, 3]);
        assert_eq!(ready(receiver.recv_many(&mut buffer, 0)), 0);
        drop(sender);
        assert_eq!(ready(receiver.recv_many(&mut buffer, 9)), 0);
    }

    fn a_one_shot_receiver_tells_its_state() {
        let (sender, mut receiver) = oneshot::channel();
        assert!(receiver.is_empty() && !receiver.is_terminated());
        assert_eq!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        sender.send(7).unwrap();
        assert!(!receiver.is_empty() && !receiver.is_terminated());
        assert_eq!(ready(&mut receiver), Ok(7));
        assert!(receiver.is_empty() && receiver.is_terminated());
        assert_eq!(receiver.try_recv(), Err(oneshot::error::TryRecvError::Closed));
        let (sender, receiver) = oneshot::channel::<u8>();
        drop(sender);
        assert!(receiver.is_terminated());
    }

    fn a_broadcast_sender_sees_what_is_left_and_that_nobody_receives() {
        let (sender, mut one) = broadcast::channel(4);
        let two = sender.subscribe();
        assert!(one.same_channel(&two) && sender.same_channel(&sender.clone()));
        sender.send(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!((sender.len(), sender.is_empty()), (2, false));
        assert_eq!(one.try_recv(), Ok(1));
        assert_eq!(sender.len(), 2);
        let mut closed = waiting(sender.closed());
        drop(two);
        assert_eq!((sender.len(), closed.wakes()), (1, 0));
        drop(one);
        closed.woken();
        assert!(sender.is_empty());
        ready(sender.closed());
    }

    fn a_watched_value_is_seen_from_both_ends() {
        let sender = watch::Sender::new(1);
        let other = sender.clone();
        let mut receiver = sender.subscribe();
        assert!(sender.same_channel(&other));
        assert_eq!((sender.sender_count(), *sender.borrow(), other.get()), (2, 1, 1));
        assert!(!receiver.borrow().has_changed());
        sender.send(2).unwrap();
        assert!(receiver.borrow().has_changed());
        {
            let value = receiver.borrow_and_update();
            assert!(value.has_changed() && *value == 2);
        }
        assert!(!receiver.borrow_and_update().has_changed());
        sender.send(3).unwrap();
        {
            let value = ready(receiver.wait_for(|value| *value > 2)).unwrap();
            assert!(value.has_changed() && *value == 3);
        }
        assert!(!ready(receiver.wait_for(|value| *value == 3)).unwrap().has_changed());
        let mut waits = waiting(async { *receiver.wait_for(|value| *value == 5).await.unwrap() });
        sender.send(4).unwrap();
        assert!(waits.poll().is_pending());
        sender.send(5).unwrap();
        assert_eq!(waits.ready(), 5);
        assert_eq!(*watch::Sender::<u8>::default().borrow(), 0);
    }

    fn a_part_of_a_locked_value() {
        let mutex = Mutex::new((1, Some(2)));
        let part = scoped::MutexGuard::map(ready(mutex.lock()), |pair| &mut pair.0);
        assert!(mutex.try_lock().is_err());
        assert_eq!(*part, 1);
        drop(part);
        let guard = mutex.try_lock().unwrap();
        let mut part = scoped::MutexGuard::try_map(guard, |pair| pair.1.as_mut()).unwrap();
        *part = 7;
        assert!(mutex.try_lock().is_err());
        drop(part);
        let mut guard = mutex.try_lock().unwrap();
        assert_eq!(guard.1.take(), Some(7));
        let guard = scoped::MutexGuard::try_map(guard, |pair| pair.1.as_mut()).unwrap_err();
        assert!(mutex.try_lock().is_err());
        drop(guard);
        assert!(mutex.try_lock().is_ok());
    }

    fn a_part_of_a_value_for_readers_and_writers() {
        let lock = RwLock::new((1, Some(2)));
        let reader = scoped::RwLockReadGuard::map(ready(lock.read()), |pair| &pair.0);
        let other = scoped::RwLockReadGuard::try_map(lock.try_read().unwrap(), |pair| pair.1.as_ref());
        assert_eq!((*reader, *other.unwrap()), (1, 2));
        assert!(lock.try_write().is_err());
        drop(reader);
        let mut writer = scoped::RwLockWriteGuard::map(lock.try_write().unwrap(), |pair| &mut pair.0);
        *writer = 5;
        assert!(lock.try_read().is_err());
        drop(writer);
        let guard = lock.try_write().unwrap();
        let mut part = scoped::RwLockWriteGuard::try_map(guard, |pair| pair.1.as_mut()).unwrap();
        *part = 6;
        drop(part);
        let mut guard = lock.try_write().unwrap();
        assert_eq!((guard.0, guard.1.take()), (5, Some(6)));
        let guard = scoped::RwLockWriteGuard::try_map(guard, |pair| pair.1.as_mut()).unwrap_err();
        assert_eq!(*scoped::RwLockReadGuard::map(guard.downgrade(), |pair| &pair.0), 5);
        assert!(lock.try_write().is_ok());
    }

    fn readers_and_writers_that_own_the_lock() {
        let lock = Owner::new(RwLock::new(1));
        let reader = ready(lock.clone().read_owned());
        let other = lock.clone().try_read_owned().unwrap();
        assert!(lock.clone().try_write_owned().is_err());
        let mut writing = waiting(lock.clone().write_owned());
        assert_eq!(*reader + *other, 2);
        drop((reader, other));
        let mut writer = writing.woken();
        *writer = 7;
        assert!(lock.clone().try_read_owned().is_err());
        let reading = waiting(lock.clone().read_owned());
        let reader = writer.downgrade();
        assert_eq!((*reader, reading.wakes()), (7, 1));
        drop((reading, reader, writing));
        assert_eq!(*lock.try_write().unwrap(), 7);
        // All shares are back.
        assert!(Owner::try_unwrap(lock).is_ok());
    }

    fn a_notification_for_the_last_and_for_one_that_owns_a_share() {
        let notify = Owner::new(Notify::new());
        let mut first = waiting(notify.notified());
        let mut last = waiting(notify.clone().notified_owned());
        notify.notify_last();
        assert_eq!((first.wakes(), last.wakes()), (0, 1));
        last.ready();
        notify.notify_last();
        first.woken();
        // Without anybody it is kept.
        notify.notify_last();
        ready(notify.clone().notified_owned());
        // One that is dropped passes it on.
        let given_up = waiting(notify.clone().notified_owned());
        let mut next = waiting(notify.notified());
        notify.notify_one();
        drop(given_up);
        next.woken();
        drop(first);
        drop((last, next));
        let mut alone = task(notify.clone().notified_owned());
        notify.notify_waiters();
        drop(notify);
        alone.ready();
    }

    fn one_sets_and_all_who_wait_see_it() {
        let once = SetOnce::const_new();
        let mut first = waiting(once.wait());
        let mut second = waiting(once.wait());
        drop(waiting(once.wait()));
        assert_eq!((once.get(), once.initialized()), (None, false));
        once.set(7).unwrap();
        assert_eq!((*first.woken(), *second.woken(), *ready(once.wait())), (7, 7, 7));
        assert_eq!(once.set(8).unwrap_err().0, 8);
        drop((first, second));
        assert_eq!(once.into_inner(), Some(7));
    }

    fn a_token_may_be_owned_by_who_waits_and_cancelled_by_a_loan() {
        let token = CancellationToken::new();
        let mut waits = waiting(token.clone().cancelled_owned());
        let given_up = waiting(token.clone().cancelled_owned());
        assert!(!token.drop_guard_ref().disarm().is_cancelled());
        drop(given_up);
        drop(token.drop_guard_ref());
        waits.woken();
        drop(token);
    }

    fn a_tracker_knows_its_clones() {
        let tracker = TaskTracker::new();
        assert!(TaskTracker::ptr_eq(&tracker, &tracker.clone()));
        assert!(!TaskTracker::ptr_eq(&tracker, &TaskTracker::new()));
        let token = tracker.token();
        assert_eq!(token.task_tracker().len(), 1);
    }

    fn names_for_statics() {
        let cell = OnceCell::new_with(Some(3));
        assert!(cell.set(4).unwrap_err().is_already_init_err());
        assert!(!OnceCell::<u8>::const_new().initialized());
        assert!(OnceCell::<u8>::new_with(None).get().is_none());
        assert_eq!(Semaphore::const_new(2).available_permits(), 2);
        assert_eq!(Mutex::const_new(2).into_inner(), 2);
        assert_eq!(RwLock::const_new(2).into_inner(), 2);
        Notify::const_new().notify_one();
    }
}

#[test]
fn a_message_is_given_back_when_there_was_no_room_in_time() {
    use sync::local::mpsc::{self, SendTimeoutError};
    Executor::with_capacity(2, ThreadReactor::new()).block_on(async {
        let (sender, mut receiver) = mpsc::channel(1);
        let soon = Duration::from_millis(1);
        sender.send_timeout(1, soon).await.unwrap();
        let late = sender.send_timeout(2, soon).await.unwrap_err();
        assert_eq!(late, SendTimeoutError::Timeout(2));
        assert_eq!(receiver.try_recv(), Ok(1));
        drop(receiver);
        let closed = sender.send_timeout(3, soon).await.unwrap_err();
        assert_eq!(closed, SendTimeoutError::Closed(3));
    });
}

#[test]
fn threads_wait_for_locks_and_messages() {
    const EACH: usize = if cfg!(miri) { 25 } else { 100 };
    let mutex = std::sync::Arc::new(sync::Mutex::new(0));
    let lock = std::sync::Arc::new(sync::RwLock::new(0));
    let (sender, mut receiver) = sync::mpsc::channel(1);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (mutex, lock, sender) = (mutex.clone(), lock.clone(), sender.clone());
            std::thread::spawn(move || {
                for _ in 0..EACH {
                    *mutex.blocking_lock() += 1;
                    *mutex.clone().blocking_lock_owned() += 1;
                    *lock.blocking_write() += 1;
                    assert!(*lock.blocking_read() > 0);
                    sender.blocking_send(1).unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let mut messages = Vec::new();
    while receiver.blocking_recv_many(&mut messages, 3) > 0 {}
    for thread in threads {
        thread.join().unwrap();
    }
    let counted = (*mutex.blocking_lock(), *lock.blocking_read());
    assert_eq!(counted, (8 * EACH, 4 * EACH));
    assert_eq!(messages.len(), 4 * EACH);
}
