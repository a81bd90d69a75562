//! [`EmbassyTime`]: the timer of whichever embassy HAL the program has.

use core::convert::Infallible;
use core::task::Waker;
use core::time::Duration;

use embassy_time_driver::TICK_HZ;

use crate::time::rate::{self, NANOS_PER_SECOND};
use crate::{Deadline, Instant, Reactor};

/// A reactor by the time driver of an embassy HAL (`embassy-nrf`, `embassy-stm32`, `embassy-rp`, `esp-hal`'s,
/// and so on) or of any other crate that implements `embassy_time_driver::Driver`: the HAL is used as it is,
/// and there is nothing to write for a board.
///
/// ```no_run
/// use polliwog_core::chip::EmbassyTime;
/// use polliwog_core::time::sleep_millis;
/// use polliwog_core::{TaskPool, spawn_detached};
///
/// async fn blink() {
///     loop {
///         // Toggle a pin of the HAL's here.
///         sleep_millis(500).await;
///     }
/// }
///
/// static TASKS: TaskPool<4> = TaskPool::new();
///
/// // Before this: `embassy_nrf::init(Default::default())`, or the like, which starts the timer.
/// TASKS.run(EmbassyTime::new(), |spawner| {
///     spawn_detached!(spawner, [blink]()).unwrap();
/// })
/// ```
///
/// # What the program's manifest needs
///
/// A HAL's driver keeps its alarms in a queue of `embassy-time-queue-utils`, and that one has to be the
/// *generic* one, since the default asks each waker for the embassy task that it is, and panics at ours:
///
/// ```toml
/// embassy-nrf = { version = "0.11", features = ["nrf51", "time-driver-rtc1"] }
/// embassy-time-queue-utils = { version = "0.3", features = ["generic-queue-8"] }
/// polliwog = { version = "0.1", default-features = false, features = ["single-core", "embassy-hal"] }
/// ```
///
/// This reactor takes one place in that queue, however many tasks sleep. A task that waits for an
/// `embassy_time::Timer` takes one, too, for it goes to the driver directly: so have as many places as there
/// are such tasks, and one more, or wait by [`sleep`](crate::time::sleep), of which there is any number.
///
/// The feature `embassy-time` is the opposite of this one: there the driver is polliwog's own, and a program
/// has one driver.
///
/// # How it sleeps
///
/// By `wfi` on Cortex-M and RISC-V; on another chip, or to sleep deeper than that, by a function of the
/// program: `EmbassyTime::with_sleep`, which bare metal has. Nothing on the way to the sleep can lose an alarm: the
/// executor has masked interrupts, the driver is asked for the alarm then, and if it finds that the time has
/// come already, there is no sleep. On a host, where the crate's `std` driver or a test's own may be, it
/// blocks the thread.
#[derive(Debug)]
pub struct EmbassyTime {
    idle: imp::Idle,
}

impl EmbassyTime {
    /// The reactor. Any number of them share the driver; on bare metal they share the flag that ends
    /// a park, so one core has one.
    ///
    /// # Panics
    ///
    /// With feature `embassy-time`, since then the driver is polliwog's own and has no clock but this one's.
    #[cfg(any(
        not(target_os = "none"),
        cortex_m,
        target_arch = "riscv32",
        target_arch = "riscv64"
    ))]
    #[inline]
    pub fn new() -> Self {
        assert_foreign_driver();
        Self {
            idle: imp::Idle::new(),
        }
    }

    /// Returns the reactor, with the function that sleeps until an interrupt is pending.
    ///
    /// It is called with interrupts masked and must return when one is pending nevertheless, be it at once;
    /// see [`Reactor`](Reactor#on-a-chip).
    ///
    /// # Panics
    ///
    /// As `new`.
    #[cfg(target_os = "none")]
    #[inline]
    pub fn with_sleep(sleep: fn()) -> Self {
        assert_foreign_driver();
        Self {
            idle: imp::Idle { sleep },
        }
    }
}

#[cfg(any(
    not(target_os = "none"),
    cortex_m,
    target_arch = "riscv32",
    target_arch = "riscv64"
))]
impl Default for EmbassyTime {
    fn default() -> Self {
        Self::new()
    }
}

/// The time that the driver shows.
#[inline]
fn now() -> Instant {
    rate::instant(embassy_time_driver::now(), TICK_HZ)
}

fn assert_foreign_driver() {
    #[cfg(feature = "embassy-time")]
    panic!(
        "EmbassyTime waits by the time driver of a HAL, but with polliwog's feature `embassy-time` the \
         program's driver is polliwog's own, which would ask this reactor for the time"
    );
}

impl Reactor for EmbassyTime {
    type Error = Infallible;

    #[inline]
    fn now(&self) -> Instant {
        now()
    }

    #[inline]
    fn resolution(&self) -> Duration {
        const { Duration::from_nanos(NANOS_PER_SECOND.div_ceil(TICK_HZ)) }
    }

    #[inline]
    fn shared_clock(&self) -> Option<fn() -> Instant> {
        Some(now)
    }

    #[inline]
    fn park(&self, until: Deadline) -> Result<(), Infallible> {
        if self.idle.take() || until == Deadline::Now {
            return Ok(());
        }
        if let Deadline::At(at) = until {
            if at != Instant::MAX {
                // It wakes our waker when it is time, and at once if that has come. An alarm that was asked
                // for before and is not due yet stays, and ends some later park early.
                let ticks = rate::ticks_at(at, TICK_HZ);
                self.idle
                    .with_waker(|waker| embassy_time_driver::schedule_wake(ticks, waker));
            }
        }
        self.idle.wait();
        Ok(())
    }

    #[inline]
    fn unparker(&self) -> Waker {
        self.idle.with_waker(Waker::clone)
    }
}

#[cfg(target_os = "none")]
mod imp {
    use core::task::Waker;

    use crate::unpark::Flag;

    static UNPARK: Flag = Flag::new();

    #[derive(Debug)]
    pub(super) struct Idle {
        pub(super) sleep: fn(),
    }

    impl Idle {
        #[cfg(any(cortex_m, target_arch = "riscv32", target_arch = "riscv64"))]
        #[inline]
        pub(super) fn new() -> Self {
            Self { sleep }
        }

        #[inline]
        pub(super) fn take(&self) -> bool {
            UNPARK.take()
        }

        #[inline]
        pub(super) fn with_waker<T>(&self, f: impl FnOnce(&Waker) -> T) -> T {
            f(&UNPARK.waker())
        }

        /// Called with interrupts masked: what sets the flag is the driver, just now, or another core.
        #[inline]
        pub(super) fn wait(&self) {
            if !UNPARK.take() {
                (self.sleep)();
            }
        }
    }

    #[cfg(cortex_m)]
    #[inline]
    fn sleep() {
        // SAFETY: sleeps until an interrupt is pending, nothing else.
        unsafe { core::arch::asm!("dsb", "wfi", options(nostack, preserves_flags)) };
    }

    #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
    #[inline]
    fn sleep() {
        // SAFETY: sleeps until an interrupt is pending, nothing else.
        unsafe { core::arch::asm!("wfi", options(nostack)) };
    }
}

#[cfg(not(target_os = "none"))]
mod imp {
    use core::task::Waker;
    use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
    use std::task::Wake;

    #[derive(Debug, Default)]
    struct Bell {
        set: Mutex<bool>,
        rung: Condvar,
    }

    impl Bell {
        /// A word is in order whoever has panicked.
        fn set(&self) -> MutexGuard<'_, bool> {
            self.set.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }

        fn wake_by_ref(self: &Arc<Self>) {
            *self.set() = true;
            self.rung.notify_one();
        }
    }

    #[derive(Debug)]
    pub(super) struct Idle {
        bell: Arc<Bell>,
        waker: Waker,
    }

    impl Idle {
        pub(super) fn new() -> Self {
            let bell = Arc::<Bell>::default();
            let waker = bell.clone().into();
            Self { bell, waker }
        }

        pub(super) fn take(&self) -> bool {
            core::mem::take(&mut *self.bell.set())
        }

        pub(super) fn with_waker<T>(&self, f: impl FnOnce(&Waker) -> T) -> T {
            f(&self.waker)
        }

        pub(super) fn wait(&self) {
            let mut set = self.bell.set();
            while !core::mem::take(&mut *set) {
                let woken = self.bell.rung.wait(set);
                set = woken.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
