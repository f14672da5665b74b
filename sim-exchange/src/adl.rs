//! Auto-deleveraging: who is closed first when the insurance fund cannot take over a position.
//!
//! Source: Binance FAQ 360033525471 in its older, complete form (facts, section 9). That today's formula is
//! the same is unverified, as are the ties and that `adlQuantile` counts fifths.

use std::cmp::{Ordering, Reverse};

use engine::{AccountId, PositionSide};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// How a position's place in the queue is weighed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AdlFormula {
    /// As published: `max(0, profit) / max(1, wallet) × maintenance / (wallet + profit of the pool)`.
    #[default]
    MarginRatio,
    /// As the newer text describes it, "by profit and leverage", without a formula:
    /// `max(0, profit) / max(1, wallet) × notional / (wallet + profit of the pool)`.
    EffectiveLeverage,
}

/// What a position's place is weighed from, in the margin asset. The pool is all that stands and falls
/// with the position: the account's cross positions, or itself on isolated margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdlTerms {
    /// Unrealised profit of the position.
    pub profit: Decimal,
    /// |position| at the mark.
    pub notional: Decimal,
    /// The pool's wallet.
    pub wallet: Decimal,
    /// Unrealised profit of the pool.
    pub pool_profit: Decimal,
    /// Maintenance margin of the pool.
    pub maintenance: Decimal,
}

impl AdlTerms {
    /// `max(0, profit) / max(1, wallet)`.
    pub fn profit_percent(&self) -> Decimal {
        self.profit.max(Decimal::ZERO) / self.wallet.max(Decimal::ONE)
    }

    /// Binance's LeveragePnl; zero where the pool has lost everything.
    pub fn score(&self, formula: AdlFormula) -> Decimal {
        let balance = self.wallet + self.pool_profit;
        if balance <= Decimal::ZERO {
            return Decimal::ZERO;
        }
        let over = match formula {
            AdlFormula::MarginRatio => self.maintenance,
            AdlFormula::EffectiveLeverage => self.notional,
        };
        self.profit_percent() * (over / balance)
    }
}

/// A position in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdlEntry {
    /// [`AdlTerms::score`].
    pub score: Decimal,
    /// |position| at the mark.
    pub notional: Decimal,
    /// Whose.
    pub account: AccountId,
    /// Which of its positions.
    pub position_side: PositionSide,
}

impl AdlEntry {
    /// Less comes first: the higher score, then the larger notional, then the lower account.
    pub fn first(&self, other: &AdlEntry) -> Ordering {
        let key = |e: &AdlEntry| (Reverse(e.score), Reverse(e.notional), e.account);
        key(self).cmp(&key(other)).then(self.position_side.cmp(&other.position_side))
    }
}

/// Puts the positions of one symbol and side in order, first to be closed first.
pub fn rank(mut entries: Vec<AdlEntry>) -> Vec<AdlEntry> {
    entries.sort_by(AdlEntry::first);
    entries
}

/// `adlQuantile`, 0 to 4: the fifth in which a position lies that has `behind` of `users` behind it. The
/// last one of a queue is in the lowest fifth, also when it is alone.
pub fn quantile(behind: usize, users: usize) -> u8 {
    assert!(behind < users, "whoever is asked about is in the queue");
    (behind * 5 / users) as u8
}
