//! What an order costs: the initial margin that it needs, and the loss with which it would begin.
//!
//! Source: Binance FAQ 87fa7ee33b574f7084d42bd2ce2e463b (facts, section 9), in its older and its current
//! wording. Which of the two holds for what the exchange checks is unverified.

use engine::Side;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// At what price an order counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostRule {
    /// A limit order at its own price; both worked examples of the FAQ come out so.
    #[default]
    OrderPrice,
    /// A sell at the highest of its price, the mark and the last price + 0.15 %.
    Guarded,
}

/// The prices around an order, in the quote asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostPrices {
    /// Mark price.
    pub mark: Decimal,
    /// The last trade.
    pub last: Decimal,
    /// The best bid.
    pub bid: Decimal,
    /// The best ask.
    pub ask: Decimal,
}

/// What an order needs in the margin asset, exact; Binance shows it cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderCost {
    /// Value / leverage.
    pub initial_margin: Decimal,
    /// See [`open_loss`].
    pub open_loss: Decimal,
}

impl OrderCost {
    /// What has to be available.
    pub fn total(&self) -> Decimal {
        self.initial_margin + self.open_loss
    }
}

impl CostRule {
    /// The price at which an order counts; one without a limit takes the best bid, or the best ask moved
    /// by 0.05 %.
    pub fn price(self, side: Side, limit: Option<Decimal>, prices: &CostPrices) -> Decimal {
        match (side, limit) {
            (Side::Buy, Some(limit)) => limit,
            (Side::Buy, None) => prices.ask * Decimal::new(10_005, 4),
            (Side::Sell, None) => prices.bid,
            (Side::Sell, Some(limit)) => match self {
                CostRule::OrderPrice => limit,
                CostRule::Guarded => {
                    (prices.last * Decimal::new(10_015, 4)).max(prices.mark).max(limit)
                }
            },
        }
    }

    /// The cost of `qty` in the base asset.
    pub fn cost(
        self,
        side: Side,
        limit: Option<Decimal>,
        qty: Decimal,
        leverage: u32,
        prices: &CostPrices,
    ) -> OrderCost {
        assert!(leverage > 0, "leverage is at least 1");
        let value = qty * self.price(side, limit, prices);
        let initial_margin = value / Decimal::from(leverage);
        OrderCost { initial_margin, open_loss: open_loss(side, value, qty * prices.mark) }
    }
}

/// `qty × |min(0, side × (mark - price))|`, from the order's value at its price and at the mark.
pub fn open_loss(side: Side, value: Decimal, worth: Decimal) -> Decimal {
    (Decimal::from(side.sign()) * (value - worth)).max(Decimal::ZERO)
}
