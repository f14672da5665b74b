//! P2, the harvest kernel (EHR 3.3): from position, market state and stop distance one proposed action.

use serde::Serialize;

use super::{KillComponents, Theta, kill_score};
use crate::close_action::CloseAction;
use crate::numbers::{RefusedNumber, all_finite, finite, positive};
use crate::position::{MarketView, Position, PositionSide};

/// The smallest risk of one unit: it is divided by.
const RISK_UNIT_MIN: f64 = 1e-9;

/// A stop that is closer than a basis point is none: the cost of a round trip is ten of them, and R would be whatever
/// the quotient of two small numbers happens to be. P1's own never falls below 50.
const STOP_DIST_MIN: f64 = 0.0001;

/// A stop distance that R can be measured by; what is not finite, not above zero or absurdly small cannot.
#[must_use]
pub fn usable_stop_distance(stop_dist_pct: f64) -> Option<f64> {
    (stop_dist_pct.is_finite() && stop_dist_pct >= STOP_DIST_MIN).then_some(stop_dist_pct)
}

/// What is proposed for a position.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HarvestProposal {
    /// `None` is written as `NONE`.
    pub action: Option<CloseAction>,
    /// A stop tighter than the one in force, in USDT.
    pub new_sl: Option<f64>,
    /// Profit after cost in multiples of the risk of one unit.
    pub r_net: f64,
    /// Risk of one unit in USDT.
    pub risk_unit: f64,
    /// Cost of one unit in USDT.
    pub cost_est: f64,
    /// Urgency to leave, 0 to 1.
    pub kill_score: f64,
    /// Of which it is made.
    pub k_components: KillComponents,
    /// In the order in which they arose.
    pub reason_codes: Vec<&'static str>,
}

impl HarvestProposal {
    /// The action as it is written.
    #[must_use]
    pub fn action_str(&self) -> &'static str {
        self.action.map_or("NONE", CloseAction::as_str)
    }
}

/// Proposes for one position. `stop_dist_pct` is P1's, a fraction; absent, or not [`usable_stop_distance`], the fallback
/// counts.
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and numbers out of their meaning.
pub fn harvest_proposal(
    position: &Position,
    market: &MarketView,
    stop_dist_pct: Option<f64>,
    theta: &Theta,
) -> Result<HarvestProposal, RefusedNumber> {
    position.checked()?;
    theta.checked()?;
    let p1 = finite("stop_dist_pct", stop_dist_pct.unwrap_or(0.0))?;
    let distance = usable_stop_distance(p1).unwrap_or(theta.fallback_stop_pct);
    let risk_unit = (position.entry_price * distance).max(RISK_UNIT_MIN);
    let cost_est = theta.cost_bps / 10_000.0 * position.entry_price;
    let r_net = (position.unrealized_pnl_per_unit - cost_est) / risk_unit;
    all_finite(&[("risk_unit", risk_unit), ("cost_est", cost_est), ("R_net", r_net)])?;

    let mut reason_codes = Vec::new();
    let tranche = tranche(r_net, theta);
    reason_codes.extend(tranche.map(|(_, reason)| reason));
    let new_sl = profit_lock_sl(position, r_net, theta)?;
    reason_codes.extend(new_sl.map(|_| "profit_lock"));
    let kill = kill_score(market, position.age_sec, theta)?;
    let killed = kill.score >= theta.kill_threshold;
    if killed {
        reason_codes.extend(kill_reasons(&kill.components));
    }
    let action =
        if killed { Some(CloseAction::FullClose) } else { tranche.map(|(action, _)| action) };
    let (kill_score, k_components) = (kill.score, kill.components);
    Ok(HarvestProposal {
        action,
        new_sl,
        r_net,
        risk_unit,
        cost_est,
        kill_score,
        k_components,
        reason_codes,
    })
}

/// The tranche that this R has reached.
fn tranche(r_net: f64, theta: &Theta) -> Option<(CloseAction, &'static str)> {
    if r_net >= theta.t3_r {
        Some((CloseAction::Partial75, "harvest_partial_75"))
    } else if r_net >= theta.t2_r {
        Some((CloseAction::Partial50, "harvest_partial_50"))
    } else if r_net >= theta.t1_r {
        Some((CloseAction::Partial25, "harvest_partial_25"))
    } else {
        None
    }
}

fn kill_reasons(components: &KillComponents) -> impl Iterator<Item = &'static str> {
    [
        (true, "kill_score_triggered"),
        (components.regime_flip > 0.0, "regime_flip"),
        (components.sigma_spike > 0.5, "sigma_spike"),
        (components.ts_drop > 0.2, "ts_drop"),
        (components.age_penalty > 0.5, "age_penalty"),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
}

/// The stop that locks a profit in, beyond the entry; only if it is strictly tighter than the one in
/// force (EHR 3.3 rule 4).
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and an entry that is not above zero.
pub fn profit_lock_sl(
    position: &Position,
    r_net: f64,
    theta: &Theta,
) -> Result<Option<f64>, RefusedNumber> {
    let entry = positive("entry_price", position.entry_price)?;
    all_finite(&[
        ("R_net", r_net),
        ("lock_R", theta.lock_r),
        ("be_plus_pct", theta.be_plus_pct),
        ("current_sl", position.current_sl.unwrap_or(0.0)),
    ])?;
    if r_net < theta.lock_r {
        return Ok(None);
    }
    let beyond = match position.side {
        PositionSide::Long => entry * (1.0 + theta.be_plus_pct),
        PositionSide::Short => entry * (1.0 - theta.be_plus_pct),
    };
    let tighter = position.current_sl.is_none_or(|sl| position.side.tightens(sl, beyond, 0.0));
    Ok(tighter.then_some(beyond))
}

/// Weights of the three tranches, softmax of their utilities: for the audit record only (EHR 3.3 rule 7).
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and a temperature that is not above zero.
pub fn tranche_weights(theta: &Theta) -> Result<[f64; 3], RefusedNumber> {
    let temperature = positive("softmax_temp", theta.softmax_temp)?;
    let utilities = [theta.u1, theta.u2, theta.u3];
    all_finite(&[("u1", theta.u1), ("u2", theta.u2), ("u3", theta.u3)])?;
    let top = utilities.into_iter().fold(f64::MIN, f64::max);
    let weights = utilities.map(|u| libm::exp((u - top) / temperature));
    let total: f64 = weights.iter().sum();
    Ok(weights.map(|w| w / total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harvest::kill_components;

    const CALM: MarketView =
        MarketView { sigma: 0.005, ts: 0.4, p_trend: 0.6, p_mr: 0.2, p_chop: 0.2 };

    fn position(r: f64) -> Position {
        Position {
            side: PositionSide::Long,
            entry_price: 100.0,
            current_price: 100.0,
            peak_price: 100.0,
            trough_price: 100.0,
            age_sec: 0.0,
            // Risk of one unit is 1, cost 0.1.
            unrealized_pnl_per_unit: r + 0.1,
            current_sl: None,
            current_tp: None,
        }
    }

    fn action(r: f64) -> &'static str {
        let theta = Theta { cost_bps: 0.0, ..Theta::default() };
        let position = Position { unrealized_pnl_per_unit: r, ..position(r) };
        harvest_proposal(&position, &CALM, Some(0.01), &theta).expect("finite").action_str()
    }

    #[test]
    fn tranches_begin_at_their_r() {
        let words = [1.99, 2.0, 3.99, 4.0, 5.99, 6.0].map(action);
        let (none, p25, p50, p75) = ("NONE", "PARTIAL_25", "PARTIAL_50", "PARTIAL_75");
        assert_eq!(words, [none, p25, p25, p50, p50, p75]);
    }

    #[test]
    fn no_stop_distance_means_the_fallback() {
        for p1 in [None, Some(0.0)] {
            let out =
                harvest_proposal(&position(1.0), &CALM, p1, &Theta::default()).expect("finite");
            assert_eq!(out.risk_unit, 2.0);
        }
        let out = harvest_proposal(&position(1.0), &CALM, Some(0.01), &Theta::default());
        let out = out.expect("finite");
        assert!((out.r_net - 1.0).abs() < 1e-12 && (out.cost_est - 0.1).abs() < 1e-12);
    }

    /// Each component at the value above which its reason is told.
    #[test]
    fn kill_reasons_begin_above_their_values() {
        let none =
            KillComponents { regime_flip: 0.0, sigma_spike: 0.5, ts_drop: 0.2, age_penalty: 0.5 };
        let of = |components: KillComponents| kill_reasons(&components).collect::<Vec<_>>();
        assert_eq!(of(none), ["kill_score_triggered"]);
        let all = KillComponents {
            regime_flip: 1.0,
            sigma_spike: 0.51,
            ts_drop: 0.21,
            age_penalty: 0.51,
        };
        let names =
            ["kill_score_triggered", "regime_flip", "sigma_spike", "ts_drop", "age_penalty"];
        assert_eq!(of(all), names);
    }

    #[test]
    fn a_regime_flips_below_its_trend_and_above_half() {
        let flip = |p_trend, p_mr, p_chop| {
            let market = MarketView { p_trend, p_mr, p_chop, ..CALM };
            kill_components(&market, 0.0, &Theta::default()).regime_flip
        };
        assert_eq!(flip(0.29, 0.3, 0.21), 1.0);
        assert_eq!(flip(0.30, 0.3, 0.40), 0.0);
        assert_eq!(flip(0.29, 0.25, 0.25), 0.0);
    }

    /// One that is not above zero made an R of 1e9, which took three quarters of a position that had hardly moved.
    #[test]
    fn a_stop_distance_that_measures_nothing_is_the_fallback() {
        let of = |distance| {
            harvest_proposal(&position(1.0), &CALM, distance, &Theta::default()).expect("finite")
        };
        let fallback = of(None);
        assert!((fallback.risk_unit - 2.0).abs() < 1e-12);
        for distance in [0.0, -0.0, -0.01, 1e-12, 0.000_099] {
            assert_eq!(of(Some(distance)), fallback, "{distance}");
        }
        assert!((of(Some(0.000_1)).risk_unit - 0.01).abs() < 1e-12);
    }

    #[test]
    fn a_profit_is_locked_from_its_r_on() {
        let lock = |r, current_sl| {
            let position = Position { current_sl, ..position(r) };
            profit_lock_sl(&position, r, &Theta::default()).expect("finite")
        };
        assert_eq!(lock(1.49, None), None);
        assert_eq!(lock(1.5, None), Some(100.2));
        assert_eq!(lock(1.5, Some(100.2)), None, "only if strictly tighter");
        assert_eq!(lock(1.5, Some(100.1)), Some(100.2));
    }
}
