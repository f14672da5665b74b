//! Multi-assets mode: all assets of an account are collateral, in USD, for its cross positions.
//!
//! Source: facts, section 9 (FAQ 29b45c485d664028b9ca1cdf90b24f6f).
//! Invariant: there are no isolated positions on this mode, so that nothing is set apart.

use engine::Symbol;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::collateral::AssetRates;
use crate::liquidation_price::{Leg, LiquidationTerms};
use crate::margin::PoolSums;
use crate::position::cut8;
use crate::symbol_rules::Bracket;

/// At which rate margins, which are amounts of the margin asset, count in USD. Binance does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarginRate {
    /// As what is owed.
    #[default]
    Ask,
    /// Without a buffer.
    Index,
}

impl MarginRate {
    fn of(self, rates: &AssetRates) -> Decimal {
        match self {
            MarginRate::Ask => rates.ask,
            MarginRate::Index => rates.index,
        }
    }
}

/// One asset of an account, in amounts of that asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetSums {
    /// Such as USDT.
    pub asset: Symbol,
    /// What it counts.
    pub rates: AssetRates,
    /// Wallet balance; below zero for a debt.
    pub wallet: Decimal,
    /// Unrealised profit of the positions that have it as margin asset.
    pub unrealized: Decimal,
    /// Their initial margin, with their open orders.
    pub initial: Decimal,
    /// Their maintenance margin.
    pub maintenance: Decimal,
}

/// The account in USD. An asset's profit is set off against its own wallet before it counts (unverified).
///
/// From it follow `available` (which every asset's `availableBalance` shows), `is_due` (liquidation is per
/// account) and `margin_ratio`.
pub fn account_usd(assets: &[AssetSums], rate: MarginRate) -> PoolSums {
    let mut sums = PoolSums::default();
    for asset in assets {
        let wallet = asset.rates.usd(asset.wallet);
        sums.wallet += wallet;
        sums.unrealized += asset.rates.usd(asset.wallet + asset.unrealized) - wallet;
        sums.initial += asset.initial * rate.of(&asset.rates);
        sums.maintenance += asset.maintenance * rate.of(&asset.rates);
    }
    sums
}

/// What may be withdrawn of an asset, in that asset, cut at 8 decimals: no more than its wallet, and no
/// more than the account can spare.
pub fn max_withdraw(assets: &[AssetSums], place: usize, rate: MarginRate) -> Decimal {
    let asset = &assets[place];
    let spare = account_usd(assets, rate).max_withdraw().checked_div(asset.rates.bid);
    cut8(asset.wallet.min(spare.unwrap_or_default()).max(Decimal::ZERO))
}

/// The legs of one symbol on multi-assets mode.
#[derive(Clone, Copy, Debug)]
pub struct SymbolLegs<'a> {
    /// The place of its margin asset among the account's.
    pub asset: usize,
    /// Its positions, at most two.
    pub legs: &'a [Leg],
    /// Their profit at the mark, which is part of the asset's sums.
    pub unrealized: Decimal,
    /// Their maintenance margin at the mark, which is part of the asset's sums.
    pub maintenance: Decimal,
    /// The symbol's tiers.
    pub brackets: &'a [Bracket],
    /// The symbol's mark price.
    pub mark: Decimal,
}

/// The formula of [`crate::liquidation_price`] with the whole account as collateral, in the symbol's
/// margin asset: the other assets and margins divided by the rate at which the margin asset counts where
/// nothing is left. Zero where there is no price above zero.
pub fn liquidation_price(
    assets: &[AssetSums],
    symbol: &SymbolLegs<'_>,
    margin_rate: MarginRate,
) -> Decimal {
    let asset = &assets[symbol.asset];
    let mut others = Decimal::ZERO;
    for (place, other) in assets.iter().enumerate() {
        let is_own = place == symbol.asset;
        let (balance, maintenance) = if is_own {
            (Decimal::ZERO, other.maintenance - symbol.maintenance)
        } else {
            (other.rates.usd(other.wallet + other.unrealized), other.maintenance)
        };
        others += balance - maintenance * margin_rate.of(&other.rates);
    }
    let without_legs = asset.wallet + asset.unrealized - symbol.unrealized;
    let price = |rate: Decimal| -> Option<Decimal> {
        let scale = margin_rate.of(&asset.rates).checked_div(rate)?;
        let scaled = |b: &Bracket| Bracket { mmr: b.mmr * scale, cum: b.cum * scale, ..b.clone() };
        let brackets: Vec<Bracket> = symbol.brackets.iter().map(scaled).collect();
        let collateral = without_legs + others.checked_div(rate)?;
        let terms = LiquidationTerms { collateral, legs: symbol.legs };
        Some(terms.price_in(&brackets, symbol.mark))
    };
    let balance_at = |price: Decimal| {
        let worth = |leg: &Leg| leg.side * (leg.qty * price - leg.cost);
        without_legs + symbol.legs.iter().map(worth).sum::<Decimal>()
    };
    // The margin asset is held at the price, and then counts at its bid, or else is owed.
    match price(asset.rates.bid) {
        Some(found) if !balance_at(found).is_sign_negative() => found,
        _ => price(asset.rates.ask).unwrap_or_default(),
    }
}
