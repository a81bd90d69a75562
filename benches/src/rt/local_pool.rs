//! The `LocalPool` of the futures crate.

use std::cell::RefCell;

use futures::executor::{LocalPool as Pool, LocalSpawner};
use futures::future::RemoteHandle;
use futures::task::LocalSpawnExt;

use super::{Join, Runtime};

pub struct LocalPool;

thread_local! {
    static SPAWNER: RefCell<Option<LocalSpawner>> = const { RefCell::new(None) };
}

fn with<T>(f: impl FnOnce(&LocalSpawner) -> T) -> T {
    SPAWNER.with_borrow(|spawner| f(spawner.as_ref().unwrap()))
}

impl Runtime for LocalPool {
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        let mut pool = Pool::new();
        let spawner = pool.spawner();
        let handle = spawner.spawn_local_with_handle(main).unwrap();
        SPAWNER.set(Some(spawner));
        pool.run_until(handle)
    }

    fn detach(task: impl Future<Output = ()> + 'static) {
        with(|spawner| spawner.spawn_local(task)).unwrap();
    }
}

impl Join for LocalPool {
    type Handle = RemoteHandle<u64>;

    fn spawn(task: impl Future<Output = u64> + 'static) -> Self::Handle {
        with(|spawner| spawner.spawn_local_with_handle(task)).unwrap()
    }

    fn value(output: u64) -> u64 {
        output
    }

    fn block_on_ready(times: u64) {
        let mut pool = Pool::new();
        for i in 0..times {
            pool.run_until(async { std::hint::black_box(i) });
        }
    }
}
