//! No intent fills two orders, and no plan has two live ones.

use std::collections::BTreeMap;

use engine::{CorrelationId, ExchangeEvent, Seen, ServiceId, UserEvent};
use pipeline::records::ExecutionResult;
use pipeline::streams::EXECUTION_RESULT;

use super::{Invariant, Kinds, plan_of, record, violated};
use crate::expect::{Failure, Moment, Run, World};

/// See the file.
#[derive(Clone, Default)]
pub(crate) struct OneOrderPerIntent {
    /// Of each decision, the order that opened for it.
    opened: BTreeMap<String, String>,
    /// Of each plan, its live orders.
    live: BTreeMap<String, Vec<String>>,
    failure: Option<Failure>,
}

const NAME: &str = "one_order_per_intent";

impl OneOrderPerIntent {
    fn fail(&mut self, moment: Moment, found: String) {
        self.failure.get_or_insert_with(|| violated(NAME, Some(moment), found));
    }

    fn filled(&mut self, moment: Moment, result: &ExecutionResult) {
        if result.reduce_only.0 || result.client_order_id.is_empty() {
            return;
        }
        // An intent from elsewhere may have no correlation id; its plan has an id of its own.
        let decision = match result.correlation_id == CorrelationId::default() {
            true => result.plan_id.clone(),
            false => result.correlation_id.to_string(),
        };
        let first = self.opened.entry(decision).or_insert_with(|| result.client_order_id.clone());
        if *first != result.client_order_id {
            let found = format!(
                "orders {first} and {} of {} were both filled for one intent (correlation id {})",
                result.client_order_id, result.symbol, result.correlation_id
            );
            self.fail(moment, found);
        }
    }

    fn updated(&mut self, moment: Moment, id: &str, over: bool) {
        let Some(plan) = plan_of(id) else { return };
        let live = self.live.entry(plan.to_owned()).or_default();
        live.retain(|one| one != id);
        if over {
            return;
        }
        live.push(id.to_owned());
        if live.len() > 1 {
            let found = format!("orders {} of plan {plan} are live at once", live.join(" and "));
            self.fail(moment, found);
        }
    }
}

impl Invariant for OneOrderPerIntent {
    fn hears(&self) -> Kinds {
        Kinds::PUBLISHED.and(Kinds::EXCHANGE)
    }

    fn seen(&mut self, moment: Moment, _: Option<ServiceId>, seen: &Seen<'_>) {
        match seen {
            Seen::Publish(stream, _, body) if *stream == EXECUTION_RESULT.name => {
                if let Some(result) = record::<ExecutionResult>(body) {
                    self.filled(moment, &result);
                }
            }
            Seen::Exchange(ExchangeEvent::User {
                event: UserEvent::OrderTradeUpdate { order, .. },
                ..
            }) => self.updated(moment, &order.client_order_id.0, order.status.is_terminal()),
            _ => {}
        }
    }

    fn end(&mut self, _: &mut Run, _: &World) -> Option<Failure> {
        self.failure.take()
    }
}
