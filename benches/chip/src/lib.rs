//! The programs: each has a primitive in a static, and two futures that use it, which are polled in turn
//! without an executor. What a program takes beyond the one with `nothing` is the primitive's.
#![no_std]

use core::future::Future;
use core::hint::black_box;
use core::pin::pin;
use core::task::{Context, RawWaker, RawWakerVTable, Waker};

// Its critical section.
use cortex_m as _;
pub use cortex_m_rt::entry;

#[cfg(any(feature = "noop", feature = "critical"))]
#[path = "embassy.rs"]
mod kit;
#[cfg(any(feature = "local", feature = "shared"))]
#[path = "ours.rs"]
mod kit;

#[cfg(any(
    feature = "local",
    feature = "shared",
    feature = "noop",
    feature = "critical"
))]
pub use kit::*;

/// A static of what need not be `Sync`.
pub struct Alone<T>(pub T);

// SAFETY: nothing in these programs runs on another core or in an interrupt handler.
unsafe impl<T> Sync for Alone<T> {}

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake, wake);

fn clone(data: *const ()) -> RawWaker {
    RawWaker::new(data, &VTABLE)
}

fn wake(data: *const ()) {
    black_box(data);
}

/// Polls both in turn, for ever.
pub fn run(one: impl Future<Output = ()>, two: impl Future<Output = ()>) -> ! {
    let (mut one, mut two) = (pin!(one), pin!(two));
    // SAFETY: the functions do nothing with the data.
    let waker = unsafe { Waker::new(core::ptr::null(), &VTABLE) };
    let mut cx = Context::from_waker(&waker);
    loop {
        let _ = one.as_mut().poll(&mut cx);
        let _ = two.as_mut().poll(&mut cx);
    }
}

/// The program with none.
pub mod nothing {
    use core::hint::black_box;

    pub async fn one() {
        loop {
            black_box(core::future::poll_fn(|_| black_box(core::task::Poll::Ready(1_u32))).await);
        }
    }

    pub async fn two() {
        loop {
            black_box(core::future::poll_fn(|_| black_box(core::task::Poll::Ready(2_u32))).await);
        }
    }
}

/// A whole program.
#[macro_export]
macro_rules! program {
    ($name:ident) => {
        #[$crate::entry]
        fn main() -> ! {
            $crate::run($crate::$name::one(), $crate::$name::two())
        }

        #[panic_handler]
        fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
            loop {}
        }
    };
}
