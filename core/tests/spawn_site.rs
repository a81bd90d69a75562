//! `spawn!` beside whatever names a program has, and what a spawn site refuses to do.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::task::Waker;

use polliwog_core::{
    Deadline, Executor, Instant, Reactor, SpawnErrorKind, TaskPool, spawn, spawn_detached,
    try_spawn, try_spawn_detached,
};

struct Standing;

impl Reactor for Standing {
    type Error = Infallible;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn park(&self, _: Deadline) -> Result<(), Infallible> {
        Ok(())
    }

    fn unparker(&self) -> Waker {
        Waker::noop().clone()
    }
}

/// Every name that a macro for spawning could think of is taken, by something else.
#[allow(non_upper_case_globals, unused)]
mod crowded {
    use super::*;

    static MEMORY: u32 = 5;
    const spawner: u32 = 6;
    const args: &str = "seven";
    static BODIES: u32 = 8;

    #[derive(Debug)]
    struct Site {
        id: u32,
    }

    impl Site {
        async fn visit(site: Site, more: u32) -> u32 {
            site.id + more
        }
    }

    struct SiteMemory;
    struct SiteBodies;
    trait Future {}
    enum Option {}
    enum Result {}
    macro_rules! static_ {
        () => {};
    }

    async fn show(n: u32, text: &'static str) -> u32 {
        n + text.len() as u32
    }

    #[test]
    fn names_of_the_program_mean_what_they_mean_to_the_program() {
        static POOL: TaskPool<4> = TaskPool::new();
        let executor = Executor::new(&POOL, Standing).unwrap();
        let handle = spawn!(executor.spawner(), [show](MEMORY, args)).unwrap();
        assert_eq!(executor.block_on(handle).unwrap(), 10);
        let handle = spawn!(executor.spawner(), [show; 2](BODIES + spawner, args)).unwrap();
        assert_eq!(executor.block_on(handle).unwrap(), 19);
        let handle = spawn!(executor.spawner(), [Site::visit](Site { id: 7 }, MEMORY)).unwrap();
        assert_eq!(executor.block_on(handle).unwrap(), 12);
        let handle = try_spawn!(executor.spawner(), [Site::visit](Site { id: MEMORY }, 1)).unwrap();
        assert_eq!(executor.block_on(handle).unwrap(), 6);
        spawn_detached!(executor.spawner(), [Site::visit](Site { id: 1 }, MEMORY)).unwrap();
        try_spawn_detached!(executor.spawner(), [Site::visit](Site { id: 1 }, MEMORY)).unwrap();
        assert_eq!(executor.run_until_stalled().unwrap(), 2);
    }
}

/// What is written in the macro is done once, from left to right, and can leave the function.
#[test]
fn arguments_are_expressions_like_those_of_any_call() {
    static POOL: TaskPool<4> = TaskPool::new();
    let executor = Executor::new(&POOL, Standing).unwrap();

    async fn add(a: u32, b: u32) -> u32 {
        10 * a + b
    }
    let count = Cell::new(0);
    let next = || {
        count.set(count.get() + 1);
        count.get()
    };
    let handle = spawn!(executor.spawner(), [add](next(), next())).unwrap();
    assert_eq!((count.get(), executor.block_on(handle).unwrap()), (2, 12));

    let start = |number: Option<u32>| {
        spawn!(executor.spawner(), [add](number?, 5)).ok()?.detach();
        Some(())
    };
    assert_eq!((start(None), start(Some(1))), (None, Some(())));
}

#[test]
fn a_function_that_a_static_cannot_hold_twice_still_can_be_spawned() {
    static POOL: TaskPool<4> = TaskPool::new();
    let executor = Executor::new(&POOL, Standing).unwrap();
    // A closure without captures is a function, too.
    let handle = spawn!(executor.spawner(), [|n: u32| async move { n + 1 }](1)).unwrap();
    assert_eq!(executor.block_on(handle).unwrap(), 2);
    async fn wait() {
        pending::<()>().await;
    }
    let start = || try_spawn_detached!(executor.spawner(), [wait; 2]());
    assert!(start().is_ok() && start().is_ok());
    assert_eq!(
        start().unwrap_err().kind(),
        SpawnErrorKind::StorageFull { capacity: 2 }
    );
}

/// Safe code can do no worse than to name one memory twice.
#[test]
fn two_sites_of_one_memory_share_its_bodies() {
    use polliwog_core::__private::{Site, SiteBodies, SiteMemory, SiteOf, body_size, spawn_site};

    async fn five() -> u32 {
        5
    }
    static MEMORY: SiteMemory<{ body_size(five) }, 8, 2, 1> = SiteMemory::new();
    struct One;
    impl Site for One {
        const BODIES: SiteBodies = MEMORY.erased();
    }
    struct Other;
    impl Site for Other {
        const BODIES: SiteBodies = MEMORY.erased();
    }

    static POOL: TaskPool<4> = TaskPool::new();
    let executor = Executor::new(&POOL, Standing).unwrap();
    let one = || spawn_site(&executor.spawner(), (), (SiteOf::<One>::new(), five));
    let other = || spawn_site(&executor.spawner(), (), (SiteOf::<Other>::new(), five));
    for _ in 0..3 {
        let (first, second) = (one().unwrap(), other().unwrap());
        let full = SpawnErrorKind::StorageFull { capacity: 2 };
        assert_eq!(one().unwrap_err().kind(), full);
        assert_eq!(other().unwrap_err().kind(), full);
        assert_eq!(executor.block_on(first).unwrap(), 5);
        assert_eq!(executor.block_on(second).unwrap(), 5);
    }
}

/// Arguments become what the function takes, as in a call.
#[test]
#[allow(
    clippy::deref_addrof,
    reason = "a reference to a `static mut` is no value of it"
)]
fn arguments_coerce_as_in_a_call() {
    async fn sum(numbers: &'static [u32], one: &'static u32) -> u32 {
        numbers.iter().sum::<u32>() + one
    }
    async fn show(what: &'static (dyn std::fmt::Debug + Sync)) -> String {
        format!("{what:?}")
    }
    async fn none(_: Option<u32>) {}
    async fn generic<T: Copy>(value: T, _: &'static str) -> T {
        value
    }

    static POOL: TaskPool<8> = TaskPool::new();
    static mut NUMBERS: [u32; 3] = [1, 2, 3];
    static mut ONE: u32 = 1;
    // SAFETY: this test takes them, once.
    let (numbers, one) = unsafe { (&mut *&raw mut NUMBERS, &mut *&raw mut ONE) };
    numbers[0] += 10;

    let executor = Executor::new(&POOL, Standing).unwrap();
    let spawner = executor.spawner();
    let total = spawn!(spawner, [sum](numbers, one)).unwrap();
    let shown = spawn!(spawner, [show](&7_u8)).unwrap();
    let seven = spawn!(spawner, [generic::<u64>](7, "seven")).unwrap();
    spawn_detached!(spawner, [none](None)).unwrap();
    let refused = try_spawn!(spawner, [generic::<u8>](8, "eight"));
    executor.block_on(async {
        assert_eq!(total.await.unwrap(), 17);
        assert_eq!(shown.await.unwrap(), "7");
        assert_eq!(seven.await.unwrap(), 7);
        assert_eq!(refused.unwrap().await.unwrap(), 8);
    });
}

/// What a handle refuses it gives back, and what has not begun when the executor goes is dropped; then all bodies are
/// there again.
#[cfg(all(feature = "std", not(lean)))]
#[test]
fn a_handle_starts_tasks_of_a_site_and_loses_nothing() {
    use std::sync::Arc;

    use polliwog_core::Handle;

    async fn hold(value: Arc<()>) {
        let _value = value;
        pending::<()>().await;
    }
    fn send(handle: &Handle, value: &Arc<()>) -> Result<(), SpawnErrorKind> {
        std::thread::scope(|scope| {
            let send = || {
                try_spawn_detached!(handle, [hold; 3](value.clone())).map_err(|refused| {
                    let kind = refused.kind();
                    let (given_back,) = refused.into_inner();
                    assert!(Arc::ptr_eq(&given_back, value));
                    kind
                })
            };
            scope.spawn(send).join().unwrap()
        })
    }

    let value = Arc::new(());
    for _ in 0..2 {
        let executor = Executor::with_capacity(2, Standing);
        let handle = executor.handle();
        assert_eq!(send(&handle, &value), Ok(()));
        assert_eq!(send(&handle, &value), Ok(()));
        let full = SpawnErrorKind::InboxFull { capacity: 2 };
        assert_eq!(send(&handle, &value), Err(full));
        assert_eq!(Arc::strong_count(&value), 3);
        executor.step().unwrap();
        assert_eq!(executor.stats().live, 2);
        // Waits for a slot.
        assert_eq!(send(&handle, &value), Ok(()));
        executor.step().unwrap();
        assert_eq!(executor.stats().live, 2);
        let full = SpawnErrorKind::StorageFull { capacity: 3 };
        assert_eq!(send(&handle, &value), Err(full));
        assert_eq!(Arc::strong_count(&value), 4);
        drop(executor);
        assert_eq!(Arc::strong_count(&value), 1);
        assert_eq!(send(&handle, &value), Err(SpawnErrorKind::Closed));
    }
}

/// A function that panics before there is a future leaves the site's body.
#[cfg(all(feature = "std", not(lean)))]
#[test]
fn a_function_that_panics_on_its_way_to_an_executor_takes_no_body() {
    fn panics(panic: bool) -> std::future::Ready<()> {
        assert!(!panic, "as asked");
        std::future::ready(())
    }
    let executor = Executor::with_capacity(2, Standing);
    let handle = executor.handle();
    let send = |panic| try_spawn_detached!(handle, [panics](panic)).map_err(|error| error.kind());
    for _ in 0..2 {
        let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| send(true)));
        assert!(sent.is_err());
    }
    assert_eq!(send(false), Ok(()));
}
