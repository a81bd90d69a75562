//! Foreign code that panics: wakers, unparkers, destructors. Whoever runs it has nothing to do with it.

use polliwog::Deadline;
use polliwog::time::sleep;

use super::*;

/// A waker that panics while it is armed.
#[derive(Default)]
struct Faulty {
    armed: AtomicBool,
    panics: AtomicUsize,
}

impl std::task::Wake for Faulty {
    fn wake(self: Arc<Self>) {
        if self.armed.load(Ordering::SeqCst) {
            self.panics.fetch_add(1, Ordering::SeqCst);
            panic!("a faulty waker");
        }
    }
}

/// A reactor that runs another executor when it waits, as in a GUI's loop, and whose unparker
/// panics then.
struct Nesting<R: Reactor> {
    inner: Rc<Executor<R>>,
    faulty: Arc<Faulty>,
}

impl<R: Reactor> Reactor for Nesting<R> {
    type Error = std::convert::Infallible;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, until: Deadline) -> Result<(), Self::Error> {
        let waits = until != Deadline::Now;
        self.faulty.armed.store(waits, Ordering::SeqCst);
        let ticked = catch_unwind(AssertUnwindSafe(|| self.inner.tick().map(drop)));
        self.faulty.armed.store(false, Ordering::SeqCst);
        assert!(ticked.is_ok(), "the inner executor's run was ended");
        Ok(())
    }

    fn unparker(&self) -> Waker {
        self.faulty.clone().into()
    }
}

pub(crate) fn a_foreign_unparker_that_panics<R: Reactor>(reactor: R) {
    static INNER: TaskPool<20, 256> = TaskPool::new();
    static OUTER: TaskPool<1, 256> = TaskPool::new();
    let inner = Rc::new(claim(&INNER, reactor));
    let polls = Rc::new([const { Cell::new(0) }; 16]);
    let mut joined = None;
    for index in 0..16 {
        // In the middle of the others.
        if index == 7 {
            let task = async {
                yield_now().await;
                "joined"
            };
            joined = Some(inner.spawner().spawn(task).unwrap());
        }
        let polls = polls.clone();
        let task = async move {
            loop {
                polls[index].set(polls[index].get() + 1);
                yield_now().await;
            }
        };
        inner.spawner().spawn(task).unwrap().detach();
    }
    let faulty = Arc::new(Faulty::default());
    let nesting = Nesting {
        inner: inner.clone(),
        faulty: faulty.clone(),
    };
    // Waits for a task of the inner executor, whose end calls the unparker.
    let outer = claim(&OUTER, nesting);
    assert_eq!(outer.block_on(joined.unwrap()).unwrap(), "joined");
    assert_eq!(faulty.panics.load(Ordering::SeqCst), 1);

    let so_far = polls[0].get();
    for _ in 0..3 {
        inner.tick().unwrap();
    }
    for (index, polls) in polls.iter().enumerate() {
        assert_eq!(
            polls.get(),
            so_far + 3,
            "task {index} is polled in each turn"
        );
    }
    // What other threads and tasks ask of an executor is not theirs to pay for, either.
    faulty.armed.store(true, Ordering::SeqCst);
    assert!(outer.handle().unpark());
    assert_eq!(faulty.panics.load(Ordering::SeqCst), 2);
}

pub(crate) fn a_foreign_waker_that_panics<R: Reactor>(reactor: R) {
    static POOL: TaskPool<8, 512> = TaskPool::new();
    let executor = claim(&POOL, reactor);
    let faulty = Arc::new(Faulty::default());
    faulty.armed.store(true, Ordering::SeqCst);
    let bomb = Waker::from(faulty.clone());
    let mut cx = Context::from_waker(&bomb);

    // Of a timer, and of the join handle of a task.
    let task = executor.spawner().spawn(yield_now()).unwrap();
    let mut task = pin!(task);
    assert!(task.as_mut().poll(&mut cx).is_pending());
    let bombs = faulty.clone();
    let both = executor.block_on(async move {
        // However late this thread comes to the first poll.
        let mut limit = Duration::from_millis(1);
        let mut timer = Box::pin(sleep(limit));
        while timer.as_mut().poll(&mut cx).is_ready() {
            limit *= 2;
            timer = Box::pin(sleep(limit));
        }
        while bombs.panics.load(Ordering::SeqCst) < 2 {
            sleep(Duration::from_millis(1)).await;
        }
        timer.as_mut().poll(&mut cx).is_ready() && task.as_mut().poll(&mut cx).is_ready()
    });
    assert!(both);
    assert_eq!(faulty.panics.load(Ordering::SeqCst), 2);
}

/// An output that nobody wants is dropped where its task or its handle ends, which others are no worse for.
pub(crate) fn an_output_that_panics_when_it_is_dropped<R: Reactor>(reactor: R) {
    static POOL: TaskPool<8, 256> = TaskPool::new();
    struct Bomb(#[allow(dead_code)] DropGuard);
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("an output's destructor");
        }
    }
    let executor = claim(&POOL, reactor);
    let spawner = executor.spawner();
    let drops = Drops::default();
    let turns = Rc::new(Cell::new(0));
    let output = || {
        let guard = drops.guard();
        async move {
            yield_now().await;
            Bomb(guard)
        }
    };
    let beside = |turns: &Rc<Cell<usize>>| {
        let turns = turns.clone();
        spawner
            .spawn(async move {
                for _ in 0..3 {
                    turns.set(turns.get() + 1);
                    yield_now().await;
                }
            })
            .unwrap()
    };

    // Detached before its end, in the middle of others.
    let first = beside(&turns);
    spawner.spawn(output()).unwrap().detach();
    let last = beside(&turns);
    executor.run_until_stalled().expect("no panic comes out");
    assert_eq!((drops.count(), turns.get()), (1, 6));
    assert!(first.is_finished() && last.is_finished());

    // Its handle is dropped after its end; that is inside of another task.
    let ready = spawner.spawn(output()).unwrap();
    executor.run_until_stalled().expect("no panic comes out");
    assert!(ready.is_finished());
    let dropper = spawner.spawn(async move { drop(ready) }).unwrap();
    let other = beside(&turns);
    executor.run_until_stalled().expect("no panic comes out");
    assert_eq!((drops.count(), turns.get()), (2, 9));
    assert!(executor.block_on(dropper).is_ok(), "it is not its panic");
    assert!(other.is_finished());
    assert_eq!(executor.stats().live, 0);
}

pub(crate) fn a_dropped_executor_drops_all_futures_though_destructors_panic<R: Reactor>(
    reactor: R,
) {
    static POOL: TaskPool<8, 256> = TaskPool::new();
    struct PanicOnDrop(bool);
    impl Drop for PanicOnDrop {
        fn drop(&mut self) {
            assert!(!self.0, "a destructor");
        }
    }
    let executor = claim(&POOL, reactor);
    let drops = Drops::default();
    let mut handles = Vec::new();
    for index in 0..8 {
        let guard = drops.guard();
        let panics = PanicOnDrop([2, 3, 6].contains(&index));
        let task = async move {
            let _both = (panics, guard);
            pending::<()>().await;
        };
        handles.push(executor.spawner().spawn(task).unwrap());
    }
    settle(&executor);
    let dropped = catch_unwind(AssertUnwindSafe(move || drop(executor)));
    // Where tasks catch panics, they have; else the first one comes out, once all is done.
    assert_eq!(dropped.is_ok(), cfg!(feature = "std"));
    assert_eq!(drops.count(), 8);
    for (index, handle) in handles.into_iter().enumerate() {
        let mut handle = pin!(handle);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(outcome) = handle.as_mut().poll(&mut cx) else {
            panic!("a task of a dropped executor has ended");
        };
        let panicked = outcome.unwrap_err().is_panic();
        assert_eq!(panicked, [2, 3, 6].contains(&index), "{index}");
    }
    // At once, though tests on other threads may want it, too.
    let again = claim(&POOL, ThreadReactor::new());
    assert_eq!(again.block_on(async { 1 }), 1);
}
