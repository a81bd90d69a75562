//! compio with its driver for poll, or with the one for io_uring.

use std::time::Duration;

use compio::driver::{DriverType, ProactorBuilder};
use compio::runtime::{JoinError, JoinHandle, Runtime as CompioRuntime, RuntimeBuilder};

use super::{Join, Runtime, Time};

pub struct Compio;

thread_local! {
    static RUNTIME: CompioRuntime = runtime(DriverType::Poll);
}

/// A runtime of the defaults but for its driver.
pub fn runtime(driver: DriverType) -> CompioRuntime {
    let mut proactor = ProactorBuilder::new();
    proactor.driver_type(driver);
    RuntimeBuilder::new()
        .with_proactor(proactor)
        .build()
        .unwrap()
}

impl Runtime for Compio {
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        RUNTIME.with(|runtime| {
            let output = runtime.block_on(async { compio::runtime::spawn(main).await });
            output.unwrap_or_else(|_| panic!("the benchmark panicked"))
        })
    }

    fn detach(task: impl Future<Output = ()> + 'static) {
        compio::runtime::spawn(task).detach();
    }
}

impl Join for Compio {
    type Handle = JoinHandle<u64>;

    fn spawn(task: impl Future<Output = u64> + 'static) -> Self::Handle {
        compio::runtime::spawn(task)
    }

    fn value(output: Result<u64, JoinError>) -> u64 {
        output.unwrap_or_else(|_| panic!("the task panicked"))
    }

    fn block_on_ready(times: u64) {
        RUNTIME.with(|runtime| {
            for i in 0..times {
                runtime.block_on(async { std::hint::black_box(i) });
            }
        });
    }
}

impl Time for Compio {
    fn sleep(duration: Duration) -> impl Future + 'static {
        compio::time::sleep(duration)
    }
}
