//! priceMatch: an order takes its price from the book at arrival.
//!
//! Where no order book is known, the only levels are the best of either side, so that all deeper ones
//! answer as levels that do not exist.

use engine::{ExchangeError, Nanos, NewOrder, PriceMatch, PriceTicks, Side};

use crate::exchange::SimExchange;
use crate::fills::MarketDepth;
use crate::wire::VenueError;

/// OPPONENT_10 and OPPONENT_20 are switched off from here on: 2025-10-23.
const OPPONENT_DEEP_UNTIL: Nanos = Nanos::from_secs(1_761_177_600);

impl SimExchange {
    /// The order with its price.
    pub(crate) fn matched_price(
        &self,
        symbol: usize,
        order: NewOrder,
    ) -> Result<NewOrder, ExchangeError> {
        let (opposite, level) = match order.price_match.unwrap_or(PriceMatch::None) {
            PriceMatch::None => return Ok(order),
            PriceMatch::Opponent => (true, 1),
            PriceMatch::Opponent5 => (true, 5),
            PriceMatch::Opponent10 => (true, 10),
            PriceMatch::Opponent20 => (true, 20),
            PriceMatch::Queue => (false, 1),
            PriceMatch::Queue5 => (false, 5),
            PriceMatch::Queue10 => (false, 10),
            PriceMatch::Queue20 => (false, 20),
        };
        if opposite && level >= 10 && self.rules_time() >= OPPONENT_DEEP_UNTIL {
            return Err(VenueError::InvalidPriceMatch.error());
        }
        let taker = if opposite { order.side } else { order.side.opposite() };
        let price = self.level(symbol, taker, level);
        let price = price.ok_or_else(|| VenueError::NoPriceMatchDepth.error())?;
        Ok(NewOrder { price: Some(PriceTicks(price)), ..order })
    }

    /// The price of the n-th level (from 1) that a taker on `side` meets.
    fn level(&self, symbol: usize, side: Side, level: usize) -> Option<i64> {
        if level > 1 {
            if self.config.fills.depth != MarketDepth::Levels {
                return None;
            }
            let ladder = self.depths.get(symbol)?.ladder();
            return ladder.nth(side.opposite(), level).map(|price| price.0);
        }
        let market = self.taker_price(symbol, side);
        let own = self.markets[symbol].book.best_against(side).map(|resting| resting.price);
        match side {
            Side::Buy => [market, own].into_iter().flatten().min(),
            Side::Sell => [market, own].into_iter().flatten().max(),
        }
    }
}
