//! P2.8: how much of one symbol the book may hold (EHR 3.13). Inputs that are missing count as calm: the
//! budget is advice unless it is enforced.

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite};

/// Settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetSettings {
    /// Share of the equity without stress.
    pub base_risk_pct: f64,
    /// In USDT.
    pub budget_min_usd: f64,
    /// In USDT.
    pub budget_max_usd: f64,
}

impl Default for BudgetSettings {
    fn default() -> BudgetSettings {
        BudgetSettings { base_risk_pct: 0.02, budget_min_usd: 500.0, budget_max_usd: 10_000.0 }
    }
}

/// What a budget follows from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetInput {
    /// In USDT.
    pub equity_usd: f64,
    /// Of the book; 0 where it is not known.
    pub portfolio_heat: f64,
    /// Of the clusters; 0 where it is not known.
    pub cluster_stress: f64,
    /// Of the symbol, [`vol_regime`].
    pub vol_regime: f64,
}

/// A budget and the stress that shrank it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// 0 to 1.
    pub stress_factor: f64,
    /// In USDT.
    pub budget_usd: f64,
}

/// The budget of one symbol.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn budget(input: &BudgetInput, settings: &BudgetSettings) -> Result<Budget, RefusedNumber> {
    all_finite(&[
        ("equity_usd", input.equity_usd),
        ("portfolio_heat", input.portfolio_heat),
        ("cluster_stress", input.cluster_stress),
        ("vol_regime", input.vol_regime),
        ("base_risk_pct", settings.base_risk_pct),
        ("budget_min_usd", settings.budget_min_usd),
        ("budget_max_usd", settings.budget_max_usd),
    ])?;
    let stress = 0.4 * input.portfolio_heat + 0.4 * input.cluster_stress + 0.2 * input.vol_regime;
    let stress_factor = stress.clamp(0.0, 1.0);
    let raw = input.equity_usd * settings.base_risk_pct * (1.0 - stress_factor);
    let budget_usd = raw.max(settings.budget_min_usd).min(settings.budget_max_usd);
    Ok(Budget { stress_factor, budget_usd })
}

/// How far a position is above its budget, in USDT; `None` when it is not.
#[must_use]
pub fn over_budget(position_notional_usd: f64, budget_usd: f64) -> Option<f64> {
    let over = position_notional_usd.abs() - budget_usd;
    (over > 0.0).then_some(over)
}

/// How wild a symbol is, 0 to 1: by the regime's word where it is one of three, else by sigma.
#[must_use]
pub fn vol_regime(word: Option<&str>, sigma: Option<f64>) -> f64 {
    match (word, sigma) {
        (Some("EXTREME"), _) => 1.0,
        (Some("HIGH"), _) => 0.67,
        (Some("LOW"), _) => 0.0,
        (_, Some(s)) if s > 0.03 => 1.0,
        (_, Some(s)) if s > 0.02 => 0.67,
        (_, Some(s)) if s < 0.005 => 0.0,
        _ => 0.33,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_wins_over_sigma() {
        assert_eq!(vol_regime(Some("LOW"), Some(0.04)), 0.0);
        assert_eq!(vol_regime(Some("NORMAL"), Some(0.04)), 1.0);
        assert_eq!(
            [0.03, 0.02, 0.005, 0.004].map(|s| vol_regime(None, Some(s))),
            [0.67, 0.33, 0.33, 0.0]
        );
        assert_eq!(vol_regime(None, None), 0.33);
        assert_eq!(over_budget(-600.0, 500.0), Some(100.0));
        assert_eq!(over_budget(500.0, 500.0), None);
    }
}
