//! Liquidation of the cross pool or of an isolated position, the insurance fund, and deleveraging.
//!
//! Sequence (the steps are of Binance's FAQ, their details are unpublished): cancel the open orders,
//! test again, then the position with the largest maintenance margin: all of it in the first tier, else
//! the fewest lots that make the pool compliant at the bankruptcy price with the fee paid. An IOC at
//! the bankruptcy price takes from the book as far as it is no worse; the insurance fund takes over the
//! rest at the bankruptcy price, and where it cannot, the opposite side is deleveraged.

use engine::{
    AccountId, AccountUpdateReason, ExecutionType, ExpiryReason, NewOrder, OrderId, PositionSide,
    PriceTicks, QtyLots, Side, SymbolIndex, TimeInForce,
};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::account_tape::Happened;
use crate::adl::{self, AdlEntry, AdlTerms};
use crate::config::LiquidationSize;
use crate::exchange::{PRICE_MAX, SimExchange};
use crate::ledger::{IncomeType, LedgerAccount};
use crate::margin::{Pool, maintenance};
use crate::matching::Against;
use crate::position::cut8;

/// A position that is being liquidated.
#[derive(Clone, Copy, Debug)]
struct Target {
    account: AccountId,
    pool: Pool,
    symbol: usize,
    side: PositionSide,
}

impl SimExchange {
    /// After any change of mark, wallet or position: liquidates whoever must be, and sets the bands anew.
    pub(crate) fn settle(&mut self) {
        // Deleveraging changes other accounts, so that it goes round until nobody is left. Each round
        // makes a position smaller by at least one step, so this ends.
        while (0..self.accounts.len()).any(|n| self.liquidate_if_due(AccountId(n as u16))) {}
        for number in 0..self.accounts.len() {
            let account = AccountId(number as u16);
            self.auto_exchange(account, false);
            let change = self.top_up(account);
            if !change.is_zero() {
                self.send_account(account, AccountUpdateReason::InsuranceClear, change, None);
            }
        }
        self.refresh_bands();
        if cfg!(debug_assertions) {
            let checked = self.check_conservation();
            assert!(checked.is_ok(), "conservation: {checked:?}");
        }
    }

    /// Isolated positions first, then the cross pool; `true` if there was something to do.
    fn liquidate_if_due(&mut self, id: AccountId) -> bool {
        if !self.account(id).has_positions() {
            return false;
        }
        let sides = self.account(id).sides();
        for symbol in 0..self.markets.len() {
            if !self.holding(id, symbol).is_isolated() {
                continue;
            }
            for side in sides {
                let pool = Pool::Isolated { symbol, side: *side };
                if self.is_due(id, pool) && !self.matched_positions(id, pool).is_empty() {
                    self.liquidate(id, pool);
                    return true;
                }
            }
        }
        if self.is_due(id, Pool::Cross) && !self.matched_positions(id, Pool::Cross).is_empty() {
            self.liquidate(id, Pool::Cross);
            return true;
        }
        false
    }

    pub(crate) fn pool_positions(&self, id: AccountId, pool: Pool) -> Vec<(usize, PositionSide)> {
        let account = self.account(id);
        let held = |symbol: usize, side: &PositionSide| {
            (account.holdings[symbol].position(*side).qty != 0).then_some((symbol, *side))
        };
        match pool {
            Pool::Isolated { symbol, side } => held(symbol, &side).into_iter().collect(),
            Pool::Cross => (0..account.holdings.len())
                .filter(|symbol| !account.holdings[*symbol].is_isolated())
                .flat_map(|symbol| account.sides().iter().filter_map(move |s| held(symbol, s)))
                .collect(),
        }
    }

    /// Those that can be liquidated now: where nothing is matched, nothing can.
    fn matched_positions(&self, id: AccountId, pool: Pool) -> Vec<(usize, PositionSide)> {
        let mut positions = self.pool_positions(id, pool);
        positions.retain(|(symbol, _)| !self.stands_still(*symbol));
        positions
    }

    fn is_due(&self, id: AccountId, pool: Pool) -> bool {
        let held = match pool {
            Pool::Isolated { symbol, side } => self.holding(id, symbol).position(side).qty != 0,
            Pool::Cross => {
                self.account(id).holdings.iter().any(|h| !h.is_isolated() && h.is_held())
            }
        };
        held && self.pool_sums(id, pool).is_due()
    }

    #[cold]
    fn liquidate(&mut self, account: AccountId, pool: Pool) {
        self.account_mut(account).liquidating = true;
        for symbol in 0..self.markets.len() {
            let concerned = match pool {
                Pool::Cross => !self.holding(account, symbol).is_isolated(),
                Pool::Isolated { symbol: own, .. } => symbol == own,
            };
            if concerned {
                self.expire_all(account, symbol, ExpiryReason::Liquidation);
            }
        }
        while self.is_due(account, pool) {
            let positions = self.matched_positions(account, pool).into_iter();
            let riskiest = positions.max_by_key(|(symbol, side)| {
                let margin = self.margin_of(account, *symbol, *side);
                (margin.maintenance, std::cmp::Reverse((*symbol, *side)))
            });
            let Some((symbol, side)) = riskiest else { break };
            self.liquidate_position(Target { account, pool, symbol, side });
        }
        self.account_mut(account).liquidating = false;
        self.auto_exchange(account, true);
    }

    fn liquidate_position(&mut self, target: Target) {
        let Target { account, symbol, side, .. } = target;
        let bankruptcy = self.bankruptcy_price(target);
        let qty = self.liquidation_qty(target, bankruptcy);
        let held = self.holding(account, symbol).position(side).qty;
        assert!(qty > 0 && qty <= held.abs(), "a liquidation reduces");
        let order_side = if held > 0 { Side::Sell } else { Side::Buy };
        let name = format!("autoclose-{}", self.orders.next_id().0);
        let id = self.venue_order(account, symbol, side, order_side, bankruptcy, qty, &name);
        self.holding_mut(account, symbol).counts.liquidations += 1;
        let wallet = self.cross_wallet(account);
        let filled = self.take(symbol, id, Some(bankruptcy), true, qty, Against::Liquidation);
        let left = qty - filled;
        if left > 0 && self.is_due_after_fee(target, id) {
            self.take_over(target, id, bankruptcy, left);
        } else if left > 0 {
            // What was filled is enough.
            self.expire(id, ExpiryReason::IocRest);
        }
        let paid = self.orders.get(id).cum_quote;
        // What a closed isolated position leaves has gone to the cross wallet.
        let returned = self.cross_wallet(account) - wallet;
        let fee = self.liquidation_fee(target, paid, returned);
        let change = self.top_up(account) - fee;
        self.send_account(
            account,
            AccountUpdateReason::InsuranceClear,
            change,
            Some((symbol, side)),
        );
    }

    /// Whether the pool is still deficient when the fee of what was filled so far has been paid.
    fn is_due_after_fee(&self, target: Target, id: OrderId) -> bool {
        let rate = self.markets[target.symbol].rules.rules.liquidation_fee;
        let sums = self.pool_sums(target.account, target.pool);
        let fee = cut8(self.orders.get(id).cum_quote * rate);
        sums.maintenance >= sums.margin_balance() - fee
    }

    /// An order of the venue's own for a position that it closes.
    #[allow(clippy::too_many_arguments)] // One line of a form, not a decision.
    pub(crate) fn venue_order(
        &mut self,
        account: AccountId,
        symbol: usize,
        position_side: PositionSide,
        side: Side,
        price: i64,
        qty: i64,
        name: &str,
    ) -> OrderId {
        let index = SymbolIndex(symbol as u16);
        let order = NewOrder {
            position_side: Some(position_side),
            reduce_only: Some(true),
            ..NewOrder::limit(index, side, QtyLots(qty), PriceTicks(price), TimeInForce::Ioc, name)
        };
        let id = self.add_order(account, order, qty);
        self.send_order(id, ExecutionType::New, true);
        id
    }

    /// The rest of a liquidation, at the bankruptcy price: the fund if it can pay, else deleveraging.
    fn take_over(&mut self, target: Target, id: OrderId, price: i64, qty: i64) {
        let symbol = target.symbol;
        let side = self.orders.get(id).side;
        let market = self.taker_price(symbol, side).unwrap_or(price);
        // It sells below what it pays, or buys above what it gets; a better market is its profit.
        let worse = (market - price) * side.sign();
        let loss = self.markets[symbol].rules.notional(worse, qty);
        if self.ledger.balance(LedgerAccount::InsuranceFund) < loss {
            self.deleverage(target, id, price, qty);
            return;
        }
        self.execute(id, price, qty, Against::InsuranceFund, None);
        // The fund closes what it took over in the market at once; the difference is its loss.
        let index = Some(SymbolIndex(symbol as u16));
        let (fund, other) = (LedgerAccount::InsuranceFund, LedgerAccount::Market);
        self.ledger.post(self.now, IncomeType::InsuranceClear, loss, index, fund, other);
    }

    /// Closes the liquidated position against the other side of the market, first in rank first, at the
    /// bankruptcy price and without fees. What no account of this venue holds, the rest of the market
    /// takes, which has no ranking here.
    fn deleverage(&mut self, target: Target, id: OrderId, price: i64, qty: i64) {
        let symbol = target.symbol;
        let against = self.orders.get(id).side;
        let mut left = qty;
        for (account, side) in self.adl_queue(symbol, against) {
            if left == 0 {
                break;
            }
            if account == target.account {
                continue;
            }
            // Cancelled, where the orders of the liquidated account expire.
            self.cancel_all(account, symbol);
            self.cancel_algos(account, symbol);
            let held = self.holding(account, symbol).position(side).qty;
            let part = left.min(held.abs());
            let own_side = against.opposite();
            let name = format!("adl_autoclose-{}", self.orders.next_id().0);
            let adl = self.venue_order(account, symbol, side, own_side, price, part, &name);
            let trade = self.next_trade(symbol);
            self.execute(id, price, part, Against::Deleveraging, Some(trade));
            self.execute(adl, price, part, Against::Deleveraging, Some(trade));
            self.holding_mut(account, symbol).counts.deleveraged += 1;
            left -= part;
        }
        if left > 0 {
            let text =
                "The insurance fund was empty: unknown traders of the market were deleveraged.";
            if !self.warnings.iter().any(|warning| warning == text) {
                self.warnings.push(text.to_owned());
            }
            self.others_deleveraged += 1;
            self.execute(id, price, left, Against::Deleveraging, None);
        }
    }

    /// Positions that an order on `side` could close, first in rank first.
    pub(crate) fn adl_queue(&self, symbol: usize, side: Side) -> Vec<(AccountId, PositionSide)> {
        let mut queue = Vec::new();
        for account in &self.accounts {
            for position_side in account.sides() {
                let qty = account.holdings[symbol].position(*position_side).qty;
                // A sell of the liquidated long is bought by shorts, and the other way round.
                if qty.signum() != -side.opposite().sign() {
                    continue;
                }
                let terms = self.adl_terms(account.id, symbol, *position_side);
                queue.push(AdlEntry {
                    score: terms.score(self.config.adl_formula),
                    notional: terms.notional,
                    account: account.id,
                    position_side: *position_side,
                });
            }
        }
        adl::rank(queue).into_iter().map(|entry| (entry.account, entry.position_side)).collect()
    }

    fn adl_terms(&self, id: AccountId, symbol: usize, side: PositionSide) -> AdlTerms {
        let holding = self.holding(id, symbol);
        let pool =
            if holding.is_isolated() { Pool::Isolated { symbol, side } } else { Pool::Cross };
        let (rules, sums) = (&self.markets[symbol].rules, self.pool_margin(id, pool));
        AdlTerms {
            profit: self.margin_of(id, symbol, side).unrealized,
            notional: rules.notional(self.mark_or_zero(symbol), holding.position(side).qty.abs()),
            wallet: self.pool_cover(id, pool),
            pool_profit: sums.unrealized,
            maintenance: sums.maintenance,
        }
    }

    /// Where the margin balance of the pool is zero, rounded to the grid in the trader's favour, so that
    /// rounding alone never leaves a debt.
    fn bankruptcy_price(&self, target: Target) -> i64 {
        let Target { account, pool, symbol, side } = target;
        let qty = self.holding(account, symbol).position(side).qty;
        let balance = self.pool_cover(account, pool) + self.pool_margin(account, pool).unrealized;
        let unit = self.markets[symbol].rules.notional(1, qty.abs());
        let distance = (balance / unit).abs();
        let mark = Decimal::from(self.mark_or_zero(symbol));
        let away = if balance.is_sign_negative() { -distance } else { distance };
        let price = if qty > 0 { (mark - away).ceil() } else { (mark + away).floor() };
        let fallback = if qty > 0 { 1 } else { PRICE_MAX };
        price.to_i64().unwrap_or(fallback).clamp(1, PRICE_MAX)
    }

    /// The whole position in the first tier, or where the configuration says so, else the fewest lots that make the pool compliant.
    fn liquidation_qty(&self, target: Target, bankruptcy: i64) -> i64 {
        let Target { account, pool, symbol, side } = target;
        let rules = &self.markets[symbol].rules;
        let held = self.holding(account, symbol).position(side).qty;
        let whole = held.abs();
        if self.config.liquidation_size == LiquidationSize::Whole {
            return whole;
        }
        let mark = self.mark_or_zero(symbol);
        let first_cap = rules.rules.brackets.first().map(|b| b.cap);
        if first_cap.is_none_or(|cap| rules.notional(mark, whole) <= cap) {
            return whole;
        }
        let sums = self.pool_margin(account, pool);
        let wallet = self.pool_wallet(account, pool);
        let own = maintenance(rules, rules.notional(mark, whole));
        let is_multi = self.account(account).multi_assets;
        let compliant = |qty: i64| {
            let loss = rules.notional((mark - bankruptcy).abs(), qty);
            let worse = (mark > bankruptcy) == (held > 0);
            let loss = if worse { loss } else { -loss };
            let fee = rules.notional(bankruptcy, qty) * rules.rules.liquidation_fee;
            let left = maintenance(rules, rules.notional(mark, whole - qty));
            let maintenance = sums.maintenance - own + left;
            if is_multi {
                let wallet = wallet - loss - fee;
                return !self.sums_usd_with(account, wallet, maintenance).is_due();
            }
            maintenance < wallet + sums.unrealized - loss - fee
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

    /// Only on what was liquidated, and never more than what is left.
    fn liquidation_fee(
        &mut self,
        target: Target,
        liquidated: Decimal,
        returned: Decimal,
    ) -> Decimal {
        let Target { account, pool, symbol, side } = target;
        let fee = cut8(liquidated * self.markets[symbol].rules.rules.liquidation_fee);
        let balance = self.pool_cover(account, pool);
        let balance = match pool {
            Pool::Isolated { .. } if self.holding(account, symbol).position(side).qty == 0 => {
                returned
            }
            _ => balance,
        };
        let left = balance.min(balance + self.pool_margin(account, pool).unrealized);
        let fee = fee.min(left).max(Decimal::ZERO);
        let (index, fund) = (Some(SymbolIndex(symbol as u16)), LedgerAccount::InsuranceFund);
        let holding = self.holding_mut(account, symbol);
        holding.counts.liquidation_fees += fee;
        let position = holding.position_mut(side);
        if position.qty != 0 && matches!(pool, Pool::Isolated { .. }) {
            position.isolated_wallet -= fee;
        }
        self.ledger.wallet(account, self.now, IncomeType::InsuranceClear, -fee, index, fund);
        self.tape(account, symbol, side, || Happened::LiquidationFee(fee));
        fee
    }

    /// The fund pays the debt of an account whose cross pool holds nothing; answers how much.
    fn top_up(&mut self, account: AccountId) -> Decimal {
        let balance = self.cross_wallet(account);
        if balance >= Decimal::ZERO || self.is_cross_held(account) {
            return Decimal::ZERO;
        }
        // What is backed stays owed.
        let of = self.account(account);
        if of.multi_assets && !of.collateral.is_empty() {
            return Decimal::ZERO;
        }
        let fund = LedgerAccount::InsuranceFund;
        self.ledger.wallet(account, self.now, IncomeType::InsuranceClear, -balance, None, fund);
        let text =
            "The insurance fund is overdrawn: the debt of an account was larger than what it held.";
        if self.ledger.balance(fund) < Decimal::ZERO && !self.warnings.iter().any(|w| w == text) {
            self.warnings.push(text.to_owned());
        }
        -balance
    }

    fn is_cross_held(&self, account: AccountId) -> bool {
        self.account(account).holdings.iter().any(|h| !h.is_isolated() && h.is_held())
    }

    /// Ends all open orders of an account in one symbol.
    pub(crate) fn expire_all(&mut self, account: AccountId, symbol: usize, reason: ExpiryReason) {
        for resting in self.resting_of(account, symbol) {
            self.remove_resting(symbol, resting.side, resting.id);
            self.expire(resting.id, reason);
        }
        self.expire_conditionals(account, symbol, reason);
    }
}
