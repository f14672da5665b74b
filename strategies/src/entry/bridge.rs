//! What an open has to pass in the intent bridge (MSE 9 step 6, 17).

use serde::{Deserialize, Serialize};

use super::PlanSide;

/// What an intent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentKind {
    /// It takes a new risk.
    Open,
    /// It makes a position smaller.
    Close,
}

/// How a SELL is understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlatSellRule {
    /// By reduceOnly and the position.
    #[default]
    ByPosition,
    /// SKIP_FLAT_SELL: always as a close, so that no short can be opened.
    AuditedAlwaysCloses,
}

/// What an unknown exposure means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExposureRule {
    /// No open.
    #[default]
    FailClosed,
    /// 0 %.
    AuditedUnknownIsZero,
}

/// The bridge's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BridgeRules {
    /// MAX_EXPOSURE_PCT.
    pub max_exposure_pct: f64,
    /// FLAT_EPS: an amount up to it is flat, in the base asset.
    pub flat_eps: f64,
    /// How a SELL is understood.
    pub flat_sell: FlatSellRule,
    /// What an unknown exposure means.
    pub exposure: ExposureRule,
}

impl Default for BridgeRules {
    fn default() -> Self {
        BridgeRules {
            max_exposure_pct: 80.0,
            flat_eps: 0.0,
            flat_sell: FlatSellRule::default(),
            exposure: ExposureRule::default(),
        }
    }
}

/// Why an intent leads to no plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BridgeDrop {
    /// A SELL of what is not held.
    FlatSell,
    /// Too much is held already.
    ExposureLimit,
    /// Nobody knows how much is held.
    ExposureUnknown,
}

/// Whether an intent opens or closes; `position_amt` is signed, `None` where it is unknown.
///
/// # Errors
/// [`BridgeDrop::FlatSell`], under the audited rule only.
pub fn intent_kind(
    side: PlanSide,
    reduce_only: bool,
    position_amt: Option<f64>,
    rules: &BridgeRules,
) -> Result<IntentKind, BridgeDrop> {
    if side == PlanSide::Sell && rules.flat_sell == FlatSellRule::AuditedAlwaysCloses {
        let held = position_amt.is_some_and(|amt| amt.abs() > rules.flat_eps);
        return if held { Ok(IntentKind::Close) } else { Err(BridgeDrop::FlatSell) };
    }
    let closes = side == PlanSide::Close || reduce_only;
    Ok(if closes { IntentKind::Close } else { IntentKind::Open })
}

/// Whether an open fits the exposure, 100 · Σ|notional| / equity, both in USDT. Closes are not asked.
///
/// # Errors
/// [`BridgeDrop`] says why not.
pub fn exposure_gate(
    notional_usd: Option<f64>,
    equity_usd: Option<f64>,
    rules: &BridgeRules,
) -> Result<(), BridgeDrop> {
    let exposure = match (notional_usd, equity_usd) {
        (Some(notional), Some(equity)) if equity > 0.0 => Some(100.0 * notional.abs() / equity),
        _ => None,
    };
    match (exposure.filter(|percent| percent.is_finite()), rules.exposure) {
        (Some(percent), _) if percent < rules.max_exposure_pct => Ok(()),
        (Some(_), _) => Err(BridgeDrop::ExposureLimit),
        (None, ExposureRule::AuditedUnknownIsZero) => Ok(()),
        (None, ExposureRule::FailClosed) => Err(BridgeDrop::ExposureUnknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_can_be_opened() {
        let rules = BridgeRules::default();
        let kind = |side, reduce_only, amt| intent_kind(side, reduce_only, amt, &rules);
        assert_eq!(kind(PlanSide::Sell, false, None), Ok(IntentKind::Open));
        assert_eq!(kind(PlanSide::Sell, true, Some(1.0)), Ok(IntentKind::Close));
        assert_eq!(kind(PlanSide::Close, false, None), Ok(IntentKind::Close));
        let audited = BridgeRules { flat_sell: FlatSellRule::AuditedAlwaysCloses, ..rules };
        let kind = |amt| intent_kind(PlanSide::Sell, false, amt, &audited);
        assert_eq!(kind(None), Err(BridgeDrop::FlatSell));
        assert_eq!(kind(Some(-1.0)), Ok(IntentKind::Close));
    }

    /// The bridge read a ledger that nobody wrote: the exposure was always 0 %.
    #[test]
    fn incident_i10_unknown_exposure_opens_nothing() {
        let rules = BridgeRules::default();
        let gate = |notional, equity| exposure_gate(notional, equity, &rules);
        assert_eq!(gate(Some(79.9), Some(100.0)), Ok(()));
        assert_eq!(gate(Some(-80.0), Some(100.0)), Err(BridgeDrop::ExposureLimit));
        for (notional, equity) in [(None, Some(1.0)), (Some(1.0), None), (Some(1.0), Some(0.0))] {
            assert_eq!(gate(notional, equity), Err(BridgeDrop::ExposureUnknown));
        }
        assert_eq!(gate(Some(f64::NAN), Some(1.0)), Err(BridgeDrop::ExposureUnknown));
        let audited = BridgeRules { exposure: ExposureRule::AuditedUnknownIsZero, ..rules };
        assert_eq!(exposure_gate(None, None, &audited), Ok(()));
    }
}
