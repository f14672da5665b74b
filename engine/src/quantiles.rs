//! A distribution that is stated by its quantiles.

use serde::{Deserialize, Serialize};

use crate::{NamedRng, Nanos};

/// A distribution by its quantiles, straight between them: `[[0, 2000], [500, 5000], [1000, 90000]]` is
/// 2 to 90 ms with a median of 5 ms. The first of each pair is in thousandths, from 0 to 1000; the
/// second in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Quantiles(pub Vec<(u32, i64)>);

impl Quantiles {
    /// Why they are none, if they are none.
    pub fn problem(&self) -> Option<&'static str> {
        let rows = &self.0;
        let ends = rows.first().is_some_and(|row| row.0 == 0 && row.1 >= 0)
            && rows.last().is_some_and(|row| row.0 == 1_000);
        let rises = rows.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        (!ends || !rises).then_some(
            "quantiles go from 0 to 1000 thousandths, both rising: [[0, 2000], [1000, 9000]]",
        )
    }

    /// A draw from the distribution.
    pub fn draw(&self, rng: &mut NamedRng) -> Nanos {
        const PARTS: i128 = 1_000_000;
        let at = i128::from(rng.below(1_000 * PARTS as u64));
        let after = self.0.partition_point(|row| i128::from(row.0) * PARTS <= at);
        let last = self.0.len().saturating_sub(1);
        let (low, high) = (self.0[after.saturating_sub(1).min(last)], self.0[after.min(last)]);
        let width = (i128::from(high.0) - i128::from(low.0)).max(1) * PARTS;
        let above = at - i128::from(low.0) * PARTS;
        let nanos = i128::from(low.1) * 1_000
            + (i128::from(high.1) - i128::from(low.1)) * 1_000 * above / width;
        Nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}
