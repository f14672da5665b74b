//! Premium index: how far the prices at which a fair amount can be traded lie from the index.
//!
//! Source: Binance FAQ 360033525031 (facts, section 7). Invariant: an average holds sums, no samples, and
//! a sample that is missing is left out with its weight, never replaced.

use engine::{Nanos, PriceTicks, QtyLots};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::position::cut8;

/// Between two samples of the premium index.
pub const SAMPLE_SPACING: Nanos = Nanos::from_secs(5);

/// Impact Margin Notional in the quote asset: `200 / (1 / highest leverage)`.
pub fn impact_margin_notional(max_leverage: u32) -> Decimal {
    Decimal::from(200) * Decimal::from(max_leverage)
}

/// The average price of filling the Impact Margin Notional on one side of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactPrice {
    /// In the quote asset.
    pub price: Decimal,
    /// Whether the side held the whole notional. If not, the price is the average of all there is, which
    /// is a choice of ours: Binance publishes no rule for a book that thin.
    pub complete: bool,
}

/// A symbol's decimals, and the notional to be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImpactDepth {
    /// Of the grid of prices.
    pub price_decimals: u32,
    /// Of the grid of quantities.
    pub qty_decimals: u32,
    /// [`impact_margin_notional`], in the quote asset.
    pub notional: Decimal,
}

impl ImpactDepth {
    /// Walks one side, best level first: `notional / quantity that it buys`. `None` for an empty side.
    pub fn price(
        &self,
        levels: impl IntoIterator<Item = (PriceTicks, QtyLots)>,
    ) -> Option<ImpactPrice> {
        let (mut spent, mut bought) = (Decimal::ZERO, Decimal::ZERO);
        for (price, qty) in levels {
            assert!(price.0 > 0, "a level has a price");
            assert!(qty.0 > 0, "a level holds something");
            let product = i128::from(price.0) * i128::from(qty.0);
            let worth =
                Decimal::from_i128_with_scale(product, self.price_decimals + self.qty_decimals);
            let left = self.notional - spent;
            if worth >= left {
                let last = left.checked_div(Decimal::new(price.0, self.price_decimals))?;
                let price = self.notional.checked_div(bought + last)?;
                return Some(ImpactPrice { price, complete: true });
            }
            spent += worth;
            bought += Decimal::new(qty.0, self.qty_decimals);
        }
        Some(ImpactPrice { price: spent.checked_div(bought)?, complete: false })
    }
}

/// `[max(0, impact bid - index) - max(0, index - impact ask)] / index`, cut at 8 decimals as it is
/// published. `None` without an index above zero.
pub fn premium_index(index: Decimal, impact_bid: Decimal, impact_ask: Decimal) -> Option<Decimal> {
    if index <= Decimal::ZERO {
        return None;
    }
    let above = (impact_bid - index).max(Decimal::ZERO);
    let below = (index - impact_ask).max(Decimal::ZERO);
    (above - below).checked_div(index).map(cut8)
}

/// The linearly time-weighted average `Σ i·P_i / Σ i` of one funding interval, as two sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightedPremium {
    weighted: Decimal,
    weights: u64,
    /// The number of the last sample, so that none counts twice.
    newest: u32,
}

impl WeightedPremium {
    /// Adds sample number `number` of the interval, counted from 1; 8 hours have 5,760.
    pub fn add(&mut self, number: u32, premium: Decimal) {
        assert!(number > self.newest, "samples come in order, the first is number 1");
        self.newest = number;
        self.weighted += Decimal::from(number) * premium;
        self.weights += u64::from(number);
    }

    /// The average so far; `None` before the first sample.
    pub fn average(&self) -> Option<Decimal> {
        self.weighted.checked_div(Decimal::from(self.weights))
    }
}
