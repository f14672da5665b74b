//! What the emergency stop's recovery leaves of an open (EHR 3.28): smaller, less leveraged, of surer signals.
//!
//! Only the modes that a drawdown leads to bind. The limits of NORMAL would hold a run that lost nothing to 500 USDT
//! a position, which is less than what the governor's own limits allow.

use engine::Context;
use rust_decimal::Decimal;
use strategies::risk::RecoveryMode;

use super::{Governor, evaluate::Refusal};
use crate::keys;
use crate::records::{ApplyPlan, EssMode};

impl Governor {
    /// The largest notional of an open in USDT, where the recovery sets one.
    pub(super) fn recovery(
        &self,
        plan: &ApplyPlan,
        ctx: &mut Context<'_>,
    ) -> Result<Option<Decimal>, Refusal> {
        let mode = match ctx.record::<EssMode>(keys::ESS_MODE.name) {
            Ok(Some(mode)) => mode,
            // Written when a drawdown leads to another mode; until then it is NORMAL.
            Ok(None) => return Ok(None),
            Err(_) => return Err(Refusal::error(keys::ESS_MODE.name)),
        };
        if mode.mode == RecoveryMode::Normal.as_str() {
            return Ok(None);
        }
        let (Some(usd_max), Some(leverage_max), Some(confidence_min)) =
            (mode.position_max_usd, mode.leverage_max, mode.confidence_min)
        else {
            return Err(Refusal::with("ess_opens_nothing", mode.mode.clone().into_owned()));
        };
        // What a plan does not say is the least that it can be sure of, and the leverage that the bridge writes.
        let confidence = plan.confidence.unwrap_or(0.0);
        if confidence.is_nan() || confidence < confidence_min {
            let detail = format!("{confidence:.3} < {confidence_min:.2}");
            return Err(Refusal::with("ess_confidence_too_low", detail));
        }
        let leverage = Decimal::from(plan.leverage.unwrap_or(1));
        if leverage > leverage_max {
            let detail = format!("{leverage} > {}", leverage_max.normalize());
            return Err(Refusal::with("ess_leverage_exceeded", detail));
        }
        Ok(Some(usd_max))
    }

    /// The quantity and the notional within the recovery's limit.
    pub(super) fn within(
        limit: Option<Decimal>,
        (qty, notional): (Decimal, Decimal),
        ctx: &mut Context<'_>,
    ) -> Result<(Decimal, Decimal), Refusal> {
        let Some(limit) = limit.filter(|limit| *limit < notional) else {
            return Ok((qty, notional));
        };
        let smaller = qty.checked_mul(limit).and_then(|part| part.checked_div(notional));
        let smaller = smaller.ok_or_else(|| Refusal::error("quantity of a recovery"))?;
        ctx.count("ess_opens_reduced", 1);
        Ok((smaller, limit))
    }
}
