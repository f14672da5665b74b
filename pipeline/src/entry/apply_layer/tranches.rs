//! Rungs fire once a position, and what too little would be left of is closed whole (settled, "Tranches").

use engine::{Context, EpochSeconds, JsonText, QtyLots};
use rust_decimal::Decimal;
use strategies::close_action::CloseAction;
use strategies::harvest::{ClosingInput, TRANCHE_FIRED, TrancheLedger, closing_quantity};

use super::ApplyLayer;
use crate::entry::orders::Ended;
use crate::exits::held::Held;
use crate::grid;
use crate::records::{ApplyPlan, ApplyTranches, PlanAction};

impl ApplyLayer {
    /// What has fired in this position; of another one nothing has.
    fn tranches(&self, place: usize, held: &Held, ctx: &mut Context<'_>) -> ApplyTranches {
        let known = match ctx.record::<ApplyTranches>(&self.keys[place].tranches) {
            Ok(known) => known.map(std::borrow::Cow::into_owned),
            Err(_) => {
                ctx.count("tranches_unreadable", 1);
                None
            }
        };
        let known = known.filter(|known| known.ledger.0.opening_plan() == held.opening_plan);
        let instrument = &ctx.instruments()[place];
        let opened = held.opening_lots.map(|lots| grid::qty(instrument, QtyLots(lots)));
        let before = known.as_ref().map_or(Decimal::ZERO, |known| known.opening_qty);
        let opening_qty = opened.unwrap_or_default().max(before).max(held.qty);
        let now = EpochSeconds(ctx.now());
        match known {
            Some(known) => ApplyTranches { opening_qty, updated_at: now, ..known },
            None => ApplyTranches {
                symbol: self.symbols[place],
                opening_qty,
                ledger: JsonText(TrancheLedger::new(&held.opening_plan)),
                pending_plan: None,
                pending_proposed: None,
                pending_allowed: None,
                updated_at: now,
            },
        }
    }

    fn save_tranches(&self, place: usize, tranches: &ApplyTranches, ctx: &mut Context<'_>) {
        if ctx.set_record(&self.keys[place].tranches, tranches, None).is_err() {
            ctx.count("tranches_not_saved", 1);
        }
    }

    /// Whether a plan of this rung is worth making. A full close always is: only the gate knows what is left of it.
    pub(super) fn rung_is_open(
        &self,
        place: usize,
        held: &Held,
        close: CloseAction,
        ctx: &mut Context<'_>,
    ) -> Result<(), &'static str> {
        if close == CloseAction::FullClose {
            return Ok(());
        }
        let now = ctx.now();
        let tranches = self.tranches(place, held, ctx);
        let pending = tranches.pending_proposed == Some(PlanAction::from(close));
        if pending { Err(TRANCHE_FIRED) } else { tranches.ledger.0.may_fire(close, close, now) }
    }

    /// Base quantity of a close: its share of what remains, or all of it.
    pub(super) fn quantity(
        &self,
        place: usize,
        held: &Held,
        close: CloseAction,
        ctx: &mut Context<'_>,
    ) -> Decimal {
        let opening_qty = self.tranches(place, held, ctx).opening_qty;
        let instrument = &ctx.instruments()[place];
        let filters = self.desk.filters(place);
        let input = ClosingInput {
            remaining_qty: held.qty,
            opening_qty,
            step_qty: grid::qty(instrument, QtyLots(filters.step)),
            mark_price: grid::decimal(held.position.current_price).unwrap_or_default(),
            min_notional_usd: filters.min_notional,
        };
        closing_quantity(close, &input)
    }

    /// Takes the rung for an order that is about to be sent.
    ///
    /// # Errors
    /// Why it may not fire.
    pub(super) fn take_tranche(
        &self,
        place: usize,
        held: &Held,
        plan: &ApplyPlan,
        (proposed, allowed): (CloseAction, CloseAction),
        ctx: &mut Context<'_>,
    ) -> Result<(), &'static str> {
        let now = ctx.now();
        let tranches = self.tranches(place, held, ctx);
        tranches.ledger.0.may_fire(proposed, allowed, now)?;
        let pending = ApplyTranches {
            pending_plan: Some(plan.plan_id.clone()),
            pending_proposed: Some(proposed.into()),
            pending_allowed: Some(allowed.into()),
            ..tranches
        };
        self.save_tranches(place, &pending, ctx);
        Ok(())
    }

    /// The order is over: its rung has fired if something was filled, and is free again otherwise.
    pub(super) fn settle_tranche(&self, ended: &Ended, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let key = &self.keys[ended.place].tranches;
        let Ok(Some(tranches)) = ctx.record::<ApplyTranches>(key) else { return };
        if tranches.pending_plan.as_ref() != Some(&ended.plan_id) {
            return;
        }
        let mut tranches = tranches.into_owned();
        let close = |action: Option<PlanAction>| action.and_then(PlanAction::close);
        let pending = (close(tranches.pending_proposed), close(tranches.pending_allowed));
        if let (Some(proposed), Some(allowed)) = pending
            && ended.executed > 0
        {
            tranches.ledger.0.fired(proposed, allowed, now);
        }
        (tranches.pending_plan, tranches.pending_proposed) = (None, None);
        tranches.pending_allowed = None;
        tranches.updated_at = EpochSeconds(now);
        self.save_tranches(ended.place, &tranches, ctx);
    }
}
