//! The parts of smol: async-executor's static local executor on async-io.

use std::time::Duration;

use async_executor::{LocalExecutor, StaticLocalExecutor, Task};
use async_io::Timer;

use super::{Join, Runtime, Time};

pub struct Smol;

thread_local! {
    static EXECUTOR: &'static StaticLocalExecutor = LocalExecutor::new().leak();
}

fn executor() -> &'static StaticLocalExecutor {
    EXECUTOR.with(|executor| *executor)
}

impl Runtime for Smol {
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        async_io::block_on(executor().run(executor().spawn(main)))
    }

    fn detach(task: impl Future<Output = ()> + 'static) {
        executor().spawn(task).detach();
    }

    fn yield_now() -> impl Future<Output = ()> {
        futures_lite::future::yield_now()
    }
}

impl Join for Smol {
    type Handle = Task<u64>;

    fn spawn(task: impl Future<Output = u64> + 'static) -> Self::Handle {
        executor().spawn(task)
    }

    fn value(output: u64) -> u64 {
        output
    }

    fn block_on_ready(times: u64) {
        for i in 0..times {
            async_io::block_on(executor().run(async { std::hint::black_box(i) }));
        }
    }
}

impl Time for Smol {
    fn sleep(duration: Duration) -> impl Future + 'static {
        Timer::after(duration)
    }
}
