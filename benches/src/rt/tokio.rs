//! tokio's current-thread runtime in the flavour for tasks that are not `Send`.

use std::time::Duration;

use tokio::runtime::{Builder, LocalRuntime};
use tokio::task::{self, JoinHandle};

use super::{Join, Runtime, Time};

pub struct Tokio;

thread_local! {
    static RUNTIME: LocalRuntime = Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())
        .unwrap();
}

impl Runtime for Tokio {
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        RUNTIME.with(|runtime| runtime.block_on(async { task::spawn_local(main).await.unwrap() }))
    }

    fn detach(task: impl Future<Output = ()> + 'static) {
        task::spawn_local(task);
    }

    fn yield_now() -> impl Future<Output = ()> {
        task::yield_now()
    }
}

impl Join for Tokio {
    type Handle = JoinHandle<u64>;

    fn spawn(task: impl Future<Output = u64> + 'static) -> Self::Handle {
        task::spawn_local(task)
    }

    fn value(output: <Self::Handle as Future>::Output) -> u64 {
        output.unwrap()
    }

    fn block_on_ready(times: u64) {
        RUNTIME.with(|runtime| {
            for i in 0..times {
                runtime.block_on(async { std::hint::black_box(i) });
            }
        });
    }
}

impl Time for Tokio {
    fn sleep(duration: Duration) -> impl Future + 'static {
        tokio::time::sleep(duration)
    }
}
