use std::error::Error;

use polliwog_core::sync::{AcquireError, TryAcquireError, TryLockError};

use super::{both_scopes, ready, task, waiting};

both_scopes! {
    fn permits_go_to_those_who_wait_in_their_order() {
        let semaphore = Semaphore::new(2);
        let one = ready(semaphore.acquire()).unwrap();
        let two = semaphore.try_acquire().unwrap();
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
        let mut big = waiting(semaphore.acquire_many(2));
        let mut small = waiting(semaphore.acquire());
        drop(one);
        // Enough for the second, who is not before the first.
        assert_eq!((big.wakes(), small.wakes()), (0, 0));
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
        drop(two);
        let permit = big.woken().unwrap();
        assert_eq!(permit.num_permits(), 2);
        assert!(small.poll().is_pending());
        drop(permit);
        drop(small.woken().unwrap());
        assert_eq!(semaphore.available_permits(), 2);
    }

    fn several_get_what_is_released_at_once() {
        let semaphore = Semaphore::new(0);
        let mut tasks: Vec<_> = (0..5).map(|_| waiting(semaphore.acquire())).collect();
        semaphore.add_permits(3);
        let woken: Vec<_> = tasks.iter().map(|task| task.wakes()).collect();
        assert_eq!(woken, [1, 1, 1, 0, 0]);
        for task in &mut tasks[..3] {
            task.ready().unwrap().forget();
        }
        assert!(tasks[3].poll().is_pending());
        assert_eq!(semaphore.available_permits(), 0);
    }

    fn an_acquire_that_is_dropped_loses_no_permit() {
        let semaphore = Semaphore::new(1);
        // Before it has been polled, while it waits as the first, and when it has got its permits.
        drop(semaphore.acquire());
        let held = ready(semaphore.acquire()).unwrap();
        let big = waiting(semaphore.acquire_many(3));
        let mut small = waiting(semaphore.acquire());
        let mut last = waiting(semaphore.acquire());
        drop(held);
        assert_eq!(small.wakes(), 0);
        drop(big);
        assert_eq!(small.wakes(), 1);
        drop(small.ready());
        assert_eq!(last.wakes(), 1);
        drop(last);
        assert_eq!(semaphore.available_permits(), 1);
        small = waiting(semaphore.acquire_many(2));
        semaphore.add_permits(1);
        assert_eq!(small.wakes(), 1);
        drop(small);
        assert_eq!(semaphore.available_permits(), 2);
        last = task(semaphore.acquire());
        drop(last.ready());
    }

    fn a_closed_semaphore_gives_nothing() {
        let semaphore = Semaphore::new(1);
        let held = semaphore.try_acquire().unwrap();
        let mut waits = [waiting(semaphore.acquire()), waiting(semaphore.acquire_many(2))];
        let gone = waiting(semaphore.acquire());
        semaphore.close();
        assert!(semaphore.is_closed());
        drop(gone);
        for task in &mut waits {
            let error: AcquireError = task.woken().unwrap_err();
            let _: &dyn Error = &error;
        }
        drop(held);
        assert_eq!(semaphore.available_permits(), 1);
        ready(semaphore.acquire()).unwrap_err();
        assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
    }

    fn permits_are_split_merged_and_owned() {
        let semaphore = Owner::new(Semaphore::new(5));
        let mut permit = ready(semaphore.clone().acquire_many_owned(3)).unwrap();
        let part = permit.split(2).unwrap();
        assert!(permit.split(2).is_none());
        assert_eq!((permit.num_permits(), part.num_permits()), (1, 2));
        permit.merge(part);
        permit.merge(semaphore.clone().try_acquire_owned().unwrap());
        assert_eq!(semaphore.available_permits(), 1);
        let mut waits = waiting(semaphore.clone().acquire_many_owned(2));
        drop(permit);
        let got = waits.woken().unwrap();
        drop(waits);
        assert_eq!(semaphore.available_permits(), 3);
        got.forget();
        assert_eq!(semaphore.forget_permits(7), 3);
        assert_eq!(Owner::strong_count(&semaphore), 1);
    }

    #[should_panic(expected = "at most")]
    fn there_is_a_limit_on_permits() {
        let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
        semaphore.add_permits(1);
    }

    fn a_mutex_is_had_by_one_at_a_time_in_their_order() {
        let mutex = Mutex::new(0);
        let mut guard = ready(mutex.lock());
        *guard += 1;
        assert_eq!(mutex.try_lock().unwrap_err().to_string(), "the lock is held");
        let mut first = waiting(mutex.lock());
        let mut second = waiting(mutex.lock());
        drop(guard);
        // It is the first one's, though that has not been polled since.
        assert!(mutex.try_lock().is_err());
        assert!(second.poll().is_pending());
        *first.woken() += 1;
        assert_eq!(*second.woken(), 2);
        drop((first, second));
        assert_eq!(mutex.into_inner(), 2);
    }

    fn a_lock_that_is_dropped_goes_to_the_next() {
        let mutex = Mutex::new(());
        drop(mutex.lock());
        let guard = ready(mutex.lock());
        let first = waiting(mutex.lock());
        let second = waiting(mutex.lock());
        let mut third = waiting(mutex.lock());
        drop(second);
        drop(guard);
        assert_eq!((first.wakes(), third.wakes()), (1, 0));
        drop(first);
        drop(third.woken());
        drop(mutex.try_lock().unwrap());
    }

    fn a_mutex_may_hold_what_has_no_size_and_be_owned() {
        let mutex: Owner<Mutex<[u8]>> = Owner::new(Mutex::new([1, 2, 3]));
        ready(mutex.lock())[0] = 7;
        assert_eq!(format!("{mutex:?}"), "Mutex { data: [7, 2, 3] }");

        let mutex = Owner::new(Mutex::from(1));
        let mut guard = ready(mutex.clone().lock_owned());
        *guard += 1;
        assert_eq!(format!("{guard} {guard:?} {mutex:?}"), "2 2 Mutex { data: <locked> }");
        let mut next = waiting(mutex.clone().lock_owned());
        mutex.clone().try_lock_owned().unwrap_err();
        drop(guard);
        assert_eq!(*next.woken(), 2);
        drop(next);
        assert_eq!(Owner::strong_count(&mutex), 1);
    }

    fn readers_share_and_writers_do_not() {
        let mut lock = RwLock::new(1);
        {
            let (one, two) = (ready(lock.read()), lock.try_read().unwrap());
            assert_eq!(*one + *two, 2);
            lock.try_write().unwrap_err();
            let mut writer = waiting(lock.write());
            // A writer who waits is before readers who come later.
            let error: TryLockError = lock.try_read().unwrap_err();
            let _: &dyn Error = &error;
            let mut readers = [waiting(lock.read()), waiting(lock.read())];
            drop(one);
            assert_eq!(writer.wakes(), 0);
            drop(two);
            let mut guard = writer.woken();
            *guard += 1;
            assert_eq!(format!("{lock:?}"), "RwLock { data: <locked> }");
            assert!(readers.iter_mut().all(|reader| reader.poll().is_pending()));
            let read = guard.downgrade();
            // All of them at once.
            let guards = readers.each_mut().map(|reader| reader.woken());
            assert!(guards.iter().all(|guard| **guard == *read));
        }
        *lock.get_mut() += 1;
        assert_eq!(lock.into_inner(), 3);
    }

    fn a_writer_that_gives_up_lets_readers_in() {
        let lock = RwLock::new(());
        let read = ready(lock.read());
        let writer = waiting(lock.write());
        let mut reader = waiting(lock.read());
        drop(writer);
        drop(reader.woken());
        drop(read);
        let writer = waiting_writer(&lock);
        drop(lock.try_read());
        drop(writer);
        drop(lock.try_write().unwrap());

        fn waiting_writer(lock: &RwLock<()>) -> super::super::Task<'_, ()> {
            let read = lock.try_read().unwrap();
            let writer = waiting(async move {
                drop(lock.write().await);
            });
            drop(read);
            assert_eq!(writer.wakes(), 1);
            writer
        }
    }
}

/// Guards and futures are as `Send` as what they lock.
#[test]
fn what_is_shared_can_go_to_other_threads() {
    use polliwog_core::sync::*;
    use std::cell::Cell;
    fn send<T: Send>(value: T) -> T {
        value
    }
    static MUTEX: Mutex<Cell<u8>> = Mutex::new(Cell::new(1));
    static LOCK: RwLock<u8> = RwLock::new(2);
    static SEMAPHORE: Semaphore = Semaphore::new(3);
    ready(send(async {
        let mutex = MUTEX.lock().await;
        let lock = LOCK.write().await;
        let permit = SEMAPHORE.acquire().await;
        std::future::ready(()).await;
        drop((mutex, lock, permit));
    }));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                if let Ok(mutex) = MUTEX.try_lock() {
                    mutex.set(mutex.get() + 1);
                }
            });
        }
    });
    assert!(MUTEX.try_lock().unwrap().get() > 1);
}
