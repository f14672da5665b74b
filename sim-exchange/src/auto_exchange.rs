//! Auto-exchange on multi-assets mode: collateral is sold to settle wallets that are below zero.
//!
//! Source: facts, section 9, and the trading rules' page on multi-asset info: a debt is settled whole, and
//! each collateral gives in proportion to what it is worth. For 20,000 BUSD owed, BTC worth
//! 20,000 / 97.5 % of its index is sold.
//!
//! Invariant: no wallet that gives ends below zero, none that receives above it; what is received is never
//! worth more than what is given.

use std::collections::BTreeMap;

use engine::Symbol;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::collateral::AssetRates;
use crate::commission_tiers::VipLevel;
use crate::position::cut8;

/// Why collateral is exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AutoExchangeCause {
    /// A wallet has fallen below its threshold: that wallet is settled.
    Threshold,
    /// A liquidation: all wallets below zero are settled.
    Liquidation,
    /// No positions and no orders, and what is owed comes near to what is held: all are settled.
    LoanToValue,
}

/// When wallets are settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoExchangeRules {
    /// A wallet worth less than this in USD, at its index (unverified at which rate).
    pub threshold_usd: Decimal,
    /// Thresholds in the asset itself, which go before the one in USD.
    pub thresholds: BTreeMap<Symbol, Decimal>,
    /// Owed in parts of held, without positions and orders.
    pub loan_to_value: Decimal,
}

impl AutoExchangeRules {
    /// Today's: -10,000 USD, or for a regular user and VIP 1 -5,000 USDT or USDC and -0.1 BTC; 0.995.
    /// Since when is not known.
    pub fn of_level(level: VipLevel) -> AutoExchangeRules {
        let own = [("USDT", Decimal::from(-5_000)), ("USDC", Decimal::from(-5_000))];
        let own = own.into_iter().chain([("BTC", Decimal::new(-1, 1))]);
        let is_low = u8::from(level) <= 1;
        let named = |(name, threshold)| Symbol::new(name).ok().map(|asset| (asset, threshold));
        AutoExchangeRules {
            threshold_usd: Decimal::from(-10_000),
            thresholds: own.filter(|_| is_low).filter_map(named).collect(),
            loan_to_value: Decimal::new(995, 3),
        }
    }

    /// Earlier ones: -10,000 USD for everybody, and 1.
    pub fn earlier() -> AutoExchangeRules {
        AutoExchangeRules {
            threshold_usd: Decimal::from(-10_000),
            thresholds: BTreeMap::new(),
            loan_to_value: Decimal::ONE,
        }
    }

    fn is_below_threshold(&self, wallet: &AssetWallet) -> bool {
        match self.thresholds.get(&wallet.asset) {
            Some(threshold) => wallet.balance < *threshold,
            None => wallet.balance * wallet.rates.index < self.threshold_usd,
        }
    }
}

/// A wallet of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetWallet {
    /// Such as USDT.
    pub asset: Symbol,
    /// What it counts.
    pub rates: AssetRates,
    /// Below zero for a debt.
    pub balance: Decimal,
}

impl AssetWallet {
    fn owed(&self) -> Decimal {
        (-self.balance).max(Decimal::ZERO)
    }

    fn held(&self) -> Decimal {
        self.balance.max(Decimal::ZERO)
    }
}

/// One asset given for another; reason AUTO_EXCHANGE. Both amounts are above zero, with 8 decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// The collateral.
    pub from: Symbol,
    /// How much of it is given.
    pub given: Decimal,
    /// The debt.
    pub to: Symbol,
    /// How much of it is settled.
    pub received: Decimal,
}

/// What is owed in parts of what is held, both at the rates of an auto-exchange (unverified); `None` where
/// something is owed and nothing held.
pub fn loan_to_value(wallets: &[AssetWallet]) -> Option<Decimal> {
    let owed: Decimal = wallets.iter().map(|w| w.owed() * w.rates.auto_exchange_ask).sum();
    let held: Decimal = wallets.iter().map(|w| w.held() * w.rates.auto_exchange_bid).sum();
    if owed.is_zero() { Some(Decimal::ZERO) } else { owed.checked_div(held) }
}

/// Why an account's wallets are settled now, if they are. `idle` is an account without positions and
/// orders.
pub fn cause(
    rules: &AutoExchangeRules,
    wallets: &[AssetWallet],
    idle: bool,
    liquidated: bool,
) -> Option<AutoExchangeCause> {
    if wallets.iter().all(|wallet| wallet.owed().is_zero()) {
        return None;
    }
    let too_much = || loan_to_value(wallets).is_none_or(|ratio| ratio >= rules.loan_to_value);
    if liquidated {
        Some(AutoExchangeCause::Liquidation)
    } else if wallets.iter().any(|wallet| rules.is_below_threshold(wallet)) {
        Some(AutoExchangeCause::Threshold)
    } else if idle && too_much() {
        Some(AutoExchangeCause::LoanToValue)
    } else {
        None
    }
}

/// What is exchanged for this cause, debts in the order of the wallets. Where the collateral is not enough
/// all of it is given, and the debts are settled in proportion. What is given is rounded up at 8 decimals
/// and what is received cut, so that rounding never makes money.
pub fn settle(
    rules: &AutoExchangeRules,
    wallets: &[AssetWallet],
    cause: AutoExchangeCause,
) -> Vec<Conversion> {
    let is_due = |w: &&AssetWallet| {
        !w.owed().is_zero()
            && (cause != AutoExchangeCause::Threshold || rules.is_below_threshold(w))
    };
    let debts: Vec<&AssetWallet> = wallets.iter().filter(is_due).collect();
    let mut givers: Vec<(&AssetWallet, Decimal)> =
        wallets.iter().map(|w| (w, w.held())).filter(|(_, held)| !held.is_zero()).collect();
    let worth = |w: &AssetWallet| w.held() * w.rates.auto_exchange_bid;
    let held: Decimal = givers.iter().map(|(w, _)| worth(w)).sum();
    let owed: Decimal = debts.iter().map(|w| w.owed() * w.rates.auto_exchange_ask).sum();
    let mut conversions = Vec::new();
    if held.is_zero() || owed.is_zero() {
        return conversions;
    }
    let part = (held / owed).min(Decimal::ONE);
    for debt in debts {
        let mut left = cut8(debt.owed() * part);
        let count = givers.len();
        for (n, (giver, remaining)) in givers.iter_mut().enumerate() {
            let price = debt.rates.auto_exchange_ask / giver.rates.auto_exchange_bid;
            let share = debt.owed() * part * (worth(giver) / held);
            // The last one settles what the others' cuts have left.
            let wanted = if n + 1 == count { left } else { cut8(share).min(left) };
            let up8 = RoundingStrategy::ToPositiveInfinity;
            let asked = (wanted * price).round_dp_with_strategy(8, up8);
            let (given, received) = if asked <= *remaining {
                (asked, wanted)
            } else {
                (*remaining, cut8(*remaining / price).min(wanted))
            };
            if given.is_zero() || received.is_zero() {
                continue;
            }
            *remaining -= given;
            left -= received;
            let (from, to) = (giver.asset, debt.asset);
            conversions.push(Conversion { from, given, to, received });
        }
    }
    conversions
}
