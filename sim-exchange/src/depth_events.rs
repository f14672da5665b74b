//! Fills where the market's book is known: its levels, quotes and trades, and what they do to our orders.

use engine::{MarketData, MarketEvent};

use crate::depth::DepthFill;
use crate::exchange::{PRICE_MAX, SimExchange};

impl SimExchange {
    /// A row, a snapshot, quotes, or a trade beside them.
    pub(crate) fn depth_event(&mut self, event: &MarketEvent, symbol: usize) {
        let Some(depth) = self.depths.get_mut(symbol) else {
            self.depth_ignored += 1;
            return;
        };
        let mut beyond = false;
        if let MarketData::Trade(trade) = &event.data {
            let price = trade.price.0;
            if !(1..=PRICE_MAX).contains(&price) {
                self.bad_prices += 1;
                return;
            }
            let (low, high) = self.markets[symbol].band;
            beyond = price < low || price > high;
            self.watch[symbol].trade(price, trade.qty.0);
        }
        depth.observe(&event.data, &mut self.depth_fills);
        if beyond || !self.depth_fills.is_empty() {
            self.after_depth(event, symbol);
        }
    }

    /// Books the fills that the book has told, then triggers and liquidations.
    #[cold]
    #[inline(never)]
    fn after_depth(&mut self, event: &MarketEvent, symbol: usize) {
        self.now = self.now.max(event.time);
        let mut fills = std::mem::take(&mut self.depth_fills);
        for fill in fills.drain(..) {
            self.depth_fill(symbol, &fill);
        }
        self.depth_fills = fills;
        self.open_awaited(symbol);
        self.trigger_conditionals(symbol);
        self.settle();
    }

    fn depth_fill(&mut self, symbol: usize, fill: &DepthFill) {
        let found = self.markets[symbol].book.get_mut(fill.side, fill.id).copied();
        // An order that a fill of the same event has knocked out is gone.
        let Some(resting) = found else { return };
        let can = self.executable(resting.id, resting.qty);
        self.fill_part(symbol, &resting, fill.qty.0.min(can), can);
    }
}
