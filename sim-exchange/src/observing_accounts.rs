//! What a server in front of the exchange shows of rules, accounts and limits, and can ask for without a
//! request. Nothing of it changes an account.

use std::sync::Arc;

use engine::{
    AccountId, AdlQuantile, AlgoOrderState, Instrument, MarginType, Nanos, OrderRef, OrderState,
    PositionRisk, PositionSide, PriceTicks, Side, SymbolIndex,
};
use rust_decimal::Decimal;

use crate::commission_tiers::VipLevel;
use crate::exchange::SimExchange;
use crate::ledger::LedgerRecord;
use crate::limits::LimitsConfig;
use crate::margin::requirement;
use crate::multi_assets::AssetSums;
use crate::position::cut8;
use crate::symbol_rules::SymbolRules;

/// What an account has chosen for a symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SymbolChoice {
    /// Chosen leverage.
    pub leverage: u32,
    /// Cross or isolated.
    pub margin_type: MarginType,
    /// The largest notional at this leverage, in USDT.
    pub max_notional: Decimal,
}

/// The open orders of an account in a symbol, for one position side. All in USDT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenNotionals {
    /// Of buys that may open, at their prices.
    pub bids: Decimal,
    /// The same of sells.
    pub asks: Decimal,
    /// Initial margin of the position with these orders, cut at eight decimals.
    pub initial_margin: Decimal,
}

/// What holds for a whole account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountChoice {
    /// Hedge mode, or else one-way.
    pub hedge: bool,
    /// All assets are collateral, or each for itself.
    pub multi_assets: bool,
    /// Its fee tier.
    pub vip: VipLevel,
    /// Of orders that rest, as a fraction.
    pub maker_rate: Decimal,
    /// Of orders that take, as a fraction.
    pub taker_rate: Decimal,
}

impl SimExchange {
    /// The exchange's time: that of the last thing that happened to it.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The run's symbols with their grids, in the order of `SymbolIndex`.
    pub fn instruments(&self) -> &[Instrument] {
        &self.config.instruments
    }

    /// The limits, and whether they are enforced.
    pub fn limits(&self) -> &LimitsConfig {
        &self.config.limits
    }

    /// Whoever stands before the exchange keeps its limits from now on: the exchange itself only counts.
    /// Returns what is to be kept.
    pub fn hand_over_limits(&mut self) -> LimitsConfig {
        let limits = self.config.limits.clone();
        self.config.limits.enforce = false;
        limits
    }

    /// The rules of a symbol that hold now; none where there is no such symbol.
    pub fn rules_of(&self, symbol: SymbolIndex) -> Option<&SymbolRules> {
        self.markets.get(usize::from(symbol.0)).map(|market| &market.rules.rules)
    }

    /// Whether a symbol is traded.
    pub fn is_trading(&self, symbol: SymbolIndex) -> bool {
        let market = self.markets.get(usize::from(symbol.0));
        market.is_some_and(|market| market.state.is_trading())
    }

    /// The mark price, or the last one where no mark is known; none before the first market event.
    pub fn mark_price(&self, symbol: SymbolIndex) -> Option<PriceTicks> {
        let symbol = usize::from(symbol.0);
        if symbol < self.markets.len() { self.mark(symbol).map(PriceTicks) } else { None }
    }

    /// The last price of the market; none before the first market event.
    pub fn last_price(&self, symbol: SymbolIndex) -> Option<PriceTicks> {
        let last = self.watch.get(usize::from(symbol.0))?.last;
        (last > 0).then_some(PriceTicks(last))
    }

    /// What the insurance fund holds, in USDT.
    pub fn insurance_fund(&self) -> Decimal {
        self.ledger.balance(crate::ledger::LedgerAccount::InsuranceFund)
    }

    /// How many records the ledger has had; each is numbered by how many came before it.
    pub fn ledger_serial(&self) -> u64 {
        self.ledger.dropped() + self.ledger.kept() as u64
    }

    /// The records from a number on, as far as they are kept, oldest first.
    pub fn ledger_since(&self, serial: u64) -> impl Iterator<Item = (u64, &LedgerRecord)> {
        let first = serial.max(self.ledger.dropped());
        (first..).zip(self.ledger.since((first - self.ledger.dropped()) as usize))
    }

    /// An order as a query finds it; none where the account has no such order.
    pub fn order_of(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
        order: &OrderRef,
    ) -> Option<&OrderState> {
        self.orders.query(account, symbol, order, self.now)
    }

    /// Every conditional order of an account that is still known, oldest first.
    pub fn algo_orders_of(&self, account: AccountId) -> impl Iterator<Item = &AlgoOrderState> {
        self.conditionals.algos_of(account)
    }

    /// All rows of `positionRisk`, flat ones too: the symbols in their order, one row in one-way mode, LONG
    /// and SHORT in hedge mode. Empty where there is no such account.
    pub fn position_rows_of(&self, account: AccountId) -> Arc<[PositionRisk]> {
        if usize::from(account.0) >= self.accounts.len() {
            return Arc::new([]);
        }
        self.risk_rows(account, self.wallet_balance(account), &mut Vec::new())
    }

    /// What an account has chosen; none where there is no such account.
    pub fn choice_of(&self, account: AccountId) -> Option<AccountChoice> {
        let number = usize::from(account.0);
        let known = self.accounts.get(number)?;
        let vip = match number.checked_sub(1) {
            None => self.config.vip,
            Some(further) => self.config.further_accounts.get(further)?.vip,
        };
        Some(AccountChoice {
            hedge: known.dual,
            multi_assets: known.multi_assets,
            vip,
            maker_rate: known.maker_rate,
            taker_rate: known.taker_rate,
        })
    }

    /// What an account has chosen for a symbol; none where there is no such account or symbol.
    pub fn symbol_choice_of(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
    ) -> Option<SymbolChoice> {
        let number = usize::from(symbol.0);
        let holding = self.accounts.get(usize::from(account.0))?.holdings.get(number)?;
        Some(SymbolChoice {
            leverage: holding.leverage,
            margin_type: holding.margin_type,
            max_notional: self.markets[number].rules.max_notional(holding.leverage),
        })
    }

    /// The open orders of an account; zeros where there is no such account or symbol.
    pub fn open_notionals_of(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
        side: PositionSide,
    ) -> OpenNotionals {
        let number = usize::from(symbol.0);
        let known = self.accounts.get(usize::from(account.0));
        let Some(holding) = known.and_then(|known| known.holdings.get(number)) else {
            return OpenNotionals::default();
        };
        let open = &holding.open[side as usize];
        let (bids, asks) = (open.bids_notional, open.asks_notional);
        let qty = holding.position(side).qty;
        let signed = self.markets[number].rules.notional(self.mark_or_zero(number), qty);
        let initial_margin = cut8(requirement(signed, bids, asks, holding.leverage));
        OpenNotionals { bids, asks, initial_margin }
    }

    /// What the bids and the asks among an account's resting orders for one position side are worth, those
    /// that only close included; zeros where there is no such account or symbol. See
    /// [`SimExchange::open_notionals_of`] for those that may open.
    pub fn resting_notionals_of(
        &self,
        account: AccountId,
        symbol: SymbolIndex,
        side: PositionSide,
    ) -> (Decimal, Decimal) {
        let (mut bids, mut asks) = (Decimal::ZERO, Decimal::ZERO);
        let number = usize::from(symbol.0);
        if usize::from(account.0) >= self.accounts.len() || number >= self.markets.len() {
            return (bids, asks);
        }
        let resting = self.resting_of(account, number).into_iter();
        for order in resting.filter(|order| order.position_side == side) {
            match order.side {
                Side::Buy => bids += order.notional,
                Side::Sell => asks += order.notional,
            }
        }
        (bids, asks)
    }

    /// Whether an account has an open order in a symbol.
    pub fn has_open_orders(&self, account: AccountId, symbol: SymbolIndex) -> bool {
        let known = self.accounts.get(usize::from(account.0));
        let holding = known.and_then(|known| known.holdings.get(usize::from(symbol.0)));
        holding.is_some_and(|holding| holding.has_open_orders())
    }

    /// The places of an account's positions in the deleveraging queues; empty where it holds none.
    pub fn adl_quantiles_of(&self, account: AccountId) -> Vec<AdlQuantile> {
        let known = self.accounts.get(usize::from(account.0));
        if known.is_some_and(|known| known.has_positions()) {
            self.adl_quantiles(account)
        } else {
            Vec::new()
        }
    }

    /// An account's assets, USDT first; those without a price yet are not there.
    pub fn assets_of(&self, account: AccountId) -> Vec<AssetSums> {
        if usize::from(account.0) >= self.accounts.len() {
            return Vec::new();
        }
        self.asset_sums(account)
    }
}
