//! The bands of marks inside which nobody can be liquidated or called for margin, and what wakes the exchange.

use rust_decimal::Decimal;

use engine::{AccountId, WorkingType};

use crate::exchange::{PRICE_MAX, SimExchange};
use crate::margin::Pool;
use crate::margin_call::Room;
use crate::quotient::whole_ratio;

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
    /// mark stays within its share, no liquidation and no margin call is possible, and no pool that was
    /// called can get out of danger.
    fn account_bands(&mut self, id: AccountId) {
        self.forget_closed_pools(id);
        let account = self.account(id);
        let cross = account.holdings.iter().filter(|h| !h.is_isolated());
        let held = cross.flat_map(|h| &h.positions).filter(|p| p.qty != 0).count();
        let sides = account.sides();
        let is_multi = account.multi_assets;
        // Debts are tested against the collateral, too.
        let is_at_risk = is_multi && (held > 0 || self.cross_wallet(id) < Decimal::ZERO);
        let cross_room =
            if held == 0 { Room::default() } else { self.look_at_margin(id, Pool::Cross, held) };
        for symbol in 0..self.markets.len() {
            let (mut low, mut high) = (1, PRICE_MAX);
            if self.holding(id, symbol).is_held() {
                for side in sides {
                    let holding = self.holding(id, symbol);
                    let qty = holding.position(*side).qty;
                    if qty == 0 {
                        continue;
                    }
                    let room = if holding.is_isolated() {
                        self.look_at_margin(id, Pool::Isolated { symbol, side: *side }, 1)
                    } else {
                        cross_room
                    };
                    let (down, up) = self.reach(symbol, qty, room);
                    let mark = self.mark_or_zero(symbol);
                    low = low.max((mark - down).max(1));
                    high = high.min((mark + up).min(PRICE_MAX));
                }
            }
            let is_index = self.account(id).collateral.is_priced_by(symbol);
            if is_at_risk && (is_index || self.holding(id, symbol).is_held()) {
                // Two rates of USDT and the collateral make a room hard to split: every mark is looked at.
                let mark = self.mark_or_zero(symbol);
                (low, high) = (mark, mark);
            }
            let holding = self.holding_mut(id, symbol);
            (holding.mark_low, holding.mark_high) = (low, high);
        }
    }

    /// Price units that the mark may move down and up before the position's room is used up.
    fn reach(&self, symbol: usize, qty: i64, room: Room) -> (i64, i64) {
        let rules = &self.markets[symbol].rules;
        // The maintenance grows with the price too, at most at the last tier's rate.
        let rate = rules.rules.brackets.last().map_or(Decimal::ONE, |bracket| bracket.mmr);
        let (unit, side) = (rules.notional(1, qty.abs()), Decimal::from(qty.signum()));
        let units = |left: Decimal, per_unit: Decimal| {
            let per_unit = unit * per_unit.max(Decimal::ZERO) * room.positions;
            let most = if per_unit.is_zero() { None } else { whole_ratio(left, per_unit) };
            // One unit less, because equality liquidates and calls.
            (most.unwrap_or(PRICE_MAX).min(PRICE_MAX) - 1).max(0)
        };
        let weight = side * room.weight;
        let (mut down, mut up) = (units(room.loss, weight), units(room.loss, rate - weight));
        if let Some(gain) = room.gain {
            let weight = side * self.config.margin_call_ratio;
            down = down.min(units(gain, rate - weight));
            up = up.min(units(gain, weight));
        }
        (down, up)
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
        let mut band = (low.max(1), high.min(PRICE_MAX));
        if !self.awaited.is_empty() && self.awaits_price(symbol) {
            // Any trade is the one that it waits for.
            band = (i64::MAX, 0);
        }
        // Where books are known, they see every trade.
        let seen = if self.depths.is_empty() { band } else { (i64::MAX, 0) };
        self.markets[symbol].band = band;
        let watch = &mut self.watch[symbol];
        (watch.low, watch.high) = seen;
    }
}
