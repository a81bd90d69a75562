//! monoio with its driver for epoll.

use std::cell::RefCell;
use std::time::Duration;

use monoio::task::JoinHandle;
use monoio::time::TimeDriver;
use monoio::{LegacyDriver, RuntimeBuilder};

use super::{Join, Runtime, Time};

pub struct Monoio;

thread_local! {
    static RUNTIME: RefCell<monoio::Runtime<TimeDriver<LegacyDriver>>> = RefCell::new(
        RuntimeBuilder::<LegacyDriver>::new()
            .enable_timer()
            .build()
            .unwrap(),
    );
}

impl Runtime for Monoio {
    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        RUNTIME.with(|runtime| {
            let mut runtime = runtime.borrow_mut();
            runtime.block_on(async { monoio::spawn(main).await })
        })
    }

    fn detach(task: impl Future<Output = ()> + 'static) {
        monoio::spawn(task);
    }
}

impl Join for Monoio {
    type Handle = JoinHandle<u64>;

    fn spawn(task: impl Future<Output = u64> + 'static) -> Self::Handle {
        monoio::spawn(task)
    }

    fn value(output: u64) -> u64 {
        output
    }

    fn block_on_ready(times: u64) {
        RUNTIME.with(|runtime| {
            let mut runtime = runtime.borrow_mut();
            for i in 0..times {
                runtime.block_on(async { std::hint::black_box(i) });
            }
        });
    }
}

impl Time for Monoio {
    fn sleep(duration: Duration) -> impl Future + 'static {
        monoio::time::sleep(duration)
    }
}
