//! Fills. What the data leave open is in [`FillModel`](crate::FillModel); the rest is here:
//!
//! - A bar without its path passes open → nearer extreme → other extreme → close, nearer to the open;
//!   on a tie the high comes first if the bar closes below its open, else the low.
//! - Orders of the book that are no worse than the market's offer come first, in price-time order.
//! - Within one event: last price (and the mark, if it has no data of its own), then resting orders in
//!   price-time order, then conditional orders in the order of their arrival, then liquidation.

use std::sync::Arc;

use engine::{
    AccountId, AccountUpdateReason, BalanceUpdate, Bar, ExecutionType, ExpiryReason, Fill,
    MarketEvent, Nanos, OrderId, OrderStatus, PositionSide, PriceTicks, QtyLots,
    SelfTradePrevention, Side, TimeInForce, Trade, UserEvent,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::account_tape::Happened;
use crate::accounts::reduces;
use crate::book::Resting;
use crate::exchange::{PRICE_MAX, SimExchange};
use crate::ledger::{IncomeType, LedgerAccount};
use crate::orders::add_fill;
use crate::position::commission;

/// Who is on the other side of a fill, and on what terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// Somebody takes from the resting order.
    MarketTaker,
    /// The order takes from the market or from the book.
    MarketMaker,
    /// A liquidation order takes from the market or from the book: no commission.
    Liquidation,
    /// The insurance fund takes over the position: no commission.
    InsuranceFund,
    /// A position is closed against the other side of the market at the bankruptcy price: no commission.
    Deleveraging,
}

impl Against {
    /// No trade in the market: the venue moves the position.
    fn is_calculated(self) -> bool {
        matches!(self, Against::InsuranceFund | Against::Deleveraging)
    }
}

/// The four prices that a bar passes.
pub(crate) fn bar_path(bar: &Bar) -> [i64; 4] {
    let [open, high, low, close] = [bar.open.0, bar.high.0, bar.low.0, bar.close.0];
    let (up, down) = (high.saturating_sub(open), open.saturating_sub(low));
    let high_first = if up == down { close < open } else { up < down };
    if high_first { [open, high, low, close] } else { [open, low, high, close] }
}

impl SimExchange {
    /// A trade beyond what the symbol's watch lets pass.
    #[cold]
    #[inline(never)]
    pub(crate) fn watched_trade(&mut self, event: &MarketEvent, symbol: usize, trade: &Trade) {
        if !self.depths.is_empty() {
            return self.depth_event(event, symbol);
        }
        self.traded(event.time, symbol, trade.price.0, trade.qty.0);
    }

    /// A trade of `qty` lots, where no book is known.
    pub(crate) fn traded(&mut self, time: Nanos, symbol: usize, price: i64, qty: i64) {
        if !(1..=PRICE_MAX).contains(&price) {
            self.bad_prices += 1;
            return;
        }
        self.now = self.now.max(time);
        self.watch[symbol].trade(price, qty);
        self.open_awaited(symbol);
        let mut reaches = match self.config.fills.volume {
            None => i64::MAX,
            Some(limit) => {
                let share = Decimal::from(qty) * limit.maker_share;
                share.floor().to_i64().unwrap_or(i64::MAX)
            }
        };
        while reaches > 0
            && !self.stands_still(symbol)
            && let Some(resting) = self.markets[symbol].book.traded_through(price)
        {
            reaches -= self.fill_resting(symbol, resting, reaches);
        }
        self.trigger_conditionals(symbol);
        self.settle();
    }

    /// A closed bar whose path nobody has shown.
    #[cold]
    #[inline(never)]
    pub(crate) fn bar(&mut self, time: Nanos, symbol: usize, bar: &Bar) {
        let (path, quarter) = (bar_path(bar), bar.volume.0 / 4);
        let low = path[0].min(path[1]).min(path[2]).min(path[3]);
        let high = path[0].max(path[1]).max(path[2]).max(path[3]);
        let watch = &mut self.watch[symbol];
        if low >= watch.low && high <= watch.high {
            // It can do nothing to anybody: most bars, and all at once.
            if let Some(tape) = &mut self.tape {
                tape.traded_between(symbol, low, high);
            }
            path.into_iter().for_each(|price| watch.trade(price, quarter));
            return;
        }
        for price in path {
            if let Some(tape) = &mut self.tape {
                tape.traded(symbol, price);
            }
            let watch = &mut self.watch[symbol];
            if price < watch.low || price > watch.high {
                self.traded(time, symbol, price, quarter);
            } else {
                watch.trade(price, quarter);
            }
        }
    }

    pub(crate) fn marked(&mut self, time: Nanos, symbol: usize, price: i64) {
        let state = &mut self.markets[symbol];
        if !(1..=PRICE_MAX).contains(&price) {
            self.bad_prices += 1;
            return;
        }
        if state.state.mark_is_stuck() {
            return;
        }
        let first = state.mark.is_none();
        state.mark = Some(price);
        if first || price < state.mark_low || price > state.mark_high {
            self.now = self.now.max(time);
            self.open_awaited(symbol);
            self.trigger_conditionals(symbol);
            self.settle();
            self.refresh_watch(symbol);
        }
    }

    /// A resting order was traded through by `most` lots. What still reduces is executed; what does not
    /// expires. Answers how many lots of the market it used.
    fn fill_resting(&mut self, symbol: usize, resting: Resting, most: i64) -> i64 {
        let can = self.executable(resting.id, resting.qty);
        let step = self.markets[symbol].rules.step;
        // Lots of a volume that is no multiple of the step reach nobody.
        let qty = if most >= can { can } else { most - most % step };
        self.fill_part(symbol, &resting, qty, can);
        if qty < can { most } else { qty }
    }

    /// Fills `qty` lots of a resting order, of which only `can` may still trade.
    pub(crate) fn fill_part(&mut self, symbol: usize, resting: &Resting, qty: i64, can: i64) {
        if can < resting.qty && qty == can {
            let taken = self.remove_resting(symbol, resting.side, resting.id);
            assert!(taken.is_some(), "an order that is filled rests");
        } else if qty > 0 {
            self.shrink_resting(symbol, resting, qty);
        }
        if qty > 0 {
            self.execute(resting.id, resting.price, qty, Against::MarketTaker, None);
        }
        if can < resting.qty && qty == can {
            self.expire(resting.id, ExpiryReason::ReduceOnlyKnockedOut);
        }
    }

    /// How much of `qty` the order may trade: all of it, or what makes its position smaller.
    pub(crate) fn executable(&self, id: OrderId, qty: i64) -> i64 {
        let (account, order) = (self.orders.owner(id), self.orders.get(id));
        if !reduces(order.side, order.position_side, order.reduce_only) {
            return qty;
        }
        let symbol = usize::from(order.symbol.0);
        let held = self.holding(account, symbol).position(order.position_side).qty;
        if held.signum() == -order.side.sign() { qty.min(held.abs()) } else { 0 }
    }

    /// Lets an order take within its limit: from the book as long as its orders are no worse than the
    /// market's offer, else that offer, if it may take from the market. Answers how much it got.
    pub(crate) fn take(
        &mut self,
        symbol: usize,
        id: OrderId,
        limit: Option<i64>,
        from_market: bool,
        qty: i64,
        against: Against,
    ) -> i64 {
        let (account, side) = (self.orders.owner(id), self.orders.get(id).side);
        let no_worse = |price: i64, than: Option<i64>| match (side, than) {
            (_, None) => true,
            (Side::Buy, Some(than)) => price <= than,
            (Side::Sell, Some(than)) => price >= than,
        };
        let mut left = qty;
        loop {
            let part = self.executable(id, left);
            if part == 0 {
                break;
            }
            let offer = if from_market { self.offer(symbol, side) } else { None };
            let best = self.markets[symbol].book.best_against(side).copied();
            let meets = best.filter(|b| {
                no_worse(b.price, limit) && no_worse(b.price, offer.map(|offer| offer.price))
            });
            let Some(maker) = meets else {
                let Some(offer) = offer.filter(|offer| no_worse(offer.price, limit)) else { break };
                let part = part.min(offer.qty);
                self.took(symbol, side, offer.price, part);
                let price = self.slipped(symbol, id, offer.price, limit);
                self.execute(id, price, part, against, None);
                left -= part;
                continue;
            };
            if maker.account == account && self.prevents_self_trade(symbol, id, &maker) {
                if self.orders.get(id).status.is_terminal() {
                    break;
                }
                continue;
            }
            left -= self.trade(symbol, id, &maker, part, against);
        }
        qty - left
    }

    /// The taker's mode ends one of the two orders, or both; `false` if they may trade.
    fn prevents_self_trade(&mut self, symbol: usize, taker: OrderId, maker: &Resting) -> bool {
        let (mode, time_in_force) = {
            let order = self.orders.get(taker);
            (order.self_trade_prevention, order.time_in_force)
        };
        // It has no effect on FOK.
        if time_in_force == TimeInForce::Fok {
            return false;
        }
        let immediate = time_in_force == TimeInForce::Ioc;
        let (ends_taker, ends_maker) = match mode {
            SelfTradePrevention::None => return false,
            SelfTradePrevention::ExpireTaker => (true, false),
            SelfTradePrevention::ExpireMaker => (false, true),
            SelfTradePrevention::ExpireBoth => (true, true),
        };
        if ends_maker {
            self.remove_resting(symbol, maker.side, maker.id);
            self.end_order(maker.id, OrderStatus::ExpiredInMatch, ExpiryReason::SelfTrade);
        }
        if ends_taker {
            let why = if immediate { ExpiryReason::IocSelfTrade } else { ExpiryReason::SelfTrade };
            self.end_order(taker, OrderStatus::ExpiredInMatch, why);
        }
        true
    }

    /// One trade between two orders of the book; answers its quantity.
    fn trade(
        &mut self,
        symbol: usize,
        taker: OrderId,
        maker: &Resting,
        qty: i64,
        against: Against,
    ) -> i64 {
        let can = self.executable(maker.id, maker.qty);
        if can == 0 {
            self.remove_resting(symbol, maker.side, maker.id);
            self.expire(maker.id, ExpiryReason::ReduceOnlyKnockedOut);
            return 0;
        }
        let qty = qty.min(can);
        if let Some(depth) = self.depths.get_mut(symbol) {
            depth.shrink(maker.side, maker.id, QtyLots(qty));
        }
        self.shrink_resting(symbol, maker, qty);
        let trade = Some(self.next_trade(symbol));
        self.execute(maker.id, maker.price, qty, Against::MarketTaker, trade);
        self.execute(taker, maker.price, qty, against, trade);
        qty
    }

    /// Takes filled lots off a resting order; one that is filled leaves the book.
    pub(crate) fn shrink_resting(&mut self, symbol: usize, maker: &Resting, qty: i64) {
        if qty == maker.qty {
            self.remove_resting(symbol, maker.side, maker.id);
            return;
        }
        let worth = self.markets[symbol].rules.notional(maker.price, qty);
        if let Some(resting) = self.markets[symbol].book.get_mut(maker.side, maker.id) {
            resting.qty -= qty;
            resting.notional -= worth;
        }
        let holding = self.holding_mut(maker.account, symbol);
        holding.open[maker.position_side as usize].change(maker, -qty, -worth);
    }

    pub(crate) fn next_trade(&mut self, symbol: usize) -> u64 {
        self.markets[symbol].trades += 1;
        self.markets[symbol].trades
    }

    /// Books one fill: position, ledger, order, and the user stream's events. `trade` is the id that the
    /// other side of the trade has, too.
    pub(crate) fn execute(
        &mut self,
        id: OrderId,
        price: i64,
        qty: i64,
        against: Against,
        trade: Option<u64>,
    ) {
        let (account, time) = (self.orders.owner(id), self.now);
        let (index, side, position_side, only_reduces) = {
            let order = self.orders.get(id);
            let only = reduces(order.side, order.position_side, order.reduce_only);
            (order.symbol, order.side, order.position_side, only)
        };
        let symbol = usize::from(index.0);
        let trade_id = trade.unwrap_or_else(|| self.next_trade(symbol));
        let owner = &mut self.accounts[usize::from(account.0)];
        let rate = match against {
            Against::MarketTaker => owner.maker_rate,
            Against::MarketMaker => owner.taker_rate,
            Against::Liquidation | Against::InsuranceFund | Against::Deleveraging => Decimal::ZERO,
        };
        let rules = &self.markets[symbol].rules;
        let notional = rules.notional(price, qty);
        let fee = commission(notional, rate);
        let holding = &mut owner.holdings[symbol];
        let (isolated, leverage) = (holding.is_isolated(), holding.leverage);
        holding.counts.fills += 1;
        holding.counts.commission += fee;
        let position = holding.position_mut(position_side);
        let before = position.qty;
        let realized = position.fill(rules, side.sign() * qty, price, time);
        position.charge(fee, realized);
        if isolated {
            position.fill_isolated(rules, before, price, realized - fee, leverage);
        }
        if only_reduces {
            assert!(position.qty.abs() < before.abs(), "it makes the position smaller");
            assert!(position.qty.signum() != -before.signum(), "reduce-only never opens");
        }
        // The market made what we lost, even where the fund takes over: the fund pays the market its part.
        let other = LedgerAccount::Market;
        let (pnl, paid) = (IncomeType::RealizedPnl, IncomeType::Commission);
        self.ledger.wallet(account, time, pnl, realized, Some(index), other);
        self.ledger.wallet(account, time, paid, -fee, Some(index), LedgerAccount::Fees);
        let forced = !matches!(against, Against::MarketTaker | Against::MarketMaker);
        if self.tape.is_some() {
            let order = self.orders.get(id);
            let (client_order_id, order_type) =
                (Arc::clone(&order.client_order_id.0), order.orig_type);
            self.tape(account, symbol, position_side, || Happened::Filled {
                client_order_id,
                order_type,
                side,
                price,
                qty,
                notional,
                commission: fee,
                realized,
                maker: against == Against::MarketTaker,
                forced,
            });
        }
        let order = self.orders.get_mut(id);
        add_fill(order, qty, notional);
        order.update_time = time;
        let order = Box::new(order.clone());
        let fill = Fill {
            trade_id,
            time,
            price: PriceTicks(price),
            qty: QtyLots(qty),
            commission: fee,
            realized_pnl: realized,
            maker: against == Against::MarketTaker,
        };
        // In the order that is observed on Binance.
        let calculated = against.is_calculated();
        if !calculated {
            let (order, fill) = (order.clone(), fill.clone());
            self.send_user(account, UserEvent::TradeLite { order, fill });
        }
        let reason = AccountUpdateReason::Order;
        self.send_account(account, reason, Decimal::ZERO, Some((symbol, position_side)));
        let execution = if calculated { ExecutionType::Calculated } else { ExecutionType::Trade };
        let fill = Some(fill);
        let event = UserEvent::OrderTradeUpdate { execution, order, fill, liquidation: forced };
        self.send_user(account, event);
        self.end_of_placed(id);
        let after = self.holding(account, symbol).position(position_side).qty;
        if before != 0 && after.signum() != before.signum() {
            self.expire_bound(account, symbol, position_side, before.signum());
        }
    }

    pub(crate) fn expire(&mut self, id: OrderId, reason: ExpiryReason) {
        self.end_order(id, OrderStatus::Expired, reason);
    }

    /// Ends an order that no longer rests, and says so.
    pub(crate) fn end_order(&mut self, id: OrderId, status: OrderStatus, reason: ExpiryReason) {
        assert!(status.is_terminal(), "an end is an end");
        let time = self.now;
        let order = self.orders.get_mut(id);
        assert!(!order.status.is_terminal(), "an order ends once");
        order.status = status;
        order.expiry_reason = reason;
        order.update_time = time;
        let execution = match status {
            OrderStatus::Canceled => ExecutionType::Canceled,
            _ => ExecutionType::Expired,
        };
        self.send_order(id, execution, false);
        self.end_of_placed(id);
    }

    pub(crate) fn send_order(&mut self, id: OrderId, execution: ExecutionType, liquidation: bool) {
        let order = Box::new(self.orders.get(id).clone());
        let event = UserEvent::OrderTradeUpdate { execution, order, fill: None, liquidation };
        self.send_user(self.orders.owner(id), event);
    }

    /// `change` is what came or went, except profit and commission.
    pub(crate) fn send_account(
        &mut self,
        account: AccountId,
        reason: AccountUpdateReason,
        change: Decimal,
        position: Option<(usize, PositionSide)>,
    ) {
        self.moved = true;
        let update = |(symbol, side)| self.position_update(account, symbol, side);
        let positions = position.map(update).into_iter().collect();
        let balance = Some(BalanceUpdate {
            wallet_balance: self.wallet_balance(account),
            cross_wallet_balance: self.cross_wallet(account),
            balance_change: change,
        });
        self.send_user(account, UserEvent::AccountUpdate { reason, balance, positions });
    }
}
