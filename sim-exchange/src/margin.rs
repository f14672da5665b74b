//! Margin of positions and open orders, balances, and the liquidation price.

use engine::{AccountBalance, AccountId, PositionSide};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::accounts::{Account, Holding};
use crate::exchange::SimExchange;
use crate::ledger::LedgerAccount;
use crate::position::{Position, cut8};
use crate::symbol_rules::GridRules;

/// Profit and maintenance margin of a position, or of many.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Margin {
    pub(crate) unrealized: Decimal,
    pub(crate) maintenance: Decimal,
}

impl Margin {
    pub(crate) fn add(&mut self, other: Margin) {
        self.unrealized += other.unrealized;
        self.maintenance += other.maintenance;
    }

    /// Of one position at `mark`.
    pub(crate) fn of(rules: &GridRules, position: &Position, mark: i64) -> Margin {
        if position.qty == 0 {
            return Margin::default();
        }
        Margin {
            unrealized: position.unrealized(rules, mark),
            maintenance: maintenance(rules, rules.notional(mark, position.qty.abs())),
        }
    }
}

/// Maintenance margin `N × MMR - cum` of a notional, exact.
pub(crate) fn maintenance(rules: &GridRules, notional: Decimal) -> Decimal {
    if notional.is_zero() {
        return Decimal::ZERO;
    }
    let bracket = rules.bracket(notional);
    notional * bracket.mmr - bracket.cum
}

/// `max(|position + bids|, |position - asks|) / leverage`.
pub(crate) fn requirement(
    position: Decimal,
    bids: Decimal,
    asks: Decimal,
    leverage: u32,
) -> Decimal {
    (position + bids).abs().max((position - asks).abs()) / Decimal::from(leverage)
}

/// The terms of the liquidation price formula, one-way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiquidationTerms {
    /// WB - TMM1 + UPNL1: cross wallet, less maintenance of the other symbols, plus their profit.
    pub(crate) collateral: Decimal,
    /// +1 or -1.
    pub(crate) side: Decimal,
    /// |position|.
    pub(crate) qty: Decimal,
    /// q × EP.
    pub(crate) cost: Decimal,
}

impl LiquidationTerms {
    /// `WB - TMM1 + UPNL1 + cum - side·q·EP`, the formula's upper part for one tier.
    fn over(&self, cum: Decimal) -> Decimal {
        self.collateral + cum - self.side * self.cost
    }

    /// `(WB - TMM1 + UPNL1 + cum - side·q·EP) / (q·MMR - side·q)` for one tier.
    pub(crate) fn price(&self, mmr: Decimal, cum: Decimal) -> Decimal {
        let under = self.qty * (mmr - self.side);
        self.over(cum).checked_div(under).unwrap_or(Decimal::ZERO)
    }

    /// The price in the tier in which it lies itself; zero where there is none.
    ///
    /// The tier is found without a division: its notional is `over / (MMR - side)`, and for a long
    /// position that divisor is below zero, for a short one above.
    pub(crate) fn price_in(&self, rules: &GridRules) -> Decimal {
        let brackets = &rules.rules.brackets;
        let long = self.side.is_sign_positive();
        let Some((first, last)) = brackets.first().zip(brackets.last()) else {
            return Decimal::ZERO;
        };
        // `cum` only grows, so what covers a long position in the first tier covers it in all.
        if long && self.over(first.cum) >= Decimal::ZERO {
            return Decimal::ZERO;
        }
        for bracket in brackets {
            let over = self.over(bracket.cum);
            let divisor = bracket.mmr - self.side;
            let (floor, cap) = (bracket.floor * divisor, bracket.cap * divisor);
            let inside =
                if long { floor > over && over >= cap } else { floor < over && over <= cap };
            if inside {
                return self.price(bracket.mmr, bracket.cum).max(Decimal::ZERO);
            }
        }
        // Beyond the last cap its tier goes on; below the first floor the price is not above zero.
        let price = self.price(last.mmr, last.cum);
        if price * self.qty > last.cap { price } else { Decimal::ZERO }
    }
}

/// The positions that stand and fall together: all cross positions of an account, or an isolated one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    Cross,
    Isolated { symbol: usize, side: PositionSide },
}

impl SimExchange {
    pub(crate) fn account(&self, id: AccountId) -> &Account {
        &self.accounts[usize::from(id.0)]
    }

    pub(crate) fn account_mut(&mut self, id: AccountId) -> &mut Account {
        &mut self.accounts[usize::from(id.0)]
    }

    pub(crate) fn holding(&self, id: AccountId, symbol: usize) -> &Holding {
        &self.account(id).holdings[symbol]
    }

    pub(crate) fn holding_mut(&mut self, id: AccountId, symbol: usize) -> &mut Holding {
        &mut self.account_mut(id).holdings[symbol]
    }

    pub(crate) fn wallet_balance(&self, id: AccountId) -> Decimal {
        self.ledger.balance(LedgerAccount::Wallet(id))
    }

    /// The wallet without what lies in isolated positions.
    pub(crate) fn cross_wallet(&self, id: AccountId) -> Decimal {
        self.wallet_balance(id) - self.account(id).isolated_wallets()
    }

    pub(crate) fn margin_of(&self, id: AccountId, symbol: usize, side: PositionSide) -> Margin {
        let position = self.holding(id, symbol).position(side);
        Margin::of(&self.markets[symbol].rules, position, self.mark_or_zero(symbol))
    }

    /// Both sides of a symbol.
    pub(crate) fn margin_of_symbol(&self, id: AccountId, symbol: usize) -> Margin {
        let mut sums = Margin::default();
        for side in self.account(id).sides() {
            sums.add(self.margin_of(id, symbol, *side));
        }
        sums
    }

    /// Of the positions of a pool.
    pub(crate) fn pool_margin(&self, id: AccountId, pool: Pool) -> Margin {
        match pool {
            Pool::Isolated { symbol, side } => self.margin_of(id, symbol, side),
            Pool::Cross => {
                let mut sums = Margin::default();
                for (symbol, holding) in self.account(id).holdings.iter().enumerate() {
                    if !holding.is_isolated() {
                        sums.add(self.margin_of_symbol(id, symbol));
                    }
                }
                sums
            }
        }
    }

    pub(crate) fn pool_wallet(&self, id: AccountId, pool: Pool) -> Decimal {
        match pool {
            Pool::Cross => self.cross_wallet(id),
            Pool::Isolated { symbol, side } => {
                self.holding(id, symbol).position(side).isolated_wallet
            }
        }
    }

    /// Initial margin of a symbol's positions, and with its open orders.
    pub(crate) fn initial_margin(&self, id: AccountId, symbol: usize) -> (Decimal, Decimal) {
        let account = self.account(id);
        let holding = &account.holdings[symbol];
        if !holding.is_held() && !holding.has_open_orders() {
            return (Decimal::ZERO, Decimal::ZERO);
        }
        let (rules, mark) = (&self.markets[symbol].rules, self.mark_or_zero(symbol));
        let (mut alone, mut together) = (Decimal::ZERO, Decimal::ZERO);
        for side in account.sides() {
            let signed = rules.notional(mark, holding.position(*side).qty);
            let open = &holding.open[*side as usize];
            alone += signed.abs() / Decimal::from(holding.leverage);
            let (bids, asks) = (open.bids_notional, open.asks_notional);
            together += requirement(signed, bids, asks, holding.leverage);
        }
        (alone, together)
    }

    /// The account's money.
    pub(crate) fn balances(&self, id: AccountId) -> AccountBalance {
        let wallet = self.wallet_balance(id);
        let cross_wallet = self.cross_wallet(id);
        let (mut all, mut cross) = (Margin::default(), Margin::default());
        let (mut positions, mut requirements) = (Decimal::ZERO, Decimal::ZERO);
        let (mut cross_initial, mut isolated_orders) = (Decimal::ZERO, Decimal::ZERO);
        for (symbol, holding) in self.account(id).holdings.iter().enumerate() {
            let margin = self.margin_of_symbol(id, symbol);
            let (alone, together) = self.initial_margin(id, symbol);
            all.add(margin);
            positions += alone;
            requirements += together;
            if holding.is_isolated() {
                isolated_orders += together - alone;
            } else {
                cross.add(margin);
                cross_initial += together;
            }
        }
        let free = cross_wallet + cross.unrealized - cross_initial - isolated_orders;
        let withdraw = (cross_wallet - isolated_orders - cross.maintenance).min(free);
        AccountBalance {
            wallet_balance: wallet,
            cross_wallet_balance: cross_wallet,
            unrealized_profit: cut8(all.unrealized),
            cross_unrealized_profit: cut8(cross.unrealized),
            margin_balance: cut8(wallet + all.unrealized),
            available_balance: cut8(free.max(Decimal::ZERO)),
            max_withdraw: cut8(withdraw.max(Decimal::ZERO)),
            initial_margin: cut8(requirements),
            position_initial_margin: cut8(positions),
            open_order_initial_margin: cut8(requirements - positions),
            maint_margin: cut8(all.maintenance),
        }
    }

    /// Liquidation price of a position by Binance's formula; zero where there is none. `own` is its
    /// margin, `pool` that of the positions it stands and falls with.
    pub(crate) fn liquidation_price(
        &self,
        id: AccountId,
        symbol: usize,
        side: PositionSide,
        own: Margin,
        pool: (Decimal, Margin),
    ) -> Decimal {
        let position = self.holding(id, symbol).position(side);
        if position.qty == 0 {
            return Decimal::ZERO;
        }
        let (wallet, all) = pool;
        let rules = &self.markets[symbol].rules;
        let others = all.unrealized - own.unrealized - (all.maintenance - own.maintenance);
        let terms = LiquidationTerms {
            collateral: wallet + others,
            side: Decimal::from(position.qty.signum()),
            qty: rules.qty(position.qty.abs()),
            cost: position.cost,
        };
        cut8(terms.price_in(rules))
    }
}
