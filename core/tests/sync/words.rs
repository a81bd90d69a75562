//! What is kept in one word: how much is free or taken, and whether that is the end of it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::{both_scopes, ready, waiting};

/// A message that does something when it is dropped.
#[derive(Default)]
struct Message(Option<Box<dyn FnOnce()>>);

impl Drop for Message {
    fn drop(&mut self) {
        if let Some(action) = self.0.take() {
            action();
        }
    }
}

/// Numbers that look random.
pub(super) fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let state = Cell::new(seed);
    move |sides| {
        state.set(
            state
                .get()
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407),
        );
        (state.get() >> 33) % sides
    }
}

both_scopes! {
    fn permits_of_a_closed_semaphore_are_counted_on() {
        let semaphore = Semaphore::new(3);
        let out = semaphore.try_acquire().unwrap();
        semaphore.close();
        assert_eq!(semaphore.available_permits(), 2);
        drop(out);
        assert_eq!(semaphore.available_permits(), 3);
        assert_eq!(semaphore.forget_permits(2), 2);
        semaphore.add_permits(4);
        assert_eq!(semaphore.available_permits(), 5);
        assert_eq!(semaphore.forget_permits(9), 5);
        assert!(semaphore.is_closed());
        assert!(semaphore.try_acquire_many(0).is_err());
        assert!(ready(semaphore.acquire_many(0)).is_err());
        let none = Semaphore::new(Semaphore::MAX_PERMITS);
        none.close();
        assert_eq!(none.available_permits(), Semaphore::MAX_PERMITS);
    }

    fn whoever_waits_when_it_is_closed_gets_nothing_that_is_given_then() {
        let semaphore = Semaphore::new(0);
        let (mut first, second) = (waiting(semaphore.acquire()), waiting(semaphore.acquire()));
        semaphore.close();
        semaphore.add_permits(1);
        drop(second);
        assert!(first.ready().is_err());
        assert_eq!(semaphore.available_permits(), 1);
    }

    fn a_mutex_goes_from_hand_to_hand() {
        let mutex = Mutex::new(0);
        let own = mutex.try_lock().unwrap();
        let (first, mut second) = (waiting(mutex.lock()), waiting(mutex.lock()));
        drop(own);
        assert!(mutex.try_lock().is_err());
        let late = waiting(mutex.lock());
        // Whoever has got it gives up; it goes to the next, and whoever came late goes, too.
        drop(first);
        drop(late);
        assert!(mutex.try_lock().is_err());
        drop(second.woken());
        assert!(mutex.try_lock().is_ok());
    }

    fn readers_and_writers_share_one_number() {
        let lock = RwLock::new(0);
        let (one, two) = (lock.try_read().unwrap(), lock.try_read().unwrap());
        let mut writer = waiting(lock.write());
        let mut reader = waiting(lock.read());
        assert!(lock.try_read().is_err());
        drop(one);
        assert!(writer.poll().is_pending());
        drop(two);
        let written = writer.woken();
        assert!(reader.poll().is_pending());
        drop(written);
        drop(reader.woken());
        assert!(lock.try_write().is_ok());
    }

    fn the_length_is_right_all_the_way_around() {
        for capacity in 1..5 {
            let (sender, mut receiver) = mpsc::channel(capacity);
            let mut model = VecDeque::new();
            let mut dice = dice(capacity as u64);
            for number in 0..200 {
                if dice(2) == 0 {
                    assert_eq!(sender.try_send(number).is_ok(), model.len() < capacity);
                    if model.len() < capacity {
                        model.push_back(number);
                    }
                } else {
                    assert_eq!(receiver.try_recv().ok(), model.pop_front());
                }
                assert_eq!(receiver.len(), model.len());
                assert_eq!(sender.capacity(), capacity - model.len());
                assert_eq!(receiver.is_empty(), model.is_empty());
            }
            // Also after its end.
            receiver.close();
            assert_eq!(receiver.len(), model.len());
            assert_eq!(receiver.capacity(), capacity - model.len());
            while let Some(message) = model.pop_front() {
                assert_eq!(ready(receiver.recv()), Some(message));
            }
            assert_eq!(ready(receiver.recv()), None);
        }
    }

    fn a_message_may_use_its_channel_when_it_is_dropped_with_its_send() {
        let kept = Rc::new(RefCell::new(None));
        let (sender, receiver) = mpsc::channel(1);
        *kept.borrow_mut() = Some(receiver);
        assert!(sender.try_send(Message::default()).is_ok());
        let theirs = kept.clone();
        let message = Message(Some(Box::new(move || {
            let received = theirs.borrow_mut().as_mut().map(|own| own.try_recv().is_ok());
            assert_eq!(received, Some(true));
        })));
        // Its place comes free while it is dropped, and nobody waits for that any more.
        drop(waiting(sender.send(message)));
        assert!(sender.try_send(Message::default()).is_ok());
        drop(kept.take());
        assert!(sender.try_send(Message::default()).is_err());
    }
}
