//! Who is woken, and when.

use super::*;

pub(crate) fn all_tasks_woken_at_once_from_another_thread<R: Reactor>(reactor: R) {
    const TASKS: usize = 31;
    const ROUNDS: usize = 200;
    static POOL: TaskPool<32, 512> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let (send, receive) = mpsc::channel::<(Waker, Arc<AtomicBool>)>();
    let helper = thread::spawn(move || {
        let mut waiting = Vec::new();
        for one in receive {
            waiting.push(one);
            if waiting.len() == TASKS {
                for (_, flag) in &waiting {
                    flag.store(true, Ordering::Release);
                }
                waiting.drain(..).for_each(|(waker, _)| waker.wake());
            }
        }
    });
    let handles: Vec<_> = (0..TASKS)
        .map(|_| {
            let send = send.clone();
            let task = async move {
                for _ in 0..ROUNDS {
                    let flag = Arc::new(AtomicBool::new(false));
                    let mut sent = false;
                    poll_fn(|cx| {
                        if flag.load(Ordering::Acquire) {
                            return Poll::Ready(());
                        }
                        if !sent {
                            sent = true;
                            send.send((cx.waker().clone(), flag.clone())).unwrap();
                        }
                        Poll::Pending
                    })
                    .await;
                }
            };
            spawner.spawn(task).unwrap()
        })
        .collect();
    drop(send);
    executor.block_on(async {
        for handle in handles {
            handle.await.unwrap();
        }
    });
    helper.join().unwrap();
}

pub(crate) fn a_sleep_wakes_the_waker_that_polled_it_last<R: Reactor>(reactor: R) {
    static POOL: TaskPool<4, 1024> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    executor.block_on(async {
        // First polled with one waker, then by the task: the task is woken.
        // A machine that is busy elsewhere may take longer than it lasts for the first poll.
        let make = || Box::pin(time::sleep(Duration::from_millis(5)));
        let mut nobody = Context::from_waker(Waker::noop());
        let mut sleep = make();
        while sleep.as_mut().poll(&mut nobody).is_ready() {
            sleep = make();
        }
        sleep.await;

        // Many in one task, each with a waker of the set's own.
        let mut set: FuturesUnordered<_> = [7, 1, 5, 3]
            .into_iter()
            .map(|millis| async move {
                time::sleep(Duration::from_millis(millis)).await;
                millis
            })
            .collect();
        let mut order = Vec::new();
        while let Some(millis) = set.next().await {
            order.push(millis);
        }
        assert_eq!(order.len(), 4);
        assert_eq!(order.last(), Some(&7));

        // select and join
        let short = pin!(time::sleep(Duration::from_millis(1)));
        let long = pin!(time::sleep(Duration::from_secs(1_000_000)));
        assert!(matches!(
            futures_util::future::select(long, short).await,
            futures_util::future::Either::Right(_)
        ));
        futures_util::future::join(
            time::sleep(Duration::from_millis(2)),
            time::sleep(Duration::from_millis(1)),
        )
        .await;
    });
}

pub(crate) fn a_sleep_until_the_end_of_time_hinders_no_other<R: Reactor>(reactor: R) {
    static POOL: TaskPool<4, 512> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let forever = [
        spawner.spawn(time::sleep_until(Instant::MAX)).unwrap(),
        spawner.spawn(time::sleep(Duration::MAX)).unwrap(),
    ];
    executor.block_on(async {
        time::sleep(Duration::from_millis(2)).await;
        yield_now().await;
    });
    assert!(forever.iter().all(|handle| !handle.is_finished()));
}

/// By a clock with coarse ticks, too: that is tested where clocks are moved by hand, in the core
/// (`core/tests/due.rs`) and beside `polliwog::spin::Clock`.
pub(crate) fn a_due_sleep_is_ready_when_polled_and_none_ends_early<R: Reactor>(reactor: R) {
    static POOL: TaskPool<4, 1024> = TaskPool::new();
    async fn once<F: Future>(future: F) -> Poll<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
    }
    let millis = Duration::from_millis;
    let executor = claim(&POOL, reactor);
    executor.block_on(async {
        let start = time::now().unwrap();
        assert!(once(time::sleep(Duration::ZERO)).await.is_ready());
        assert!(once(time::sleep_until(start)).await.is_ready());
        assert!(
            once(time::timeout(Duration::ZERO, pending::<()>()))
                .await
                .is_ready()
        );
        assert!(
            once(time::timeout_at(start, pending::<()>()))
                .await
                .is_ready()
        );
        assert!(
            once(time::interval_at(start, millis(1)).tick())
                .await
                .is_ready()
        );

        // Made before, polled only when its time has passed; and polled in vain meanwhile.
        let (first, mut again) = (time::sleep(millis(1)), pin!(time::sleep(millis(3))));
        let mut far = pin!(time::sleep(Duration::from_secs(1_000_000)));
        assert!(once(far.as_mut()).await.is_pending());
        let early = once(again.as_mut()).await.is_ready();
        assert!(!early || time::now().unwrap() - start >= millis(3));
        let slept = time::now().unwrap();
        time::sleep(millis(5)).await;
        assert!(time::now().unwrap() - slept >= millis(5));
        assert!(first.is_elapsed() && again.is_elapsed());
        assert!(once(first).await.is_ready() && once(again).await.is_ready());

        // A stream that is always ready is no reason to go on beyond the time.
        let items = futures_util::stream::repeat(());
        let until = time::sleep_until(start + millis(4));
        assert_eq!(items.take_until(until).count().await, 0);
        assert!(!far.is_elapsed());
    });
}
