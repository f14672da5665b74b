//! Closes that wait in an executor for the end of the order in flight, longer than a permit lives: who issues
//! permits renews those of a plan for as long as it waits.

use engine::{Context, Nanos};
use serde::{Deserialize, Serialize};

use crate::keys::{self, Key};
use crate::records::{ApplyPlan, PlanClass};

/// Where the executors keep the plans that wait.
pub(crate) const WAITING: [Key; 2] = [keys::EXECUTOR_WAITING, keys::APPLY_WAITING];
/// The permit of a close that still waits is renewed from this age on; it lives 60 s.
const RENEW_AFTER: Nanos = Nanos::from_secs(50);

/// The closes of the last minute, and when they were permitted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Renewals {
    permitted: Vec<(ApplyPlan, Nanos)>,
}

impl Renewals {
    /// The plan was judged just now.
    pub(crate) fn note(&mut self, plan: &ApplyPlan, ctx: &Context<'_>) {
        self.permitted.push((plan.clone(), ctx.now()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.permitted.is_empty()
    }

    /// The plans that have to be judged again: those that still wait, and whose permit is about to end. What waits
    /// no longer is forgotten.
    pub(crate) fn due(&mut self, ctx: &mut Context<'_>) -> Vec<ApplyPlan> {
        let now = ctx.now();
        let mut due = Vec::new();
        for (plan, judged_at) in std::mem::take(&mut self.permitted) {
            if now - judged_at < RENEW_AFTER {
                self.permitted.push((plan, judged_at));
            } else if WAITING.iter().any(|waiting| ctx.exists(&waiting.of(&plan.plan_id))) {
                ctx.count("permits_renewed", 1);
                due.push(plan);
            }
        }
        due
    }
}

/// After a start: the plans that wait and need permits. A former life may not have judged them, and does not renew
/// what it granted.
pub(crate) fn waiting(ctx: &mut Context<'_>) -> Vec<ApplyPlan> {
    let mut plans = Vec::new();
    let [executor, apply_layer] = WAITING.map(|waiting| ctx.scan(&waiting.of("*")));
    for key in executor.into_iter().chain(apply_layer) {
        match ctx.json::<ApplyPlan>(&key) {
            Ok(Some(plan)) if plan.class != PlanClass::ReconcileClose => {
                plans.push(plan.into_owned());
            }
            Ok(_) => {}
            Err(_) => ctx.count("plans_unreadable", 1),
        }
    }
    plans
}
