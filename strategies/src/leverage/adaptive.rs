//! Take-profit and stop distances that follow the leverage (EHR 3.22).

use serde::{Deserialize, Serialize};

use crate::numbers::{RefusedNumber, all_finite};

const TP_MIN: f64 = 0.003;
const SL_FLOOR: f64 = 0.0015;
const SL_MIN: f64 = 0.001;
const SL_MAX: f64 = 0.02;

/// Shares of the position that leave at the first, second and third target; their sum is 1.
pub type HarvestScheme = [f64; 3];

/// What the levels follow from. Distances are fractions of the price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveLevelsInput {
    /// Target distance at leverage one, about.
    pub base_tp_pct: f64,
    /// Stop distance at leverage one, about.
    pub base_sl_pct: f64,
    /// Below 1 counts as 1.
    pub leverage: f64,
    /// 0 where nothing is known.
    pub volatility_factor: f64,
    /// 0 where nothing is known.
    pub funding_delta: f64,
    /// 0 where nothing is known.
    pub exchange_divergence: f64,
}

/// Distances of the three targets and of the stop.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveLevels {
    /// Leverage scaling factor, above 0 and at most 1 / (1 + ln 2).
    pub lsf: f64,
    /// First target, a fraction of the price.
    pub tp1_pct: f64,
    /// Second target.
    pub tp2_pct: f64,
    /// Third target.
    pub tp3_pct: f64,
    /// Stop.
    pub sl_pct: f64,
    /// How much leaves at each target.
    pub harvest_scheme: HarvestScheme,
    /// The stop hit a bound. With the bases of the exit brain it does at nearly every leverage.
    pub sl_clamped: bool,
    /// A target was lifted to its floor.
    pub tp_minimum_enforced: bool,
}

/// The levels of a position.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn adaptive_levels(input: &AdaptiveLevelsInput) -> Result<AdaptiveLevels, RefusedNumber> {
    let AdaptiveLevelsInput { base_tp_pct, base_sl_pct, leverage, .. } = *input;
    let AdaptiveLevelsInput { volatility_factor, funding_delta, exchange_divergence, .. } = *input;
    all_finite(&[
        ("base_tp_pct", base_tp_pct),
        ("base_sl_pct", base_sl_pct),
        ("leverage", leverage),
        ("volatility_factor", volatility_factor),
        ("funding_delta", funding_delta),
        ("exchange_divergence", exchange_divergence),
    ])?;
    let leverage = leverage.max(1.0);
    let lsf = 1.0 / (1.0 + libm::log(leverage + 1.0));
    let funding = 1.0 + 0.8 * funding_delta;
    let raw_tps = [0.6 + lsf, 1.2 + lsf / 2.0, 1.8 + lsf / 4.0].map(|m| base_tp_pct * m * funding);
    let [tp1_pct, tp2_pct, tp3_pct] = raw_tps.map(|tp| tp.max(TP_MIN));
    let stress = 1.0 + 0.4 * exchange_divergence + 0.2 * volatility_factor;
    let raw_sl = base_sl_pct * (1.0 + 0.8 * (1.0 - lsf)) * stress;
    let sl_pct = raw_sl.max(SL_FLOOR).clamp(SL_MIN, SL_MAX);
    let levels = AdaptiveLevels {
        lsf,
        tp1_pct,
        tp2_pct,
        tp3_pct,
        sl_pct,
        harvest_scheme: harvest_scheme(leverage),
        sl_clamped: sl_pct != raw_sl,
        tp_minimum_enforced: raw_tps.iter().any(|tp| *tp < TP_MIN),
    };
    // Finite inputs near the end of the range can still overflow.
    all_finite(&[("tp1_pct", tp1_pct), ("tp2_pct", tp2_pct), ("tp3_pct", tp3_pct)])?;
    Ok(levels)
}

/// The higher the leverage, the more leaves early.
fn harvest_scheme(leverage: f64) -> HarvestScheme {
    match leverage {
        l if l <= 10.0 => [0.3, 0.3, 0.4],
        l if l <= 30.0 => [0.4, 0.4, 0.2],
        _ => [0.5, 0.3, 0.2],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(leverage: f64, base_sl_pct: f64) -> AdaptiveLevels {
        let input = AdaptiveLevelsInput {
            base_tp_pct: 0.01,
            base_sl_pct,
            leverage,
            volatility_factor: 0.0,
            funding_delta: 0.0,
            exchange_divergence: 0.0,
        };
        adaptive_levels(&input).expect("finite")
    }

    #[test]
    fn schemes_change_beyond_ten_and_thirty() {
        let first = [10.0, 10.1, 30.0, 30.1].map(|leverage| of(leverage, 0.005).harvest_scheme);
        let (low, middle, high) = ([0.3, 0.3, 0.4], [0.4, 0.4, 0.2], [0.5, 0.3, 0.2]);
        assert_eq!(first, [low, middle, middle, high]);
    }

    #[test]
    fn bounds_are_told() {
        assert!(!of(10.0, 0.005).sl_clamped && !of(10.0, 0.005).tp_minimum_enforced);
        assert!(of(10.0, 0.015).sl_clamped && of(10.0, 0.0001).sl_clamped);
        assert_eq!((of(10.0, 0.015).sl_pct, of(10.0, 0.0001).sl_pct), (0.02, 0.0015));
        assert_eq!(of(0.0, 0.005), of(1.0, 0.005), "below one counts as one");
    }
}
