//! Holds, and who is told of them.

use std::borrow::Cow;

use engine::{Context, Envelope, EpochSeconds, GaugeOf, Nanos, SetOptions, Ttl};
use strategies::reconcile::{Drift, hold_ttl_sec};

use super::{Look, ReconcileEngine, STATE_REFRESH};
use crate::records::{ReconcileEvent, ReconcileEventKind, ReconcileStatus};
use crate::streams::RECONCILE_EVENTS;

impl ReconcileEngine {
    /// Sets the hold, or lets the one that is set live on; never shorter than it would have.
    pub(super) fn hold(
        &mut self,
        place: usize,
        look: Look,
        reason: &'static str,
        drift: Option<Drift>,
        ctx: &mut Context<'_>,
    ) {
        let set = self.set_hold(place, reason, false, ctx);
        if set || self.known[place].reason != reason {
            if drift.is_some() {
                ctx.count("p34_reconcile_drift_total", 1);
            }
            ctx.count(reason, 1);
            self.tell(place, look, ReconcileEventKind::HoldSet, reason.into(), ctx);
            ctx.gauge("p34_reconcile_hold_active", self.of(place), 1.0);
        }
        self.stand(place, look, reason.into(), ReconcileStatus::Hold, drift, ctx);
    }

    /// Whether there was none before.
    pub(super) fn set_hold(
        &self,
        place: usize,
        reason: &str,
        close_out: bool,
        ctx: &mut Context<'_>,
    ) -> bool {
        let keys = &self.keys[place];
        let left = match ctx.ttl(&keys.hold) {
            Ttl::Absent => None,
            // Somebody has set it for good.
            Ttl::Persistent => return false,
            Ttl::Left(left) => Some(left),
        };
        let left_sec = left.map(Nanos::secs);
        let cuts = self.old.cuts_holds;
        let life_sec = hold_ttl_sec(left_sec.filter(|_| !cuts), close_out);
        let longer = cuts || left_sec.is_none_or(|left| life_sec > left);
        let life = left.filter(|_| !longer).unwrap_or(Nanos::from_secs(life_sec));
        let options = SetOptions { expire: Some(life), ..SetOptions::default() };
        let says = ctx.get(&keys.reason).ok().flatten();
        let also = if says.as_deref() != Some(reason) {
            ctx.set(&keys.reason, reason, options)
        } else {
            Ok(longer && ctx.expire(&keys.reason, life))
        };
        let done = match left {
            None => ctx.set(&keys.hold, "1", options),
            Some(_) => Ok(longer && ctx.expire(&keys.hold, life)),
        };
        if done.is_err() || also.is_err() {
            ctx.count("hold_not_saved", 1);
        }
        left.is_none()
    }

    /// Takes the hold away; whether there was one.
    pub(super) fn release(&self, place: usize, ctx: &mut Context<'_>) -> bool {
        let keys = &self.keys[place];
        if !ctx.exists(&keys.hold) {
            return false;
        }
        ctx.del(&keys.hold);
        ctx.del(&keys.reason);
        ctx.del(&keys.signature);
        ctx.gauge("p34_reconcile_hold_active", self.of(place), 0.0);
        true
    }

    /// Whether the symbol is not trusted although both agree and nothing holds it: its hold expired while nobody was
    /// here to take it away, or was deleted by hand. Told again after a while, for nobody may have heard it.
    pub(super) fn still_marked(&mut self, place: usize, ctx: &mut Context<'_>) -> bool {
        let now = ctx.now();
        let told = self.known[place].cleared_at;
        if told.is_some_and(|told| now - told < STATE_REFRESH)
            || !ctx.exists(&self.keys[place].untrusted)
        {
            return false;
        }
        self.known[place].cleared_at = Some(now);
        ctx.count("trust_restored_without_a_hold", 1);
        true
    }

    pub(super) fn of(&self, place: usize) -> GaugeOf {
        GaugeOf::Symbol(self.symbols[place])
    }

    /// Once a case.
    pub(super) fn tell_operator(
        &mut self,
        place: usize,
        look: Look,
        case: &str,
        why: &'static str,
        ctx: &mut Context<'_>,
    ) {
        if self.known[place].told == case {
            return;
        }
        case.clone_into(&mut self.known[place].told);
        ctx.count("manual_required", 1);
        self.tell(place, look, ReconcileEventKind::ManualRequired, why.into(), ctx);
    }

    pub(super) fn tell(
        &self,
        place: usize,
        look: Look,
        event: ReconcileEventKind,
        why: Cow<'static, str>,
        ctx: &mut Context<'_>,
    ) {
        let event = ReconcileEvent {
            event,
            symbol: self.symbols[place],
            exchange_amt: look.exchange_amt(),
            ledger_amt: look.ledger,
            plan_id: String::new(),
            details: Some(why),
            ts: EpochSeconds(ctx.now()),
        };
        crate::publish(ctx, RECONCILE_EVENTS, Envelope::Flat, event);
    }
}
