//! Risk guard (EHR 3.19): what stops every open. Closes are not asked. Equity is never made up: without it
//! nothing is opened.

use engine::{Context, Envelope, EpochSeconds, Nanos, SetOptions};
use rust_decimal::Decimal;
use strategies::risk::{GuardBlock, GuardInput, GuardType, KnownEquity, check_guards};

use super::{Governor, evaluate::Refusal, executions::date_of};
use crate::grid;
use crate::keys;
use crate::records::{ApplyPlan, Equity, RiskEvent};
use crate::streams::RISK_EVENTS;

/// A number under a key: zero where nobody has written it, an error where it is none.
fn number(key: &str, ctx: &mut Context<'_>) -> Result<f64, Refusal> {
    match ctx.get(key) {
        // What is not text reads as absent.
        Ok(None) if !ctx.exists(key) => Ok(0.0),
        Ok(Some(text)) => match text.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(Refusal::error(key)),
        },
        Ok(None) | Err(_) => Err(Refusal::error(key)),
    }
}

/// What the audited governor did at its start: an equity that nobody has seen.
pub(super) fn seed_equity(ctx: &mut Context<'_>) {
    if ctx.exists(keys::EQUITY_CURRENT.name) {
        return;
    }
    let seed = Decimal::from(10_000);
    let last_update_ts = EpochSeconds(ctx.now());
    let equity = Equity { equity: seed, peak: seed, last_update_ts };
    if ctx.set_record(keys::EQUITY_CURRENT.name, &equity, keys::EQUITY_CURRENT.life).is_err() {
        ctx.count("writes_failed", 1);
    }
}

impl Governor {
    /// Lets an open pass, or says which guard stops it; gives the equity in USDT.
    pub(super) fn guard(
        &mut self,
        plan: &ApplyPlan,
        place: usize,
        ctx: &mut Context<'_>,
    ) -> Result<f64, Refusal> {
        let now = ctx.now();
        let active = ctx.scan(&keys::RISK_GUARD_ACTIVE.of("*")).into_iter().next();
        let equity = match ctx.record::<Equity>(keys::EQUITY_CURRENT.name) {
            Ok(Some(of)) => Some(KnownEquity {
                equity_usd: grid::float(of.equity),
                peak_usd: grid::float(of.peak),
                age_sec: (now - of.last_update_ts.0).0 as f64 / 1e9,
            }),
            Ok(None) => None,
            Err(_) => return Err(Refusal::error(keys::EQUITY_CURRENT.name)),
        };
        let losses = number(keys::RISK_CONSECUTIVE_LOSSES.name, ctx)?;
        let input = GuardInput {
            reduces: false,
            active_guard: active
                .as_deref()
                .map(|key| key.strip_prefix(keys::RISK_GUARD_ACTIVE.name).unwrap_or(key)),
            equity,
            daily_pnl_usd: number(&keys::RISK_DAILY_PNL.of(date_of(now)), ctx)?,
            consecutive_losses: losses.clamp(0.0, 1e9) as u32,
            // What is not known strikes no guard.
            spread_bps: self.spread_bps(place, ctx),
            atr_pct: self.hours[place].range_pct(),
        };
        match check_guards(&input, &self.guard_limits) {
            Ok(None) => Ok(equity.map_or(0.0, |of| of.equity_usd)),
            Ok(Some(block)) => {
                self.struck(plan, &block, now, ctx);
                Err(Refusal::guard(block))
            }
            Err(refused) => Err(Refusal::error(&refused.to_string())),
        }
    }

    /// A guard that struck stays in force for its time, and is told.
    fn struck(&self, plan: &ApplyPlan, block: &GuardBlock, now: Nanos, ctx: &mut Context<'_>) {
        ctx.count("risk_guard_blocks", 1);
        let hold_sec = block.guard_type.hold_sec();
        if let Some(hold) = hold_sec {
            let expire = Some(Nanos::from_secs(hold));
            let options = SetOptions { expire, ..SetOptions::default() };
            let key = keys::RISK_GUARD_ACTIVE.of(block.guard_type.as_str());
            if ctx.set(&key, &block.reason, options).is_err() {
                ctx.count("writes_failed", 1);
            }
        }
        if block.guard_type == GuardType::GuardActive {
            return; // It was told when it struck.
        }
        let flatten = block.guard_type == GuardType::EmergencyFlatten;
        if flatten {
            ctx.count("risk_guard_emergency_flatten", 1);
        }
        let flatten = flatten.then_some("EMERGENCY_FLATTEN_REQUESTED");
        for event in ["GUARD_STRUCK"].into_iter().chain(flatten) {
            let entry = RiskEvent {
                event: event.into(),
                guard_type: block.guard_type.as_str().into(),
                reason: block.reason.clone(),
                symbol: plan.symbol,
                plan_id: plan.plan_id.clone(),
                hold_sec,
                timestamp: EpochSeconds(now),
            };
            crate::publish(ctx, RISK_EVENTS, Envelope::Flat, entry);
        }
    }
}
