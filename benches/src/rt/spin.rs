//! Ours with the reactor that has no operating system below it, on the machine's clock.

use polliwog_core::Executor;
use polliwog_spin::{ParkThread, SpinReactor, WallClock};

pub struct Spin;

thread_local! {
    static EXECUTOR: Executor<SpinReactor<WallClock, ParkThread>> =
        Executor::with_capacity(1 << 20, SpinReactor::new(WallClock::new(), ParkThread));
}

ours!(Spin, EXECUTOR);
