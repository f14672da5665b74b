//! Orders of every type, most of them such that nothing refuses them.

use engine::{
    AccountId, NamedRng, Nanos, NewOrder, OrderType, PositionSide, PriceMatch, PriceTicks, QtyLots,
    SelfTradePrevention, Side, SymbolIndex, TimeInForce, WorkingType,
};
use rust_decimal::Decimal;

use super::market::TICK;
use super::weather::{one_in, pick};

/// What the one who orders knows.
pub(super) struct Orderer<'a> {
    pub(super) rng: &'a mut NamedRng,
    pub(super) now: Nanos,
    pub(super) account: AccountId,
    pub(super) symbol: SymbolIndex,
    pub(super) price: i64,
    pub(super) hedge: bool,
    /// Of BOTH, LONG and SHORT.
    pub(super) held: [i64; 3],
    pub(super) number: u64,
}

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

impl Orderer<'_> {
    /// Symbol 0 has lots of tenths and a step of two.
    fn step(&self) -> i64 {
        if self.symbol.0 == 0 { 20 } else { 1 }
    }

    pub(super) fn quantity(&mut self) -> QtyLots {
        let steps = match self.rng.below(40) {
            0 => return QtyLots(self.rng.below(50) as i64),
            1..=2 => 100 + self.rng.below(200) as i64,
            3..=12 => 5 + self.rng.below(20) as i64,
            _ => 1 + self.rng.below(6) as i64,
        };
        QtyLots(steps * self.step())
    }

    /// So many ticks above the market, or below it.
    pub(super) fn price_at(&mut self, ticks: i64) -> PriceTicks {
        let price = self.price / TICK * TICK + ticks * TICK;
        PriceTicks(if one_in(self.rng, 100) { price + 3 } else { price.max(TICK) })
    }

    fn any_ticks(&mut self, most: u64) -> i64 {
        self.rng.below(2 * most + 1) as i64 - most as i64
    }

    fn name(&mut self) -> String {
        // Now and then a name that may still be in use.
        let number = if one_in(self.rng, 50) { self.number.saturating_sub(5) } else { self.number };
        format!("o{}-{number}", self.account.0)
    }

    /// Side, position side and whether it is meant to reduce.
    fn aim(&mut self) -> (Side, PositionSide, bool) {
        let reduces = one_in(self.rng, 3);
        let any = pick(self.rng, &SIDES);
        let place = match (self.hedge ^ one_in(self.rng, 40), reduces) {
            (false, _) => PositionSide::Both,
            (true, true) if any == Side::Buy => PositionSide::Short,
            (true, false) if any == Side::Sell => PositionSide::Short,
            (true, _) => PositionSide::Long,
        };
        let held = self.held[place as usize];
        let side = match (reduces && place == PositionSide::Both, held.signum()) {
            (true, 1) => Side::Sell,
            (true, -1) => Side::Buy,
            _ => any,
        };
        (side, place, reduces)
    }

    /// LIMIT and MARKET.
    pub(super) fn plain(&mut self) -> NewOrder {
        let (side, place, reduces) = self.aim();
        let (quantity, name) = (self.quantity(), self.name());
        let mut order = NewOrder::market(self.symbol, side, quantity, &name);
        order.position_side = (place != PositionSide::Both).then_some(place);
        order.reduce_only = (reduces && (!self.hedge || one_in(self.rng, 40))).then_some(true);
        order.self_trade_prevention = self.prevention();
        if one_in(self.rng, 3) {
            return order;
        }
        order.order_type = OrderType::Limit;
        self.time_in_force(&mut order);
        if one_in(self.rng, 10) {
            order.price_match = Some(pick(self.rng, PriceMatch::ALL));
            let matches = order.matches_price();
            if matches {
                return order;
            }
        }
        let ticks = self.any_ticks(8);
        order.price = Some(self.price_at(ticks));
        order
    }

    fn prevention(&mut self) -> Option<SelfTradePrevention> {
        one_in(self.rng, 2).then(|| pick(self.rng, SelfTradePrevention::ALL))
    }

    fn time_in_force(&mut self, order: &mut NewOrder) {
        use TimeInForce::{Fok, Gtc, Gtd, Gtx, Ioc};
        let kind = pick(self.rng, &[Gtc, Gtc, Gtc, Ioc, Fok, Gtx, Gtd]);
        order.time_in_force = Some(kind);
        if kind == Gtd {
            let seconds = 590 + self.rng.below(300) as i64;
            order.good_till_date = Some(self.now + Nanos::from_secs(seconds));
        }
    }

    /// Stops, take-profits and trailing stops.
    pub(super) fn conditional(&mut self) -> NewOrder {
        use OrderType::{Stop, StopMarket, TakeProfit, TakeProfitMarket, TrailingStopMarket};
        let mut order = self.plain();
        (order.price, order.price_match) = (None, None);
        (order.time_in_force, order.good_till_date) = (None, None);
        let types = [Stop, StopMarket, TakeProfit, TakeProfitMarket, TrailingStopMarket];
        order.order_type = pick(self.rng, &types);
        order.working_type = pick(self.rng, &[None, Some(WorkingType::MarkPrice)]);
        order.price_protect = one_in(self.rng, 4);
        if order.order_type == TrailingStopMarket {
            order.callback_rate = Some(Decimal::new(1 + self.rng.below(15) as i64, 1));
            if one_in(self.rng, 2) {
                let ticks = -order.side.sign() * (1 + self.rng.below(4) as i64);
                order.activate_price = Some(self.price_at(ticks));
            }
            return order;
        }
        let is_stop = matches!(order.order_type, Stop | StopMarket);
        let ahead = if is_stop { order.side.sign() } else { -order.side.sign() };
        let ahead = if one_in(self.rng, 30) { -ahead } else { ahead };
        let ticks = ahead * (1 + self.rng.below(7) as i64);
        order.trigger_price = Some(self.price_at(ticks));
        if order.order_type.has_price() {
            self.time_in_force(&mut order);
            let beyond = self.any_ticks(4);
            order.price = Some(self.price_at(ticks + beyond));
        } else if one_in(self.rng, 3) {
            self.close_position(&mut order);
        }
        order
    }

    /// Makes a stop of it that closes whatever is held then.
    fn close_position(&mut self, order: &mut NewOrder) {
        (order.quantity, order.reduce_only, order.close_position) = (None, None, true);
        let place = order.position_side.unwrap_or(PositionSide::Both);
        let held = self.held[place as usize];
        let ends = if held > 0 { Side::Sell } else { Side::Buy };
        if held != 0 && ends != order.side {
            order.side = ends;
            // The trigger lies on the other side of the market now.
            let at = order.trigger_price.map_or(self.price, |price| price.0);
            order.trigger_price = Some(PriceTicks((2 * self.price - at) / TICK * TICK));
        }
    }
}
