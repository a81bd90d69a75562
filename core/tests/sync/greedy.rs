use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use futures_util::StreamExt;
use polliwog_core::conformance::ThreadReactor;
use polliwog_core::{Executor, spawn, yield_now};

use super::both_scopes;

/// How often another task runs while one goes on with what is always ready.
fn turns_beside<F: Future<Output = ()> + 'static>(greedy: F) -> usize {
    let turns = Rc::new(Cell::new(0));
    let seen = turns.clone();
    Executor::with_capacity(4, ThreadReactor::new()).block_on(async move {
        drop(spawn(async move {
            loop {
                yield_now().await;
                turns.set(turns.get() + 1);
            }
        }));
        spawn(greedy).unwrap().await.unwrap();
    });
    seen.get()
}

both_scopes! {
    /// A receiver that is never empty and a lock that is always free leave the others their turns.
    #[cfg_attr(miri, ignore = "takes a minute, and counts turns of what other tests run as well")]
    fn what_is_always_ready_draws_from_the_budget() {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let (many, all) = mpmc::unbounded_channel();
        let (news, mut hears) = broadcast::channel(1000);
        for number in 0..1000 {
            sender.send(number).unwrap();
            many.send(number).unwrap();
            news.send(number).unwrap();
        }
        let enough = |turns| assert!((5..20).contains(&turns), "{turns}");
        enough(turns_beside(async move {
            for _ in 0..1000 {
                receiver.recv().await.unwrap();
            }
        }));
        enough(turns_beside(async move {
            for _ in 0..1000 {
                all.recv().await.unwrap();
            }
        }));
        enough(turns_beside(async move {
            for _ in 0..1000 {
                hears.recv().await.unwrap();
            }
        }));
        enough(turns_beside(async move {
            let (sender, _receiver) = mpsc::channel(1000);
            for number in 0..1000 {
                sender.send(number).await.unwrap();
            }
        }));
        enough(turns_beside(async move {
            for number in 0..1000 {
                let (sender, receiver) = oneshot::channel();
                sender.send(number).unwrap();
                receiver.await.unwrap();
            }
        }));
        enough(turns_beside(async move {
            let (sender, mut receiver) = watch::channel(0);
            for number in 0..1000 {
                sender.send(number).unwrap();
                receiver.changed().await.unwrap();
            }
        }));
        enough(turns_beside(async move {
            let notify = Notify::new();
            for _ in 0..1000 {
                notify.notify_one();
                notify.notified().await;
            }
        }));
        enough(turns_beside(async move {
            let mutex = Mutex::new(());
            for _ in 0..1000 {
                drop(mutex.lock().await);
            }
        }));
        enough(turns_beside(async move {
            let lock = RwLock::new(());
            for _ in 0..500 {
                drop(lock.read().await);
                drop(lock.write().await);
            }
        }));
    }

    /// What has ended, has been said or has been made stays so: to wait for it is ready at once, and again.
    #[cfg_attr(miri, ignore = "takes a minute, and counts turns of what other tests run as well")]
    fn what_is_over_for_good_draws_from_the_budget() {
        let enough = |turns| assert!((5..20).contains(&turns), "{turns}");
        /// Waits a thousand times, beside others.
        macro_rules! waits {
            ([$($setup:tt)*] $wait:expr) => {
                enough(turns_beside(async move {
                    $($setup)*
                    for _ in 0..1000 {
                        let _ = $wait.await;
                    }
                }))
            };
        }
        waits!([let sender = mpsc::channel::<u8>(1).0;] sender.closed());
        waits!([let sender = mpsc::unbounded_channel::<u8>().0;] sender.closed());
        waits!([let mut sender = oneshot::channel::<u8>().0;] sender.closed());
        waits!([let sender = broadcast::channel::<u8>(1).0;] sender.closed());
        waits!([let sender = watch::channel(0).0;] sender.closed());
        waits!([let (_sender, mut receiver) = watch::channel(0);] receiver.wait_for(|zero| *zero == 0));
        waits!([let (_sender, mut receiver) = watch::channel(0);] receiver.wait_until(|zero| *zero == 0));
        waits!([let alone = Barrier::new(1);] alone.wait());
        waits!([let cell = OnceCell::new();] cell.get_or_init(|| async { 1 }));
        waits!([let once = SetOnce::from(1);] once.wait());
        waits!([let token = CancellationToken::new(); token.cancel();] token.cancelled());
        waits!([let token = CancellationToken::new(); token.cancel();] token.clone().cancelled_owned());
        waits!([let token = CancellationToken::new(); token.cancel();] token.run_until_cancelled(async {}));
        waits!([let token = CancellationToken::new();] token.run_until_cancelled(async {}));
        waits!([let token = CancellationToken::new();] token.clone().run_until_cancelled_owned(async {}));
        waits!([let tracker = TaskTracker::new(); tracker.close();] tracker.wait());
        // Of nothing, and of what will not come.
        waits!([let mut receiver = mpsc::channel::<u8>(1).1; let mut all = Vec::new();] receiver.recv_many(&mut all, 0));
        waits!([let mut receiver = mpsc::unbounded_channel::<u8>().1; let mut all = Vec::new();] receiver.recv_many(&mut all, 0));
        waits!([let mut receiver = mpsc::channel::<u8>(1).1; let mut all = Vec::new();] receiver.recv_many(&mut all, 9));
        waits!([let mut receiver = mpsc::channel::<u8>(1).1;] receiver.recv());
        waits!([let receiver = mpmc::channel::<u8>(1).1;] receiver.recv());
        waits!([let receiver = mpmc::channel::<u8>(1).1; let mut stream = pin!(receiver.stream());] stream.next());
        waits!([let mut receiver = broadcast::channel::<u8>(1).1;] receiver.recv());
        waits!([let mut receiver = broadcast::channel::<u8>(1).1; let mut stream = pin!(receiver.stream());] stream.next());
        waits!([let mut receiver = watch::channel(0).1;] receiver.changed());
        waits!([let sender = mpsc::channel(1).0;] sender.send(1));
        waits!([let sender = mpsc::channel::<u8>(1).0;] sender.reserve());
        waits!([let sender = mpsc::channel::<u8>(1).0;] sender.clone().reserve_owned());
        waits!([let semaphore = Semaphore::new(1);] semaphore.acquire_many(0));
        waits!([let semaphore = Semaphore::new(1); semaphore.close();] semaphore.acquire());
        waits!([let cell = OnceCell::new();] cell.get_or_try_init(|| async { Err::<u8, _>(()) }));
        waits!([let cell = OnceCell::from(1);] cell.get_or_init(|| async { 1 }));
        enough(turns_beside(async move {
            let signal = Signal::new();
            for number in 0..1000 {
                signal.signal(number);
                assert_eq!(signal.wait().await, number);
            }
        }));
    }
}

/// Sets that are empty, and sets whose tasks have ended.
#[test]
#[cfg_attr(
    miri,
    ignore = "takes a minute, and counts turns of what other tests run as well"
)]
fn sets_draw_from_the_budget() {
    use polliwog_core::task::{FixedJoinSet, JoinSet};

    let enough = |turns| assert!((5..20).contains(&turns), "{turns}");
    enough(turns_beside(async move {
        let mut set = JoinSet::<()>::new();
        for _ in 0..1000 {
            assert!(set.join_next().await.is_none());
        }
    }));
    enough(turns_beside(async move {
        let mut set = FixedJoinSet::<(), 4>::new();
        for _ in 0..1000 {
            assert!(set.join_next().await.is_none());
        }
    }));
}

/// Ticks that are due, and waits that are over before they begin.
#[test]
#[cfg_attr(
    miri,
    ignore = "takes a minute, and counts turns of what other tests run as well"
)]
fn what_takes_no_time_draws_from_the_budget() {
    use polliwog_core::time::{interval, timeout};
    use std::time::Duration;

    let enough = |turns| assert!((5..20).contains(&turns), "{turns}");
    let long = Duration::from_secs(1000);
    enough(turns_beside(async move {
        for _ in 0..1000 {
            interval(long).tick().await;
        }
    }));
    enough(turns_beside(async move {
        let mut ticks = interval(long);
        for _ in 0..1000 {
            ticks.reset_at(polliwog_core::Instant::ZERO);
            ticks.tick().await;
        }
    }));
    enough(turns_beside(async move {
        for _ in 0..1000 {
            pin!(interval(long).into_stream()).next().await;
        }
    }));
    enough(turns_beside(async move {
        for _ in 0..1000 {
            let _ = timeout(Duration::ZERO, std::future::pending::<()>()).await;
        }
    }));
}
