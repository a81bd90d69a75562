//! What goes wrong and loses nothing: panics, full pools, misuse.

use super::*;

pub(crate) fn panic_in_a_batch_loses_no_other_task<R: Reactor>(reactor: R) {
    static POOL: TaskPool<24, 256> = TaskPool::new();
    struct PanicOnDrop;
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            panic!("a destructor");
        }
    }
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let polled = Rc::new(Cell::new(0));
    let mut handles = Vec::new();
    for index in 0..24 {
        let polled = polled.clone();
        let task = async move {
            yield_now().await;
            polled.set(polled.get() + 1);
            match index {
                5 | 6 => panic!("a task"),
                11 => {
                    let _bomb = PanicOnDrop;
                    pending::<()>().await;
                }
                17 => drop(PanicOnDrop),
                _ => yield_now().await,
            }
            index
        };
        handles.push(spawner.spawn(task).unwrap());
    }
    settle(&executor);
    assert_eq!(polled.get(), 24, "every task was polled");
    handles[11].abort();
    settle(&executor);
    assert_eq!(executor.stats().live, 0, "every slot is free again");
    let join = async {
        for (index, handle) in handles.into_iter().enumerate() {
            match (index, handle.await) {
                (5 | 6 | 11 | 17, Err(error)) => assert!(error.is_panic()),
                (_, outcome) => assert_eq!(outcome.unwrap(), index),
            }
        }
    };
    executor.block_on(join);
}

#[cfg(feature = "std")]
pub(crate) fn panic_in_a_joiners_waker_loses_no_other_task<R: Reactor>(reactor: R) {
    static POOL: TaskPool<8, 256> = TaskPool::new();
    struct Bomb;
    impl std::task::Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a waker");
        }
    }
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let done = Rc::new(Cell::new(0));
    let bomb = Waker::from(Arc::new(Bomb));
    let mut handles: Vec<_> = (0..8)
        .map(|_| {
            let done = done.clone();
            Box::pin(
                spawner
                    .spawn(async move { done.set(done.get() + 1) })
                    .unwrap(),
            )
        })
        .collect();
    for handle in &mut handles {
        assert!(
            handle
                .as_mut()
                .poll(&mut Context::from_waker(&bomb))
                .is_pending()
        );
    }
    settle(&executor);
    assert_eq!((done.get(), executor.stats().live), (8, 0));
}

async fn add(a: Box<u32>, b: String) -> u32 {
    yield_now().await;
    *a + b.len() as u32
}

pub(crate) fn a_full_pool_gives_the_future_or_the_arguments_back<R: Reactor>(reactor: R) {
    static POOL: TaskPool<3, 64> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();

    // The bodies of a spawn site.
    let more = |b: &str| polliwog::try_spawn!(spawner, [add; 2](Box::new(1), b.to_string()));
    let running = [more("a").unwrap(), more("bc").unwrap()];
    let refused = more("def").unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::StorageFull { capacity: 2 });
    assert_eq!(refused.into_inner(), (Box::new(1), "def".to_string()));

    // The slots of the executor.
    let third = spawner.spawn(pending::<()>()).unwrap();
    let refused = spawner.try_spawn(async { 5 }).unwrap_err();
    assert_eq!(refused.kind(), SpawnErrorKind::TasksFull { capacity: 3 });
    let future = refused.into_inner();
    assert_eq!(executor.stats().refused, 2);
    third.abort();
    settle(&executor);
    let fifth = spawner.spawn(future).unwrap();
    assert_eq!(executor.block_on(fifth).unwrap(), 5);

    let sum = executor.block_on(async {
        let mut sum = 0;
        for handle in running {
            sum += handle.await.unwrap();
        }
        sum
    });
    assert_eq!(sum, 2 + 3);
    assert!(more("g").is_ok(), "bodies are free again");
}

/// Errors that a user can hit and handle: nothing hangs, nothing panics.
pub(crate) fn misuse_is_an_error<R: Reactor>(make: impl Fn() -> R) {
    static POOL: TaskPool<2, 64> = TaskPool::new();
    let executor = Rc::new(claim(&POOL, make()));
    assert!(
        Executor::new(&POOL, make()).is_err(),
        "one executor per pool"
    );
    let inner = executor.clone();
    executor.block_on(async move {
        let nested = inner.try_block_on(async {});
        assert!(
            matches!(nested, Err(polliwog::RunError::Nested)),
            "{nested:?}"
        );
    });
    assert_eq!(
        polliwog::executor::spawn(async {}).unwrap_err().kind(),
        SpawnErrorKind::NoExecutor
    );
    let _tasks: Vec<_> = (0..2)
        .map(|_| executor.spawner().spawn(pending::<()>()).unwrap())
        .collect();
    let full = executor.try_block_on(async {});
    assert!(matches!(
        full,
        Err(polliwog::RunError::TasksFull { capacity: 2 })
    ));
    assert!(JoinError::Aborted.to_string().contains("aborted"));
}

pub(crate) fn spawning_without_an_executor_is_an_error<R: Reactor>(make: impl Fn() -> R) {
    static POOL: TaskPool<2, 256> = TaskPool::new();
    let refused = || {
        let drops = Drops::default();
        let guard = drops.guard();
        let error = polliwog::spawn(async move { drop(guard) }).unwrap_err();
        assert_eq!(drops.count(), 1, "the future is dropped at once");
        assert_eq!(error.kind(), SpawnErrorKind::NoExecutor);
        assert_eq!(
            spawn(async {}).unwrap_err().kind(),
            SpawnErrorKind::NoExecutor
        );
    };
    refused();
    let executor = claim(&POOL, make());
    refused();
    executor.block_on(async {
        polliwog::spawn(async {}).unwrap().await.unwrap();
        // The executor is another thread's.
        thread::spawn(refused).join().unwrap();
    });
    refused();
    executor.enter(|| polliwog::spawn(async {}).unwrap().detach());
    let spawner = executor.spawner();
    let handle = executor.handle();
    #[cfg(feature = "std")]
    {
        assert!(polliwog::Handle::try_current().is_err());
        // Somebody else's thread finds the way back, but runs nothing itself.
        let task = thread::spawn(move || {
            handle.enter(|| {
                refused();
                assert_eq!(polliwog::Handle::try_current(), Ok(handle));
                handle.spawn(async { 7 }).unwrap()
            })
        });
        let task = task.join().unwrap();
        assert_eq!(executor.block_on(task).unwrap(), 7);
    }
    drop(executor);
    assert!(!handle.is_alive());
    let closed = spawner.spawn(async {}).unwrap_err();
    assert_eq!(closed.kind(), SpawnErrorKind::Closed);
    #[cfg(feature = "std")]
    assert_eq!(
        handle.spawn(async {}).unwrap_err().kind(),
        SpawnErrorKind::Closed
    );
}
