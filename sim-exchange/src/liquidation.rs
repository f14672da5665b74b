//! Liquidation of the cross account, and the bands inside which it cannot happen.
//!
//! Sequence (the steps are of Binance's FAQ, their details are unpublished): cancel all open orders,
//! test again, then the position with the largest maintenance margin: all of it in the first tier, else
//! the fewest lots that make the account compliant at the bankruptcy price with the fee paid. An IOC at
//! the bankruptcy price takes from the market if the taker price is no worse; else the insurance fund
//! takes over at the bankruptcy price and closes in the market at once.

use engine::{
    AccountUpdateReason, ClientOrderId, ExecutionType, ExpiryReason, OrderState, OrderStatus,
    OrderType, PositionSide, PriceMatch, PriceTicks, QtyLots, SelfTradePrevention, Side,
    SymbolIndex, TimeInForce, WorkingType,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::account::cut8;
use crate::exchange::{PRICE_MAX, SimExchange, SymbolState};
use crate::ledger::{IncomeType, LedgerAccount};
use crate::margin::{LiquidationTerms, SymbolMargin, maintenance, requirement, symbol_margin};
use crate::matching::Against;

impl SimExchange {
    pub(crate) fn wallet_balance(&self) -> Decimal {
        self.ledger.balance(LedgerAccount::Wallet)
    }

    pub(crate) fn has_positions(&self) -> bool {
        self.symbols.iter().any(|s| s.position.qty != 0)
    }

    pub(crate) fn margin_of(&self, symbol: usize) -> SymbolMargin {
        let state = &self.symbols[symbol];
        if state.position.qty == 0 {
            return SymbolMargin::default();
        }
        symbol_margin(&state.rules, &state.position, self.mark_or_zero(symbol))
    }

    /// Initial margin of all positions, without open orders.
    pub(crate) fn position_initial_margin(&self) -> Decimal {
        let of = |(symbol, state): (usize, &SymbolState)| {
            let worth = state.rules.notional(self.mark_or_zero(symbol), state.position.qty.abs());
            worth / Decimal::from(state.leverage)
        };
        self.symbols.iter().enumerate().filter(|(_, s)| s.position.qty != 0).map(of).sum()
    }

    /// Initial margin of all positions and open orders.
    pub(crate) fn initial_margin(&self) -> Decimal {
        let of = |(symbol, state): (usize, &SymbolState)| {
            if state.position.qty == 0 && state.book.len() == 0 {
                return Decimal::ZERO;
            }
            let signed = state.rules.notional(self.mark_or_zero(symbol), state.position.qty);
            let book = &state.book;
            requirement(signed, book.bids_notional, book.asks_notional, state.leverage)
        };
        self.symbols.iter().enumerate().map(of).sum()
    }

    pub(crate) fn account_margin(&self) -> SymbolMargin {
        let mut sums = SymbolMargin::default();
        (0..self.symbols.len()).for_each(|symbol| sums.add(self.margin_of(symbol)));
        sums
    }

    /// Cross liquidation price of a position by Binance's formula; zero where there is none. `own` is the
    /// symbol's margin, `all` are the sums of the account.
    pub(crate) fn liquidation_price(
        &self,
        symbol: usize,
        own: SymbolMargin,
        all: SymbolMargin,
    ) -> Decimal {
        let state = &self.symbols[symbol];
        if state.position.qty == 0 {
            return Decimal::ZERO;
        }
        let others = all.unrealized - own.unrealized - (all.maintenance - own.maintenance);
        let terms = LiquidationTerms {
            collateral: self.wallet_balance() + others,
            side: Decimal::from(state.position.qty.signum()),
            qty: state.rules.qty(state.position.qty.abs()),
            cost: state.position.cost,
        };
        cut8(terms.price_in(&state.rules))
    }

    /// After any change of mark, wallet or position: liquidates if it must, and sets the bands anew.
    pub(crate) fn settle(&mut self) {
        if self.must_liquidate() {
            self.liquidate();
        }
        self.top_up();
        self.refresh_bands();
        if cfg!(debug_assertions) {
            let checked = self.check_conservation();
            assert!(checked.is_ok(), "conservation: {checked:?}");
        }
    }

    fn must_liquidate(&self) -> bool {
        if !self.has_positions() {
            return false;
        }
        let sums = self.account_margin();
        sums.maintenance >= self.wallet_balance() + sums.unrealized
    }

    #[cold]
    fn liquidate(&mut self) {
        self.liquidating = true;
        for symbol in 0..self.symbols.len() {
            while let Some(resting) = self.symbols[symbol].book.oldest() {
                self.symbols[symbol].book.remove(resting.side, resting.id);
                self.expire(resting.id, ExpiryReason::Liquidation);
            }
        }
        // Each round makes a position smaller by at least one step, so this ends.
        while self.must_liquidate() {
            let riskiest = (0..self.symbols.len())
                .filter(|s| self.symbols[*s].position.qty != 0)
                .max_by_key(|s| (self.margin_of(*s).maintenance, std::cmp::Reverse(*s)));
            let Some(symbol) = riskiest else { break };
            self.liquidate_position(symbol);
        }
        self.liquidating = false;
    }

    fn liquidate_position(&mut self, symbol: usize) {
        let bankruptcy = self.bankruptcy_price(symbol);
        let qty = self.liquidation_qty(symbol, bankruptcy);
        let state = &self.symbols[symbol];
        let side = if state.position.qty > 0 { Side::Sell } else { Side::Buy };
        assert!(qty > 0 && qty <= state.position.qty.abs(), "a liquidation reduces");
        let id = self.orders.next_id();
        self.orders.add(OrderState {
            order_id: id,
            client_order_id: ClientOrderId(format!("autoclose-{}", id.0).into()),
            symbol: SymbolIndex(symbol as u16),
            side,
            position_side: PositionSide::Both,
            order_type: OrderType::Limit,
            orig_type: OrderType::Limit,
            time_in_force: TimeInForce::Ioc,
            orig_qty: QtyLots(qty),
            executed_qty: QtyLots(0),
            cum_quote: Decimal::ZERO,
            price: Some(PriceTicks(bankruptcy)),
            trigger_price: None,
            reduce_only: true,
            close_position: false,
            working_type: WorkingType::ContractPrice,
            price_protect: false,
            price_match: PriceMatch::None,
            self_trade_prevention: SelfTradePrevention::None,
            good_till_date: None,
            status: OrderStatus::New,
            expiry_reason: ExpiryReason::None,
            time: self.now,
            update_time: self.now,
        });
        self.symbols[symbol].counts.liquidations += 1;
        self.send_order(id, ExecutionType::New, true);
        let market = self.taker_price(symbol, side).unwrap_or(bankruptcy);
        let is_no_worse = match side {
            Side::Sell => market >= bankruptcy,
            Side::Buy => market <= bankruptcy,
        };
        let price = if is_no_worse {
            self.execute(symbol, id, market, qty, Against::Liquidation);
            market
        } else {
            self.execute(symbol, id, bankruptcy, qty, Against::InsuranceFund);
            self.fund_closes(symbol, bankruptcy, market, qty);
            bankruptcy
        };
        let fee = self.liquidation_fee(symbol, price, qty);
        let change = self.top_up() - fee;
        self.send_account(AccountUpdateReason::InsuranceClear, change, Some(symbol));
    }

    /// Where the margin balance is zero, rounded to the grid in the trader's favour, so that rounding
    /// alone never leaves a debt.
    fn bankruptcy_price(&self, symbol: usize) -> i64 {
        let state = &self.symbols[symbol];
        let qty = state.position.qty;
        let balance = self.wallet_balance() + self.account_margin().unrealized;
        let unit = state.rules.notional(1, qty.abs());
        let distance = (balance / unit).abs();
        let mark = Decimal::from(self.mark_or_zero(symbol));
        let away = if balance.is_sign_negative() { -distance } else { distance };
        let price = if qty > 0 { (mark - away).ceil() } else { (mark + away).floor() };
        let fallback = if qty > 0 { 1 } else { PRICE_MAX };
        price.to_i64().unwrap_or(fallback).clamp(1, PRICE_MAX)
    }

    /// The whole position in the first tier, else the fewest lots that make the account compliant.
    fn liquidation_qty(&self, symbol: usize, bankruptcy: i64) -> i64 {
        let state = &self.symbols[symbol];
        let (rules, whole) = (&state.rules, state.position.qty.abs());
        let mark = self.mark_or_zero(symbol);
        let first_cap = rules.rules.brackets.first().map(|b| b.cap);
        if first_cap.is_none_or(|cap| rules.notional(mark, whole) <= cap) {
            return whole;
        }
        let sums = self.account_margin();
        let own = maintenance(rules, rules.notional(mark, whole));
        let compliant = |qty: i64| {
            let loss = rules.notional((mark - bankruptcy).abs(), qty);
            let worse = (mark > bankruptcy) == (state.position.qty > 0);
            let loss = if worse { loss } else { -loss };
            let fee = rules.notional(bankruptcy, qty) * rules.rules.liquidation_fee;
            let left = maintenance(rules, rules.notional(mark, whole - qty));
            let balance = self.wallet_balance() + sums.unrealized - loss - fee;
            sums.maintenance - own + left < balance
        };
        // What is left over is concave in the closed quantity, with corners where the rest enters a
        // lower tier. So its best points are the corners, and below a good one bisection is right.
        let step_notional = rules.notional(mark, rules.step);
        let steps = whole / rules.step;
        let corner = |cap: Decimal| {
            let rest = cap.checked_div(step_notional).and_then(|r| r.floor().to_i64());
            steps - rest.unwrap_or(0).min(steps)
        };
        let corners = rules.rules.brackets.iter().rev().map(|b| corner(b.cap)).chain([steps]);
        let mut good = corners.filter(|n| *n > 0 && compliant(*n * rules.step));
        let Some(mut enough) = good.next() else {
            return whole;
        };
        let mut few = 0;
        while few + 1 < enough {
            let middle = few + (enough - few) / 2;
            if compliant(middle * rules.step) {
                enough = middle;
            } else {
                few = middle;
            }
        }
        enough * rules.step
    }

    /// The fund sells what it took over; the difference is its profit or loss.
    fn fund_closes(&mut self, symbol: usize, took: i64, market: i64, qty: i64) {
        let loss = self.symbols[symbol].rules.notional((took - market).abs(), qty);
        let index = Some(SymbolIndex(symbol as u16));
        let (fund, other) = (LedgerAccount::InsuranceFund, LedgerAccount::Market);
        self.ledger.post(self.now, IncomeType::InsuranceClear, loss, index, fund, other);
        self.warn_if_fund_is_empty();
    }

    /// Only on what was liquidated, and never more than what is left.
    fn liquidation_fee(&mut self, symbol: usize, price: i64, qty: i64) -> Decimal {
        let rules = &self.symbols[symbol].rules;
        let fee = cut8(rules.notional(price, qty) * rules.rules.liquidation_fee);
        let balance = self.wallet_balance();
        let left = balance.min(balance + self.account_margin().unrealized);
        let fee = fee.min(left).max(Decimal::ZERO);
        let (index, fund) = (Some(SymbolIndex(symbol as u16)), LedgerAccount::InsuranceFund);
        self.symbols[symbol].counts.liquidation_fees += fee;
        self.ledger.wallet(self.now, IncomeType::InsuranceClear, -fee, index, fund);
        fee
    }

    /// The fund pays the debt of an account that holds nothing.
    fn top_up(&mut self) -> Decimal {
        let balance = self.wallet_balance();
        if balance >= Decimal::ZERO || self.has_positions() {
            return Decimal::ZERO;
        }
        let fund = LedgerAccount::InsuranceFund;
        self.ledger.wallet(self.now, IncomeType::InsuranceClear, -balance, None, fund);
        self.warn_if_fund_is_empty();
        -balance
    }

    fn warn_if_fund_is_empty(&mut self) {
        let fund = self.ledger.balance(LedgerAccount::InsuranceFund);
        let text = "The insurance fund is overdrawn: Binance would have auto-deleveraged; this exchange does not yet.";
        if fund.is_sign_negative() && !fund.is_zero() && !self.warnings.iter().any(|w| w == text) {
            self.warnings.push(text.to_owned());
        }
    }

    /// Splits what is left above the maintenance margin evenly over the positions. While every mark
    /// stays within its share, no liquidation is possible.
    fn refresh_bands(&mut self) {
        let held = self.symbols.iter().filter(|s| s.position.qty != 0).count();
        let share = if held == 0 {
            Decimal::ZERO
        } else {
            let sums = self.account_margin();
            let slack = self.wallet_balance() + sums.unrealized - sums.maintenance;
            slack.max(Decimal::ZERO) / Decimal::from(held)
        };
        for symbol in 0..self.symbols.len() {
            let mark = self.mark_or_zero(symbol);
            let state = &mut self.symbols[symbol];
            (state.mark_low, state.mark_high) = (1, PRICE_MAX);
            let qty = state.position.qty;
            if qty != 0 {
                // A short's maintenance grows with the price too, at most at the last tier's rate.
                let rate = state.rules.rules.brackets.last().map_or(Decimal::ONE, |b| b.mmr);
                let unit = state.rules.notional(1, qty.abs()) * (Decimal::ONE + rate);
                let units = share.checked_div(unit).and_then(|u| u.floor().to_i64());
                // One unit less, because equality liquidates.
                let reach = units.unwrap_or(PRICE_MAX).min(PRICE_MAX) - 1;
                let reach = reach.max(0);
                if qty > 0 {
                    state.mark_low = (mark - reach).max(1);
                } else {
                    state.mark_high = (mark + reach).min(PRICE_MAX);
                }
            }
            self.refresh_watch(symbol);
        }
    }

    /// Joins the reasons to look at a trade: resting orders, and the band if trades are the mark.
    pub(crate) fn refresh_watch(&mut self, symbol: usize) {
        let state = &self.symbols[symbol];
        let (mut low, mut high) = state.book.thresholds();
        if state.mark.is_none() {
            low = low.max(state.mark_low);
            high = high.min(state.mark_high);
        }
        let watch = &mut self.watch[symbol];
        (watch.low, watch.high) = (low.max(1), high.min(PRICE_MAX));
    }
}
