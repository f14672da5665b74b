//! What the plans of a run said, for the trades that came of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use engine::Body;
use pipeline::records::ApplyPlan;
use rust_decimal::Decimal;

/// So many plans are remembered: an order follows its plan within minutes.
const PLANS: usize = 4_096;

/// What is remembered of a plan.
#[derive(Clone, Debug)]
pub(crate) struct PlanNote {
    /// The service that decided.
    pub(crate) source: Arc<str>,
    /// Why.
    pub(crate) reason: Arc<str>,
    /// In USDT.
    pub(crate) stop_loss: Option<Decimal>,
    /// When it was decided, in USDT.
    pub(crate) price: Option<Decimal>,
}

/// The newest plans, by their id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plans {
    notes: BTreeMap<String, PlanNote>,
    order: VecDeque<String>,
}

impl Plans {
    /// Takes an entry of `apply.plan`.
    pub(crate) fn hear(&mut self, body: &Body) {
        let Some(plan) = crate::invariants::record::<ApplyPlan>(body) else { return };
        let note = PlanNote {
            source: (*plan.source).into(),
            reason: (*plan.reason_codes).into(),
            stop_loss: plan.stop_loss,
            price: plan.price,
        };
        if self.notes.insert(plan.plan_id.clone(), note).is_none() {
            self.order.push_back(plan.plan_id.clone());
        }
        while self.order.len() > PLANS {
            if let Some(oldest) = self.order.pop_front() {
                self.notes.remove(&oldest);
            }
        }
    }

    /// The plan of an order, by the client order id that the executor gave it.
    pub(crate) fn of_order(&self, client_order_id: &str) -> Option<&PlanNote> {
        self.notes.get(crate::invariants::plan_of(client_order_id)?)
    }
}
