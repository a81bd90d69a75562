//! How tasks end: by themselves, by an abort, with their executor.

use super::*;

pub(crate) fn stale_wake_keeps_no_slot_busy<R: Reactor>(reactor: R) {
    static POOL: TaskPool<1, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let waker = Rc::new(RefCell::new(None::<Waker>));
    for round in 0..100 {
        let kept = waker.clone();
        let first = spawner
            .spawn(poll_fn(move |cx| {
                *kept.borrow_mut() = Some(cx.waker().clone());
                Poll::Ready(round)
            }))
            .unwrap();
        settle(&executor);
        // The slot is free whether or not the output has been taken; the pool has one body, so
        // the output must go.
        assert!(first.is_finished());
        drop(first);
        let stale = waker.borrow_mut().take().unwrap();
        stale.wake_by_ref();
        // The slot is free at once, before the executor has looked at the stale wake.
        let second = spawner.spawn(async { "second" }).unwrap();
        stale.wake();
        assert_eq!(executor.stats().live, 1);
        settle(&executor);
        assert!(second.is_finished());
        assert_eq!(executor.stats().live, 0);
    }
    assert_eq!(executor.stats().refused, 0);
}

pub(crate) fn abort_of_an_idle_task<R: Reactor>(reactor: R) {
    static POOL: TaskPool<3, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let drops = Drops::default();
    let guard = drops.guard();
    let idle = spawner
        .spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .unwrap();
    let abort = idle.abort_handle();
    let joiner = spawner.spawn(idle).unwrap();
    settle(&executor);
    assert_eq!((drops.count(), executor.stats().live), (0, 2));

    abort.abort();
    settle(&executor);
    assert_eq!(drops.count(), 1, "the future is dropped");
    assert_eq!(
        executor.stats().live,
        0,
        "its slot is free and the joiner has ended"
    );
    assert!(abort.is_finished());
    let outcome = executor.block_on(joiner).unwrap();
    assert!(outcome.unwrap_err().is_aborted());
}

pub(crate) fn abort_of_self_of_a_finished_task_and_of_a_reused_slot<R: Reactor>(reactor: R) {
    static POOL: TaskPool<2, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();

    // Self, and then waiting: dropped.
    let own = Rc::new(RefCell::new(None::<AbortHandle>));
    let (mine, drops) = (own.clone(), Drops::default());
    let guard = drops.guard();
    let handle = spawner
        .spawn(async move {
            let _guard = guard;
            mine.borrow().unwrap().abort();
            yield_now().await;
            unreachable!("aborted before it could go on");
        })
        .unwrap();
    *own.borrow_mut() = Some(handle.abort_handle());
    assert!(executor.block_on(handle).unwrap_err().is_aborted());
    assert_eq!(drops.count(), 1);

    // Self, but ready in the same poll: the output counts.
    let mine = own.clone();
    let handle = spawner
        .spawn(async move {
            mine.borrow().unwrap().abort();
            7
        })
        .unwrap();
    *own.borrow_mut() = Some(handle.abort_handle());
    assert_eq!(executor.block_on(handle).unwrap(), 7);

    // A finished task: nothing, and the output stays.
    let handle = spawner.spawn(async { 8 }).unwrap();
    let finished = handle.abort_handle();
    settle(&executor);
    finished.abort();
    settle(&executor);
    assert_eq!(executor.block_on(handle).unwrap(), 8);

    // A slot with a new tenant: that one is left alone.
    let tenants: Vec<_> = (0..2)
        .map(|_| spawner.spawn(pending::<()>()).unwrap())
        .collect();
    finished.abort();
    own.borrow().unwrap().abort();
    settle(&executor);
    assert!(tenants.iter().all(|tenant| !tenant.is_finished()));
    assert_eq!(executor.stats().live, 2);
}

pub(crate) fn a_dropped_executor_drops_its_futures_once_on_its_own_thread<R: Reactor>(reactor: R) {
    static POOL: TaskPool<8, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let drops = Drops::default();
    struct SpawnOnDrop(Rc<Cell<Option<SpawnErrorKind>>>);
    impl Drop for SpawnOnDrop {
        fn drop(&mut self) {
            // The context is entered; spawning fails.
            self.0.set(spawn(async {}).err().map(|error| error.kind()));
        }
    }
    let refusal = Rc::new(Cell::new(None));
    let mut handles = Vec::new();
    for index in 0..8 {
        let (guard, refusal) = (drops.guard(), refusal.clone());
        let task = async move {
            let _guard = guard;
            let _spawn = SpawnOnDrop(refusal);
            if index % 2 == 0 {
                pending::<()>().await;
            }
            loop {
                yield_now().await;
            }
        };
        handles.push(spawner.spawn(task).unwrap());
    }
    executor.tick().unwrap();
    let wakers: Vec<_> = handles.iter().map(|handle| handle.abort_handle()).collect();
    drop(executor);
    assert_eq!(drops.count(), 8);
    assert_eq!(drops.thread(), Some(thread::current().id()));
    assert_eq!(refusal.get(), Some(SpawnErrorKind::Closed));
    assert_eq!(
        spawner.spawn(async {}).unwrap_err().kind(),
        SpawnErrorKind::Closed
    );
    wakers.iter().for_each(AbortHandle::abort);
    for handle in handles {
        let mut handle = pin!(handle);
        let Poll::Ready(outcome) = handle
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("a task of a dropped executor has ended");
        };
        assert!(outcome.unwrap_err().is_aborted());
    }
    assert_eq!(drops.count(), 8);
}

pub(crate) fn a_local_future_is_never_dropped_on_a_foreign_thread<R: Reactor>(reactor: R) {
    static POOL: TaskPool<4, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    for round in 0..50 {
        let drops = Drops::default();
        let (guard, local) = (drops.guard(), Rc::new(()));
        let (send, receive) = mpsc::channel::<Waker>();
        let handle = spawner
            .spawn(async move {
                let _both = (guard, local);
                poll_fn(|cx| {
                    send.send(cx.waker().clone()).unwrap();
                    Poll::<()>::Pending
                })
                .await;
            })
            .unwrap();
        executor.tick().unwrap();
        let (abort, waker) = (handle.abort_handle(), receive.recv().unwrap());
        // Wakes, aborts and drops the last waker, all on another thread.
        let helper = thread::spawn(move || {
            if round % 2 == 0 {
                waker.wake_by_ref();
            }
            abort.abort();
            drop(waker);
        });
        let outcome = executor.block_on(handle);
        helper.join().unwrap();
        assert!(outcome.unwrap_err().is_aborted());
        assert_eq!(drops.count(), 1);
        assert_eq!(drops.thread(), Some(thread::current().id()));
    }
}

pub(crate) fn a_task_that_wakes_itself_and_completes_is_freed_once<R: Reactor>(reactor: R) {
    static POOL: TaskPool<2, 256> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    for _ in 0..100 {
        let drops = Drops::default();
        let guard = drops.guard();
        let mut guard = Some(guard);
        spawner
            .spawn(poll_fn(move |cx| {
                cx.waker().wake_by_ref();
                drop(guard.take());
                Poll::Ready(())
            }))
            .unwrap()
            .detach();
        // The bit is still set when the slot has been freed and has a new tenant.
        executor.tick().unwrap();
        assert_eq!((drops.count(), executor.stats().live), (1, 0));
        let polls = Rc::new(Cell::new(0));
        let counted = polls.clone();
        let next = spawner
            .spawn(poll_fn(move |_| {
                counted.set(counted.get() + 1);
                Poll::<()>::Pending
            }))
            .unwrap();
        settle(&executor);
        assert_eq!((drops.count(), executor.stats().live), (1, 1));
        assert!(polls.get() >= 1);
        next.abort();
        settle(&executor);
    }
    assert_eq!(executor.stats().live, 0);
}

/// A waker that outlives everything: wakes into a pool whose executor is gone, and into one
/// that has been claimed again.
pub(crate) fn wakers_outlive_their_executor<R: Reactor>(make: impl Fn() -> R) {
    static POOL: TaskPool<2, 256> = TaskPool::new();
    let mut wakers: Vec<Waker> = Vec::new();
    for _ in 0..5 {
        let executor = claim(&POOL, make());
        wakers.iter().for_each(Waker::wake_by_ref);
        let kept = Rc::new(RefCell::new(None));
        let keep = kept.clone();
        executor.block_on(poll_fn(move |cx| {
            *keep.borrow_mut() = Some(cx.waker().clone());
            Poll::Ready(())
        }));
        assert_eq!(executor.stats().live, 0);
        drop(executor);
        wakers.extend(kept.take());
        let stale = wakers.clone();
        thread::spawn(move || stale.iter().for_each(Waker::wake_by_ref))
            .join()
            .unwrap();
    }
}

/// A task that awaits itself is stuck, not unsound; aborting it frees everything.
pub(crate) fn a_task_that_holds_its_own_handle<R: Reactor>(reactor: R) {
    static POOL: TaskPool<2, 256> = TaskPool::new();
    type Own = Rc<RefCell<Option<Pin<Box<polliwog::JoinHandle<()>>>>>>;
    let executor = claim(&POOL, reactor);
    let own: Own = Rc::default();
    let (mine, drops) = (own.clone(), Drops::default());
    let guard = drops.guard();
    let handle = executor
        .spawner()
        .spawn(async move {
            let _guard = guard;
            yield_now().await;
            let mut own = mine.borrow_mut().take().unwrap();
            let _ = own.as_mut().await;
        })
        .unwrap();
    let abort = handle.abort_handle();
    *own.borrow_mut() = Some(Box::pin(handle));
    settle(&executor);
    assert_eq!((drops.count(), executor.stats().live), (0, 1));
    abort.abort();
    settle(&executor);
    assert_eq!((drops.count(), executor.stats().live), (1, 0));
}
