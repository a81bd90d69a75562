//! Promise 22: no feature takes an item away; a program that compiles with some features compiles with
//! more. This is such a program: it names what there is without any feature but `interrupt-executors`.
#![no_std]

use core::convert::Infallible;
use core::task::Waker;
use core::time::Duration;

use polliwog_core::reactor::Reactor;
use polliwog_core::unpark::Flag;
use polliwog_core::{
    AbortHandle, Deadline, Executor, Handle, Instant, InterruptExecutor, JoinError, JoinHandle,
    SpawnError, Spawner, Stats, TaskPool, spawn, spawn_detached, time, try_spawn,
    try_spawn_detached, yield_now,
};

/// A reactor, with all that it needs.
pub struct Mine;

static FLAG: Flag = Flag::with_bell(|| ());

impl Reactor for Mine {
    type Error = Infallible;
    const HAS_CLOCK: bool = true;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        FLAG.take();
        Ok(())
    }

    fn unparker(&self) -> Waker {
        FLAG.waker()
    }
}

static SLOTS: TaskPool<4> = TaskPool::new();
static BODIES: TaskPool<2, 256> = TaskPool::new();
static URGENT: InterruptExecutor<2> = InterruptExecutor::new(pend);

fn pend() {}

async fn task(n: u32) -> u32 {
    time::sleep(Duration::from_millis(1)).await;
    let slow = time::timeout(Duration::from_millis(1), yield_now());
    n + u32::from(slow.await.is_ok())
}

/// What `main` does.
pub fn run() -> Result<(), SpawnError> {
    let Ok(executor) = Executor::new(&SLOTS, Mine) else {
        return Ok(());
    };
    let spawner: Spawner = executor.spawner();
    let joined: JoinHandle<u32> = spawn!(spawner, [task; 2](1))?;
    let abort: AbortHandle = joined.abort_handle();
    let _: Result<JoinHandle<u32>, _> = try_spawn!(spawner, [task](1));
    abort.abort();
    let _: Result<u32, JoinError> = executor.block_on(joined);
    let _: Stats = executor.stats();
    let _ = executor.tasks().count();
    let _ = executor.tick();
    let _ = executor.run_until_stalled();
    if let Ok(executor) = Executor::new(&BODIES, Mine) {
        executor.spawner().spawn(task(1))?.detach();
        executor.spawner().spawn_in(&BODIES, task(1))?.detach();
        let _ = executor.enter(Spawner::current);
    }
    Ok(())
}

/// What an interrupt handler does.
pub fn handler(main: Handle, waker: &Waker, abort: AbortHandle) -> Result<(), SpawnError> {
    // A sleep would not be `Send`.
    async fn detached(_: u32) {
        yield_now().await;
    }
    waker.wake_by_ref();
    abort.abort();
    spawn_detached!(main, [detached; 2](1))?;
    let _ = try_spawn_detached!(main, [detached](1));
    spawn_detached!(URGENT.handle(), [detached](2))?;
    URGENT.run();
    main.unpark();
    main.shutdown();
    Ok(())
}

/// What a chip's `main` ends with.
pub fn run_for_ever() -> ! {
    SLOTS.run(Mine, |spawner| {
        let handle: Handle = spawner.handle();
        let _ = (
            handle.is_alive(),
            Handle::current(),
            spawner.now(),
            time::now(),
        );
    })
}
