//! The bands of marks inside which nobody can be liquidated, and what wakes the exchange.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use engine::{AccountId, WorkingType};

use crate::exchange::{PRICE_MAX, SimExchange};
use crate::margin::Pool;

impl SimExchange {
    /// Sets the bands of all symbols anew, after any change of mark, wallet or position.
    pub(crate) fn refresh_bands(&mut self) {
        for number in 0..self.accounts.len() {
            self.account_bands(AccountId(number as u16));
        }
        for symbol in 0..self.markets.len() {
            let holdings = self.accounts.iter().map(|account| &account.holdings[symbol]);
            let low = holdings.clone().map(|holding| holding.mark_low).max().unwrap_or(1);
            let high = holdings.map(|holding| holding.mark_high).min().unwrap_or(PRICE_MAX);
            let (own_low, own_high) = self.conditionals.band(symbol, WorkingType::MarkPrice);
            let (low, high) = (low.max(own_low), high.min(own_high));
            let market = &mut self.markets[symbol];
            (market.mark_low, market.mark_high) = (low, high);
            self.refresh_watch(symbol);
        }
    }

    /// Splits what is left above the maintenance margin evenly over the positions of a pool. While every
    /// mark stays within its share, no liquidation is possible.
    fn account_bands(&mut self, id: AccountId) {
        let account = self.account(id);
        let cross = account.holdings.iter().filter(|h| !h.is_isolated());
        let held = cross.flat_map(|h| &h.positions).filter(|p| p.qty != 0).count();
        let cross_share = if held == 0 { Decimal::ZERO } else { self.slack(id, Pool::Cross, held) };
        let sides = account.sides();
        for symbol in 0..self.markets.len() {
            let (mut low, mut high) = (1, PRICE_MAX);
            if self.holding(id, symbol).is_held() {
                for side in sides {
                    let holding = self.holding(id, symbol);
                    let qty = holding.position(*side).qty;
                    if qty == 0 {
                        continue;
                    }
                    let share = if holding.is_isolated() {
                        self.slack(id, Pool::Isolated { symbol, side: *side }, 1)
                    } else {
                        cross_share
                    };
                    let reach = self.reach(symbol, qty, share);
                    let mark = self.mark_or_zero(symbol);
                    if qty > 0 {
                        low = low.max((mark - reach).max(1));
                    } else {
                        high = high.min((mark + reach).min(PRICE_MAX));
                    }
                }
            }
            let holding = self.holding_mut(id, symbol);
            (holding.mark_low, holding.mark_high) = (low, high);
        }
    }

    fn slack(&self, id: AccountId, pool: Pool, positions: usize) -> Decimal {
        let sums = self.pool_margin(id, pool);
        let slack = self.pool_wallet(id, pool) + sums.unrealized - sums.maintenance;
        slack.max(Decimal::ZERO) / Decimal::from(positions)
    }

    /// Price units that the mark may move against the position before `share` is used up.
    fn reach(&self, symbol: usize, qty: i64, share: Decimal) -> i64 {
        let rules = &self.markets[symbol].rules;
        // A short's maintenance grows with the price too, at most at the last tier's rate.
        let rate = rules.rules.brackets.last().map_or(Decimal::ONE, |bracket| bracket.mmr);
        let unit = rules.notional(1, qty.abs()) * (Decimal::ONE + rate);
        let units = share.checked_div(unit).and_then(|units| units.floor().to_i64());
        // One unit less, because equality liquidates.
        (units.unwrap_or(PRICE_MAX).min(PRICE_MAX) - 1).max(0)
    }

    /// Joins the reasons to look at a trade: resting orders, and the band if trades are the mark.
    pub(crate) fn refresh_watch(&mut self, symbol: usize) {
        let market = &self.markets[symbol];
        let (mut low, mut high) = match self.depths.is_empty() {
            true => market.book.thresholds(),
            false => (i64::MIN, i64::MAX),
        };
        let (own_low, own_high) = self.conditionals.band(symbol, WorkingType::ContractPrice);
        (low, high) = (low.max(own_low), high.min(own_high));
        if market.mark.is_none() {
            low = low.max(market.mark_low);
            high = high.min(market.mark_high);
        }
        let band = (low.max(1), high.min(PRICE_MAX));
        // Where books are known, they see every trade.
        let seen = if self.depths.is_empty() { band } else { (i64::MAX, 0) };
        self.markets[symbol].band = band;
        let watch = &mut self.watch[symbol];
        (watch.low, watch.high) = seen;
    }
}
