//! Leverage, target, stop and trailing of a position (EHR 3.22 "Plan").

use serde::{Deserialize, Serialize};

use crate::leverage::{
    AdaptiveLevels, AdaptiveLevelsInput, IntelligentLeverage, LeverageInput, adaptive_levels,
    intelligent_leverage,
};
use crate::numbers::{RefusedNumber, all_finite, finite, positive};
use crate::position::PositionSide;

/// The trailing stop fires when the price has come back this far from its best.
pub const TRAILING_CALLBACK_PCT: f64 = 0.008;
const TP_RANGE: (f64, f64) = (0.015, 0.10);
const SL_RANGE: (f64, f64) = (0.012, 0.05);
/// A market that is wilder gets no trailing stop.
const TRAILING_ATR_MAX: f64 = 2.0;

/// The distances from which the levels are made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ExitBases {
    /// Of the target.
    pub tp_pct: f64,
    /// Of the stop. At 0.015 the bound of 2 % binds at nearly every leverage.
    pub sl_pct: f64,
}

impl Default for ExitBases {
    fn default() -> ExitBases {
        ExitBases { tp_pct: 0.025, sl_pct: 0.015 }
    }
}

/// The signal that opened the position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExitSignal {
    /// 0 to 1.
    pub confidence: f64,
    /// Average true range as the signal told it: the leverage reads it as a volatility index.
    pub atr_value: f64,
}

/// Adjustments from the other venues.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CrossExchange {
    /// Of the target.
    pub tp_multiplier: f64,
    /// Of the stop.
    pub sl_multiplier: f64,
    /// Whether the stop trails.
    pub use_trailing: bool,
}

impl Default for CrossExchange {
    fn default() -> CrossExchange {
        CrossExchange { tp_multiplier: 1.0, sl_multiplier: 1.0, use_trailing: true }
    }
}

/// What else is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExitContext {
    /// -1 to 1.
    pub pnl_trend: f64,
    /// 0.5 to 1.5.
    pub symbol_risk: f64,
    /// 0 to 1.
    pub margin_util: f64,
    /// 0 to 1.
    pub exch_divergence: f64,
    /// A period.
    pub funding_rate: f64,
    /// Where there are some.
    pub cross_exchange_adjustments: Option<CrossExchange>,
}

impl Default for ExitContext {
    fn default() -> ExitContext {
        ExitContext {
            pnl_trend: 0.0,
            symbol_risk: 1.0,
            margin_util: 0.0,
            exch_divergence: 0.0,
            funding_rate: 0.0,
            cross_exchange_adjustments: None,
        }
    }
}

/// The plan of an exit. Distances are fractions of the entry price.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExitPlan {
    /// And how it came about.
    pub leverage: IntelligentLeverage,
    /// Of the target, 0.015 to 0.10.
    pub take_profit_pct: f64,
    /// Of the stop, 0.012 to 0.05.
    pub stop_loss_pct: f64,
    /// From the best price; `None` when the stop does not trail.
    pub trailing_callback_pct: Option<f64>,
    /// Before adjustments and bounds.
    pub adaptive_levels: AdaptiveLevels,
}

/// Plans the exit of a position.
///
/// # Errors
/// [`RefusedNumber`] for NaN and infinities.
pub fn build_exit_plan(
    signal: &ExitSignal,
    context: &ExitContext,
    bases: &ExitBases,
) -> Result<ExitPlan, RefusedNumber> {
    let atr_value = finite("atr_value", signal.atr_value)?;
    let leverage = intelligent_leverage(&LeverageInput {
        confidence: signal.confidence,
        volatility: atr_value,
        pnl_trend: context.pnl_trend,
        symbol_risk: context.symbol_risk,
        margin_util: context.margin_util,
        exch_divergence: context.exch_divergence,
        funding_rate: context.funding_rate,
    })?;
    let adaptive_levels = adaptive_levels(&AdaptiveLevelsInput {
        base_tp_pct: bases.tp_pct,
        base_sl_pct: bases.sl_pct,
        leverage: leverage.leverage,
        volatility_factor: (atr_value / 100.0).max(0.0),
        funding_delta: context.funding_rate,
        exchange_divergence: context.exch_divergence,
    })?;
    let adjusted = context.cross_exchange_adjustments;
    let CrossExchange { tp_multiplier, sl_multiplier, .. } = adjusted.unwrap_or_default();
    all_finite(&[("tp_multiplier", tp_multiplier), ("sl_multiplier", sl_multiplier)])?;
    let trailing = adjusted.map_or(atr_value < TRAILING_ATR_MAX, |a| a.use_trailing);
    let (tp_min, tp_max) = TP_RANGE;
    let (sl_min, sl_max) = SL_RANGE;
    Ok(ExitPlan {
        leverage,
        take_profit_pct: (adaptive_levels.tp1_pct * tp_multiplier).clamp(tp_min, tp_max),
        stop_loss_pct: (adaptive_levels.sl_pct * sl_multiplier).clamp(sl_min, sl_max),
        trailing_callback_pct: trailing.then_some(TRAILING_CALLBACK_PCT),
        adaptive_levels,
    })
}

/// Stop and target in USDT of a plan.
///
/// # Errors
/// [`RefusedNumber`] for an entry that is not above zero.
pub fn exit_prices(
    side: PositionSide,
    entry_price: f64,
    plan: &ExitPlan,
) -> Result<(f64, f64), RefusedNumber> {
    let entry = positive("entry_price", entry_price)?;
    let stop = entry * (1.0 - side.sign() * plan.stop_loss_pct);
    let target = entry * (1.0 + side.sign() * plan.take_profit_pct);
    all_finite(&[("stop", stop), ("target", target)])?;
    Ok((stop, target))
}
