//! The limits of the fund's operating mode, where intents become plans (MSE 5.3; closed where unknown, MSE 17).
//!
//! Opens only: nothing of it asks a close.

use engine::Context;
use rust_decimal::Decimal;
use strategies::regime::{ModeRefusal, ModeRequest, mode_gate};

use crate::grid;
use crate::keys;
use crate::records::{ApplyPlan, FundMode};

/// The book as the bridge sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fund {
    /// In USDT.
    pub equity: Option<f64>,
    pub positions: u32,
}

pub(super) const UNKNOWN: &str = "dropped_mode_unknown";

/// Holds an open to the mode's limits, or gives the counter of the reason why it is dropped. The plan's id stays
/// that of what was asked for, so that the intent leads to the same plan when the mode has changed meanwhile.
pub(super) fn apply(
    plan: &mut ApplyPlan,
    confidence: f64,
    fund: Fund,
    ctx: &mut Context<'_>,
) -> Result<(), &'static str> {
    let mode = match ctx.record::<FundMode>(keys::FUND_MODE.name) {
        Ok(Some(of)) => of.mode.mode(),
        // Nobody knows what the fund may do: it opens nothing.
        Ok(None) | Err(_) => return Err(UNKNOWN),
    };
    let request = ModeRequest {
        confidence,
        leverage: f64::from(plan.leverage.unwrap_or(1)),
        // Of each USDT, so that the size that comes back is a factor.
        size_usd: 1.0,
        positions: fund.positions,
        daily_drawdown: lost_today(fund.equity, ctx).ok_or(UNKNOWN)?,
    };
    let allowed = mode_gate(mode, &request).map_err(word)?;
    if allowed.leverage < request.leverage {
        ctx.count("leverage_held_to_the_mode", 1);
        plan.leverage = Some(allowed.leverage.max(1.0) as u32);
    }
    if allowed.size_usd != 1.0 {
        let scale = grid::decimal(allowed.size_usd).ok_or(UNKNOWN)?;
        plan.qty = plan.qty.and_then(|qty| qty.checked_mul(scale));
        ctx.count("sizes_scaled_by_the_mode", 1);
    }
    Ok(())
}

/// The day's realised loss as a fraction of the equity; `None` where it cannot be told.
fn lost_today(equity: Option<f64>, ctx: &mut Context<'_>) -> Option<f64> {
    let key = keys::RISK_DAILY_PNL.of(keys::date_of(ctx.now()));
    let pnl = match ctx.get(&key) {
        Ok(Some(text)) => grid::float(text.trim().parse::<Decimal>().ok()?),
        // What is not text reads as absent.
        Ok(None) if !ctx.exists(&key) => 0.0,
        Ok(None) | Err(_) => return None,
    };
    match equity {
        _ if pnl >= 0.0 => Some(0.0),
        Some(equity) if equity > 0.0 => Some(-pnl / equity),
        _ => None,
    }
}

const fn word(refusal: ModeRefusal) -> &'static str {
    match refusal {
        ModeRefusal::ModeOpensNothing => "dropped_mode_opens_nothing",
        ModeRefusal::ModeConfidence => "dropped_mode_confidence",
        ModeRefusal::ModePositions => "dropped_mode_positions",
        ModeRefusal::ModeDailyDrawdown => "dropped_mode_daily_drawdown",
        ModeRefusal::NotANumber => UNKNOWN,
    }
}
