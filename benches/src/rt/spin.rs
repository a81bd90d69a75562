//! Ours with the reactor that has no operating system below it, on the machine's clock.

use polliwog_core::{Executor, JoinHandle, time};
use polliwog_spin::{Block, SpinReactor, WallClock};

use super::{Join, Runtime, Time};
use std::time::Duration;

pub struct Spin;

thread_local! {
    static EXECUTOR: Executor<SpinReactor<WallClock, Block>> =
        Executor::with_capacity(1 << 20, SpinReactor::new(WallClock::new(), Block));
}

fn spawn<T: 'static>(task: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    match polliwog_core::spawn(task) {
        Ok(handle) => handle,
        Err(error) => panic!("{error}"),
    }
}

impl Runtime for Spin {
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        EXECUTOR
            .with(|executor| executor.block_on(async { spawn(main).await }))
            .unwrap()
    }

    fn detach(task: impl Future<Output = ()> + 'static) {
        spawn(task).detach();
    }

    fn yield_now() -> impl Future<Output = ()> {
        polliwog_core::yield_now()
    }
}

impl Join for Spin {
    type Handle = JoinHandle<u64>;

    #[inline]
    fn spawn(task: impl Future<Output = u64> + 'static) -> Self::Handle {
        spawn(task)
    }

    fn value(output: <Self::Handle as Future>::Output) -> u64 {
        output.unwrap()
    }

    fn block_on_ready(times: u64) {
        EXECUTOR.with(|executor| {
            for i in 0..times {
                executor.block_on(async { std::hint::black_box(i) });
            }
        });
    }
}

impl Time for Spin {
    fn sleep(duration: Duration) -> impl Future + 'static {
        time::sleep(duration)
    }
}
