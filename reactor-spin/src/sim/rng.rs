//! Chance that is the same on every machine: integers and the basic operations of floating point, no
//! functions of a system's library.

use core::time::Duration;

/// A row of pseudo-random numbers (xoshiro256**).
#[derive(Clone, Debug)]
pub(crate) struct Rng([u64; 4]);

impl Rng {
    /// The row that belongs to a seed and to a purpose: rows of different purposes are independent.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut state = seed ^ purpose.wrapping_mul(0xD134_2543_DE82_EF95);
        // SplitMix64, as the authors of xoshiro advise.
        let mut split = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        };
        Self([split(), split(), split(), split()])
    }

    pub(crate) fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// One of the numbers below `below`; zero if that is zero.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(below)) >> 64) as u64
    }

    /// One of the numbers from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// One of the durations from `low` to `high`.
    pub(crate) fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        Duration::from_nanos(self.between(nanos(low), nanos(high)))
    }

    /// A number from 0 up to, but without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something happens that has this probability. Throws only if it is between 0 and 1.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && (probability >= 1.0 || self.unit() < probability)
    }

    /// An exponentially distributed number with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        // 1 - unit: never zero.
        minus_ln(1.0 - self.unit())
    }
}

/// A duration in nanoseconds, at most half of what there is: sums do not overflow.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).map_or(u64::MAX / 2, |nanos| nanos.min(u64::MAX / 2))
}

/// `-ln(x)` for `x` in (0, 1], to some twelve digits, from operations whose results IEEE 754 prescribes.
fn minus_ln(mut x: f64) -> f64 {
    let mut halvings = 0;
    while x < 0.75 {
        x *= 2.0;
        halvings += 1;
    }
    // ln(x) = 2 atanh(t), |t| ≤ 1/7.
    let t = (x - 1.0) / (x + 1.0);
    let square = t * t;
    let mut term = t;
    let mut sum = 0.0;
    let mut n = 1.0;
    while n < 16.0 {
        sum += term / n;
        term *= square;
        n += 2.0;
    }
    f64::from(halvings) * core::f64::consts::LN_2 - 2.0 * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_logarithm() {
        for x in [1.0, 0.999, 0.76, 0.75, 0.5, 0.3, 1e-3, 1e-12] {
            let difference: f64 = minus_ln(x) + f64::ln(x);
            assert!(difference.abs() < 1e-9, "{x}: {difference}");
        }
    }

    #[test]
    fn is_fair_enough_and_the_same_each_time() {
        let mut rng = Rng::new(7, 1);
        let mut counts = [0; 10];
        for _ in 0..100_000 {
            counts[rng.below(10) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (9_500..10_500).contains(count)),
            "{counts:?}"
        );
        let mean: f64 = (0..100_000).map(|_| rng.exponential()).sum::<f64>() / 100_000.0;
        assert!((0.98..1.02).contains(&mean), "{mean}");
        assert_eq!(Rng::new(7, 1).next(), Rng::new(7, 1).next());
        assert_ne!(Rng::new(7, 1).next(), Rng::new(7, 2).next());
        assert_eq!(Rng::new(1, 0).next(), 12_966_619_160_104_079_557);
    }
}
