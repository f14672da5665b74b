//! Closes that wait with their permit, and the cooldown that an executed one leaves.

use engine::{Context, Delivery, Nanos, SetOptions, Symbol, TimerKey};
use strategies::apply::PlanClass as Needs;

use super::PortfolioGate;
use crate::entry::permits::needs;
use crate::entry::renewals;
use crate::keys;
use crate::records::{ApplyPlan, ApplyResult};
use crate::streams::APPLY_RESULT;

/// Between two looks at what waits.
const LOOK_EVERY: Nanos = Nanos::from_secs(5);

impl PortfolioGate {
    /// The plan was judged: its permit is renewed while it waits.
    pub(super) fn permitted(&mut self, plan: &ApplyPlan, ctx: &mut Context<'_>) {
        self.closes.note(plan, ctx);
        self.look_soon(ctx);
    }

    fn look_soon(&mut self, ctx: &mut Context<'_>) {
        if !self.looking && !self.closes.is_empty() {
            self.looking = true;
            ctx.timer_after(LOOK_EVERY, TimerKey(0));
        }
    }

    pub(super) fn renew(&mut self, ctx: &mut Context<'_>) {
        self.looking = false;
        for plan in self.closes.due(ctx) {
            self.judge(&plan, ctx);
        }
        self.look_soon(ctx);
    }

    /// After a start: what waits is judged again, as nobody else renews what a former life has granted.
    pub(super) fn recover(&mut self, ctx: &mut Context<'_>) {
        if self.old.reads_proposals {
            return;
        }
        for plan in renewals::waiting(ctx) {
            if needs(&plan) == Needs::HarvestClose {
                self.judge(&plan, ctx);
            }
        }
    }

    /// A harvest close was executed: the next one of the symbol may do one step less for a while.
    pub(super) fn result(&self, delivery: &Delivery, ctx: &mut Context<'_>) {
        let Some(result) = ctx.read::<ApplyResult>(APPLY_RESULT.name, delivery) else { return };
        if !self.symbols.contains(&result.symbol) {
            return ctx.count("results_of_unknown_symbols", 1);
        }
        let closed = result.executed && result.reduce_only.0 && result.source == "apply_layer";
        if closed && !self.old.permits_cool {
            self.cool(result.symbol, result.timestamp.0, ctx);
        }
    }

    pub(super) fn cool(&self, symbol: Symbol, since: Nanos, ctx: &mut Context<'_>) {
        let left = since + keys::P26_COOLDOWN.life.unwrap_or(Nanos::ZERO) - ctx.now();
        if left <= Nanos::ZERO {
            return;
        }
        let options = SetOptions { expire: Some(left), ..SetOptions::default() };
        if ctx.set(&keys::P26_COOLDOWN.of(symbol), "1", options).is_err() {
            ctx.count("cooldown_not_saved", 1);
        }
    }
}
