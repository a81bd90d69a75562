//! [`Builder`]: how a runtime is to be.

use polliwog_core::unpark::Flag;
use polliwog_core::{Executor, PoolInUseError, TaskPool};

use super::{DEFAULT_MAX_TASKS, Runtime};
use crate::clock::VirtualClock;
use crate::idle::AutoAdvance;
#[cfg(all(feature = "alloc", not(target_os = "none")))]
use crate::net::Network;
use crate::reactor::{SpinReactor, VirtualReactor};

/// How a [`Runtime`] is to be; made by [`Runtime::builder`].
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
/// use polliwog::spin::Builder;
///
/// let builder: Builder = polliwog::spin::Runtime::builder().seed(7).max_tasks(100);
/// # let _ = builder;
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    seed: u64,
    max_tasks: usize,
    paused: bool,
    idle: AutoAdvance,
    #[cfg(all(feature = "alloc", not(target_os = "none")))]
    network: Option<Network>,
}

impl Builder {
    /// Sets the seed of the order in which ready tasks are polled. Zero, the default, means the
    /// executor's plain order.
    ///
    /// Without feature `std` or `simulation` the order is always the plain one.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::builder().seed(7).build();
    /// assert_eq!(runtime.seed(), 7);
    /// # }
    /// ```
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how many tasks there can be at a time ([`DEFAULT_MAX_TASKS`]). Beyond it, spawning
    /// fails. The future of [`Runtime::block_on`] is one of them, so there is room for one at
    /// least. A runtime in a [`TaskPool`] has the pool's limit.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::builder().max_tasks(100).build();
    /// # drop(runtime);
    /// # }
    /// ```
    pub fn max_tasks(mut self, max_tasks: usize) -> Self {
        self.max_tasks = max_tasks.max(1);
        self
    }

    /// Sets whether the clock stands still at first: see [`VirtualClock::pause`].
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::builder().paused(true).build();
    /// assert!(runtime.clock().is_paused());
    /// # }
    /// ```
    pub fn paused(mut self, paused: bool) -> Self {
        self.paused = paused;
        self
    }

    /// Sets whether to wait for other threads when nothing is left to do, instead of failing with
    /// [`Stalled`](crate::Stalled). See [`AutoAdvance::or_wait`].
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::Runtime;
    /// use polliwog::sync::oneshot;
    ///
    /// let runtime = Runtime::builder().wait_for_threads(true).build();
    /// let (sender, receiver) = oneshot::channel();
    /// std::thread::spawn(|| sender.send(7));
    /// assert_eq!(runtime.block_on(receiver), Ok(7));
    /// ```
    #[cfg(feature = "std")]
    pub fn wait_for_threads(mut self, wait: bool) -> Self {
        self.idle = if wait {
            AutoAdvance::or_wait()
        } else {
            AutoAdvance::new()
        };
        self
    }

    /// Sets the network that is current while the runtime runs, in the place of one of its own.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// # #[cfg(feature = "alloc")] {
    /// use polliwog::spin::{Runtime, net::Network};
    ///
    /// let network = Network::new();
    /// let runtime = Runtime::builder().network(&network).build();
    /// # drop(runtime);
    /// # }
    /// ```
    #[cfg(all(feature = "alloc", not(target_os = "none")))]
    pub fn network(mut self, network: &Network) -> Self {
        self.network = Some(network.clone());
        self
    }

    /// Makes the runtime, on the heap.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::Runtime;
    ///
    /// let runtime = Runtime::builder().seed(7).build();
    /// assert_eq!(runtime.block_on(async { 7 }), 7);
    /// ```
    #[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
    pub fn build(self) -> Runtime {
        let reactor = SpinReactor::new(self.clock(), self.idle);
        let executor = Executor::with_capacity(self.max_tasks, reactor);
        self.finish(executor)
    }

    /// Makes the runtime in static memory, with a flag that no other reactor uses meanwhile.
    ///
    /// ```
    /// # mod polliwog { pub use polliwog_core::*; pub mod spin { pub use polliwog_spin::*; } }
    /// use polliwog::spin::Runtime;
    /// use polliwog::{TaskPool, unpark::Flag};
    ///
    /// static POOL: TaskPool<4, 256> = TaskPool::new();
    /// static FLAG: Flag = Flag::new();
    /// let runtime = Runtime::builder().build_in(&POOL, &FLAG).unwrap();
    /// assert_eq!(runtime.block_on(async { 7 }), 7);
    /// ```
    ///
    /// # Errors
    ///
    /// [`PoolInUseError`] while another executor has the pool.
    pub fn build_in<const N: usize, const BYTES: usize, const BLOCKS: usize>(
        self,
        pool: &'static TaskPool<N, BYTES, BLOCKS>,
        flag: &'static Flag,
    ) -> Result<Runtime, PoolInUseError> {
        let reactor = SpinReactor::with_flag(self.clock(), self.idle, flag);
        Executor::new(pool, reactor).map(|executor| self.finish(executor))
    }

    fn clock(&self) -> VirtualClock {
        let clock = VirtualClock::new();
        if self.paused {
            clock.pause();
        }
        clock
    }

    fn finish(self, executor: Executor<VirtualReactor>) -> Runtime {
        #[cfg(any(feature = "std", feature = "simulation"))]
        executor.set_schedule_seed(self.seed);
        Runtime {
            executor,
            closing: None,
            seed: self.seed,
            #[cfg(all(feature = "alloc", not(target_os = "none")))]
            network: self.network.unwrap_or_default(),
        }
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            seed: 0,
            max_tasks: DEFAULT_MAX_TASKS,
            paused: false,
            idle: AutoAdvance::new(),
            #[cfg(all(feature = "alloc", not(target_os = "none")))]
            network: None,
        }
    }
}
