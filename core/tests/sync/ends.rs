//! Ends that come while somebody is on the way: between the poll that is refused, for lack of a budget, and the next one,
//! or while others are told.

use std::cell::Cell;
use std::future::{pending, poll_fn, ready as at_once};
use std::pin::pin;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Poll, Wake, Waker};

use polliwog_core::conformance::ThreadReactor;
use polliwog_core::task::consume_budget;
use polliwog_core::{Executor, yield_now};

use super::{both_scopes, ready, task, waiting};

fn run<T>(future: impl Future<Output = T>) -> T {
    Executor::with_capacity(8, ThreadReactor::new()).block_on(future)
}

/// What a future gives if `meanwhile` is done after a first poll that has nothing left of its budget but `units`.
async fn interrupted<T>(
    units: usize,
    future: impl Future<Output = T>,
    meanwhile: impl FnOnce(),
) -> Poll<T> {
    yield_now().await;
    for _ in 0..128 - units {
        consume_budget().await;
    }
    let mut future = pin!(future);
    let first = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    assert!(first.is_pending());
    meanwhile();
    yield_now().await;
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

both_scopes! {
    fn a_value_that_is_set_on_the_way_to_make_it_is_seen() {
        for units in 0..2 {
            let cell = OnceCell::new();
            let set = || cell.set(1).unwrap();
            let got = run(interrupted(units, cell.get_or_init(|| async { 2 }), set));
            assert_eq!(got, Poll::Ready(&1));
        }
    }

    fn what_ends_on_the_way_is_seen() {
        run(async {
            let notify = Notify::new();
            let all = || notify.notify_waiters();
            assert_eq!(interrupted(0, notify.notified(), all).await, Poll::Ready(()));
            let semaphore = Semaphore::new(0);
            assert!(matches!(
                interrupted(0, semaphore.acquire(), || semaphore.close()).await,
                Poll::Ready(Err(_))
            ));
            let barrier = Barrier::new(1);
            assert!(interrupted(0, barrier.wait(), || ()).await.is_ready());
            let (sender, mut receiver) = mpsc::channel::<u8>(1);
            assert_eq!(interrupted(0, receiver.recv(), || drop(sender)).await, Poll::Ready(None));
            let (sender, receiver) = mpsc::channel(1);
            assert!(matches!(
                interrupted(0, sender.send(1), || drop(receiver)).await,
                Poll::Ready(Err(_))
            ));
            let once = SetOnce::new();
            let set = || once.set(1).unwrap();
            assert_eq!(interrupted(0, once.wait(), set).await, Poll::Ready(&1));
        });
    }

    fn a_tracker_that_was_empty_and_is_not_any_more_was_empty() {
        let tracker = TaskTracker::new();
        let (mut waiter, mut not_polled) = (waiting(tracker.wait()), task(tracker.wait()));
        tracker.close();
        let mut at_its_end = task(tracker.wait());
        tracker.reopen();
        let _token = tracker.token();
        waiter.woken();
        not_polled.ready();
        at_its_end.ready();
        // Whoever comes now waits for the next time.
        let mut late = waiting(tracker.wait());
        tracker.close();
        assert!(late.poll().is_pending());
        drop(_token);
        late.ready();
    }

    fn what_was_done_when_it_was_cancelled_is_not_thrown_away() {
        let token = CancellationToken::new();
        let done = Cell::new(false);
        let mut working = waiting(token.run_until_cancelled(poll_fn(|_| match done.get() {
            true => Poll::Ready(7),
            false => Poll::Pending,
        })));
        token.cancel();
        done.set(true);
        assert_eq!(working.woken(), Some(7));
        // But nothing is begun.
        assert_eq!(ready(token.run_until_cancelled(at_once(8))), None);
        assert_eq!(ready(token.clone().run_until_cancelled_owned(at_once(8))), None);
        let token = CancellationToken::new();
        let mut working = waiting(token.run_until_cancelled(pending::<()>()));
        token.cancel();
        assert_eq!(working.woken(), None);
    }

    fn a_greedy_future_is_cancelled_all_the_same() {
        run(async {
            let token = CancellationToken::new();
            let told = token.clone();
            let greedy = async {
                for polls in 0.. {
                    if polls == 1000 {
                        told.cancel();
                    }
                    consume_budget().await;
                }
            };
            assert!(token.run_until_cancelled(greedy).await.is_none());
        });
    }

    fn more_permits_than_there_can_be_are_never_had() {
        let semaphore = Owner::new(Semaphore::new(1));
        assert!(semaphore.try_acquire_many(u32::MAX).is_err());
        assert!(semaphore.clone().try_acquire_many_owned(u32::MAX).is_err());
        drop(waiting(semaphore.acquire_many(u32::MAX)));
        drop(waiting(semaphore.clone().acquire_many_owned(u32::MAX)));
        assert_eq!(semaphore.available_permits(), 1);
    }

    fn ends_that_were_forgotten_are_not_counted_when_it_is_split_again() {
        let mut channel = mpsc::Channel::<u8, 1>::new();
        let (sender, receiver) = channel.split();
        std::mem::forget(ready(sender.clone().reserve_owned()).unwrap());
        std::mem::forget((sender, receiver));
        let (sender, mut receiver) = channel.split();
        sender.try_send(1).unwrap();
        drop(sender);
        assert_eq!(ready(receiver.recv()), Some(1));
        assert_eq!(ready(receiver.recv()), None);
    }

    fn a_sender_whose_message_is_taken_is_cancelled_or_not_in_any_order() {
        for order in 0..6 {
            let (sender, mut receiver) = mpsc::channel(1);
            sender.try_send(0).unwrap();
            let mut sends: Vec<_> = (1..4).map(|n| Some(waiting(sender.send(n)))).collect();
            assert_eq!(ready(receiver.recv()), Some(0));
            // The first has the room. Whoever goes, the next who is left has it.
            let first = order % 3;
            sends[first] = None;
            let second = (first + 1 + order / 3) % 3;
            sends[second] = None;
            let left = 3 - first - second;
            sends[left].as_mut().unwrap().ready().unwrap();
            assert_eq!(ready(receiver.recv()), Some(left + 1));
            assert_eq!(sender.capacity(), 1);
        }
    }

    fn a_closed_channel_tells_all_who_wait_whatever_they_wait_for() {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.try_send(0).unwrap();
        let mut send = waiting(sender.send(1));
        let mut reserve = waiting(sender.reserve());
        let mut closed = waiting(sender.closed());
        receiver.close();
        closed.woken();
        assert!(reserve.woken().is_err());
        assert_eq!(send.woken().unwrap_err().0, 1);
        assert_eq!(ready(receiver.recv()), Some(0));
        assert_eq!(ready(receiver.recv()), None);
    }
}

/// Does something when it is woken, once.
struct Doing(StdMutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for Doing {
    fn wake(self: Arc<Self>) {
        if let Some(doing) = self.0.lock().unwrap().take() {
            doing();
        }
    }
}

#[test]
fn who_comes_to_receive_while_the_last_goes_gets_what_is_sent_then() {
    use polliwog_core::sync::mpmc::Channel;

    static CHANNEL: Channel<u8, 4> = Channel::new();
    let (sender, receiver) = (CHANNEL.sender(), CHANNEL.receiver());
    sender.try_send(1).unwrap();
    let next = Arc::new(StdMutex::new(None));
    let place = next.clone();
    let doing = Doing(StdMutex::new(Some(Box::new(move || {
        *place.lock().unwrap() = Some(CHANNEL.receiver());
        CHANNEL.try_send(2).unwrap();
    }))));
    let waker = Waker::from(Arc::new(doing));
    let mut closed = Box::pin(sender.closed());
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(closed.as_mut().poll(&mut cx).is_pending());
    drop(receiver);
    let next = next.lock().unwrap().take().unwrap();
    assert!(!next.is_closed());
    // What was there has its order, and is not dropped, since somebody receives.
    let rest: Vec<_> = std::iter::from_fn(|| next.try_recv().ok()).collect();
    assert_eq!(rest, [1, 2]);
}
