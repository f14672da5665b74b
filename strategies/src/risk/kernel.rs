//! P1, the risk kernel (EHR 3.2): stop, target and trailing distance of a position.
//!
//! Invariant: a stop never goes back, and by default never lies beyond the current price.

use engine::Nanos;
use serde::Serialize;

use super::RiskParams;
use crate::numbers::{RefusedNumber, all_finite};
use crate::position::{MarketView, Position, PositionSide};

/// Reason: the stop lies at the current price or beyond, so that it fires at once.
pub const STOP_ALREADY_CROSSED: &str = "stop_already_crossed";
/// An unchanged proposal is told again after this.
pub const RISK_PUBLISH_AGE_MAX: Nanos = Nanos::from_secs(60);

/// Proposed levels, in USDT, and the distances that they come from, as fractions of the price.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RiskProposal {
    /// Stop.
    pub proposed_sl: f64,
    /// Target.
    pub proposed_tp: f64,
    /// Of the stop from the current price.
    pub stop_dist_pct: f64,
    /// Of the target from the current price.
    pub tp_dist_pct: f64,
    /// Of the trailing stop from the best price.
    pub trail_gap_pct: f64,
    /// How much the trend extended the target; 1 is not at all.
    pub tp_extension_factor: f64,
    /// In the order of the specification.
    pub reason_codes: Vec<&'static str>,
}

/// Proposes for one position. Position and market state have to be of the same symbol.
///
/// # Errors
/// [`RefusedNumber`] for NaN, infinities and numbers out of their meaning.
pub fn risk_proposal(
    position: &Position,
    market: &MarketView,
    params: &RiskParams,
) -> Result<RiskProposal, RefusedNumber> {
    position.checked()?;
    market.checked()?;
    params.checked()?;
    let stop_dist_pct = (params.k_sl.of(market) * market.sigma).max(params.sl_min);
    let trail_gap_pct = (params.k_trail.of(market) * market.sigma).max(params.sl_min);
    let tp_extension_factor = extension(market, params);
    let tp_dist_pct =
        (params.k_tp.of(market) * market.sigma * tp_extension_factor).max(params.tp_min);

    let mut reason_codes = Vec::with_capacity(5);
    let trailed = trailed_stop(position, stop_dist_pct, trail_gap_pct, &mut reason_codes);
    let price = position.current_price;
    let on_its_side = match position.side {
        _ if params.audited_crossed_stop => trailed,
        PositionSide::Long => trailed.min(price),
        PositionSide::Short => trailed.max(price),
    };
    let proposed_sl = monotonic(position, on_its_side, params, &mut reason_codes);
    reason_codes.push(match market.dominant() {
        "trend" => "regime_trend",
        "mr" => "regime_mr",
        _ => "regime_chop",
    });
    if tp_extension_factor > 1.0 {
        reason_codes.push("tp_extended");
    }
    let crossed = !position.side.tightens(proposed_sl, price, 0.0);
    if crossed && !params.audited_crossed_stop {
        reason_codes.push(STOP_ALREADY_CROSSED);
    }
    let proposed_tp = price * (1.0 + position.side.sign() * tp_dist_pct);
    all_finite(&[
        ("proposed_sl", proposed_sl),
        ("proposed_tp", proposed_tp),
        ("stop_dist_pct", stop_dist_pct),
        ("trail_gap_pct", trail_gap_pct),
    ])?;
    Ok(RiskProposal {
        proposed_sl,
        proposed_tp,
        stop_dist_pct,
        tp_dist_pct,
        trail_gap_pct,
        tp_extension_factor,
        reason_codes,
    })
}

fn extension(market: &MarketView, params: &RiskParams) -> f64 {
    if market.p_trend > 0.3 && market.ts > 0.1 {
        let gain = params.tp_extend_gain * market.ts.clamp(0.0, 1.0) * market.p_trend;
        1.0 + gain.min(params.tp_extend_max)
    } else {
        1.0
    }
}

/// The tighter of the stop from the current price and the one from the best price.
fn trailed_stop(
    position: &Position,
    stop_dist_pct: f64,
    trail_gap_pct: f64,
    reason_codes: &mut Vec<&'static str>,
) -> f64 {
    let best = match position.side {
        PositionSide::Long => position.peak_price,
        PositionSide::Short => position.trough_price,
    };
    let raw_sl = position.current_price * (1.0 - position.side.sign() * stop_dist_pct);
    let trail_sl = best * (1.0 - position.side.sign() * trail_gap_pct);
    if position.side.tightens(raw_sl, trail_sl, 0.0) {
        reason_codes.push("trail_active");
        trail_sl
    } else {
        raw_sl
    }
}

/// The new stop, or the one in force where the new one would loosen it.
fn monotonic(
    position: &Position,
    new: f64,
    params: &RiskParams,
    reason_codes: &mut Vec<&'static str>,
) -> f64 {
    let Some(current) = position.current_sl else { return new };
    if position.side.tightens(current, new, params.eps) {
        reason_codes.push("sl_tightening");
    } else if params.monotonic_sl && position.side.tightens(new, current, params.eps) {
        reason_codes.push("sl_tightened_monotonic");
        return current;
    }
    new
}

/// Whether a proposal differs enough from what was told last, or that is too long ago (EHR 3.2).
#[must_use]
pub fn risk_should_publish(
    last: Option<(&RiskProposal, Nanos)>,
    new: &RiskProposal,
    now: Nanos,
) -> bool {
    let Some((last, told_at)) = last else { return true };
    let moved = |old: f64, new: f64| (new - old).abs() > 0.001 * old.max(1.0);
    moved(last.proposed_sl, new.proposed_sl)
        || moved(last.proposed_tp, new.proposed_tp)
        || now - told_at > RISK_PUBLISH_AGE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKET: MarketView =
        MarketView { sigma: 0.01, ts: 0.11, p_trend: 0.31, p_mr: 0.35, p_chop: 0.34 };

    fn of(current_sl: Option<f64>, market: &MarketView) -> RiskProposal {
        let position = Position {
            side: PositionSide::Long,
            entry_price: 100.0,
            current_price: 100.0,
            peak_price: 100.0,
            trough_price: 100.0,
            age_sec: 0.0,
            unrealized_pnl_per_unit: 0.0,
            current_sl,
            current_tp: None,
        };
        risk_proposal(&position, market, &RiskParams::default()).expect("finite")
    }

    #[test]
    fn a_trend_extends_the_target_beyond_both_its_borders_only() {
        assert!(of(None, &MARKET).tp_extension_factor > 1.0);
        let weak = MarketView { ts: 0.1, ..MARKET };
        let rare = MarketView { p_trend: 0.3, ..MARKET };
        assert_eq!(of(None, &weak).tp_extension_factor, 1.0);
        assert_eq!(of(None, &rare).tp_extension_factor, 1.0);
        let strong = MarketView { ts: 9.0, p_trend: 0.9, p_mr: 0.05, p_chop: 0.05, ..MARKET };
        assert_eq!(of(None, &strong).tp_extension_factor, 1.3);
    }

    #[test]
    fn a_tighter_stop_is_kept_and_a_crossed_one_is_told() {
        let kept = of(Some(99.5), &MARKET);
        assert_eq!(kept.proposed_sl, 99.5);
        assert_eq!(kept.reason_codes, ["sl_tightened_monotonic", "regime_mr", "tp_extended"]);
        let crossed = of(Some(100.5), &MARKET);
        assert_eq!(crossed.proposed_sl, 100.5);
        assert_eq!(crossed.reason_codes.last(), Some(&STOP_ALREADY_CROSSED));
        let moved = of(Some(90.0), &MARKET);
        assert_eq!(moved.reason_codes[0], "sl_tightening");
    }

    #[test]
    fn a_proposal_is_told_when_it_moved_or_after_a_minute() {
        let told = of(None, &MARKET);
        let again = |new: &RiskProposal, secs| {
            risk_should_publish(Some((&told, Nanos::from_secs(0))), new, Nanos::from_secs(secs))
        };
        assert!(risk_should_publish(None, &told, Nanos::from_secs(0)));
        assert!(!again(&told, 60) && again(&told, 61));
        let stop = |by| RiskProposal { proposed_sl: told.proposed_sl * (1.0 + by), ..told.clone() };
        let target =
            |by| RiskProposal { proposed_tp: told.proposed_tp * (1.0 + by), ..told.clone() };
        assert!(again(&stop(0.0011), 1) && !again(&stop(0.0009), 1));
        assert!(again(&target(-0.0011), 1) && !again(&target(-0.0009), 1));
    }
}
