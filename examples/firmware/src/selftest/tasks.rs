//! Spawning, joining, aborting, dropping.

use core::future::poll_fn;
use core::task::Poll;

use board::BoardReactor;
use polliwog::{
    AbortHandle, Executor, JoinError, SpawnErrorKind, Spawner, TaskPool, spawn, try_spawn,
    yield_now,
};

use crate::{Count, Kept, OnDrop, Test, executor, idle, own_waker};

pub(crate) const TESTS: &[Test] = &[
    ("spawn, join, reuse of bodies", spawn_join_reuse),
    ("futures of any type in byte slots", byte_slots),
    ("a full pool gives the arguments back", full_pool),
    ("a stale wake keeps no slot busy", stale_wake),
    ("abort of an idle task", abort_idle),
    (
        "abort of self, of a finished task, of a reused slot",
        abort_odd,
    ),
    ("wake of self, then the end", wake_self_then_end),
    ("all tasks woken at once", wake_all),
    ("turns are fair", fair_turns),
    ("an executor dropped with live tasks", drop_executor),
    ("join handles after their executor", join_after_drop),
    ("a pool has one executor at a time", one_executor),
    ("an executor inside a task of another", nested),
    ("running stops on shutdown", shutdown),
];

async fn add(a: u32, b: u32) -> u32 {
    yield_now().await;
    a + b
}

fn spawn_join_reuse() {
    static POOL: TaskPool<4> = TaskPool::new();
    let executor = executor(&POOL);
    let spawner = executor.spawner();
    let sum = executor.block_on(async {
        let mut sum = 0;
        for n in 0..100 {
            // One place in the source: one static with two bodies.
            let both = [0, 1].map(|m| spawn!(spawner, [add; 2](n, m)).expect("two bodies"));
            for handle in both {
                sum += handle.await.expect("it ends");
            }
        }
        sum
    });
    assert_eq!(sum, 2 * 4950 + 100);
    assert_eq!(executor.stats().live, 0);
}

fn byte_slots() {
    static POOL: TaskPool<4, 128> = TaskPool::new();
    let executor = executor(&POOL);
    let sum = executor.block_on(async {
        let small = polliwog::spawn(async { 1_u64 }).expect("a free slot");
        let large = [3_u32; 16];
        let large = polliwog::spawn(async move {
            yield_now().await;
            large.iter().sum::<u32>()
        });
        let too_large = [0_u8; 256];
        let refused = polliwog::spawn(async move { too_large[0] });
        assert!(matches!(
            refused.expect_err("it cannot fit").kind(),
            SpawnErrorKind::TooLarge { limit: 128, .. }
        ));
        small.await.expect("it ends") + u64::from(large.expect("it fits").await.expect("it ends"))
    });
    assert_eq!(sum, 49);
}

fn full_pool() {
    static POOL: TaskPool<2> = TaskPool::new();
    static POLLS: Count = Count::new();
    static DROPS: Count = Count::new();
    let executor = executor(&POOL);
    let spawner = executor.spawner();
    let start = || try_spawn!(spawner, [idle; 3](&POLLS, OnDrop(&DROPS)));
    let (_one, _two) = (start().expect("one"), start().expect("two"));
    let refused = start().expect_err("two slots");
    assert_eq!(refused.kind(), SpawnErrorKind::TasksFull { capacity: 2 });
    let (_, drop) = refused.into_inner();
    assert_eq!(DROPS.get(), 0, "the arguments came back");
    core::mem::drop(drop);
    assert_eq!(executor.run_until_stalled().expect("it cannot fail"), 2);
    assert_eq!(POLLS.get(), 2);
}

fn stale_wake() {
    static POOL: TaskPool<1> = TaskPool::new();
    let executor = executor(&POOL);
    let spawner = executor.spawner();
    async fn leave_waker(kept: &'static board_cell::Shared<Kept>) {
        let waker = own_waker().await;
        kept.with(|kept| kept.0.set(Some(waker)));
    }
    static KEPT: board_cell::Shared<Kept> =
        board_cell::Shared::new(Kept(core::cell::Cell::new(None)));
    for _ in 0..3 {
        let start = || spawn!(spawner, [leave_waker; 1](&KEPT));
        start().expect("the slot is free").detach();
        executor.run_until_stalled().expect("it cannot fail");
        let waker = KEPT.with(|kept| kept.0.take()).expect("it left its waker");
        waker.wake_by_ref();
        start().expect("the slot is free all the same").detach();
        waker.wake_by_ref();
        executor.run_until_stalled().expect("it cannot fail");
        waker.wake();
        assert_eq!(executor.stats().live, 0);
    }
}

/// A cell for statics that only one thread uses, without unsafe code.
pub(crate) mod board_cell {
    use core::cell::RefCell;
    use critical_section::Mutex;

    pub(crate) struct Shared<T>(Mutex<RefCell<T>>);

    impl<T> Shared<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(Mutex::new(RefCell::new(value)))
        }

        pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
            critical_section::with(|cs| f(&mut self.0.borrow_ref_mut(cs)))
        }
    }
}

fn abort_idle() {
    static POOL: TaskPool<2> = TaskPool::new();
    static POLLS: Count = Count::new();
    static DROPS: Count = Count::new();
    let executor = executor(&POOL);
    let spawner = executor.spawner();
    let result = executor.block_on(async {
        let handle = spawn!(spawner, [idle](&POLLS, OnDrop(&DROPS))).expect("a free slot");
        let abort = handle.abort_handle();
        let mut handle = core::pin::pin!(handle);
        // The joiner waits already when the abort comes.
        poll_fn(|cx| match handle.as_mut().poll(cx) {
            Poll::Pending if POLLS.get() == 0 => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Ready(()),
            Poll::Ready(_) => panic!("it never ends"),
        })
        .await;
        abort.abort();
        handle.await
    });
    assert!(matches!(result, Err(JoinError::Aborted)));
    assert_eq!((POLLS.get(), DROPS.get(), executor.stats().live), (1, 1, 0));
}

fn abort_odd() {
    static POOL: TaskPool<2> = TaskPool::new();
    static DROPS: Count = Count::new();
    let executor = executor(&POOL);
    let spawner = executor.spawner();

    static OWN: board_cell::Shared<Option<AbortHandle>> = board_cell::Shared::new(None);
    async fn abort_self(_drop: OnDrop) {
        OWN.with(|own| *own)
            .expect("set before the first poll")
            .abort();
        core::future::pending().await
    }
    let handle = spawn!(spawner, [abort_self](OnDrop(&DROPS))).expect("a free slot");
    let abort = handle.abort_handle();
    OWN.with(|own| *own = Some(abort));
    executor.run_until_stalled().expect("it cannot fail");
    assert_eq!(DROPS.get(), 1);
    abort.abort();
    abort.abort();
    executor.run_until_stalled().expect("it cannot fail");
    assert!(abort.is_finished() && handle.is_finished());
    assert_eq!(DROPS.get(), 1);
    drop(handle);

    static POLLS: Count = Count::new();
    let next = spawn!(spawner, [idle](&POLLS, OnDrop(&DROPS))).expect("the slot is free");
    abort.abort();
    executor.run_until_stalled().expect("it cannot fail");
    assert_eq!((POLLS.get(), DROPS.get()), (1, 1), "the new tenant lives");
    next.abort();
    executor.run_until_stalled().expect("it cannot fail");
    assert_eq!(DROPS.get(), 2);
}

fn wake_self_then_end() {
    static POOL: TaskPool<1> = TaskPool::new();
    static DROPS: Count = Count::new();
    let executor = executor(&POOL);
    let spawner = executor.spawner();
    async fn wake_and_end(_drop: OnDrop) -> u32 {
        own_waker().await.wake();
        5
    }
    for n in 1..=3 {
        let handle = spawn!(spawner, [wake_and_end](OnDrop(&DROPS))).expect("freed each time");
        executor.run_until_stalled().expect("it cannot fail");
        assert_eq!((DROPS.get(), executor.stats().live), (n, 0));
        assert!(handle.is_finished());
    }
}

fn wake_all() {
    const N: usize = 32;
    static POOL: TaskPool<N> = TaskPool::new();
    static WOKEN: Count = Count::new();
    static WAKERS: board_cell::Shared<[Option<core::task::Waker>; N]> =
        board_cell::Shared::new([const { None }; N]);
    async fn wait(n: usize) {
        poll_fn(|cx| {
            WOKEN.add(1);
            WAKERS.with(|wakers| wakers[n] = Some(cx.waker().clone()));
            Poll::<()>::Pending
        })
        .await;
    }
    let executor = executor(&POOL);
    let spawner = executor.spawner();
    for n in 0..N {
        spawn!(spawner, [wait; N](n))
            .expect("as many slots as tasks")
            .detach();
    }
    assert_eq!(executor.run_until_stalled().expect("it cannot fail"), N);
    for round in 2..5 {
        for n in 0..N {
            for _ in 0..round {
                WAKERS
                    .with(|wakers| wakers[n].clone())
                    .expect("it was polled")
                    .wake();
            }
        }
        assert_eq!(executor.tick().expect("it cannot fail"), N);
        assert_eq!(WOKEN.get(), N as u32 * round);
    }
}

fn fair_turns() {
    static POOL: TaskPool<3> = TaskPool::new();
    static TURNS: [Count; 2] = [Count::new(), Count::new()];
    async fn yield_on(turns: &'static Count) {
        loop {
            turns.add(1);
            yield_now().await;
        }
    }
    let executor = executor(&POOL);
    let spawner = executor.spawner();
    for turns in &TURNS {
        spawn!(spawner, [yield_on; 2](turns))
            .expect("a free slot")
            .detach();
    }
    for turn in 1..=10 {
        assert_eq!(executor.tick().expect("it cannot fail"), 2);
        assert_eq!((TURNS[0].get(), TURNS[1].get()), (turn, turn));
    }
}

fn drop_executor() {
    static POOL: TaskPool<4> = TaskPool::new();
    static POLLS: Count = Count::new();
    static DROPS: Count = Count::new();
    for round in 1..=3 {
        let executor = executor(&POOL);
        let spawner = executor.spawner();
        for _ in 0..3 {
            spawn!(spawner, [idle; 3](&POLLS, OnDrop(&DROPS)))
                .expect("a free body")
                .detach();
        }
        executor.run_until_stalled().expect("it cannot fail");
        drop(executor);
        assert_eq!((POLLS.get(), DROPS.get()), (3 * round, 3 * round));
        let late = try_spawn!(spawner, [idle; 1](&POLLS, OnDrop(&DROPS)));
        let refused = late.expect_err("the executor is gone");
        assert_eq!(refused.kind(), SpawnErrorKind::Closed);
        core::mem::forget(refused.into_inner());
    }
}

fn join_after_drop() {
    static POOL: TaskPool<2> = TaskPool::new();
    static POLLS: Count = Count::new();
    static DROPS: Count = Count::new();
    let first = executor(&POOL);
    let spawner = first.spawner();
    let done = spawn!(spawner, [add](1, 2)).expect("a free slot");
    let live = spawn!(spawner, [idle](&POLLS, OnDrop(&DROPS))).expect("a free slot");
    first.run_until_stalled().expect("it cannot fail");
    drop(first);
    assert_eq!(DROPS.get(), 1);
    let second = executor(&POOL);
    second.block_on(async {
        assert_eq!(done.await.expect("it had ended"), 3);
        assert!(matches!(live.await, Err(JoinError::Aborted)));
    });
}

fn one_executor() {
    static POOL: TaskPool<1> = TaskPool::new();
    let first = executor(&POOL);
    assert!(Executor::new(&POOL, BoardReactor::new()).is_err());
    drop(first);
    drop(executor(&POOL));
}

fn nested() {
    static OUTER: TaskPool<2> = TaskPool::new();
    static INNER: TaskPool<2> = TaskPool::new();
    let outer = executor(&OUTER);
    let result = outer.block_on(async {
        yield_now().await;
        let inner = executor(&INNER);
        let result = inner.block_on(async {
            let spawner = Spawner::current().expect("the inner one");
            spawn!(spawner, [add](3, 4))
                .expect("a free slot")
                .await
                .expect("it ends")
        });
        drop(inner);
        let spawner = Spawner::current().expect("the outer one again");
        result
            + spawn!(spawner, [add](5, 6))
                .expect("a free slot")
                .await
                .expect("it ends")
    });
    assert_eq!(result, 18);
}

fn shutdown() {
    static POOL: TaskPool<2> = TaskPool::new();
    let executor = executor(&POOL);
    let handle = executor.handle();
    async fn stop_soon(handle: polliwog::Handle) {
        yield_now().await;
        assert!(handle.shutdown());
    }
    spawn!(executor.spawner(), [stop_soon](handle))
        .expect("a free slot")
        .detach();
    executor.run().expect("the reactor never fails");
    drop(executor);
    assert!(!handle.shutdown() && !handle.is_alive());
}
