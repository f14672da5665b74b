//! P2.9: target capital of one symbol (EHR 3.14).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite, finite, not_negative, positive};

/// Largest share of the equity of one symbol.
const SYMBOL_CAP: f64 = 0.40;
/// Largest share of the equity of one cluster.
const CLUSTER_CAP: f64 = 0.60;

/// How P3.0's performance factor, -1 to 1, becomes a multiplier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PerformanceMapping {
    /// 0.5 to 1.5, 1 for a neutral record.
    #[default]
    Bounded,
    /// Audited: the factor itself, with which a neutral record takes everything away.
    AuditedRaw,
}

/// The multiplier of a performance factor.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn performance_multiplier(
    performance_factor: f64,
    mapping: PerformanceMapping,
) -> Result<f64, RefusedNumber> {
    let factor = finite("performance_factor", performance_factor)?;
    Ok(match mapping {
        PerformanceMapping::Bounded => (1.0 + 0.5 * factor).clamp(0.5, 1.5),
        PerformanceMapping::AuditedRaw => factor,
    })
}

/// The regime of the market as the meta regime names it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocationRegime<'a> {
    /// `TREND`, `MEAN_REVERSION`, `CHOP` or another.
    pub name: &'a str,
    /// 0 to 1.
    pub confidence: f64,
}

/// What a target follows from; `None` is missing or stale, and takes no effect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AllocationInput<'a> {
    /// P2.8's, in USDT.
    pub budget_usd: f64,
    /// The budget is too old: it is the target, and nothing is multiplied.
    pub budget_stale: bool,
    /// In USDT.
    pub equity_usd: f64,
    /// Below the peak, a fraction.
    pub drawdown: f64,
    /// Of the market.
    pub regime: Option<AllocationRegime<'a>>,
    /// P3.0's, as [`performance_multiplier`] made it.
    pub performance_multiplier: Option<f64>,
    /// Of the symbol's cluster, 0 to 1.
    pub cluster_stress: Option<f64>,
}

/// How deep below the peak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DrawdownZone {
    /// Below 5 %.
    Low,
    /// Below 15 %.
    Mid,
    /// More.
    High,
}

impl DrawdownZone {
    /// The zone of a drawdown.
    #[must_use]
    pub fn of(drawdown: f64) -> DrawdownZone {
        match drawdown {
            d if d < 0.05 => DrawdownZone::Low,
            d if d < 0.15 => DrawdownZone::Mid,
            _ => DrawdownZone::High,
        }
    }

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            DrawdownZone::Low => "LOW",
            DrawdownZone::Mid => "MID",
            DrawdownZone::High => "HIGH",
        }
    }

    const fn factor(self) -> f64 {
        match self {
            DrawdownZone::Low => 1.0,
            DrawdownZone::Mid => 0.7,
            DrawdownZone::High => 0.4,
        }
    }
}

/// The factors that were used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AllocationFactors {
    /// Of the regime.
    pub regime_factor: f64,
    /// Of the cluster's stress.
    pub cluster_factor: f64,
    /// Of the drawdown.
    pub drawdown_factor: f64,
    /// Of the performance.
    pub performance_factor: f64,
    /// `P3.0` or `fallback`.
    pub performance_source: &'static str,
}

/// A target, before the caps of the clusters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Allocation {
    /// In USDT.
    pub target_usd: f64,
    /// Share of the equity.
    pub weight: f64,
    /// Of the drawdown.
    pub drawdown_zone: DrawdownZone,
    /// 0 to 1.
    pub confidence: f64,
    /// What the budget was multiplied by.
    pub factors: AllocationFactors,
}

/// The target of one symbol.
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities, equity that is not above zero and a negative budget.
pub fn allocation(input: &AllocationInput<'_>) -> Result<Allocation, RefusedNumber> {
    let equity = positive("equity_usd", input.equity_usd)?;
    let budget = not_negative("budget_usd", input.budget_usd)?;
    let drawdown_zone = DrawdownZone::of(finite("drawdown", input.drawdown)?);
    all_finite(&[
        ("regime confidence", input.regime.map_or(0.0, |regime| regime.confidence)),
        ("performance_multiplier", input.performance_multiplier.unwrap_or(0.0)),
        ("cluster_stress", input.cluster_stress.unwrap_or(0.0)),
    ])?;
    let factors = if input.budget_stale { NEUTRAL } else { factors(input, drawdown_zone) };
    let confidence = if input.budget_stale { 0.5 } else { confidence(input) };
    let product = factors.regime_factor
        * factors.cluster_factor
        * factors.drawdown_factor
        * factors.performance_factor;
    let target_usd = finite("target_usd", (budget * product).min(SYMBOL_CAP * equity))?;
    Ok(Allocation { target_usd, weight: target_usd / equity, drawdown_zone, confidence, factors })
}

const NEUTRAL: AllocationFactors = AllocationFactors {
    regime_factor: 1.0,
    cluster_factor: 1.0,
    drawdown_factor: 1.0,
    performance_factor: 1.0,
    performance_source: "fallback",
};

fn factors(input: &AllocationInput<'_>, zone: DrawdownZone) -> AllocationFactors {
    AllocationFactors {
        regime_factor: match input.regime.map(|regime| regime.name) {
            Some("TREND") => 1.2,
            Some("CHOP") => 0.6,
            _ => 1.0,
        },
        cluster_factor: input.cluster_stress.map_or(1.0, |stress| (1.0 - stress).clamp(0.3, 1.0)),
        drawdown_factor: zone.factor(),
        performance_factor: input.performance_multiplier.unwrap_or(1.0),
        performance_source: if input.performance_multiplier.is_some() {
            "P3.0"
        } else {
            "fallback"
        },
    }
}

fn confidence(input: &AllocationInput<'_>) -> f64 {
    let regime = input.regime.map_or(0.5, |regime| regime.confidence);
    let both = input.cluster_stress.map_or(regime, |stress| (regime + 1.0 - stress) / 2.0);
    both.clamp(0.0, 1.0)
}

/// Scales the targets of each cluster down until their sum is at most 60 % of the equity. `cluster_of`
/// names the cluster of each target; symbols of which nobody knows the cluster share none.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn cap_clusters(
    targets_usd: &mut [f64],
    cluster_of: &[Option<usize>],
    equity_usd: f64,
) -> Result<(), RefusedNumber> {
    let cap = CLUSTER_CAP * not_negative("equity_usd", equity_usd)?;
    targets_usd.iter().try_for_each(|t| finite("target_usd", *t).map(drop))?;
    let given = targets_usd.to_vec();
    for (at, target) in targets_usd.iter_mut().enumerate() {
        let Some(cluster) = cluster_of.get(at).copied().flatten() else { continue };
        let members = given.iter().zip(cluster_of).filter(|(_, of)| **of == Some(cluster));
        let sum: f64 = members.map(|(target, _)| target).sum();
        if sum > cap {
            *target *= cap / sum;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neutral_record_changes_nothing_unless_audited() {
        let of = |pf, mapping| performance_multiplier(pf, mapping).expect("finite");
        let bounded =
            [-2.0, -1.0, 0.0, 0.5, 1.0, 2.0].map(|pf| of(pf, PerformanceMapping::Bounded));
        assert_eq!(bounded, [0.5, 0.5, 1.0, 1.25, 1.5, 1.5]);
        assert_eq!(of(0.0, PerformanceMapping::AuditedRaw), 0.0);
    }

    #[test]
    fn a_stale_budget_is_the_target() {
        let input = AllocationInput {
            budget_usd: 2_000.0,
            budget_stale: true,
            equity_usd: 100_000.0,
            drawdown: 0.3,
            regime: Some(AllocationRegime { name: "CHOP", confidence: 0.9 }),
            performance_multiplier: Some(0.5),
            cluster_stress: Some(0.5),
        };
        let out = allocation(&input).expect("finite");
        assert_eq!((out.target_usd, out.confidence, out.factors), (2_000.0, 0.5, NEUTRAL));
    }

    #[test]
    fn a_cluster_is_scaled_to_its_cap_and_unknown_ones_are_not() {
        let mut targets = [4_000.0, 4_000.0, 3_000.0, 4_000.0];
        let clusters = [Some(0), Some(0), Some(1), None];
        cap_clusters(&mut targets, &clusters, 10_000.0).expect("finite");
        assert_eq!(targets, [3_000.0, 3_000.0, 3_000.0, 4_000.0]);
    }

    #[test]
    fn zones_and_regimes_have_their_factors() {
        let zones = [0.049, 0.05, 0.149, 0.15].map(|d| DrawdownZone::of(d).factor());
        assert_eq!(zones, [1.0, 0.7, 0.7, 0.4]);
        let target = |name, stress| {
            let input = AllocationInput {
                budget_usd: 1_000.0,
                budget_stale: false,
                equity_usd: 1e6,
                drawdown: 0.0,
                regime: Some(AllocationRegime { name, confidence: 0.5 }),
                performance_multiplier: None,
                cluster_stress: stress,
            };
            allocation(&input).expect("finite").target_usd
        };
        let regimes = ["TREND", "MEAN_REVERSION", "CHOP", "?"].map(|name| target(name, None));
        assert_eq!(regimes, [1_200.0, 1_000.0, 600.0, 1_000.0]);
        assert_eq!([0.0, 0.5, 0.9].map(|s| target("?", Some(s))), [1_000.0, 500.0, 300.0]);
    }
}
