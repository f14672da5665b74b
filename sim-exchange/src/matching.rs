//! Fills from trades and bars, where no order book is known. All assumptions about fills are here:
//!
//! - A taker fills completely at the last price moved `taker_spread_ticks` against him, rounded to the
//!   order tick against him.
//! - A resting order fills completely, as maker, at its own price when the market trades through it:
//!   strictly better than its price. A touch does not fill it.
//! - A bar without its path passes open → nearer extreme → other extreme → close, nearer to the open;
//!   on a tie the high comes first if the bar closes below its open, else the low.
//! - Within one event: last price (and the mark, if it has no data of its own), then resting orders in
//!   price-time order, then liquidation.

use engine::{
    AccountUpdateReason, BalanceUpdate, Bar, ExecutionType, ExpiryReason, Fill, Nanos, OrderId,
    OrderStatus, PriceTicks, QtyLots, Side, SymbolIndex, UserEvent,
};
use rust_decimal::Decimal;

use crate::account::commission;
use crate::book::Resting;
use crate::exchange::{PRICE_MAX, SimExchange};
use crate::ledger::{IncomeType, LedgerAccount};
use crate::orders::add_fill;

/// Who is on the other side of a fill, and on what terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// The market takes from our resting order.
    MarketTaker,
    /// Our order takes from the market.
    MarketMaker,
    /// Our liquidation order takes from the market: no commission.
    Liquidation,
    /// The insurance fund takes over the position: no commission.
    InsuranceFund,
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
    pub(crate) fn traded(&mut self, time: Nanos, symbol: usize, price: i64) {
        if !(1..=PRICE_MAX).contains(&price) {
            self.bad_prices += 1;
            return;
        }
        self.now = self.now.max(time);
        let watch = &mut self.watch[symbol];
        watch.off_tick += u64::from(!watch.tick.contains(price));
        watch.last = price;
        while let Some(resting) = self.symbols[symbol].book.traded_through(price) {
            self.fill_resting(symbol, resting);
        }
        self.settle();
    }

    /// A closed bar whose path nobody has shown.
    #[cold]
    #[inline(never)]
    pub(crate) fn bar(&mut self, time: Nanos, symbol: usize, bar: &Bar) {
        for price in bar_path(bar) {
            let watch = &mut self.watch[symbol];
            if price < watch.low || price > watch.high {
                self.traded(time, symbol, price);
            } else {
                watch.off_tick += u64::from(!watch.tick.contains(price));
                watch.last = price;
            }
        }
    }

    pub(crate) fn marked(&mut self, time: Nanos, symbol: usize, price: i64) {
        let state = &mut self.symbols[symbol];
        if !(1..=PRICE_MAX).contains(&price) {
            self.bad_prices += 1;
            return;
        }
        let first = state.mark.is_none();
        state.mark = Some(price);
        if first || price < state.mark_low || price > state.mark_high {
            self.now = self.now.max(time);
            self.settle();
            self.refresh_watch(symbol);
        }
    }

    /// What a taker pays or gets now; none before the first trade.
    pub(crate) fn taker_price(&self, symbol: usize, side: Side) -> Option<i64> {
        let (last, tick) = (self.watch[symbol].last, self.symbols[symbol].rules.tick);
        if last <= 0 {
            return None;
        }
        let spread = tick.saturating_mul(i64::from(self.config.taker_spread_ticks));
        let price = match side {
            Side::Buy => {
                let moved = last.saturating_add(spread);
                moved.saturating_add((tick - moved % tick) % tick)
            }
            Side::Sell => {
                let moved = last - spread.min(last);
                moved - moved % tick
            }
        };
        Some(price.clamp(tick, PRICE_MAX))
    }

    /// A resting order was traded through. Reduce-only executes what still reduces; the rest expires.
    fn fill_resting(&mut self, symbol: usize, resting: Resting) {
        let taken = self.symbols[symbol].book.remove(resting.side, resting.id);
        assert!(taken.is_some(), "an order that is filled rests");
        let qty = if resting.reduce_only {
            self.reducible(symbol, resting.side, resting.qty)
        } else {
            resting.qty
        };
        if qty > 0 {
            self.execute(symbol, resting.id, resting.price, qty, Against::MarketTaker);
        }
        if qty < resting.qty {
            self.expire(resting.id, ExpiryReason::ReduceOnlyKnockedOut);
        }
    }

    /// How much of `qty` makes the position smaller.
    pub(crate) fn reducible(&self, symbol: usize, side: Side, qty: i64) -> i64 {
        let position = self.symbols[symbol].position.qty;
        if position.signum() == -side.sign() { qty.min(position.abs()) } else { 0 }
    }

    /// Books one fill: position, ledger, order, and the user stream's events.
    pub(crate) fn execute(
        &mut self,
        symbol: usize,
        id: OrderId,
        price: i64,
        qty: i64,
        against: Against,
    ) {
        let index = SymbolIndex(symbol as u16);
        let time = self.now;
        let (side, reduce_only) = {
            let order = self.orders.get(id);
            (order.side, order.reduce_only)
        };
        let state = &mut self.symbols[symbol];
        let before = state.position.qty;
        let notional = state.rules.notional(price, qty);
        let realized = state.position.fill(&state.rules, side.sign() * qty, price, time);
        if reduce_only {
            assert!(
                state.position.qty.abs() < before.abs(),
                "reduce-only makes the position smaller"
            );
            assert!(state.position.qty.signum() != -before.signum(), "reduce-only never opens");
        }
        let rate = match against {
            Against::MarketTaker => self.config.maker_rate,
            Against::MarketMaker => self.config.taker_rate,
            Against::Liquidation | Against::InsuranceFund => Decimal::ZERO,
        };
        let fee = commission(notional, rate);
        state.position.charge(fee, realized);
        state.trades += 1;
        state.counts.fills += 1;
        state.counts.commission += fee;
        let trade_id = state.trades;
        // The market made what we lost, even where the fund takes over: the fund pays the market its part.
        let other = LedgerAccount::Market;
        self.ledger.wallet(time, IncomeType::RealizedPnl, realized, Some(index), other);
        self.ledger.wallet(time, IncomeType::Commission, -fee, Some(index), LedgerAccount::Fees);
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
        if against != Against::InsuranceFund {
            self.send_user(UserEvent::TradeLite { order: order.clone(), fill: fill.clone() });
        }
        self.send_account(AccountUpdateReason::Order, Decimal::ZERO, Some(symbol));
        let execution = match against {
            Against::InsuranceFund => ExecutionType::Calculated,
            _ => ExecutionType::Trade,
        };
        self.send_user(UserEvent::OrderTradeUpdate {
            execution,
            order,
            fill: Some(fill),
            liquidation: matches!(against, Against::Liquidation | Against::InsuranceFund),
        });
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
    }

    pub(crate) fn send_order(&mut self, id: OrderId, execution: ExecutionType, liquidation: bool) {
        let order = Box::new(self.orders.get(id).clone());
        self.send_user(UserEvent::OrderTradeUpdate { execution, order, fill: None, liquidation });
    }

    /// `change` is what came or went, except profit and commission.
    pub(crate) fn send_account(
        &mut self,
        reason: AccountUpdateReason,
        change: Decimal,
        symbol: Option<usize>,
    ) {
        let positions = symbol.map(|s| self.position_update(s)).into_iter().collect();
        let wallet_balance = self.ledger.balance(LedgerAccount::Wallet);
        let balance = Some(BalanceUpdate {
            wallet_balance,
            cross_wallet_balance: wallet_balance,
            balance_change: change,
        });
        self.send_user(UserEvent::AccountUpdate { reason, balance, positions });
    }
}
