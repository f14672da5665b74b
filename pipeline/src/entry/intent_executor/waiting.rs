//! Plans that wait for their permits, for the filters or for the order in flight, and the quantity of their
//! orders.

use engine::{Context, Nanos, QtyLots, SetOptions};
use rust_decimal::Decimal;
use strategies::apply::Permitted;

use super::{IntentExecutor, PERMIT_TIMER, Waiting, gates};
use crate::entry::permits::{self, Permits};
use crate::grid;
use crate::keys;
use crate::records::{ApplyPlan, Decision, PlanClass, PositionSnapshot};

impl IntentExecutor {
    /// Lets a plan that passes the gates wait for its permit. The plan lies on the bus meanwhile, so that its
    /// entry is acknowledged and a successor knows of it; `false` when it could not be put there.
    pub(super) fn take_plan(&mut self, plan: ApplyPlan, ctx: &mut Context<'_>) -> bool {
        if let Err((decision, error)) = self.gates(&plan, ctx) {
            self.refuse(&plan, decision, error, ctx);
            return true;
        }
        let options = SetOptions { expire: keys::EXECUTOR_DONE.life, ..SetOptions::default() };
        let saved = ctx.set_json(&keys::EXECUTOR_WAITING.of(&plan.plan_id), &plan, options);
        let until = ctx.now() + Nanos::from_millis(self.settings.permit_wait_ms);
        self.waiting.push(Waiting { plan, until });
        self.look_for_permits(ctx);
        saved == Ok(true)
    }

    pub(super) fn look_for_permits(&mut self, ctx: &mut Context<'_>) {
        for waiting in std::mem::take(&mut self.waiting) {
            let key = keys::EXECUTOR_WAITING.of(&waiting.plan.plan_id);
            match self.try_plan(waiting, ctx) {
                Some(still) => self.waiting.push(still),
                None => {
                    ctx.del(&key);
                }
            }
        }
        if !self.waiting.is_empty() && !self.looking {
            self.looking = true;
            ctx.timer_after(Nanos::from_millis(self.settings.permit_poll_ms), PERMIT_TIMER);
        }
    }

    /// Runs the plan if it may; gives it back while it has to wait.
    fn try_plan(&mut self, waiting: Waiting, ctx: &mut Context<'_>) -> Option<Waiting> {
        let plan = &waiting.plan;
        let place = self.place_of(plan.symbol)?;
        let in_flight = ctx.exists(&self.keys[place].inflight);
        let filters_unknown = self.filters[place].step == 0;
        let now = ctx.now();
        // A close waits for the end of the order that is in flight, and for the filters, however long. That is no
        // wait for permits, which begins when it has ended.
        if plan.class != PlanClass::Open && (in_flight || filters_unknown) {
            let until = now + Nanos::from_millis(self.settings.permit_wait_ms);
            return Some(Waiting { until, ..waiting });
        }
        if filters_unknown && now < waiting.until {
            return Some(waiting);
        }
        let found = permits::look(plan, &self.permits, self.reading, ctx);
        let grant = match &found {
            Permits::Granted(grant) => grant,
            Permits::Missing(_) if now < waiting.until || self.makes_room(plan, ctx) => {
                return Some(waiting);
            }
            Permits::Missing(missing) => {
                self.refuse_waited(plan, *missing, ctx);
                return None;
            }
            Permits::Unreadable { .. } => {
                let error = found.refusal().unwrap_or_default();
                self.refuse(plan, Decision::Error, error, ctx);
                return None;
            }
            Permits::Denied { .. } | Permits::Mismatch(_) => {
                let error = found.refusal().unwrap_or_default();
                self.refuse(plan, Decision::Blocked, error, ctx);
                return None;
            }
        };
        if in_flight {
            self.refuse(plan, Decision::Skip, "order_in_flight".to_owned(), ctx);
            return None;
        }
        // What stops it may have come while it waited.
        if let Err((decision, error)) = gates::may_run(plan, self.rules.safe_mode_blocks_exits, ctx)
        {
            self.refuse(plan, decision, error.to_owned(), ctx);
            return None;
        }
        // Before the permits are used: an order that is none uses up nothing.
        let lots = match self.lots(place, plan, grant.permitted, ctx) {
            Ok(lots) => lots,
            Err(error) => {
                self.refuse(plan, Decision::Blocked, error, ctx);
                return None;
            }
        };
        if !grant.consume(ctx) {
            return Some(waiting);
        }
        self.send(place, plan, lots, ctx);
        None
    }

    /// Lots of the order: whole steps, never above the permit; a close has no smallest notional.
    pub(in crate::entry) fn lots(
        &self,
        place: usize,
        plan: &ApplyPlan,
        permitted: Permitted,
        ctx: &mut Context<'_>,
    ) -> Result<i64, String> {
        let filters = &self.filters[place];
        if filters.step == 0 {
            return Err("exchange_filters_unknown".to_owned());
        }
        let instrument = ctx.instruments()[place].clone();
        let snapshot = ctx.record::<PositionSnapshot>(&self.keys[place].snapshot);
        let (held, mark) = match &snapshot {
            Ok(Some(of)) => (Some(of.position_amt.abs()), of.mark_price),
            Ok(None) | Err(_) => (None, Decimal::ZERO),
        };
        // A share is one of what the exchange holds.
        let share = match permitted.max_fraction {
            Some(share) => {
                Some(held.and_then(|held| held.checked_mul(share)).ok_or("position_unknown")?)
            }
            None => None,
        };
        let most = [permitted.max_qty, share].into_iter().flatten().min();
        let asked = match (plan.qty, most) {
            (Some(qty), Some(most)) => Some(qty.min(most)),
            // What is to be closed stands in the permit; no permit, no quantity.
            (None, most) if plan.reduce_only.0 => most,
            (Some(qty), None) if !plan.reduce_only.0 => Some(qty),
            _ => None,
        };
        if let Some(float_lots) =
            self.rules.rounding.lots(&instrument, filters, asked, mark, plan.reduce_only.0)
        {
            return float_lots;
        }
        let lots =
            asked.and_then(|qty| grid::lots(&instrument, qty)).ok_or("missing_required_fields")?;
        let lots = (lots - lots % filters.step).min(filters.max_qty);
        if lots < filters.min_qty {
            return Err(format!("min_qty_check_failed:{lots} lots below {}", filters.min_qty));
        }
        if plan.reduce_only.0 {
            return Ok(lots);
        }
        if mark <= Decimal::ZERO {
            return Err("mark_price_unavailable".to_owned());
        }
        let notional = grid::qty(&instrument, QtyLots(lots)) * mark;
        if notional < filters.min_notional {
            return Err(format!(
                "min_notional_check_failed:{notional} below {}",
                filters.min_notional
            ));
        }
        Ok(lots)
    }

    /// Whether the governor is making room for the open: it will say when it has.
    fn makes_room(&self, plan: &ApplyPlan, ctx: &mut Context<'_>) -> bool {
        plan.class == PlanClass::Open
            && ctx.now() < plan.valid_until.0
            && ctx.exists(&keys::ROTATION_LOCK.of(&plan.plan_id))
    }
}
