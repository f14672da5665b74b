//! Positions, and the orders that may still change them: what may be open at worst.
//!
//! Invariant: what has filled counts as an order until a position that is not older has been told: at times twice, never
//! not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::{
    AlgoId, AlgoOrderState, AlgoStatus, Instrument, Nanos, OrderId, OrderRef, OrderState,
    PositionSide, PriceTicks, Side, SymbolIndex,
};
use rust_decimal::Decimal;

use super::wanted::{Wanted, shows_opening};

/// What is still open of an order that nobody has heard of for so long does not count any more.
const FORGOTTEN: Nanos = Nanos::from_secs(60);

/// A change of an order that nobody knows to be made or not.
#[derive(Clone, Debug)]
struct Change {
    key: u64,
    lots: i64,
    price: PriceTicks,
    /// Its answer got lost then: what the venue shows may be from before it.
    doubted: Option<Nanos>,
}

/// An order that may still fill, or has filled what no position has told yet.
#[derive(Clone, Debug)]
struct Waiting {
    symbol: usize,
    position: PositionSide,
    side: Side,
    /// The whole of it.
    lots: i64,
    /// It opens at no price that is worth more.
    price: PriceTicks,
    may_open: bool,
    client: Arc<str>,
    order_id: Option<OrderId>,
    algo_id: Option<AlgoId>,
    filled: i64,
    filled_at: Nanos,
    /// So much of what has filled is part of the position.
    settled: i64,
    /// Lots and price as the venue has shown them last, and when.
    shown: (i64, PriceTicks),
    shown_at: Nanos,
    /// It may come to be the largest of these.
    changes: Vec<Change>,
    ended: bool,
    /// Nobody knows whether the venue has it.
    unknown: bool,
    since: Nanos,
}

impl Waiting {
    /// Lots that the position may still be told to have moved by.
    fn left(&self) -> i64 {
        let all = if self.ended { self.filled } else { self.lots.max(self.filled) };
        (all - self.settled).max(0)
    }

    /// It is as the venue shows it, or as large as a change that may still be made would have it.
    fn resize(&mut self) {
        (self.lots, self.price) = self.shown;
        for change in &self.changes {
            (self.lots, self.price) = (self.lots.max(change.lots), self.price.max(change.price));
        }
    }

    /// A change has been made, or never will be.
    fn changed(&mut self, change: u64) {
        self.changes.retain(|one| one.key != change);
        self.resize();
    }

    fn is_over(&self) -> bool {
        self.ended && self.left() == 0
    }
}

#[derive(Clone, Debug, Default)]
struct Held {
    amount: i64,
    entry: Decimal,
    /// The venue's time of it.
    time: Nanos,
}

/// Orders of one direction that wait and may open something.
#[derive(Default)]
struct Sum {
    lots: i64,
    worth: Decimal,
}

/// What is known of positions, prices and orders.
pub(super) struct Exposure {
    instruments: Vec<Instrument>,
    prices: Vec<Option<PriceTicks>>,
    positions: BTreeMap<(usize, PositionSide), Held>,
    orders: BTreeMap<u64, Waiting>,
    next: u64,
}

impl Exposure {
    pub(super) fn new(instruments: Vec<Instrument>) -> Exposure {
        Exposure {
            prices: vec![None; instruments.len()],
            instruments,
            positions: BTreeMap::new(),
            orders: BTreeMap::new(),
            next: 0,
        }
    }

    /// Whether it is another one than before.
    pub(super) fn set_price(&mut self, symbol: usize, price: PriceTicks) -> bool {
        match self.prices.get_mut(symbol) {
            Some(known) if *known != Some(price) => {
                *known = Some(price);
                true
            }
            _ => false,
        }
    }

    pub(super) fn instruments(&self) -> &[Instrument] {
        &self.instruments
    }

    fn price(&self, symbol: usize) -> Option<PriceTicks> {
        self.prices.get(symbol).copied().flatten()
    }

    /// Positions, signed and in lots.
    pub(super) fn positions(&self) -> impl Iterator<Item = (SymbolIndex, PositionSide, i64)> {
        self.positions
            .iter()
            .filter(|(_, held)| held.amount != 0)
            .map(|((symbol, side), held)| (SymbolIndex(*symbol as u16), *side, held.amount))
    }

    /// Whether the worth of all positions is known.
    pub(super) fn is_priced(&self) -> bool {
        let mut held = self.positions.iter().filter(|(_, held)| held.amount != 0);
        held.all(|((symbol, _), _)| self.price(*symbol).is_some())
    }

    pub(super) fn is_flat(&self) -> bool {
        self.positions.values().all(|held| held.amount == 0)
    }

    /// The orders that rest at the venue, as far as it is known, and may open something.
    pub(super) fn resting(
        &self,
    ) -> impl Iterator<Item = (SymbolIndex, Option<OrderId>, Option<AlgoId>)> {
        let open = self.orders.values().filter(|one| {
            let is_there = one.order_id.is_some() || one.algo_id.is_some();
            is_there && one.may_open && !one.ended && one.filled < one.lots
        });
        open.map(|one| (SymbolIndex(one.symbol as u16), one.order_id, one.algo_id))
    }

    /// In USDT; the largest number there is where it would be larger.
    pub(super) fn worth(&self, symbol: usize, lots: i64, price: PriceTicks) -> Decimal {
        let Some(grid) = self.instruments.get(symbol) else { return Decimal::ZERO };
        let product = i128::from(lots) * i128::from(price.0);
        // Both are integers on their grids, so the product only moves its point.
        Decimal::try_from_i128_with_scale(product, grid.price_decimals + grid.qty_decimals)
            .unwrap_or(Decimal::MAX)
    }

    fn cost(&self, symbol: usize, held: &Held) -> Decimal {
        let Some(grid) = self.instruments.get(symbol) else { return Decimal::ZERO };
        let size = Decimal::try_from_i128_with_scale(held.amount.into(), grid.qty_decimals);
        size.ok().and_then(|size| size.checked_mul(held.entry)).unwrap_or(Decimal::ZERO)
    }

    /// Profit of the positions that is not realised, in USDT.
    pub(super) fn unrealized(&self) -> Decimal {
        let of = |((symbol, _), held): (&(usize, PositionSide), &Held)| {
            let worth = self.worth(*symbol, held.amount, self.price(*symbol)?);
            worth.checked_sub(self.cost(*symbol, held))
        };
        self.positions.iter().filter_map(of).fold(Decimal::ZERO, Decimal::saturating_add)
    }

    /// A position of the venue, as it was at `time`. An older one than is known says nothing.
    pub(super) fn position(
        &mut self,
        symbol: usize,
        side: PositionSide,
        amount: i64,
        entry: Decimal,
        time: Nanos,
    ) {
        let held = self.positions.entry((symbol, side)).or_default();
        if time < held.time {
            return;
        }
        *held = Held { amount, entry, time };
        for one in self.orders.values_mut() {
            if one.symbol == symbol && one.position == side && one.filled_at <= time {
                one.settled = one.filled;
            }
        }
        self.orders.retain(|_, one| !one.is_over());
    }

    fn settle(&mut self, key: u64) {
        let Some(one) = self.orders.get_mut(&key) else { return };
        let held = self.positions.get(&(one.symbol, one.position));
        if held.is_some_and(|held| one.filled_at <= held.time) {
            one.settled = one.filled;
        }
        if one.is_over() {
            self.orders.remove(&key);
        }
    }

    fn find(&self, order: &OrderRef) -> Option<u64> {
        let is = |one: &Waiting| match order {
            OrderRef::Id(id) => one.order_id == Some(*id),
            OrderRef::Client(client) => one.client == client.0,
        };
        self.orders.iter().find(|(_, one)| is(one)).map(|(key, _)| *key)
    }

    fn place_of(&self, id: OrderId, client: &str) -> Option<u64> {
        let by_id = self.orders.iter().find(|(_, one)| one.order_id == Some(id));
        let by_client =
            || self.orders.iter().find(|(_, one)| one.order_id.is_none() && &*one.client == client);
        by_id.or_else(by_client).map(|(key, _)| *key)
    }

    /// A price at which it is worth the most: nobody pays more than the limit, and who sells gets what the market gives.
    fn bound(
        &self,
        symbol: usize,
        side: Side,
        limit: Option<PriceTicks>,
        trigger: Option<PriceTicks>,
    ) -> Option<PriceTicks> {
        match side {
            Side::Buy if limit.is_some() => limit,
            Side::Buy => trigger.max(self.price(symbol)),
            Side::Sell => Some(self.price(symbol)?.max(limit.max(trigger).unwrap_or_default())),
        }
    }

    /// The lots that something wanted would open beside what was wanted before; what reduces opens none, nor does a change
    /// to something smaller.
    pub(super) fn opens(&self, wanted: &Wanted) -> i64 {
        let known = wanted.changes.as_ref().and_then(|order| self.find(order));
        let old = known.and_then(|key| self.orders.get(&key));
        if old.is_some_and(|old| !old.may_open) || !wanted.may_open {
            return 0;
        }
        let price = self.bound(wanted.symbol, wanted.side, wanted.limit, wanted.trigger);
        if old.is_some_and(|old| wanted.lots <= old.lots && price.is_some_and(|p| p <= old.price)) {
            return 0;
        }
        let position = old.map_or(wanted.position, |old| old.position);
        let amount = self.positions.get(&(wanted.symbol, position)).map_or(0, |held| held.amount);
        let against = match (position, wanted.side) {
            (PositionSide::Both, Side::Buy) => amount.saturating_neg().max(0),
            (PositionSide::Both, Side::Sell) => amount.max(0),
            (PositionSide::Long | PositionSide::Short, _) => 0,
        };
        let waiting = self.orders.iter().filter(|(key, one)| {
            let alike =
                (one.symbol, one.position, one.side) == (wanted.symbol, position, wanted.side);
            alike && one.may_open && known != Some(**key)
        });
        let waiting = waiting.fold(0_i64, |sum, (_, one)| sum.saturating_add(one.left()));
        wanted.lots - against.saturating_sub(waiting).clamp(0, wanted.lots)
    }

    /// In USDT, if a price is known.
    pub(super) fn notional(&self, wanted: &Wanted, lots: i64) -> Option<Decimal> {
        let price = self.bound(wanted.symbol, wanted.side, wanted.limit, wanted.trigger)?;
        Some(self.worth(wanted.symbol, lots, price))
    }

    /// Takes something wanted into account; [`Exposure::undo`] takes it back.
    pub(super) fn take(&mut self, now: Nanos, wanted: &Wanted) -> Taken {
        let price = self.bound(wanted.symbol, wanted.side, wanted.limit, wanted.trigger);
        let price = price.unwrap_or_default();
        let known = wanted.changes.as_ref().and_then(|order| self.find(order));
        if let Some((key, one)) = known.and_then(|key| Some((key, self.orders.get_mut(&key)?))) {
            self.next += 1;
            let change = Change { key: self.next, lots: wanted.lots, price, doubted: None };
            one.changes.push(change);
            one.resize();
            return Taken { key, change: Some(self.next) };
        }
        let order_id = match &wanted.changes {
            Some(OrderRef::Id(id)) => Some(*id),
            _ => None,
        };
        let one = Waiting {
            symbol: wanted.symbol,
            position: wanted.position,
            side: wanted.side,
            lots: wanted.lots,
            price,
            shown: (wanted.lots, price),
            may_open: wanted.may_open,
            client: Arc::clone(&wanted.client),
            order_id,
            algo_id: None,
            filled: 0,
            filled_at: Nanos::ZERO,
            settled: 0,
            shown_at: Nanos::ZERO,
            changes: Vec::new(),
            ended: false,
            unknown: false,
            since: now,
        };
        Taken { key: self.insert(one), change: None }
    }

    fn insert(&mut self, one: Waiting) -> u64 {
        self.next += 1;
        self.orders.insert(self.next, one);
        self.next
    }

    /// It was refused: nothing of it will happen.
    pub(super) fn undo(&mut self, taken: &Taken) {
        let Some(change) = taken.change else {
            self.orders.remove(&taken.key);
            return;
        };
        if let Some(one) = self.orders.get_mut(&taken.key) {
            one.changed(change);
        }
    }

    /// Nobody knows whether it happened.
    pub(super) fn doubt(&mut self, now: Nanos, taken: &Taken) {
        let Some(one) = self.orders.get_mut(&taken.key) else { return };
        let Some(change) = taken.change else {
            // The stream may have told of it meanwhile.
            (one.unknown, one.since) = (one.order_id.is_none(), now);
            return;
        };
        for one in one.changes.iter_mut().filter(|one| one.key == change) {
            one.doubted = Some(now);
        }
    }

    /// The answer to what was taken into account.
    pub(super) fn answered(&mut self, now: Nanos, taken: &Taken, state: &OrderState) {
        if let Some(one) = self.orders.get_mut(&taken.key) {
            one.order_id = Some(state.order_id);
        }
        self.order(now, state, false);
        if let Some((one, change)) = self.orders.get_mut(&taken.key).zip(taken.change) {
            one.changed(change);
        }
    }

    /// The answer to a conditional order that was taken into account.
    pub(super) fn answered_algo(&mut self, now: Nanos, taken: &Taken, state: &AlgoOrderState) {
        if let Some(one) = self.orders.get_mut(&taken.key) {
            one.algo_id = Some(state.algo_id);
        }
        self.algo(now, state);
    }

    /// An order as the venue shows it. One that is not known and still open counts from now on if it is `news`.
    pub(super) fn order(&mut self, now: Nanos, state: &OrderState, news: bool) {
        let symbol = usize::from(state.symbol.0);
        let price = self.bound(symbol, state.side, state.price, state.trigger_price);
        let price = price.or(state.price).unwrap_or_default();
        let Some(key) = self.place_of(state.order_id, &state.client_order_id.0) else {
            if news && !state.status.is_terminal() {
                self.foreign(now, state, price);
            }
            return;
        };
        let Some(one) = self.orders.get_mut(&key) else { return };
        one.order_id = Some(state.order_id);
        one.unknown = false;
        if state.executed_qty.0 > one.filled {
            (one.filled, one.filled_at) = (state.executed_qty.0, state.update_time);
        }
        if state.update_time > one.shown_at {
            one.shown_at = state.update_time;
            // The answer to a market order may come without quantity or price of its own.
            if state.orig_qty.0 > 0 {
                one.shown.0 = state.orig_qty.0;
            }
            if state.price.is_some() {
                one.shown.1 = price;
            }
            one.resize();
        }
        if state.status.is_terminal() {
            (one.ended, one.since) = (true, now);
        }
        self.settle(key);
    }

    /// An order that was made by hand, or before the session.
    fn foreign(&mut self, now: Nanos, state: &OrderState, price: PriceTicks) {
        let one = Waiting {
            symbol: usize::from(state.symbol.0),
            position: state.position_side,
            side: state.side,
            lots: state.orig_qty.0,
            price,
            may_open: shows_opening(state),
            client: Arc::clone(&state.client_order_id.0),
            order_id: Some(state.order_id),
            algo_id: None,
            filled: state.executed_qty.0,
            filled_at: state.update_time,
            settled: 0,
            shown: (state.orig_qty.0, price),
            shown_at: state.update_time,
            changes: Vec::new(),
            ended: false,
            unknown: false,
            since: now,
        };
        let key = self.insert(one);
        self.settle(key);
    }

    /// A conditional order as the venue shows it.
    pub(super) fn algo(&mut self, now: Nanos, state: &AlgoOrderState) {
        let is = |one: &Waiting| match one.algo_id {
            Some(id) => id == state.algo_id,
            None => one.order_id.is_none() && one.client == state.order.client_order_id.0,
        };
        let Some(key) = self.orders.iter().find(|(_, one)| is(one)).map(|(key, _)| *key) else {
            return;
        };
        if let Some(actual) = &state.actual {
            // The order of its trigger may have been told before: it is the same.
            let same =
                |other: &u64, one: &Waiting| *other != key && one.order_id == Some(actual.order_id);
            let double = self.orders.iter().find(|(other, one)| same(other, one));
            if let Some(double) = double.map(|(double, _)| *double)
                && let Some(gone) = self.orders.remove(&double)
                && let Some(one) = self.orders.get_mut(&key)
            {
                (one.filled, one.filled_at, one.settled) =
                    (gone.filled, gone.filled_at, gone.settled);
            }
        }
        let Some(one) = self.orders.get_mut(&key) else { return };
        one.algo_id = Some(state.algo_id);
        one.unknown = false;
        if let Some(actual) = &state.actual {
            one.order_id = Some(actual.order_id);
            if actual.executed_qty.0 > one.filled {
                (one.filled, one.filled_at) = (actual.executed_qty.0, state.update_time);
            }
        }
        if matches!(
            state.status,
            AlgoStatus::Finished
                | AlgoStatus::Canceled
                | AlgoStatus::Expired
                | AlgoStatus::Rejected
        ) {
            (one.ended, one.since) = (true, now);
        }
        self.settle(key);
    }

    /// Lets go of what nobody has heard of for long.
    pub(super) fn forget(&mut self, now: Nanos) {
        let is_old = |one: &Change| one.doubted.is_some_and(|then| now - then > FORGOTTEN);
        for one in self.orders.values_mut().filter(|one| one.changes.iter().any(is_old)) {
            one.changes.retain(|change| !is_old(change));
            one.resize();
        }
        self.orders.retain(|_, one| !((one.ended || one.unknown) && now - one.since > FORGOTTEN));
    }

    fn waiting(&self, symbol: usize, position: PositionSide, side: Side) -> Sum {
        let mut sum = Sum::default();
        for one in self.orders.values() {
            if one.may_open && (one.symbol, one.position, one.side) == (symbol, position, side) {
                let left = one.left();
                sum.lots = sum.lots.saturating_add(left);
                sum.worth = sum.worth.saturating_add(self.worth(symbol, left, one.price));
            }
        }
        sum
    }

    /// Notional in USDT of a position, as it is or as its orders may make it: the worse of both directions.
    fn worst(&self, symbol: usize, position: PositionSide) -> Decimal {
        let held = self.positions.get(&(symbol, position));
        let amount = held.map_or(0, |held| held.amount);
        let now = match (self.price(symbol), held) {
            (Some(price), _) => self.worth(symbol, amount.saturating_abs(), price),
            (None, Some(held)) => self.cost(symbol, held).abs(),
            (None, None) => Decimal::ZERO,
        };
        let [buys, sells] =
            [Side::Buy, Side::Sell].map(|side| self.waiting(symbol, position, side));
        let (with, against) = if amount < 0 { (sells, buys) } else { (buys, sells) };
        let further = now.saturating_add(with.worth);
        match position {
            // Those that only close it open nothing. Where they are more, all may: what only reduces may be first.
            PositionSide::Both if against.lots > amount.saturating_abs() => {
                further.max(against.worth)
            }
            PositionSide::Both => further,
            // Of one direction nothing opens.
            PositionSide::Long | PositionSide::Short => further.saturating_add(against.worth),
        }
    }

    /// Notional in USDT that may be open in a symbol at worst.
    pub(super) fn of(&self, symbol: usize) -> Decimal {
        [PositionSide::Both, PositionSide::Long, PositionSide::Short]
            .map(|position| self.worst(symbol, position))
            .into_iter()
            .fold(Decimal::ZERO, Decimal::saturating_add)
    }

    /// Over all symbols.
    pub(super) fn total(&self) -> Decimal {
        (0..self.instruments.len())
            .map(|symbol| self.of(symbol))
            .fold(Decimal::ZERO, Decimal::saturating_add)
    }
}

/// What was taken into account.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    key: u64,
    /// Which change of an order that was known it is.
    change: Option<u64>,
}
