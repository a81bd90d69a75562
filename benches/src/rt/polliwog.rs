//! Ours, with the reactor on mio.

use std::time::Duration;

use polliwog_core::{JoinHandle, time};
use polliwog_mio::Runtime as MioRuntime;

use super::{Join, Runtime, Time};

pub struct Polliwog;

thread_local! {
    static RUNTIME: MioRuntime = MioRuntime::new().unwrap();
}

fn spawn<T: 'static>(task: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    match polliwog_core::spawn(task) {
        Ok(handle) => handle,
        Err(error) => panic!("{error}"),
    }
}

impl Runtime for Polliwog {
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        RUNTIME
            .with(|runtime| runtime.block_on(async { spawn(main).await }))
            .unwrap()
    }

    fn detach(task: impl Future<Output = ()> + 'static) {
        spawn(task).detach();
    }

    fn yield_now() -> impl Future<Output = ()> {
        polliwog_core::yield_now()
    }
}

impl Join for Polliwog {
    type Handle = JoinHandle<u64>;

    #[inline]
    fn spawn(task: impl Future<Output = u64> + 'static) -> Self::Handle {
        spawn(task)
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

impl Time for Polliwog {
    fn sleep(duration: Duration) -> impl Future + 'static {
        time::sleep(duration)
    }
}
