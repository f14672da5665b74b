//! What the user stream has told so far: so that nothing is told twice, and nothing that was missed stays
//! untold.
//!
//! Invariant: every fill is told once, whichever way it came, and however often.
//! Invariant: an order is known by its symbol and its id: ids are unique within a symbol only, and begin again at a venue
//! that is set up anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine::{
    AccountUpdateReason, AlgoId, AlgoOrderState, AlgoStatus, Answer, BalanceUpdate, ExchangeEvent,
    ExecutionType, Fill, Nanos, NewOrder, OrderId, OrderState, OrderStatus, Outcome, PositionRisk,
    PositionSide, PositionUpdate, QtyLots, SymbolIndex, UserEvent,
};
use rust_decimal::Decimal;

use super::answers::Known;
use super::grid::Grid;

/// So many ended orders are remembered for events that come late.
const ENDED_MAX: usize = 10_000;

/// An order of the venue.
pub(super) type OrderKey = (SymbolIndex, OrderId);

#[derive(Clone, Debug)]
struct OrderMemo {
    /// As it was told last; before that as an answer showed it.
    state: OrderState,
    told_new: bool,
    told_end: bool,
    trades: BTreeSet<u64>,
    amended: BTreeSet<i64>,
}

#[derive(Clone, Debug)]
struct AlgoMemo {
    /// As it was shown last, by whatever.
    state: AlgoOrderState,
    /// As it was told last.
    told: Option<AlgoOrderState>,
}

#[derive(Clone, Debug)]
struct PositionMemo {
    time: Nanos,
    /// All that was told at that time.
    told: Vec<PositionUpdate>,
}

/// What is known of one account's orders, positions and money.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    grid: Grid,
    orders: BTreeMap<OrderKey, OrderMemo>,
    ended: VecDeque<OrderKey>,
    algos: BTreeMap<AlgoId, AlgoMemo>,
    ended_algos: VecDeque<AlgoId>,
    positions: BTreeMap<(SymbolIndex, PositionSide), PositionMemo>,
    balance: Option<(Nanos, Vec<BalanceUpdate>)>,
    /// The newest fill of each symbol, and when it was made.
    last_trades: BTreeMap<SymbolIndex, (u64, Nanos)>,
    /// Symbols whose ids have begun again, until somebody takes them.
    begun_again: BTreeSet<SymbolIndex>,
    /// Something was told, by this session or an earlier one.
    pub(super) begun: bool,
}

impl Known for Ledger {
    fn accepted(&self, symbol: SymbolIndex, order: OrderId) -> Option<Nanos> {
        self.orders.get(&(symbol, order)).map(|memo| memo.state.time)
    }

    fn algo(&self, algo: AlgoId) -> Option<&AlgoOrderState> {
        self.algos.get(&algo).map(|memo| &memo.state)
    }
}

impl Ledger {
    pub(super) fn new(grid: Grid) -> Ledger {
        Ledger {
            grid,
            orders: BTreeMap::new(),
            ended: VecDeque::new(),
            algos: BTreeMap::new(),
            ended_algos: VecDeque::new(),
            positions: BTreeMap::new(),
            balance: None,
            last_trades: BTreeMap::new(),
            begun_again: BTreeSet::new(),
            begun: false,
        }
    }

    /// The symbols whose ids have begun again since this was asked last.
    pub(super) fn take_begun_again(&mut self) -> BTreeSet<SymbolIndex> {
        std::mem::take(&mut self.begun_again)
    }

    /// Forgets an order that has ended if another one has its id now: a later one, with another client id.
    fn forget_older(&mut self, state: &OrderState) {
        let key = (state.symbol, state.order_id);
        let is_another = self.orders.get(&key).is_some_and(|memo| {
            memo.told_end
                && memo.state.client_order_id != state.client_order_id
                && memo.state.update_time < state.update_time
        });
        if is_another {
            self.orders.remove(&key);
            self.ended.retain(|ended| *ended != key);
            self.last_trades.remove(&state.symbol);
            self.begun_again.insert(state.symbol);
        }
    }

    /// A fill is the newest of its symbol if its id is the highest. One that was made later and has a lower id says that
    /// the ids have begun again.
    fn newest_fill(&mut self, symbol: SymbolIndex, fill: &Fill) {
        let (id, made) = self.last_trades.entry(symbol).or_insert((fill.trade_id, fill.time));
        if fill.trade_id >= *id {
            (*id, *made) = (fill.trade_id, fill.time.max(*made));
        } else if fill.time > *made {
            (*id, *made) = (fill.trade_id, fill.time);
            self.begun_again.insert(symbol);
        }
    }

    fn memo(&mut self, state: &OrderState) -> &mut OrderMemo {
        self.forget_older(state);
        self.orders.entry((state.symbol, state.order_id)).or_insert_with(|| OrderMemo {
            state: OrderState {
                executed_qty: QtyLots(0),
                cum_quote: Decimal::ZERO,
                ..state.clone()
            },
            told_new: false,
            told_end: false,
            trades: BTreeSet::new(),
            amended: BTreeSet::new(),
        })
    }

    fn end(&mut self, order: OrderKey) {
        self.ended.push_back(order);
        if self.ended.len() > ENDED_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.orders.remove(&oldest);
        }
    }

    /// An answer has shown an order. It is not told: the stream does that.
    pub(super) fn answered(&mut self, answer: &Answer) {
        match answer {
            Answer::Order(state) => {
                self.memo(state);
            }
            Answer::Orders(rows) => {
                for state in rows.iter().flatten() {
                    self.memo(state);
                }
            }
            Answer::AlgoOrder(state) => self.know_algo(state),
            Answer::AlgoOrders(rows) => rows.iter().for_each(|state| self.know_algo(state)),
            _ => {}
        }
    }

    fn know_algo(&mut self, state: &AlgoOrderState) {
        // What was told stays: only an event goes on from there.
        if let Some(memo) = self.algos.get_mut(&state.algo_id) {
            memo.state = state.clone();
        } else {
            let memo = AlgoMemo { state: state.clone(), told: None };
            self.algos.insert(state.algo_id, memo);
        }
    }

    /// What an earlier life of the session has told, from its journal.
    pub(super) fn remember(&mut self, event: &ExchangeEvent) {
        match event {
            ExchangeEvent::Response { outcome: Outcome::Done(answer), .. } => self.answered(answer),
            ExchangeEvent::Response { .. } => {}
            ExchangeEvent::User { time, event, .. } => {
                let _ = self.tell(*time, event.clone());
            }
        }
    }

    /// Takes an event of the stream; gives back what of it is new.
    pub(super) fn tell(&mut self, time: Nanos, event: UserEvent) -> Option<UserEvent> {
        self.begun = true;
        match event {
            UserEvent::OrderTradeUpdate { execution, order, fill, liquidation } => {
                self.tell_order(execution, order, fill, liquidation)
            }
            UserEvent::AccountUpdate { reason, balance, positions } => {
                self.tell_account(time, reason, balance, positions)
            }
            UserEvent::AlgoUpdate { order } => self.tell_algo(order),
            other => Some(other),
        }
    }

    fn tell_order(
        &mut self,
        execution: ExecutionType,
        mut order: Box<OrderState>,
        fill: Option<Fill>,
        liquidation: bool,
    ) -> Option<UserEvent> {
        let (id, symbol) = (order.order_id, order.symbol);
        let quote = |fill: &Fill| self.grid.quote(symbol, fill.price, fill.qty);
        let quote = fill.as_ref().map_or(Decimal::ZERO, quote);
        let memo = self.memo(&order);
        order.time = if memo.told_new { memo.state.time } else { order.time };
        match (execution, &fill) {
            (ExecutionType::New, _) => {
                if memo.told_new || memo.told_end {
                    return None;
                }
                memo.told_new = true;
                memo.state = (*order).clone();
            }
            (ExecutionType::Trade | ExecutionType::Calculated, Some(fill)) => {
                if !memo.trades.insert(fill.trade_id) {
                    return None;
                }
                memo.told_new = true;
                let before = memo.state.executed_qty;
                let with = before.0.saturating_add(fill.qty.0);
                if with <= order.executed_qty.0 && !memo.told_end {
                    // In order: what the fills sum up to is exact, an average price is not.
                    if with == order.executed_qty.0 {
                        order.cum_quote = memo.state.cum_quote.saturating_add(quote).normalize();
                    }
                    memo.state = (*order).clone();
                } else {
                    // Late: a newer state of the order was told already.
                    let mut newer = memo.state.clone();
                    newer.executed_qty.0 = newer.executed_qty.0.max(order.executed_qty.0);
                    *order = newer;
                }
            }
            (ExecutionType::Trade | ExecutionType::Calculated, None) => return None,
            (ExecutionType::Amendment, _) => {
                if memo.told_end || !memo.amended.insert(order.update_time.0) {
                    return None;
                }
                if memo.state.executed_qty == order.executed_qty {
                    order.cum_quote = memo.state.cum_quote;
                }
                memo.state = (*order).clone();
            }
            (ExecutionType::Canceled | ExecutionType::Expired, _) => {
                if memo.told_end {
                    return None;
                }
                memo.told_new = true;
                if memo.state.executed_qty == order.executed_qty {
                    order.cum_quote = memo.state.cum_quote;
                }
                memo.state = (*order).clone();
            }
        }
        let ends = order.status.is_terminal() && !memo.told_end;
        memo.told_end |= ends;
        if let Some(fill) = &fill {
            self.newest_fill(symbol, fill);
        }
        if ends {
            self.end((symbol, id));
        }
        Some(UserEvent::OrderTradeUpdate { execution, order, fill, liquidation })
    }

    fn tell_account(
        &mut self,
        time: Nanos,
        reason: AccountUpdateReason,
        balance: Option<BalanceUpdate>,
        mut positions: Vec<PositionUpdate>,
    ) -> Option<UserEvent> {
        let nothing_in_it = balance.is_none() && positions.is_empty();
        positions.retain(|position| {
            let key = (position.symbol, position.position_side);
            let none = || PositionMemo { time: Nanos(i64::MIN), told: Vec::new() };
            let memo = self.positions.entry(key).or_insert_with(none);
            if time.0 < memo.time.0 || (time == memo.time && memo.told.contains(position)) {
                return false;
            }
            if time > memo.time {
                *memo = PositionMemo { time, told: Vec::new() };
            }
            memo.told.push(*position);
            true
        });
        let balance = balance.filter(|update| {
            let (last, told) = self.balance.get_or_insert_with(|| (Nanos(i64::MIN), Vec::new()));
            if time.0 < last.0 || (time == *last && told.contains(update)) {
                return false;
            }
            if time > *last {
                told.clear();
                *last = time;
            }
            told.push(*update);
            true
        });
        let empty = balance.is_none() && positions.is_empty();
        (nothing_in_it || !empty).then_some(UserEvent::AccountUpdate { reason, balance, positions })
    }

    fn tell_algo(&mut self, order: Box<AlgoOrderState>) -> Option<UserEvent> {
        let known = self.algos.get(&order.algo_id);
        if let Some(told) = known.and_then(|memo| memo.told.as_ref()) {
            let filled = |state: &AlgoOrderState| state.actual.map(|actual| actual.executed_qty);
            let same = told.status == order.status && filled(told) == filled(&order);
            let late =
                order.update_time < told.update_time || rank(order.status) < rank(told.status);
            if same || late {
                return None;
            }
        }
        let mut state = (*order).clone();
        if let Some(memo) = known {
            // Events do not show what a trailing stop was placed with.
            let NewOrder { activate_price, callback_rate, .. } = memo.state.order;
            state.order.activate_price = state.order.activate_price.or(activate_price);
            state.order.callback_rate = state.order.callback_rate.or(callback_rate);
            state.create_time = memo.state.create_time;
        }
        let id = state.algo_id;
        let ended = rank(state.status) == ENDED;
        let order = Box::new(state.clone());
        self.algos.insert(id, AlgoMemo { told: Some(state.clone()), state });
        if ended {
            self.ended_algos.push_back(id);
            if self.ended_algos.len() > ENDED_MAX
                && let Some(oldest) = self.ended_algos.pop_front()
            {
                self.algos.remove(&oldest);
            }
        }
        Some(UserEvent::AlgoUpdate { order })
    }
}

/// The rank of those that have ended.
const ENDED: u8 = 3;

/// A conditional order goes through these in their order.
fn rank(status: AlgoStatus) -> u8 {
    match status {
        AlgoStatus::New => 0,
        AlgoStatus::Triggering => 1,
        AlgoStatus::Triggered => 2,
        AlgoStatus::Finished
        | AlgoStatus::Canceled
        | AlgoStatus::Expired
        | AlgoStatus::Rejected => ENDED,
    }
}

/// A fill that a query has shown.
#[derive(Clone, Debug)]
pub(super) struct FoundFill {
    pub order: OrderId,
    pub symbol: SymbolIndex,
    pub fill: Fill,
}

/// What the queries of a recovery have shown, together.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// Open orders, and those that were asked for one by one.
    pub orders: BTreeMap<OrderKey, OrderState>,
    pub fills: Vec<FoundFill>,
    pub algos: Vec<AlgoOrderState>,
    pub positions: Vec<PositionRisk>,
    /// Wallet and cross wallet, in USDT.
    pub wallets: Option<(Decimal, Decimal)>,
    /// The venue's time at which the wallets were asked for.
    pub time: Nanos,
}

impl Ledger {
    /// Orders that are open as far as was told or answered.
    pub(super) fn open_orders(&self) -> impl Iterator<Item = OrderKey> {
        self.orders.iter().filter(|(_, memo)| !memo.told_end).map(|(key, _)| *key)
    }

    /// Conditional orders that have not ended as far as was told or answered.
    pub(super) fn open_algos(&self) -> impl Iterator<Item = AlgoId> {
        let told = |memo: &AlgoMemo| memo.told.as_ref().map_or(AlgoStatus::New, |told| told.status);
        let open = self.algos.iter().filter(move |(_, memo)| rank(told(memo)) != ENDED);
        open.map(|(id, _)| *id)
    }

    /// The newest fill of a symbol.
    pub(super) fn last_trade(&self, symbol: SymbolIndex) -> Option<u64> {
        self.last_trades.get(&symbol).map(|(id, _)| *id)
    }

    /// Whether a fill was told.
    pub(super) fn has_fill(&self, found: &FoundFill) -> bool {
        let memo = self.orders.get(&(found.symbol, found.order));
        memo.is_some_and(|memo| memo.trades.contains(&found.fill.trade_id))
    }

    /// The first look of a session that has no past: nothing is told, but it is known from now on.
    pub(super) fn baseline(&mut self, found: &Found) {
        for found in &found.fills {
            self.newest_fill(found.symbol, &found.fill);
        }
        for state in found.orders.values().filter(|state| !state.status.is_terminal()) {
            let memo = self.memo(state);
            memo.state = state.clone();
            memo.told_new = true;
        }
        for found in &found.fills {
            if let Some(memo) = self.orders.get_mut(&(found.symbol, found.order)) {
                memo.trades.insert(found.fill.trade_id);
            }
        }
        for state in &found.algos {
            self.algos.insert(
                state.algo_id,
                AlgoMemo { state: state.clone(), told: Some(state.clone()) },
            );
        }
        for row in &found.positions {
            let told = vec![position_update(row, Decimal::ZERO)];
            let memo = PositionMemo { time: row.update_time, told };
            self.positions.insert((row.symbol, row.position_side), memo);
        }
        if let Some((wallet_balance, cross_wallet_balance)) = found.wallets {
            let balance_change = Decimal::ZERO;
            let update = BalanceUpdate { wallet_balance, cross_wallet_balance, balance_change };
            self.balance = Some((Nanos(i64::MIN), vec![update]));
        }
        self.begun = true;
    }

    /// What happened while nobody listened: exactly the events that were not told.
    pub(super) fn recover(&mut self, mut found: Found) -> Vec<(Nanos, UserEvent)> {
        let mut missed = Vec::new();
        found.fills.sort_by_key(|found| (found.fill.time, found.symbol, found.fill.trade_id));
        let orders = std::mem::take(&mut found.orders);
        for state in orders.values() {
            self.recover_begin(state, &mut missed);
        }
        let mut earned = Decimal::ZERO;
        for one in &found.fills {
            let Some(state) = orders.get(&(one.symbol, one.order)) else { continue };
            let before = missed.len();
            self.recover_fill(state, &one.fill, &mut missed);
            if missed.len() > before {
                let of_it = one.fill.realized_pnl.saturating_sub(one.fill.commission);
                earned = earned.saturating_add(of_it);
            }
        }
        for state in orders.values().filter(|state| state.status.is_terminal()) {
            self.recover_end(state, &mut missed);
        }
        for state in &found.algos {
            let event = UserEvent::AlgoUpdate { order: Box::new(state.clone()) };
            missed.extend(
                self.tell(state.update_time, event).map(|event| (state.update_time, event)),
            );
        }
        // Oldest first; what happened at once stays in its order.
        missed.sort_by_key(|(time, _)| *time);
        missed.extend(self.recover_account(&found, earned));
        missed
    }

    fn tell_into(&mut self, time: Nanos, event: UserEvent, missed: &mut Vec<(Nanos, UserEvent)>) {
        missed.extend(self.tell(time, event).map(|event| (time, event)));
    }

    /// NEW, and a change of price or quantity, if they were not told.
    fn recover_begin(&mut self, state: &OrderState, missed: &mut Vec<(Nanos, UserEvent)>) {
        self.forget_older(state);
        let memo = self.orders.get(&(state.symbol, state.order_id));
        let (execution, base) = match memo {
            Some(memo) if memo.told_end => return,
            Some(memo) if memo.told_new => {
                let same = memo.state.price == state.price && memo.state.orig_qty == state.orig_qty;
                if same {
                    return;
                }
                (ExecutionType::Amendment, memo.state.clone())
            }
            _ => (
                ExecutionType::New,
                OrderState { executed_qty: QtyLots(0), cum_quote: Decimal::ZERO, ..state.clone() },
            ),
        };
        let time = match execution {
            ExecutionType::New => state.time,
            _ => state.update_time,
        };
        let status = match base.executed_qty.0 {
            0 => OrderStatus::New,
            _ => OrderStatus::PartiallyFilled,
        };
        let order = Box::new(OrderState {
            price: state.price,
            orig_qty: state.orig_qty,
            expiry_reason: engine::ExpiryReason::None,
            update_time: time,
            status,
            ..base
        });
        let event =
            UserEvent::OrderTradeUpdate { execution, order, fill: None, liquidation: false };
        self.tell_into(time, event, missed);
    }

    fn recover_fill(
        &mut self,
        state: &OrderState,
        fill: &Fill,
        missed: &mut Vec<(Nanos, UserEvent)>,
    ) {
        let key = (state.symbol, state.order_id);
        let Some(memo) = self.orders.get(&key) else { return };
        let executed = QtyLots(memo.state.executed_qty.0.saturating_add(fill.qty.0));
        let status = match executed >= state.orig_qty {
            true => OrderStatus::Filled,
            false => OrderStatus::PartiallyFilled,
        };
        let order = Box::new(OrderState {
            executed_qty: executed,
            status,
            update_time: fill.time,
            expiry_reason: engine::ExpiryReason::None,
            ..state.clone()
        });
        let liquidation = is_the_venues(&state.client_order_id.0);
        let execution = ExecutionType::Trade;
        let fill = Some(fill.clone());
        let time = order.update_time;
        let event = UserEvent::OrderTradeUpdate { execution, order, fill, liquidation };
        self.tell_into(time, event, missed);
    }

    fn recover_end(&mut self, state: &OrderState, missed: &mut Vec<(Nanos, UserEvent)>) {
        let execution = match state.status {
            OrderStatus::Canceled => ExecutionType::Canceled,
            OrderStatus::Expired | OrderStatus::ExpiredInMatch => ExecutionType::Expired,
            OrderStatus::New | OrderStatus::PartiallyFilled | OrderStatus::Filled => return,
        };
        let liquidation = is_the_venues(&state.client_order_id.0);
        let order = Box::new(state.clone());
        let event = UserEvent::OrderTradeUpdate { execution, order, fill: None, liquidation };
        self.tell_into(state.update_time, event, missed);
    }

    fn recover_account(&mut self, found: &Found, earned: Decimal) -> Option<(Nanos, UserEvent)> {
        let mut positions = Vec::new();
        for row in &found.positions {
            let key = (row.symbol, row.position_side);
            let told = self.positions.get(&key).and_then(|memo| memo.told.last());
            let same = |told: &PositionUpdate| {
                told.position_amt == row.position_amt
                    && told.entry_price == row.entry_price
                    && told.margin_type == row.margin_type
            };
            let flat = told.is_none() && row.position_amt.0 == 0;
            if !flat && !told.is_some_and(same) {
                let so_far = told.map_or(Decimal::ZERO, |told| told.accumulated_realized);
                let update = position_update(row, so_far);
                let time = row.update_time;
                self.positions.insert(key, PositionMemo { time, told: vec![update] });
                positions.push(update);
            }
        }
        let balance = found.wallets.and_then(|(wallet_balance, cross_wallet_balance)| {
            let told = self.balance.as_ref().and_then(|(_, told)| told.last());
            if told.is_some_and(|told| told.wallet_balance == wallet_balance) {
                return None;
            }
            let before =
                told.map_or(wallet_balance.saturating_sub(earned), |told| told.wallet_balance);
            let balance_change = wallet_balance.saturating_sub(before).saturating_sub(earned);
            Some(BalanceUpdate { wallet_balance, cross_wallet_balance, balance_change })
        });
        if let Some(update) = balance {
            self.balance = Some((found.time, vec![update]));
        }
        if balance.is_none() && positions.is_empty() {
            return None;
        }
        let came = balance.is_some_and(|update| !update.balance_change.is_zero());
        let reason = match came && positions.is_empty() {
            true => AccountUpdateReason::Adjustment,
            false => AccountUpdateReason::Order,
        };
        Some((found.time, UserEvent::AccountUpdate { reason, balance, positions }))
    }
}

/// The client order ids of the venue's own orders.
pub(super) fn is_the_venues(client_order_id: &str) -> bool {
    ["autoclose-", "adl_autoclose", "settlement_autoclose-"]
        .iter()
        .any(|begin| client_order_id.starts_with(begin))
}

fn position_update(row: &PositionRisk, accumulated_realized: Decimal) -> PositionUpdate {
    PositionUpdate {
        symbol: row.symbol,
        position_side: row.position_side,
        position_amt: row.position_amt,
        entry_price: row.entry_price,
        break_even_price: row.break_even_price,
        accumulated_realized,
        unrealized_profit: row.unrealized_profit,
        margin_type: row.margin_type,
        isolated_wallet: row.isolated_wallet,
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
