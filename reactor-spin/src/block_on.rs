//! The shortest way in: a future and no runtime to name.

use core::future::Future;

use crate::runtime::Runtime;

/// Runs a future to its end in a new [`Runtime`], in virtual time, and with it the tasks that it
/// [spawns](fn@crate::spawn). Tasks that are not done by then are dropped.
///
/// Without feature `alloc` the runtime lies in static memory that there is once per program: 64
/// tasks of up to 4 KiB (8 of up to 512 bytes on bare metal).
///
/// # Panics
///
/// When the program is [stalled](crate::Stalled), when the future panics, and without `alloc`
/// inside another `block_on` (on bare metal, also while one runs elsewhere). Other threads take turns.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use polliwog::time::sleep;
/// use core::time::Duration;
///
/// let sum = polliwog::block_on(async {
///     let two = polliwog::spawn(async {
///         sleep(Duration::from_secs(3600)).await;
///         2
///     })
///     .unwrap();
///     40 + two.await.unwrap()
/// });
/// assert_eq!(sum, 42);
/// ```
#[track_caller]
pub fn block_on<F: Future>(future: F) -> F::Output {
    with_seed(0, future)
}

#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
#[track_caller]
fn with_seed<F: Future>(seed: u64, future: F) -> F::Output {
    Runtime::new(seed).block_on(future)
}

#[cfg(not(all(feature = "alloc", target_has_atomic = "ptr")))]
#[track_caller]
fn with_seed<F: Future>(seed: u64, future: F) -> F::Output {
    use polliwog_core::TaskPool;
    use polliwog_core::unpark::Flag;

    #[cfg(target_os = "none")]
    static POOL: TaskPool<8, 512> = TaskPool::new();
    #[cfg(not(target_os = "none"))]
    static POOL: TaskPool<64, 4096> = TaskPool::new();
    static FLAG: Flag = Flag::new();

    // Tests run on several threads, and the memory is there once.
    #[cfg(not(target_os = "none"))]
    let _turn = turn::take();
    match Runtime::builder().seed(seed).build_in(&POOL, &FLAG) {
        Ok(runtime) => runtime.block_on(future),
        Err(_) => panic!(
            "polliwog_spin::block_on is running already, and without feature `alloc` there is \
             memory for one: use a `Runtime` with a `TaskPool` of its own"
        ),
    }
}

/// Whose turn it is with the static memory, of all threads.
#[cfg(all(
    not(all(feature = "alloc", target_has_atomic = "ptr")),
    not(target_os = "none")
))]
mod turn {
    use std::cell::Cell;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    static TURN: Mutex<()> = Mutex::new(());

    std::thread_local! {
        static MINE: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) struct Turn(Option<MutexGuard<'static, ()>>);

    /// Waits until no other thread has the memory. This thread must not wait for itself.
    pub(super) fn take() -> Turn {
        if MINE.replace(true) {
            return Turn(None);
        }
        // Of the lock of a thread that has panicked nothing is in disorder.
        Turn(Some(TURN.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    impl Drop for Turn {
        fn drop(&mut self) {
            if self.0.is_some() {
                MINE.set(false);
            }
        }
    }
}

/// Runs the body of a test in a new [`Runtime`] with this [seed](crate::Builder::seed). If it
/// panics, the seed is printed. If nothing can happen any more, it does panic, and names the tasks that wait.
///
/// Nothing here waits for other threads. So the files, jobs, processes and standard streams of the mio reactor, where
/// that is there, too, are errors that say so, as its sockets are. A runtime of a builder's that
/// `wait_for_threads` has files and jobs, though no timeout gives them time.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// use polliwog::time::{sleep, timeout};
/// use core::time::Duration;
///
/// polliwog::test(7, async {
///     let slow = sleep(Duration::from_secs(3_600_000));
///     assert!(timeout(Duration::from_secs(3600), slow).await.is_err());
/// });
/// ```
#[cfg(any(feature = "std", not(target_os = "none")))]
#[track_caller]
pub fn test<F: Future>(seed: u64, body: F) -> F::Output {
    let _report = Report(seed);
    with_seed(seed, body)
}

/// Runs the body of a test once for each seed, each time in a new [`Runtime`]. If it panics, the
/// seed is printed, for [`test`](fn@test).
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, io}; }
/// polliwog::test_seeds(0..100, |_| async {
///     let answer = polliwog::spawn(async { 41 }).unwrap();
///     assert_eq!(answer.await.unwrap() + 1, 42);
/// });
/// ```
#[cfg(any(feature = "std", not(target_os = "none")))]
#[track_caller]
pub fn test_seeds<F: Future>(seeds: impl IntoIterator<Item = u64>, mut body: impl FnMut(u64) -> F) {
    for seed in seeds {
        test(seed, body(seed));
    }
}

/// Prints the seed of a test that panics.
#[cfg(any(feature = "std", not(target_os = "none")))]
struct Report(u64);

#[cfg(any(feature = "std", not(target_os = "none")))]
impl Drop for Report {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::eprintln!(
                "the seed was {0}: polliwog::spin::test({0}, …) runs it again",
                self.0
            );
        }
    }
}
