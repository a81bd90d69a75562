//! Others' channels, locks and the like run unchanged: between tasks on mio and, in virtual time and by
//! several seeds, on spin; and from other threads on mio.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use futures::future::Either;
use futures::stream::FuturesUnordered;
use futures::{SinkExt, StreamExt};
use polliwog::time::{Duration, sleep};
use polliwog::{spawn, yield_now};

const EACH: u64 = 100;
const SUM: u64 = EACH * (EACH + 1) / 2;

/// Runs a test on mio and on spin.
fn on_both<F: Future<Output = ()> + 'static>(test: impl Fn() -> F) {
    polliwog::mio::block_on(test());
    for seed in 0..4 {
        polliwog::spin::test(seed, test());
    }
}

/// Sends from a thread what a task receives.
fn from_a_thread<F: Future<Output = u64> + 'static>(
    send: impl FnOnce() + Send + 'static,
    receive: impl FnOnce() -> F,
) {
    let thread = thread::spawn(send);
    assert_eq!(polliwog::mio::block_on(receive()), SUM);
    thread.join().unwrap();
}

/// Adds up what a stream gives.
async fn sum(stream: impl futures::Stream<Item = u64>) -> u64 {
    stream.fold(0, |sum, n| async move { sum + n }).await
}

#[test]
fn tokio_channels() {
    on_both(|| async {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(3);
        let (answer, answered) = tokio::sync::oneshot::channel();
        spawn(async move {
            let mut sum = 0;
            while let Some(n) = receiver.recv().await {
                sum += n;
            }
            answer.send(sum).unwrap();
        })
        .unwrap()
        .detach();
        for n in 1..=EACH {
            sender.send(n).await.unwrap();
        }
        drop(sender);
        assert_eq!(answered.await, Ok(SUM));

        let (sender, mut receiver) = tokio::sync::watch::channel(0);
        let watches = spawn(async move { *receiver.wait_for(|n| *n == 7).await.unwrap() }).unwrap();
        for n in 1..=7 {
            sender.send(n).unwrap();
            yield_now().await;
        }
        assert_eq!(watches.await.unwrap(), 7);

        let (sender, _) = tokio::sync::broadcast::channel(4);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let mut receiver = sender.subscribe();
                spawn(async move { receiver.recv().await.unwrap() }).unwrap()
            })
            .collect();
        sender.send(5).unwrap();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 5);
        }
    });
    let (sender, mut receiver) = tokio::sync::mpsc::channel(3);
    let send = move || (1..=EACH).for_each(|n| sender.blocking_send(n).unwrap());
    from_a_thread(send, || async move {
        let mut sum = 0;
        while let Some(n) = receiver.recv().await {
            sum += n;
        }
        sum
    });
}

#[test]
fn tokio_locks_and_notifications() {
    on_both(|| async {
        let mutex = Arc::new(tokio::sync::Mutex::new(0));
        let permits = Arc::new(tokio::sync::Semaphore::new(2));
        let barrier = Arc::new(tokio::sync::Barrier::new(3));
        let notify = Arc::new(tokio::sync::Notify::new());
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (mutex, permits) = (mutex.clone(), permits.clone());
                let (barrier, notify) = (barrier.clone(), notify.clone());
                spawn(async move {
                    for _ in 0..10 {
                        let _permit = permits.acquire().await.unwrap();
                        let mut value = mutex.lock().await;
                        yield_now().await;
                        *value += 1;
                    }
                    if barrier.wait().await.is_leader() {
                        notify.notify_one();
                    }
                })
                .unwrap()
            })
            .collect();
        notify.notified().await;
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*mutex.lock().await, 30);
        let cell = tokio::sync::OnceCell::new();
        assert_eq!(*cell.get_or_init(|| async { 7 }).await, 7);
    });
    let notify = Arc::new(tokio::sync::Notify::new());
    let theirs = notify.clone();
    let thread = thread::spawn(move || theirs.notify_one());
    polliwog::mio::block_on(async move { notify.notified().await });
    thread.join().unwrap();
}

#[test]
fn tokio_select() {
    on_both(|| async {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<u64>(1);
        let mut got = Vec::new();
        for round in 0..2 {
            tokio::select! {
                Some(n) = receiver.recv() => got.push(n),
                () = sleep(Duration::from_millis(1)), if round == 0 => got.push(0),
                else => unreachable!(),
            }
            sender.send(5).await.unwrap();
        }
        assert_eq!(got, [0, 5]);
    });
}

#[test]
fn tokio_util_tokens_and_trackers() {
    on_both(|| async {
        let token = tokio_util::sync::CancellationToken::new();
        let tracker = tokio_util::task::TaskTracker::new();
        let ended = Rc::new(Cell::new(0));
        for _ in 0..5 {
            let (child, ended) = (token.child_token(), ended.clone());
            let task = tracker.track_future(async move {
                child.cancelled().await;
                ended.set(ended.get() + 1);
            });
            spawn(task).unwrap().detach();
        }
        tracker.close();
        yield_now().await;
        assert_eq!((tracker.len(), ended.get()), (5, 0));
        token.cancel();
        tracker.wait().await;
        assert_eq!(ended.get(), 5);
    });
    let token = tokio_util::sync::CancellationToken::new();
    let theirs = token.clone();
    let thread = thread::spawn(move || theirs.cancel());
    polliwog::mio::block_on(async move { token.cancelled().await });
    thread.join().unwrap();
}

#[test]
fn async_channel_and_async_lock() {
    on_both(|| async {
        let (sender, receiver) = async_channel::bounded(3);
        let receives = spawn(sum(receiver)).unwrap();
        for n in 1..=EACH {
            sender.send(n).await.unwrap();
        }
        drop(sender);
        assert_eq!(receives.await.unwrap(), SUM);

        let lock = Rc::new(async_lock::RwLock::new(0));
        let barrier = Rc::new(async_lock::Barrier::new(4));
        let tasks: FuturesUnordered<_> = (0..4)
            .map(|_| {
                let (lock, barrier) = (lock.clone(), barrier.clone());
                spawn(async move {
                    let mut value = lock.write().await;
                    yield_now().await;
                    *value += 1;
                    drop(value);
                    barrier.wait().await;
                    *lock.read().await
                })
                .unwrap()
            })
            .collect();
        let values: Vec<_> = tasks.map(Result::unwrap).collect().await;
        assert_eq!(values, [4; 4]);
    });
    let (sender, receiver) = async_channel::bounded(3);
    let send = move || (1..=EACH).for_each(|n| sender.send_blocking(n).unwrap());
    from_a_thread(send, || sum(receiver));
}

#[test]
fn event_listener() {
    on_both(|| async {
        let event = Rc::new(event_listener::Event::new());
        let listeners: Vec<_> = (0..3).map(|_| spawn(event.listen()).unwrap()).collect();
        assert_eq!(event.notify(3), 3);
        for listener in listeners {
            listener.await.unwrap();
        }
    });
    let event = Arc::new(event_listener::Event::new());
    let (listener, theirs) = (event.listen(), event.clone());
    let thread = thread::spawn(move || theirs.notify(1));
    polliwog::mio::block_on(listener);
    thread.join().unwrap();
}

#[test]
fn flume() {
    on_both(|| async {
        let (sender, receiver) = flume::bounded(3);
        let receives = spawn(sum(receiver.into_stream())).unwrap();
        for n in 1..=EACH {
            sender.send_async(n).await.unwrap();
        }
        drop(sender);
        assert_eq!(receives.await.unwrap(), SUM);
    });
    let (sender, receiver) = flume::bounded(3);
    let send = move || (1..=EACH).for_each(|n| sender.send(n).unwrap());
    from_a_thread(send, || sum(receiver.into_stream()));
}

#[test]
fn futures_channels_and_sets() {
    on_both(|| async {
        let (mut sender, receiver) = futures::channel::mpsc::channel(3);
        let receives = spawn(sum(receiver)).unwrap();
        for n in 1..=EACH {
            sender.send(n).await.unwrap();
        }
        drop(sender);
        assert_eq!(receives.await.unwrap(), SUM);

        // Each is woken by itself.
        let mut set: FuturesUnordered<_> = [3, 1, 2]
            .map(|millis| async move {
                sleep(Duration::from_millis(20 * millis)).await;
                millis
            })
            .into_iter()
            .collect();
        let mut order = Vec::new();
        while let Some(millis) = set.next().await {
            order.push(millis);
        }
        order.sort_unstable();
        assert_eq!(order, [1, 2, 3]);

        let (sender, receiver) = futures::channel::oneshot::channel();
        let never = std::pin::pin!(std::future::pending::<()>());
        sender.send(7).unwrap();
        let Either::Left((got, _)) = futures::future::select(receiver, never).await else {
            unreachable!("the other one never ends");
        };
        assert_eq!(got, Ok(7));
    });
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    let send = move || (1..=EACH).for_each(|n| sender.unbounded_send(n).unwrap());
    from_a_thread(send, || sum(receiver));
}

#[test]
fn embassy_sync() {
    use embassy_sync::blocking_mutex::raw::{CriticalSectionRawMutex, NoopRawMutex};
    use embassy_sync::channel::Channel;
    use embassy_sync::mutex::Mutex;
    use embassy_sync::signal::Signal;

    on_both(|| async {
        let channel = Rc::new(Channel::<NoopRawMutex, u64, 3>::new());
        let total = Rc::new(Mutex::<NoopRawMutex, u64>::new(0));
        let done = Rc::new(Signal::<NoopRawMutex, ()>::new());
        let (theirs, their_total, their_done) = (channel.clone(), total.clone(), done.clone());
        spawn(async move {
            for _ in 0..EACH {
                *their_total.lock().await += theirs.receive().await;
            }
            their_done.signal(());
        })
        .unwrap()
        .detach();
        for n in 1..=EACH {
            channel.send(n).await;
        }
        done.wait().await;
        assert_eq!(*total.lock().await, SUM);
    });
    static CHANNEL: Channel<CriticalSectionRawMutex, u64, 3> = Channel::new();
    let send = || {
        for n in 1..=EACH {
            while CHANNEL.try_send(n).is_err() {
                thread::yield_now();
            }
        }
    };
    from_a_thread(send, || async {
        let mut sum = 0;
        for _ in 0..EACH {
            sum += CHANNEL.receive().await;
        }
        sum
    });
}
