//! [`RandomState`]: hash tables whose order is chosen by the seed.

use core::hash::{BuildHasher, Hasher};
use std::hash::DefaultHasher;

/// Keys of a hash table that come from [`random`](super::random): the order of its entries is another one with each seed,
/// and the same in each run with the same seed. In the place of `std`'s `RandomState`, whose keys are the system's.
///
/// The hash itself is the standard library's, which may be another one in another version of Rust.
///
/// ```
/// # mod polliwog { pub use polliwog_core::*; pub use polliwog_spin::{*, sim}; }
/// use polliwog::sim::{self, Simulation};
/// use polliwog::time::sleep;
/// use std::collections::HashMap;
/// use std::time::Duration;
///
/// // A program that depends on the order: it finds the first entry.
/// sim::check(7, |builder| {
///     let mut simulation = builder.build();
///     simulation.client("frog", async {
///         let mut ponds: HashMap<u64, &str, sim::RandomState> = HashMap::default();
///         ponds.extend([(1, "deep"), (2, "green"), (3, "quiet")]);
///         let first = ponds.keys().next().unwrap();
///         sleep(Duration::from_millis(*first)).await;
///     });
///     simulation.run()
/// })
/// .unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct RandomState {
    keys: [u64; 2],
}

impl RandomState {
    /// New keys.
    pub fn new() -> Self {
        Self {
            keys: [super::random(), super::random()],
        }
    }
}

impl Default for RandomState {
    fn default() -> Self {
        Self::new()
    }
}

impl BuildHasher for RandomState {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        self.keys.iter().for_each(|key| hasher.write_u64(*key));
        hasher
    }
}
