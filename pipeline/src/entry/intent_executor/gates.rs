//! What a plan has to pass before it may wait for its permit.
//!
//! Closes are refused by the operator's kill switch and by ownership only: never by age, safe mode, cooldowns,
//! holds or slots.

use engine::Context;
use strategies::apply::owns_exits;

use super::IntentExecutor;
use crate::keys;
use crate::records::{ApplyPlan, Decision, PlanClass, PositionSide, PositionState};
use crate::switches;

/// What stops a plan at any moment up to its order. A close is never too old, and safe mode is none of its
/// business unless the audited executors are asked for.
pub(super) fn may_run(
    plan: &ApplyPlan,
    safe_mode_blocks_exits: bool,
    ctx: &mut Context<'_>,
) -> Result<(), (Decision, &'static str)> {
    let opens = plan.class == PlanClass::Open;
    if opens && plan.valid_until.0 < ctx.now() {
        return Err((Decision::Skip, "plan_expired"));
    }
    if switches::killed(ctx) {
        return Err((Decision::Blocked, "kill_switch_active"));
    }
    if opens && switches::is_set(keys::EMERGENCY_STOP.name, &["1"], ctx) {
        return Err((Decision::Blocked, "EMERGENCY_STOP_ACTIVE"));
    }
    if (opens || safe_mode_blocks_exits) && switches::is_set(keys::SAFE_MODE.name, &["1"], ctx) {
        return Err((Decision::Blocked, "SAFE_MODE_ACTIVE"));
    }
    Ok(())
}

/// The audited executor ran closes of the exit brain only, and looked for a quantity that no close plan names.
fn native_exit(plan: &ApplyPlan) -> Result<(), (Decision, &'static str)> {
    if plan.source != "exitbrain_v3_5" {
        return Err((Decision::Denied, "NOT_EXIT_OWNER"));
    }
    plan.qty.map(|_| ()).ok_or((Decision::Error, "missing_required_fields"))
}

impl IntentExecutor {
    pub(in crate::entry) fn gates(
        &self,
        plan: &ApplyPlan,
        ctx: &mut Context<'_>,
    ) -> Result<(), (Decision, String)> {
        let refuse = |decision, error: &str| Err((decision, error.to_owned()));
        if plan.decision != Decision::Execute {
            return Err((plan.decision, plan.reason_codes.clone().into_owned()));
        }
        may_run(plan, self.rules.safe_mode_blocks_exits, ctx)
            .or_else(|(decision, error)| refuse(decision, error))?;
        let Some(place) = self.place_of(plan.symbol) else {
            return Err(match plan.class {
                PlanClass::Open => {
                    (Decision::Blocked, format!("symbol_not_in_allowlist:{}", plan.symbol))
                }
                // No list refuses a close; but nobody can trade what the run does not know.
                _ => (Decision::Error, format!("unknown_symbol:{}", plan.symbol)),
            });
        };
        if plan.class != PlanClass::Open {
            if owns_exits(Some(&plan.source), &self.owners).is_err() {
                return Err((Decision::Denied, format!("NOT_EXIT_OWNER:source={}", plan.source)));
            }
            // What is meant to close never leaves as an order that could open.
            if !plan.reduce_only.0 {
                return refuse(Decision::Denied, "close_not_reduce_only");
            }
            if self.rules.exits_need_quantity {
                return native_exit(plan).or_else(|(decision, error)| refuse(decision, error));
            }
            return Ok(());
        }
        if plan.reduce_only.0 {
            return refuse(Decision::Denied, "open_is_reduce_only");
        }
        if self.apart {
            return Ok(());
        }
        let held = match ctx.record::<PositionState>(&self.keys[place].state) {
            Ok(Some(state)) => state.side,
            Ok(None) => PositionSide::None,
            Err(_) => return refuse(Decision::Error, "position_unreadable"),
        };
        let same = held == plan.side.opens();
        if held != PositionSide::None && same && !self.rules.same_side_opens {
            return refuse(Decision::Skip, "SKIP_OPEN_DUPLICATE");
        }
        if held != PositionSide::None && !same && !self.rules.opposite_side_opens {
            return refuse(Decision::Skip, "SKIP_OPEN_OPPOSITE");
        }
        if self.rules.same_side_opens {
            // Neither the cooldown nor the look for orders on their way was there yet.
            return Ok(());
        }
        if ctx.exists(&self.keys[place].cooldown_open) {
            return refuse(Decision::Skip, "SKIP_OPEN_COOLDOWN");
        }
        let on_its_way = |other: &super::Sent| other.mark.symbol == plan.symbol;
        if self.waiting.iter().any(|w| w.plan.symbol == plan.symbol)
            || self.sent.values().any(on_its_way)
        {
            return refuse(Decision::Skip, "SKIP_OPEN_DUPLICATE");
        }
        Ok(())
    }
}
