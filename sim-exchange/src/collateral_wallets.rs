//! An account's assets beside USDT: what they count on multi-assets mode, and their auto-exchange.
//!
//! The ledger knows USDT only; amounts of other assets are kept here. On multi-assets mode everything that
//! margin is tested with is in USD: see [`crate::multi_assets`]. USDT has the index 1, and counts as any
//! other asset: at its bid where wallet and profit are held, at its ask where they are owed; margins, which
//! are amounts of USDT, count at its ask. The buffers are those of the start of the run.
//!
//! Invariant: on multi-assets mode no symbol is isolated, so that the cross pool is the whole account.
//! Invariant: what an asset has left and what was exchanged of it add up to the amount at the start.

use engine::{
    AccountBalance, AccountId, AccountUpdateReason, Answer, ExchangeError, Nanos, Symbol, UserEvent,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::auto_exchange::{self, AssetWallet, AutoExchangeRules};
use crate::collateral::{AssetRates, Buffers, CollateralBook};
use crate::config::{AccountConfig, ConfigError, money_problem};
use crate::exchange::SimExchange;
use crate::ledger::{IncomeType, LedgerAccount};
use crate::margin::{Pool, PoolSums};
use crate::multi_assets::{AssetSums, MarginRate, account_usd, max_withdraw};
use crate::position::cut8;
use crate::symbol_rules::RulesError;
use crate::wire::VenueError;

/// What Binance does not say.
const MARGIN_RATE: MarginRate = MarginRate::Ask;

/// An asset beside USDT that an account holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collateral {
    /// Such as BTC.
    pub asset: Symbol,
    /// How much of it, at the start.
    pub amount: Decimal,
    /// What one unit is worth.
    pub price: CollateralPrice,
}

/// The index of an asset in USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollateralPrice {
    /// It never moves.
    Fixed(Decimal),
    /// The mark price of a symbol of the run, as if a USDT were a dollar; nothing before its first price.
    MarkOf(Symbol),
}

/// Where an asset's index comes from, found in the run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Index {
    Fixed(Decimal),
    MarkOf(usize),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held {
    asset: Symbol,
    amount: Decimal,
    exchanged: Decimal,
    buffers: Buffers,
    index: Index,
}

/// The assets of an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CollateralWallets {
    usdt: (Symbol, AssetRates),
    others: Vec<Held>,
    rules: AutoExchangeRules,
}

impl CollateralWallets {
    /// As they are stated, with what is doubtful about their buffers.
    pub(crate) fn new(
        stated: &AccountConfig,
        symbols: &[Symbol],
        at: Nanos,
        warnings: &mut Vec<String>,
    ) -> Result<CollateralWallets, ConfigError> {
        let book = CollateralBook::embedded()?;
        let mut doubts = Vec::new();
        let mut buffers = |asset| -> Result<Buffers, RulesError> {
            let (buffers, said) = book.buffers(asset, at)?;
            doubts.extend(said);
            Ok(buffers)
        };
        let usdt = Symbol::new("USDT").map_err(|e| ConfigError::Invalid(e.to_string()))?;
        let usdt = (usdt, AssetRates::new(Decimal::ONE, &buffers(usdt)?));
        let mut others = Vec::with_capacity(stated.collateral.len());
        for Collateral { asset, amount, price } in &stated.collateral {
            let index = match price {
                CollateralPrice::Fixed(price) => Index::Fixed(*price),
                CollateralPrice::MarkOf(symbol) => {
                    let place = symbols.iter().position(|s| s == symbol);
                    Index::MarkOf(place.ok_or_else(|| ConfigError::Invalid(stranger(*symbol)))?)
                }
            };
            let buffers = buffers(*asset)?;
            let (asset, amount, exchanged) = (*asset, *amount, Decimal::ZERO);
            others.push(Held { asset, amount, exchanged, buffers, index });
        }
        if stated.multi_assets || !stated.collateral.is_empty() {
            doubts.retain(|doubt| !warnings.contains(doubt));
            warnings.extend(doubts);
        }
        let rules = AutoExchangeRules::of_level(stated.vip);
        Ok(CollateralWallets { usdt, others, rules })
    }

    /// As at the start.
    pub(crate) fn restore(&mut self) {
        for held in &mut self.others {
            held.amount += std::mem::take(&mut held.exchanged);
        }
    }

    #[cfg(test)]
    pub(crate) fn amount_of(&self, asset: Symbol) -> Decimal {
        self.others.iter().filter(|held| held.asset == asset).map(|held| held.amount).sum()
    }

    /// Whether a symbol's mark is the index of something that is held.
    pub(crate) fn is_priced_by(&self, symbol: usize) -> bool {
        let by = |held: &Held| matches!(held.index, Index::MarkOf(place) if place == symbol);
        self.others.iter().any(|held| by(held) && !held.amount.is_zero())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.others.iter().all(|held| held.amount.is_zero())
    }

    /// Whether all is where it was, or exchanged.
    pub(crate) fn check(&self, stated: &AccountConfig) -> Result<(), String> {
        for (held, stated) in self.others.iter().zip(&stated.collateral) {
            let Held { asset, amount, exchanged, .. } = held;
            if amount.is_sign_negative() || *amount + *exchanged != stated.amount {
                return Err(format!("{asset}: {amount} left and {exchanged} exchanged"));
            }
        }
        Ok(())
    }
}

fn stranger(symbol: Symbol) -> String {
    format!("collateral: {symbol} is not among the instruments")
}

impl AccountConfig {
    /// What is wrong with its assets.
    pub(crate) fn collateral_problem(&self, is_ours: impl Fn(&Symbol) -> bool) -> Option<String> {
        let isolated = self.margin_type.iter().find(|(_, t)| **t == engine::MarginType::Isolated);
        if let Some((symbol, _)) = isolated.filter(|_| self.multi_assets) {
            return Some(format!(
                "multi_assets: {symbol} is isolated; that mode has cross margin only"
            ));
        }
        for (n, Collateral { asset, amount, price }) in self.collateral.iter().enumerate() {
            if asset.as_str() == "USDT" {
                return Some("collateral: USDT is the wallet; state it there".to_owned());
            }
            if self.collateral[..n].iter().any(|other| other.asset == *asset) {
                return Some(format!("collateral: {asset} stands twice"));
            }
            let problem = match price {
                CollateralPrice::Fixed(price) if price.is_zero() => {
                    Some(format!("collateral: the price of {asset} is 0; it must be above"))
                }
                CollateralPrice::Fixed(price) => money_problem("collateral: price", *price),
                CollateralPrice::MarkOf(symbol) => (!is_ours(symbol)).then(|| stranger(*symbol)),
            };
            let problem = problem.or_else(|| money_problem("collateral: amount", *amount));
            if problem.is_some() {
                return problem;
            }
        }
        None
    }
}

impl SimExchange {
    /// What one unit of each priced asset counts, with its amount.
    fn priced(&self, id: AccountId) -> impl Iterator<Item = (Symbol, AssetRates, Decimal)> {
        self.account(id).collateral.others.iter().filter_map(|held| {
            let index = match held.index {
                Index::Fixed(price) => price,
                Index::MarkOf(symbol) => {
                    Decimal::new(self.mark(symbol)?, self.markets[symbol].rules.price_decimals)
                }
            };
            Some((held.asset, AssetRates::new(index, &held.buffers), held.amount))
        })
    }

    /// The account's assets: USDT first, without initial margin.
    pub(crate) fn asset_sums(&self, id: AccountId) -> Vec<AssetSums> {
        let (asset, rates) = self.account(id).collateral.usdt;
        let margin = self.pool_margin(id, Pool::Cross);
        let usdt = AssetSums {
            asset,
            rates,
            wallet: self.cross_wallet(id),
            unrealized: margin.unrealized,
            initial: Decimal::ZERO,
            maintenance: margin.maintenance,
        };
        let zero = Decimal::ZERO;
        let (unrealized, initial, maintenance) = (zero, zero, zero);
        let other = |(asset, rates, wallet)| AssetSums {
            asset,
            rates,
            wallet,
            unrealized,
            initial,
            maintenance,
        };
        std::iter::once(usdt).chain(self.priced(id).map(other)).collect()
    }

    /// Wallet, profit and maintenance margin of the account, in USD.
    pub(crate) fn sums_usd(&self, id: AccountId) -> PoolSums {
        account_usd(&self.asset_sums(id), MARGIN_RATE)
    }

    /// The same with another USDT wallet and another maintenance margin.
    pub(crate) fn sums_usd_with(
        &self,
        id: AccountId,
        wallet: Decimal,
        maintenance: Decimal,
    ) -> PoolSums {
        let mut assets = self.asset_sums(id);
        (assets[0].wallet, assets[0].maintenance) = (wallet, maintenance);
        account_usd(&assets, MARGIN_RATE)
    }

    /// What the margin of an order counts: as it is, or on multi-assets mode in USD.
    pub(crate) fn margin_counted(&self, id: AccountId, usdt: Decimal) -> Decimal {
        let account = self.account(id);
        if account.multi_assets { usdt * account.collateral.usdt.1.ask } else { usdt }
    }

    /// The USDT that the other assets stand for: what may be owed until nothing is left,
    /// cut at 8 decimals.
    pub(crate) fn backing(&self, id: AccountId) -> Decimal {
        let account = self.account(id);
        if !account.multi_assets {
            return Decimal::ZERO;
        }
        let usd: Decimal = self.priced(id).map(|(_, rates, amount)| rates.usd(amount)).sum();
        cut8(usd / account.collateral.usdt.1.ask)
    }

    /// Puts the figures of the whole account in USD in place of those in USDT: margins, margin balance and
    /// what is available. Wallets and profits stay those of USDT.
    pub(crate) fn count_in_usd(&self, id: AccountId, balance: &mut AccountBalance) {
        let mut assets = self.asset_sums(id);
        assets[0].initial = balance.initial_margin;
        let sums = account_usd(&assets, MARGIN_RATE);
        let counted = |usdt: Decimal| cut8(self.margin_counted(id, usdt));
        balance.margin_balance = cut8(sums.margin_balance());
        balance.available_balance = cut8(sums.available());
        balance.max_withdraw = max_withdraw(&assets, 0, MARGIN_RATE);
        balance.initial_margin = counted(balance.initial_margin);
        balance.position_initial_margin = counted(balance.position_initial_margin);
        balance.open_order_initial_margin = counted(balance.open_order_initial_margin);
        balance.maint_margin = counted(balance.maint_margin);
    }

    /// Sells collateral for USDT that are owed, if there is a cause.
    pub(crate) fn auto_exchange(&mut self, id: AccountId, liquidated: bool) {
        let account = self.account(id);
        let owes = self.cross_wallet(id) < Decimal::ZERO;
        if !account.multi_assets || !owes || account.collateral.is_empty() || self.is_closed() {
            return;
        }
        let waits = (0..self.markets.len()).any(|symbol| self.conditionals.any(id, symbol));
        let idle = !account.has_positions()
            && !waits
            && !account.holdings.iter().any(|holding| holding.has_open_orders());
        let (asset, rates) = account.collateral.usdt;
        let usdt = AssetWallet { asset, rates, balance: self.cross_wallet(id) };
        let other = |(asset, rates, balance)| AssetWallet { asset, rates, balance };
        let wallets: Vec<_> = std::iter::once(usdt).chain(self.priced(id).map(other)).collect();
        let rules = &account.collateral.rules;
        let Some(cause) = auto_exchange::cause(rules, &wallets, idle, liquidated) else { return };
        let conversions = auto_exchange::settle(rules, &wallets, cause);
        let received: Decimal = conversions.iter().map(|conversion| conversion.received).sum();
        // Where a debt stays all is given; rounding may leave some last decimals, which go along.
        let is_all_given = received < -usdt.balance;
        for held in &mut self.account_mut(id).collateral.others {
            let of = conversions.iter().filter(|conversion| conversion.from == held.asset);
            let given: Decimal = of.map(|conversion| conversion.given).sum();
            if given.is_zero() {
                continue;
            }
            let given = if is_all_given { held.amount } else { given };
            held.amount -= given;
            held.exchanged += given;
        }
        if received.is_zero() {
            return;
        }
        let (income, world) = (IncomeType::AutoExchange, LedgerAccount::External);
        self.ledger.wallet(id, self.now, income, received, None, world);
        self.send_account(id, AccountUpdateReason::AutoExchange, received, None);
    }

    /// POST `/fapi/v1/multiAssetsMargin`.
    pub(crate) fn set_multi_assets_mode(
        &mut self,
        id: AccountId,
        multi_assets: bool,
    ) -> Result<Answer, ExchangeError> {
        let account = self.account(id);
        if account.multi_assets == multi_assets {
            return Err(VenueError::SameMultiAssetsMode.error());
        }
        let waits = (0..self.markets.len()).any(|symbol| self.conditionals.any(id, symbol));
        if waits || account.holdings.iter().any(|holding| holding.has_open_orders()) {
            return Err(VenueError::MultiAssetsWithOrders.error());
        }
        if account.holdings.iter().any(|holding| holding.is_isolated()) {
            return Err(VenueError::MultiAssetsWithIsolated.error());
        }
        if self.wallet_balance(id) < Decimal::ZERO {
            return Err(VenueError::MultiAssetsNegativeBalance.error());
        }
        // Positions stay, if what covers them in the other mode is enough.
        self.account_mut(id).multi_assets = multi_assets;
        let balances = self.balances(id);
        if balances.initial_margin > balances.margin_balance {
            self.account_mut(id).multi_assets = !multi_assets;
            return Err(VenueError::MultiAssetsMarginShort.error());
        }
        // Liquidation prices are others now.
        self.account_mut(id).risks = Default::default();
        self.send_user(id, UserEvent::MultiAssetsUpdate { multi_assets });
        Ok(Answer::Done)
    }

    /// What is assumed about the assets beside USDT, where there are any.
    pub(crate) fn collateral_sentence(&self) -> Option<String> {
        let concerned =
            |account: &AccountConfig| account.multi_assets || !account.collateral.is_empty();
        self.config.accounts().any(|account| concerned(&account)).then(|| {
            "Multi-assets mode: buffers are those of the start, a USDT has the index 1, its profits and margins count at its own rates; collateral is sold when a wallet is below -5,000 USDT (from VIP 2 on -10,000 USD), on liquidation, or without positions and orders at a loan to value of 0.995 (details unverified).".to_owned()
        })
    }
}
