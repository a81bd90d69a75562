//! What our runtimes have in common, whatever the reactor.

use polliwog_core::JoinHandle;

pub fn spawn<T: 'static>(task: impl Future<Output = T> + 'static) -> JoinHandle<T> {
    match polliwog_core::spawn(task) {
        Ok(handle) => handle,
        Err(error) => panic!("{error}"),
    }
}

/// Implements the traits for `$runtime`, which blocks on the thread-local `$here`.
macro_rules! ours {
    ($runtime:ident, $here:ident) => {
        impl super::Runtime for $runtime {
            fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
                $here
                    .with(|here| here.block_on(async { super::ours::spawn(main).await }))
                    .unwrap()
            }

            fn detach(task: impl Future<Output = ()> + 'static) {
                super::ours::spawn(task).detach();
            }

            fn yield_now() -> impl Future<Output = ()> {
                polliwog_core::yield_now()
            }
        }

        impl super::Join for $runtime {
            type Handle = polliwog_core::JoinHandle<u64>;

            #[inline]
            fn spawn(task: impl Future<Output = u64> + 'static) -> Self::Handle {
                super::ours::spawn(task)
            }

            fn value(output: <Self::Handle as Future>::Output) -> u64 {
                output.unwrap()
            }

            fn block_on_ready(times: u64) {
                $here.with(|here| {
                    for i in 0..times {
                        here.block_on(async { std::hint::black_box(i) });
                    }
                });
            }
        }

        impl super::Time for $runtime {
            fn sleep(duration: std::time::Duration) -> impl Future + 'static {
                polliwog_core::time::sleep(duration)
            }
        }
    };
}
