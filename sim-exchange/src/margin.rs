//! Margin of positions and open orders, and the balances that follow from it.

use engine::{AccountBalance, AccountId, PositionSide};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::accounts::{Account, Holding};
use crate::exchange::SimExchange;
use crate::ledger::LedgerAccount;
use crate::liquidation_price::{Leg, LiquidationTerms};
use crate::multi_assets::{self, MarginRate, SymbolLegs};
use crate::position::{Position, cut8};
use crate::quotient::{cut8_ratio, share};
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
        Margin::at(rules, position, rules.notional(mark, position.qty.abs()))
    }

    /// Of a position that is worth so much.
    #[inline]
    fn at(rules: &GridRules, position: &Position, worth: Decimal) -> Margin {
        Margin { unrealized: position.unrealized_at(worth), maintenance: maintenance(rules, worth) }
    }
}

/// Sums of the positions of one symbol, and of its open orders.
#[derive(Clone, Copy, Debug, Default)]
struct SymbolMargins {
    held: Margin,
    /// Initial margin of the positions.
    positions: Decimal,
    /// The same with the open orders.
    with_orders: Decimal,
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
    let exposure = if bids.is_zero() && asks.is_zero() && !position.is_zero() {
        position.abs()
    } else {
        (position + bids).abs().max((position - asks).abs())
    };
    share(exposure, leverage)
}

/// What the balances of an account's cross pool follow from. On multi-assets mode all of it is in USD.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolSums {
    /// The cross wallet.
    pub wallet: Decimal,
    /// Unrealised profit of the cross positions.
    pub unrealized: Decimal,
    /// Initial margin of the cross positions with their open orders.
    pub initial: Decimal,
    /// Initial margin of the open orders of isolated symbols.
    pub isolated_orders: Decimal,
    /// Maintenance margin of the cross positions.
    pub maintenance: Decimal,
}

impl PoolSums {
    /// Wallet and profit: what covers the maintenance margin.
    pub fn margin_balance(&self) -> Decimal {
        self.wallet + self.unrealized
    }

    /// Whether the pool is liquidated: its maintenance margin reaches its margin balance.
    pub fn is_due(&self) -> bool {
        self.maintenance >= self.margin_balance()
    }

    /// Maintenance margin in parts of the margin balance; `None` where that is not above zero.
    pub fn margin_ratio(&self) -> Option<Decimal> {
        let balance = self.margin_balance();
        (balance > Decimal::ZERO).then(|| self.maintenance / balance)
    }

    fn free(&self) -> Decimal {
        self.margin_balance() - self.initial - self.isolated_orders
    }

    /// For new orders, exact; Binance shows it cut.
    pub fn available(&self) -> Decimal {
        self.free().max(Decimal::ZERO)
    }

    /// What may be transferred out, and what may be added to isolated positions, exact: profit that is
    /// not realised stays, and the maintenance margin is not touched.
    pub fn max_withdraw(&self) -> Decimal {
        let kept = self.wallet - self.isolated_orders - self.maintenance;
        kept.min(self.free()).max(Decimal::ZERO)
    }
}

/// What may be taken out of an isolated position: what stays covers its maintenance margin, and with its
/// profit its initial margin at the mark.
pub(crate) fn removable(wallet: Decimal, margin: Margin, initial: Decimal) -> Decimal {
    let most = (wallet - margin.maintenance).min(wallet + margin.unrealized - initial);
    most.max(Decimal::ZERO)
}

/// The positions that stand and fall together: all cross positions of an account, or an isolated one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
                    if !holding.is_isolated() && holding.is_held() {
                        sums.add(self.margin_of_symbol(id, symbol));
                    }
                }
                sums
            }
        }
    }

    /// In USDT, with what the other assets stand for on multi-assets mode: what may be lost in all.
    pub(crate) fn pool_cover(&self, id: AccountId, pool: Pool) -> Decimal {
        match pool {
            Pool::Cross => self.cross_wallet(id) + self.backing(id),
            Pool::Isolated { .. } => self.pool_wallet(id, pool),
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

    /// Wallet, profit and maintenance margin of a pool; nothing of initial margins. In USDT, or of the whole
    /// account in USD on multi-assets mode.
    pub(crate) fn pool_sums(&self, id: AccountId, pool: Pool) -> PoolSums {
        if pool == Pool::Cross && self.account(id).multi_assets {
            return self.sums_usd(id);
        }
        let Margin { unrealized, maintenance } = self.pool_margin(id, pool);
        let wallet = self.pool_wallet(id, pool);
        PoolSums { wallet, unrealized, maintenance, ..PoolSums::default() }
    }

    /// Initial margin of a symbol's positions, and with its open orders.
    #[cfg(test)]
    pub(crate) fn initial_margin(&self, id: AccountId, symbol: usize) -> (Decimal, Decimal) {
        let margins = self.symbol_margins(id, symbol);
        (margins.positions, margins.with_orders)
    }

    fn symbol_margins(&self, id: AccountId, symbol: usize) -> SymbolMargins {
        let account = self.account(id);
        let holding = &account.holdings[symbol];
        let (rules, mark) = (&self.markets[symbol].rules, self.mark_or_zero(symbol));
        let mut sums = SymbolMargins::default();
        for side in account.sides() {
            let position = holding.position(*side);
            let open = &holding.open[*side as usize];
            let (bids, asks) = (open.bids_notional, open.asks_notional);
            let signed = rules.notional(mark, position.qty);
            if position.qty != 0 {
                sums.held.add(Margin::at(rules, position, signed.abs()));
                sums.positions += share(signed.abs(), holding.leverage);
            }
            sums.with_orders += requirement(signed, bids, asks, holding.leverage);
        }
        sums
    }

    /// The account's money.
    pub(crate) fn balances(&self, id: AccountId) -> AccountBalance {
        let wallet = self.wallet_balance(id);
        let cross_wallet = self.cross_wallet(id);
        let (mut all, mut cross) = (Margin::default(), Margin::default());
        let (mut positions, mut requirements) = (Decimal::ZERO, Decimal::ZERO);
        let mut pool = PoolSums { wallet: cross_wallet, ..PoolSums::default() };
        for (symbol, holding) in self.account(id).holdings.iter().enumerate() {
            if !holding.is_held() && !holding.has_open_orders() {
                continue;
            }
            let SymbolMargins { held: margin, positions: alone, with_orders: together } =
                self.symbol_margins(id, symbol);
            all.add(margin);
            positions += alone;
            requirements += together;
            if holding.is_isolated() {
                pool.isolated_orders += together - alone;
            } else {
                cross.add(margin);
                pool.initial += together;
            }
        }
        (pool.unrealized, pool.maintenance) = (cross.unrealized, cross.maintenance);
        let mut balance = AccountBalance {
            wallet_balance: wallet,
            cross_wallet_balance: cross_wallet,
            unrealized_profit: cut8(all.unrealized),
            cross_unrealized_profit: cut8(cross.unrealized),
            margin_balance: cut8(wallet + all.unrealized),
            available_balance: cut8(pool.available()),
            max_withdraw: cut8(pool.max_withdraw()),
            initial_margin: cut8(requirements),
            position_initial_margin: cut8(positions),
            open_order_initial_margin: cut8(requirements - positions),
            maint_margin: cut8(all.maintenance),
        };
        if self.account(id).multi_assets {
            self.count_in_usd(id, &mut balance);
        }
        balance
    }

    /// Liquidation price of a position by Binance's formula; zero where there is none. `own` is its
    /// margin, `pool` that of the positions it stands and falls with. In hedge mode on cross margin the
    /// symbol's two positions have one price.
    pub(crate) fn liquidation_price(
        &self,
        id: AccountId,
        symbol: usize,
        side: PositionSide,
        own: Margin,
        pool: (Decimal, Margin),
    ) -> Decimal {
        let (rules, holding) = (&self.markets[symbol].rules, self.holding(id, symbol));
        let position = holding.position(side);
        if position.qty == 0 {
            return Decimal::ZERO;
        }
        let mut legs = [leg(rules, position), Leg::default()];
        let (mut held, mut own) = (1, own);
        let other = match side {
            PositionSide::Both => None,
            PositionSide::Long => Some(PositionSide::Short),
            PositionSide::Short => Some(PositionSide::Long),
        };
        if let Some(other) = other.filter(|_| !holding.is_isolated())
            && holding.position(other).qty != 0
        {
            legs[1] = leg(rules, holding.position(other));
            held = 2;
            own.add(self.margin_of(id, symbol, other));
        }
        let mark = Decimal::new(self.mark_or_zero(symbol), rules.price_decimals);
        if self.account(id).multi_assets {
            let Margin { unrealized, maintenance } = own;
            let (legs, brackets) = (&legs[..held], &rules.rules.brackets[..]);
            let own = SymbolLegs { asset: 0, legs, unrealized, maintenance, brackets, mark };
            let assets = self.asset_sums(id);
            return cut8(multi_assets::liquidation_price(&assets, &own, MarginRate::Ask));
        }
        let (wallet, all) = pool;
        let others = all.unrealized - own.unrealized - (all.maintenance - own.maintenance);
        let terms = LiquidationTerms { collateral: wallet + others, legs: &legs[..held] };
        let Some((upper, lower)) = terms.parts_in(&rules.rules.brackets, mark) else {
            return cut8(Decimal::ZERO);
        };
        let price = cut8_ratio(upper, lower);
        if price.is_sign_negative() { cut8(Decimal::ZERO) } else { price }
    }
}

fn leg(rules: &GridRules, position: &Position) -> Leg {
    Leg {
        side: Decimal::from(position.qty.signum()),
        qty: rules.qty(position.qty.abs()),
        cost: position.cost,
    }
}
