//! Conditional orders: stops, take-profits and trailing stops, until their triggers are reached.
//!
//! Until 2025-12-09 they are orders of the order route: one id, from the trigger on with another type.
//! From then on they belong to the algo service: an id of their own, and an order of its own at the
//! trigger. What waits and how it is triggered is the same.
//!
//! Invariant: what waits here is in no book and needs no margin.

use std::collections::BTreeMap;

use engine::{
    AccountId, ActualOrder, AlgoId, AlgoOrderState, AlgoRef, AlgoStatus, ClientOrderId, NewOrder,
    OrderId, OrderType, PositionSide, Side, TimeInForce, WorkingType,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::exchange::PRICE_MAX;
use crate::numbered::{Ends, Numbered};

/// Which record a waiting trigger belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owner {
    /// A conditional order of the algo service.
    Algo(AlgoId),
    /// An order of the old route.
    Order(OrderId),
}

/// When a waiting order is triggered.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Trigger {
    /// The price is at or above it.
    Up(i64),
    /// The price is at or below it.
    Down(i64),
    /// The price comes back from its extreme by a share.
    Trailing {
        /// Buys follow the lowest price, sells the highest.
        side: Side,
        /// The extreme has to reach this first.
        activate: Option<i64>,
        /// Lowest or highest price since the placement; zero before the first.
        extreme: i64,
        /// The share: 0.01 is 1 %.
        rate: Decimal,
    },
}

impl Trigger {
    /// Of an order whose parameters have been checked; `latest` is the price that it looks at.
    pub(crate) fn of(order: &NewOrder, latest: Option<i64>) -> Trigger {
        let at = order.trigger_price.map_or(0, |price| price.0);
        let with_side = matches!(order.order_type, OrderType::Stop | OrderType::StopMarket);
        match order.order_type {
            OrderType::TrailingStopMarket => Trigger::Trailing {
                side: order.side,
                activate: order.activate_price.map(|price| price.0),
                extreme: latest.unwrap_or(0),
                rate: order.callback_rate.unwrap_or_default() / Decimal::ONE_HUNDRED,
            },
            _ if with_side == (order.side == Side::Buy) => Trigger::Up(at),
            _ => Trigger::Down(at),
        }
    }

    /// Shows it a price; `true` if that triggers.
    pub(crate) fn sees(&mut self, price: i64) -> bool {
        match self {
            Trigger::Up(at) => price >= *at,
            Trigger::Down(at) => price <= *at,
            Trigger::Trailing { side, extreme, .. } => {
                let better = match side {
                    Side::Buy => price < *extreme,
                    Side::Sell => price > *extreme,
                };
                if *extreme == 0 || better {
                    *extreme = price;
                }
                let side = *side;
                self.turn().is_some_and(|turn| match side {
                    Side::Buy => price >= turn,
                    Side::Sell => price <= turn,
                })
            }
        }
    }

    /// Where a trailing order that is active triggers now, on the grid: never early.
    fn turn(&self) -> Option<i64> {
        let Trigger::Trailing { side, activate, extreme, rate } = self else { return None };
        let active = *extreme > 0
            && activate.is_none_or(|at| match side {
                Side::Buy => *extreme <= at,
                Side::Sell => *extreme >= at,
            });
        if !active {
            return None;
        }
        let from = Decimal::from(*extreme);
        let turn = match side {
            Side::Buy => (from * (Decimal::ONE + rate)).ceil(),
            Side::Sell => (from * (Decimal::ONE - rate)).floor(),
        };
        Some(turn.to_i64().unwrap_or(PRICE_MAX))
    }

    /// A price below the first or above the second changes something.
    fn band(&self) -> (i64, i64) {
        match self {
            Trigger::Up(at) => (i64::MIN, at.saturating_sub(1)),
            Trigger::Down(at) => (at.saturating_add(1), i64::MAX),
            Trigger::Trailing { extreme: 0, .. } => (i64::MAX, i64::MIN),
            Trigger::Trailing { side: Side::Buy, extreme, .. } => {
                (*extreme, self.turn().map_or(i64::MAX, |turn| turn - 1))
            }
            Trigger::Trailing { side: Side::Sell, extreme, .. } => {
                (self.turn().map_or(i64::MIN, |turn| turn + 1), *extreme)
            }
        }
    }
}

/// A conditional order that waits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) owner: Owner,
    pub(crate) account: AccountId,
    pub(crate) working_type: WorkingType,
    pub(crate) trigger: Trigger,
    /// Of the old route; the algo service keeps its own.
    pub(crate) order: NewOrder,
}

impl Waiting {
    /// It ends with the position that it is for. In the algo service so does what closes the position, where
    /// nothing else is stated.
    pub(crate) fn is_bound(&self) -> bool {
        match self.order.time_in_force {
            Some(stated) => stated == TimeInForce::GteGtc,
            None => self.order.close_position && matches!(self.owner, Owner::Algo(_)),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct AlgoRecord {
    account: AccountId,
    state: AlgoOrderState,
}

impl Ends for AlgoRecord {
    fn has_ended(&self) -> bool {
        is_over(self.state.status)
    }
}

/// Nothing more happens to a conditional order of this status.
pub(crate) fn is_over(status: AlgoStatus) -> bool {
    use AlgoStatus::{Canceled, Expired, Finished, Rejected};
    matches!(status, Finished | Canceled | Expired | Rejected)
}

/// All conditional orders: those that wait, by symbol and in the order of their arrival, and the records
/// of the algo service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Conditionals {
    waiting: Vec<Vec<Waiting>>,
    algos: Numbered<AlgoRecord>,
    /// The newest that bore the id.
    by_client_id: BTreeMap<(AccountId, ClientOrderId), AlgoId>,
    /// Orders that triggers of the algo service placed, until they end.
    placed: BTreeMap<OrderId, AlgoId>,
}

impl Conditionals {
    /// Keeps all that are open, and the newest `most` of all.
    pub(crate) fn new(symbols: usize, most: usize) -> Conditionals {
        Conditionals {
            waiting: vec![Vec::new(); symbols],
            algos: Numbered::new(most),
            by_client_id: BTreeMap::new(),
            placed: BTreeMap::new(),
        }
    }

    pub(crate) fn next_algo_id(&self) -> AlgoId {
        AlgoId(self.algos.next())
    }

    pub(crate) fn add_algo(&mut self, account: AccountId, state: AlgoOrderState) {
        assert!(state.algo_id == self.next_algo_id(), "algo ids have no holes");
        let client_id = state.order.client_order_id.clone();
        self.by_client_id.insert((account, client_id), state.algo_id);
        if let Some(AlgoRecord { account, state }) = self.algos.push(AlgoRecord { account, state })
        {
            let key = (account, state.order.client_order_id);
            if self.by_client_id.get(&key) == Some(&state.algo_id) {
                self.by_client_id.remove(&key);
            }
        }
    }

    pub(crate) fn algo(&self, id: AlgoId) -> &AlgoOrderState {
        &self.record(id).state
    }

    /// All of an account that are known, oldest first.
    pub(crate) fn algos_of(&self, account: AccountId) -> impl Iterator<Item = &AlgoOrderState> {
        let own = self.algos.iter().filter(move |record| record.account == account);
        own.map(|record| &record.state)
    }

    /// The symbol of a conditional order that is still known.
    pub(crate) fn symbol_of(&self, id: AlgoId) -> Option<usize> {
        self.algos.get(id.0).map(|record| usize::from(record.state.order.symbol.0))
    }

    #[allow(clippy::expect_used)] // What asks by id has just placed it, or holds it open.
    fn record(&self, id: AlgoId) -> &AlgoRecord {
        self.algos.get(id.0).expect("a conditional order that is at work is known")
    }

    #[allow(clippy::expect_used)] // As above.
    pub(crate) fn algo_mut(&mut self, id: AlgoId) -> &mut AlgoOrderState {
        &mut self.algos.get_mut(id.0).expect("a conditional order that is at work is known").state
    }

    pub(crate) fn algo_account(&self, id: AlgoId) -> AccountId {
        self.record(id).account
    }

    pub(crate) fn find_algo(&self, account: AccountId, order: &AlgoRef) -> Option<&AlgoOrderState> {
        let id = match order {
            AlgoRef::Id(id) => *id,
            AlgoRef::Client(id) => *self.by_client_id.get(&(account, id.clone()))?,
        };
        let record = self.algos.get(id.0)?;
        (record.account == account).then_some(&record.state)
    }

    pub(crate) fn wait(&mut self, symbol: usize, waiting: Waiting) {
        self.waiting[symbol].push(waiting);
    }

    /// What waits in a symbol, oldest first.
    pub(crate) fn waiting(&self, symbol: usize) -> &[Waiting] {
        &self.waiting[symbol]
    }

    /// The order of the algo service that waits so; none where it is one of the old route.
    pub(crate) fn waiting_algo(&self, waiting: &Waiting) -> Option<&AlgoOrderState> {
        match waiting.owner {
            Owner::Algo(id) => Some(self.algo(id)),
            Owner::Order(_) => None,
        }
    }

    /// Whether an order of this type and side waits already to close the same position.
    pub(crate) fn closes_already(
        &self,
        account: AccountId,
        symbol: usize,
        order: &NewOrder,
    ) -> bool {
        let place = |order: &NewOrder| order.position_side.unwrap_or(PositionSide::Both);
        let same = |known: &NewOrder| {
            known.close_position
                && known.order_type == order.order_type
                && known.side == order.side
                && place(known) == place(order)
        };
        self.waiting[symbol]
            .iter()
            .any(|waiting| waiting.account == account && same(&waiting.order))
    }

    /// The orders of the old route that an account has waiting in a symbol, oldest first.
    pub(crate) fn open_orders(&self, account: AccountId, symbol: usize) -> Vec<OrderId> {
        let own = self.waiting[symbol].iter().filter(|w| w.account == account);
        let ids = own.filter_map(|waiting| match waiting.owner {
            Owner::Order(id) => Some(id),
            Owner::Algo(_) => None,
        });
        ids.collect()
    }

    /// How many an account has waiting in the algo service, over all symbols.
    pub(crate) fn count_algos(&self, account: AccountId) -> usize {
        let own = |w: &&Waiting| w.account == account && matches!(w.owner, Owner::Algo(_));
        self.waiting.iter().flatten().filter(own).count()
    }

    /// How many an account has waiting in a symbol, on either route.
    pub(crate) fn count(&self, account: AccountId, symbol: usize) -> usize {
        self.waiting[symbol].iter().filter(|waiting| waiting.account == account).count()
    }

    /// Whether an account has anything waiting in a symbol.
    pub(crate) fn any(&self, account: AccountId, symbol: usize) -> bool {
        self.waiting[symbol].iter().any(|waiting| waiting.account == account)
    }

    pub(crate) fn remove(&mut self, symbol: usize, owner: Owner) -> Option<Waiting> {
        let place = self.waiting[symbol].iter().position(|waiting| waiting.owner == owner)?;
        Some(self.waiting[symbol].remove(place))
    }

    pub(crate) fn remove_order(&mut self, symbol: usize, id: OrderId) -> Option<Waiting> {
        self.remove(symbol, Owner::Order(id))
    }

    /// Shows all that wait in a symbol the latest prices and takes out the first that is triggered.
    pub(crate) fn triggered(
        &mut self,
        symbol: usize,
        last: Option<i64>,
        mark: Option<i64>,
    ) -> Option<Waiting> {
        let mut found = None;
        for (place, waiting) in self.waiting[symbol].iter_mut().enumerate() {
            let price = match waiting.working_type {
                WorkingType::ContractPrice => last,
                WorkingType::MarkPrice => mark,
            };
            // All of them have to see the price, not only those before the first that it triggers.
            if price.is_some_and(|price| waiting.trigger.sees(price)) {
                found = found.or(Some(place));
            }
        }
        found.map(|place| self.waiting[symbol].remove(place))
    }

    /// A price below the first or above the second concerns something that waits.
    pub(crate) fn band(&self, symbol: usize, working_type: WorkingType) -> (i64, i64) {
        let own = self.waiting[symbol].iter().filter(|w| w.working_type == working_type);
        own.fold((i64::MIN, i64::MAX), |(low, high), waiting| {
            let (own_low, own_high) = waiting.trigger.band();
            (low.max(own_low), high.min(own_high))
        })
    }

    /// The trigger of `algo` has placed `order`.
    pub(crate) fn placed(&mut self, order: OrderId, algo: AlgoId) {
        self.placed.insert(order, algo);
    }

    /// The conditional order behind an order.
    pub(crate) fn behind(&self, order: OrderId) -> Option<AlgoId> {
        self.placed.get(&order).copied()
    }

    pub(crate) fn end_placed(&mut self, order: OrderId) {
        self.placed.remove(&order);
    }
}

/// A conditional order that has just been accepted.
pub(crate) fn accepted(algo_id: AlgoId, order: NewOrder, now: engine::Nanos) -> AlgoOrderState {
    AlgoOrderState {
        algo_id,
        order,
        status: AlgoStatus::New,
        actual: None,
        reason: "".into(),
        create_time: now,
        trigger_time: None,
        update_time: now,
    }
}

/// What the algo service shows of the order that it has placed.
pub(crate) fn actual(order: &engine::OrderState) -> ActualOrder {
    ActualOrder {
        order_id: order.order_id,
        order_type: order.order_type,
        executed_qty: order.executed_qty,
        cum_quote: order.cum_quote,
    }
}

#[cfg(test)]
mod tests {
    use engine::{PriceTicks, QtyLots, SymbolIndex};

    use super::*;

    fn trigger(order_type: OrderType, side: Side, at: i64) -> Trigger {
        let market = NewOrder::market(SymbolIndex(0), side, QtyLots(1), "a");
        let order = NewOrder { order_type, trigger_price: Some(PriceTicks(at)), ..market };
        Trigger::of(&order, Some(100))
    }

    fn first(mut trigger: Trigger, prices: &[i64]) -> Option<i64> {
        prices.iter().copied().find(|price| {
            let (low, high) = trigger.band();
            let looked = *price < low || *price > high;
            let seen = trigger.sees(*price);
            assert!(looked || !seen, "the band lets no trigger pass: {price} in {low}..{high}");
            seen
        })
    }

    #[test]
    fn stops_go_with_their_side_and_take_profits_against_it() {
        use OrderType::{Stop, StopMarket, TakeProfit, TakeProfitMarket};
        for kind in [Stop, StopMarket] {
            assert_eq!(first(trigger(kind, Side::Buy, 105), &[99, 104, 105, 106]), Some(105));
            assert_eq!(first(trigger(kind, Side::Sell, 95), &[101, 96, 94, 95]), Some(94));
        }
        for kind in [TakeProfit, TakeProfitMarket] {
            assert_eq!(first(trigger(kind, Side::Buy, 95), &[101, 96, 94]), Some(94));
            assert_eq!(first(trigger(kind, Side::Sell, 105), &[99, 104, 106]), Some(106));
        }
    }

    #[test]
    fn a_trailing_stop_turns_a_share_away_from_its_extreme() {
        let trailing = |side, activate| Trigger::Trailing {
            side,
            activate,
            extreme: 1_000,
            rate: Decimal::new(1, 2),
        };
        // The highest is 1,040, and 1 % below it 1,029.6: 1,030 is not yet there.
        let path = [1_010, 1_001, 1_040, 1_030, 1_029];
        assert_eq!(first(trailing(Side::Sell, None), &path), Some(1_029));
        assert_eq!(first(trailing(Side::Sell, Some(1_040)), &path), Some(1_029));
        assert_eq!(first(trailing(Side::Sell, Some(1_041)), &path), None);
        let path = [995, 1_003, 950, 959, 960];
        assert_eq!(first(trailing(Side::Buy, None), &path), Some(960));
        assert_eq!(first(trailing(Side::Buy, Some(949)), &path), None);
    }
}
