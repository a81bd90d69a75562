//! Futures that are made, polled, woken and dropped in any order, thousands of times: whoever is dropped, wherever it
//! has come to, takes nothing along, and nobody waits for what is there.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use super::words::dice;
use super::{Task, both_scopes, task};

const ROUNDS: u64 = if cfg!(miri) { 1 } else { 20 };
const STEPS: usize = if cfg!(miri) { 30 } else { 150 };

/// Some futures that are under way.
struct Crowd<'a, T> {
    /// With the number of wakes that have been followed by a poll; none before the first poll.
    tasks: Vec<(Task<'a, T>, Option<usize>)>,
}

impl<'a, T> Crowd<'a, T> {
    fn new() -> Self {
        Self { tasks: Vec::new() }
    }

    fn add(&mut self, future: impl Future<Output = T> + 'a) {
        self.tasks.push((task(future), None));
    }

    fn poll(&mut self, index: usize) -> Option<T> {
        let (task, seen) = &mut self.tasks[index];
        *seen = Some(task.wakes());
        let Poll::Ready(output) = task.poll() else {
            return None;
        };
        self.tasks.swap_remove(index);
        Some(output)
    }

    /// Polls one, woken or not, or drops it.
    fn disturb(&mut self, dice: &mut impl FnMut(u64) -> u64) -> Option<T> {
        if self.tasks.is_empty() {
            return None;
        }
        let index = dice(self.tasks.len() as u64) as usize;
        if dice(3) == 0 {
            self.tasks.swap_remove(index);
            return None;
        }
        self.poll(index)
    }

    /// Polls those that have been woken, or not polled yet, until there are none.
    fn settle(&mut self, mut each: impl FnMut(T)) {
        loop {
            super::count();
            let (mut any, mut index) = (false, 0);
            while let Some((task, seen)) = self.tasks.get(index) {
                if seen.is_some_and(|seen| task.counted() == seen) {
                    index += 1;
                    continue;
                }
                any = true;
                match self.poll(index) {
                    Some(output) => each(output),
                    None => index += 1,
                }
            }
            if !any {
                return;
            }
        }
    }

    fn len(&self) -> usize {
        self.tasks.len()
    }
}

/// Ready at the second poll.
fn later() -> impl Future<Output = ()> {
    let mut first = true;
    poll_fn(move |cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
}

both_scopes! {
    fn no_permit_of_a_semaphore_is_lost() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let semaphore = Semaphore::new(3);
            let mut held = Vec::new();
            let mut crowd = Crowd::new();
            for _ in 0..STEPS {
                match dice(6) {
                    0 | 1 => crowd.add(semaphore.acquire_many(dice(4) as u32)),
                    2 if !held.is_empty() => drop(held.swap_remove(dice(held.len() as u64) as usize)),
                    3 => held.extend(semaphore.try_acquire_many(1 + dice(2) as u32)),
                    _ => held.extend(crowd.disturb(&mut dice).map(Result::unwrap)),
                }
            }
            crowd.settle(|permit| held.push(permit.unwrap()));
            let out: usize = held.iter().map(|permit| permit.num_permits()).sum();
            assert_eq!(semaphore.available_permits() + out, 3);
            drop(held);
            let mut kept = Vec::new();
            // Who has what it wants gives it back: all have their turn.
            while crowd.len() > 0 {
                let left = crowd.len();
                kept.clear();
                crowd.settle(|permit| kept.push(permit.unwrap()));
                assert!(crowd.len() < left, "{left} wait for what is there");
            }
            drop(kept);
            assert_eq!(semaphore.available_permits(), 3);
        }
    }

    fn a_closed_semaphore_keeps_nobody() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let semaphore = Semaphore::new(1);
            let mut held = Vec::new();
            let mut crowd = Crowd::new();
            for step in 0..STEPS {
                match dice(4) {
                    0 => crowd.add(semaphore.acquire()),
                    1 => drop(held.pop()),
                    _ => held.extend(crowd.disturb(&mut dice).and_then(Result::ok)),
                }
                if step == STEPS / 2 {
                    semaphore.close();
                }
            }
            crowd.settle(|permit| held.extend(permit));
            assert_eq!(crowd.len(), 0);
            drop(held);
            assert_eq!(semaphore.available_permits(), 1);
        }
    }

    fn no_lock_is_lost_and_none_is_had_twice() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let mutex = Mutex::new(());
            let mut held = None;
            let mut crowd = Crowd::new();
            for _ in 0..STEPS {
                let got = match dice(5) {
                    0 => {
                        crowd.add(mutex.lock());
                        None
                    }
                    1 => {
                        held = None;
                        None
                    }
                    2 => mutex.try_lock().ok(),
                    _ => crowd.disturb(&mut dice),
                };
                if got.is_some() {
                    assert!(held.is_none());
                    held = got;
                }
            }
            drop(held);
            crowd.settle(drop);
            assert_eq!(crowd.len(), 0);
            assert!(mutex.try_lock().is_ok());
        }
    }

    fn readers_and_writers_keep_each_other_out_and_nobody_for_ever() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let lock = RwLock::new(());
            let (mut readers, mut writer) = (Vec::new(), None);
            let (mut reading, mut writing) = (Crowd::new(), Crowd::new());
            for _ in 0..STEPS {
                match dice(8) {
                    0 => reading.add(lock.read()),
                    1 => writing.add(lock.write()),
                    2 => drop(readers.pop()),
                    3 => writer = None,
                    4 => readers.extend(writer.take().map(|own: RwLockWriteGuard<'_, ()>| own.downgrade())),
                    5 => readers.extend(reading.disturb(&mut dice)),
                    _ => {
                        if let Some(got) = writing.disturb(&mut dice) {
                            assert!(writer.is_none() && readers.is_empty());
                            writer = Some(got);
                        }
                    }
                }
                assert!(writer.is_none() || readers.is_empty());
            }
            drop((readers, writer));
            while reading.len() + writing.len() > 0 {
                let left = reading.len() + writing.len();
                reading.settle(drop);
                writing.settle(drop);
                assert!(reading.len() + writing.len() < left, "{left} wait for a free lock");
            }
            assert!(lock.try_write().is_ok());
        }
    }

    fn no_notification_is_lost() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let notify = Notify::new();
            let mut crowd = Crowd::new();
            for _ in 0..STEPS {
                match dice(6) {
                    0 | 1 => crowd.add(notify.notified()),
                    2 => notify.notify_one(),
                    3 if dice(4) == 0 => notify.notify_waiters(),
                    4 if dice(2) == 0 => notify.notify_last(),
                    _ => drop(crowd.disturb(&mut dice)),
                }
            }
            crowd.settle(|()| ());
            if crowd.len() > 0 {
                assert!(task(notify.notified()).poll().is_pending(), "a permit beside some who wait");
                let left = crowd.len();
                for _ in 0..left {
                    notify.notify_one();
                }
                crowd.settle(|()| ());
            }
            assert_eq!(crowd.len(), 0);
        }
    }

    fn each_message_comes_once_and_in_its_order() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let channel = mpmc::Channel::<u32, 2>::new();
            let (sent, mut received) = (RefCell::new(Vec::new()), Vec::new());
            let (mut sending, mut receiving) = (Crowd::new(), Crowd::new());
            for number in 0..STEPS as u32 {
                match dice(8) {
                    0 | 1 => {
                        let (channel, sent) = (&channel, &sent);
                        sending.add(async move {
                            channel.send(number).await.unwrap();
                            sent.borrow_mut().push(number);
                        });
                    }
                    2 | 3 => receiving.add(channel.recv()),
                    4 => {
                        if channel.try_send(number).is_ok() {
                            sent.borrow_mut().push(number);
                        }
                    }
                    5 => received.extend(channel.try_recv()),
                    6 => drop(sending.disturb(&mut dice)),
                    _ => received.extend(receiving.disturb(&mut dice)),
                }
            }
            loop {
                let before = (sending.len(), receiving.len());
                sending.settle(|()| ());
                receiving.settle(|message| received.push(message));
                if before == (sending.len(), receiving.len()) {
                    break;
                }
            }
            assert!(sending.len() == 0 || channel.is_full());
            assert!(receiving.len() == 0 || channel.is_empty());
            received.extend(std::iter::from_fn(|| {
                let message = channel.try_recv().ok();
                sending.settle(|()| ());
                message
            }));
            assert_eq!(received, sent.take());
        }
    }

    fn reserved_places_come_back() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let (sender, mut receiver) = mpsc::channel(3);
            let (sent, mut received, mut held) = (Cell::new(0), 0, VecDeque::new());
            let mut crowd = Crowd::new();
            for _ in 0..STEPS {
                match dice(7) {
                    0 | 1 => crowd.add(sender.clone().reserve_owned()),
                    2 => drop(held.pop_front()),
                    3 => {
                        if let Some(place) = held.pop_back() {
                            let place: mpsc::OwnedPermit<u8> = place;
                            drop(place.send(1));
                            sent.set(sent.get() + 1);
                        }
                    }
                    4 => received += usize::from(receiver.try_recv().is_ok()),
                    _ => held.extend(crowd.disturb(&mut dice).map(Result::unwrap)),
                }
                assert!(held.len() + sent.get() - received <= 3);
            }
            drop(held);
            while receiver.try_recv().is_ok() {
                received += 1;
            }
            assert_eq!(sent.get(), received);
            // Each drops its place at once.
            crowd.settle(|place| drop(place.unwrap()));
            assert_eq!(crowd.len(), 0);
            assert_eq!(sender.capacity(), 3);
        }
    }

    fn receivers_of_a_broadcast_know_what_they_have_missed() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let (sender, receiver) = broadcast::channel(3);
            let mut sent = 0_u64;
            // Each with the number that it has to get next, and whether it is to stop waiting.
            let mut idle = vec![(receiver, 0)];
            let stop = Rc::new(Cell::new(false));
            let mut crowd = Crowd::new();
            for _ in 0..STEPS {
                match dice(8) {
                    0..3 => {
                        if sender.send(sent).is_ok() {
                            sent += 1;
                        }
                    }
                    3 => idle.push((sender.subscribe(), sent)),
                    4 => drop((idle.len() > 1).then(|| idle.swap_remove(0))),
                    _ => {
                        if let Some((mut receiver, next)) = idle.pop() {
                            let stop = stop.clone();
                            crowd.add(async move {
                                let got = {
                                    let mut recv = pin!(receiver.recv());
                                    poll_fn(|cx| match stop.get() {
                                        true => Poll::Ready(None),
                                        false => recv.as_mut().poll(cx).map(Some),
                                    })
                                    .await
                                };
                                let next = match got {
                                    None => next,
                                    Some(Ok(number)) => {
                                        assert_eq!(number, next);
                                        next + 1
                                    }
                                    Some(Err(broadcast::RecvError::Lagged(missed))) => {
                                        assert!(missed > 0);
                                        next + missed
                                    }
                                    Some(Err(broadcast::RecvError::Closed)) => unreachable!(),
                                };
                                (receiver, next)
                            });
                        }
                        stop.set(dice(3) == 0);
                        idle.extend(crowd.disturb(&mut dice));
                        stop.set(false);
                    }
                }
            }
            crowd.settle(|one| idle.push(one));
            // Who waits has seen all there was.
            stop.set(true);
            for index in (0..crowd.len()).rev() {
                let (_, next) = crowd.poll(index).unwrap();
                assert_eq!(next, sent);
            }
            for (mut receiver, mut next) in idle {
                assert_eq!(receiver.len() as u64, sent - next);
                loop {
                    match receiver.try_recv() {
                        Ok(number) => {
                            assert_eq!(number, next);
                            next += 1;
                        }
                        Err(broadcast::TryRecvError::Lagged(missed)) => next += missed,
                        Err(_) => break,
                    }
                }
                assert_eq!(next, sent);
            }
            assert_eq!(sender.len(), 0);
        }
    }

    fn nobody_passes_a_barrier_with_too_few() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let barrier = Barrier::new(3);
            let (mut leaders, mut passed) = (0, 0);
            let mut crowd = Crowd::new();
            let mut count = |leader| {
                leaders += usize::from(leader);
                passed += 1;
            };
            for _ in 0..STEPS {
                match dice(3) {
                    0 => crowd.add(barrier.wait()),
                    _ => {
                        if let Some(result) = crowd.disturb(&mut dice) {
                            count(result.is_leader());
                        }
                    }
                }
            }
            crowd.settle(|result| count(result.is_leader()));
            assert!(crowd.len() < 3);
            // Some may have been dropped after their round was complete.
            assert!(passed <= 3 * leaders);
        }
    }

    fn a_value_is_made_although_those_who_make_it_go() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let cell = OnceCell::new();
            let mut crowd = Crowd::new();
            for number in 0..STEPS {
                match dice(3) {
                    0 => crowd.add(cell.get_or_try_init(move || async move {
                        later().await;
                        // Mostly it does not come to be.
                        if number % 16 == 15 { Ok(number) } else { Err(()) }
                    })),
                    _ => drop(crowd.disturb(&mut dice)),
                }
                if dice(100) == 0 && cell.set(1).is_ok() {
                    assert_eq!(cell.get(), Some(&1));
                }
            }
            crowd.settle(drop);
            assert_eq!(crowd.len(), 0);
        }
    }

    fn a_signal_is_for_one_and_not_lost() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let signal = Signal::new();
            let mut last = None;
            let mut crowd = Crowd::new();
            for number in 0..STEPS {
                match dice(4) {
                    0 => crowd.add(signal.wait()),
                    1 => {
                        signal.signal(number);
                        last = Some(number);
                    }
                    _ => {
                        if let Some(got) = crowd.disturb(&mut dice) {
                            assert_eq!(Some(got), last.take());
                        }
                    }
                }
            }
            crowd.settle(|got| assert_eq!(Some(got), last.take()));
            assert!(crowd.len() == 0 || last.is_none());
            assert_eq!(signal.try_take(), last);
        }
    }

    fn who_watches_sees_the_last_change() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let (sender, first) = watch::channel(0);
            let mut idle = vec![first];
            let mut crowd = Crowd::new();
            let mut last = 0;
            for number in 1..STEPS {
                match dice(5) {
                    0 => {
                        sender.send_replace(number);
                        last = number;
                    }
                    1 => {
                        if let Some(mut receiver) = idle.pop() {
                            crowd.add(async move {
                                receiver.changed().await.unwrap();
                                receiver.get();
                                receiver
                            });
                        }
                    }
                    2 => idle.push(sender.subscribe()),
                    _ => idle.extend(crowd.disturb(&mut dice)),
                }
            }
            crowd.settle(|receiver| idle.push(receiver));
            let waiting = crowd.len();
            sender.send_replace(last + 1);
            let mut seen = 0;
            crowd.settle(|mut receiver| {
                assert_eq!(receiver.get(), last + 1);
                seen += 1;
            });
            assert_eq!(seen, waiting);
        }
    }

    fn a_tracker_keeps_nobody_when_all_have_gone() {
        for seed in 0..ROUNDS {
            let mut dice = dice(seed);
            let tracker = TaskTracker::new();
            let mut tokens = Vec::new();
            let mut crowd = Crowd::new();
            for _ in 0..STEPS {
                match dice(7) {
                    0 | 1 => tokens.push(tracker.token()),
                    2 => drop(tokens.pop()),
                    3 => drop(tracker.close()),
                    4 if dice(3) == 0 => drop(tracker.reopen()),
                    5 => {
                        let tracker = tracker.clone();
                        crowd.add(async move { tracker.wait().await });
                    }
                    _ => drop(crowd.disturb(&mut dice)),
                }
            }
            drop(tokens);
            tracker.close();
            crowd.settle(|()| ());
            assert_eq!(crowd.len(), 0);
        }
    }
}
