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
