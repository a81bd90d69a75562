//! Between counts of a timer and nanoseconds, without a division where the compiler knows the frequency and
//! it divides a second's nanoseconds, and otherwise by one of 64 bits.

use super::instant::Instant;

pub(crate) const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// When a timer of so many hertz (fewer than 2³⁴) has counted `ticks`, rounded down to nanoseconds;
/// [`Instant::MAX`] beyond the range.
#[inline]
pub(crate) const fn instant(ticks: u64, hertz: u64) -> Instant {
    let nanos = if NANOS_PER_SECOND % hertz == 0 {
        ticks.saturating_mul(NANOS_PER_SECOND / hertz)
    } else {
        // The rest is below 2³⁴, so its product is below 2⁶⁴.
        let rest = ticks % hertz * NANOS_PER_SECOND / hertz;
        (ticks / hertz)
            .saturating_mul(NANOS_PER_SECOND)
            .saturating_add(rest)
    };
    Instant::from_nanos(nanos)
}

/// The first count at which such a timer shows `at` or later.
#[inline]
pub(crate) const fn ticks_at(at: Instant, hertz: u64) -> u64 {
    let nanos = at.as_nanos();
    if NANOS_PER_SECOND % hertz == 0 {
        return nanos.div_ceil(NANOS_PER_SECOND / hertz);
    }
    let rest = (nanos % NANOS_PER_SECOND * hertz).div_ceil(NANOS_PER_SECOND);
    (nanos / NANOS_PER_SECOND * hertz).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_and_its_instant_belong_together() {
        // The most that embassy-time has a feature for.
        for hertz in [1, 3, 32_768, 1_000_000, 5_242_880_000, (1 << 34) - 1] {
            let mut nanos = 1_u64;
            while nanos < 1 << 55 {
                let at = Instant::from_nanos(nanos);
                let ticks = ticks_at(at, hertz);
                let exact = (u128::from(nanos) * u128::from(hertz)).div_ceil(1_000_000_000);
                assert_eq!(u128::from(ticks), exact, "{hertz} {nanos}");
                let shown = u128::from(ticks) * 1_000_000_000 / u128::from(hertz);
                let shown = u64::try_from(shown).unwrap_or(u64::MAX);
                assert_eq!(instant(ticks, hertz).as_nanos(), shown);
                nanos = nanos * 3 + 1;
            }
            assert_eq!(instant(0, hertz), Instant::ZERO);
        }
    }
}
