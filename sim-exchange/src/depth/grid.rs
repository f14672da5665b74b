//! Prices as numbers of order ticks, without a division.

use serde::{Deserialize, Serialize};

/// The order tick of a symbol in price units. The quotient of a multiple is one multiplication by
/// the inverse of the tick's odd part modulo 2^64 (Granlund and Montgomery).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct TickGrid {
    inverse: u64,
    shift: u32,
    limit: u64,
    step: i64,
}

impl TickGrid {
    pub(crate) fn of(step: i64) -> TickGrid {
        assert!(step > 0, "a tick is above zero");
        let divisor = step.unsigned_abs();
        let shift = divisor.trailing_zeros();
        let odd = divisor >> shift;
        // Newton's iteration doubles the right bits each time: 3, 6, 12, 24, 48, 96.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        TickGrid { inverse, shift, limit: u64::MAX / divisor, step }
    }

    /// How many ticks `price` is; none off the tick.
    #[inline]
    pub(crate) fn ticks(&self, price: i64) -> Option<i64> {
        let quotient = (price as u64).wrapping_mul(self.inverse).rotate_right(self.shift);
        (quotient <= self.limit).then_some(quotient as i64)
    }

    #[inline]
    pub(crate) fn price(&self, ticks: i64) -> i64 {
        ticks * self.step
    }
}

#[cfg(test)]
mod tests {
    use super::TickGrid;

    #[test]
    fn multiples_and_nothing_else_have_a_quotient() {
        for step in [1, 2, 3, 5, 10, 64, 100, 250, 1_000, 999_999] {
            let grid = TickGrid::of(step);
            for price in (0..3_000).chain(1_000_000_000_000..1_000_000_002_000) {
                let expected = (price % step == 0).then_some(price / step);
                assert_eq!(grid.ticks(price), expected, "{price} in steps of {step}");
            }
            assert_eq!(grid.price(7), 7 * step);
        }
    }
}
