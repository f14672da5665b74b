//! What may only reduce, an order or a plan that closes, never makes a position larger.

use std::collections::{BTreeMap, BTreeSet};

use engine::{ExchangeEvent, PositionSide, Seen, ServiceId, SymbolIndex, UserEvent};
use pipeline::records::{ApplyPlan, PlanClass};
use pipeline::streams::APPLY_PLAN;

use super::{Invariant, Kinds, plan_of, record, violated};
use crate::expect::{Failure, Moment, Run, World};

/// See the file.
#[derive(Clone, Default)]
pub(crate) struct ClosesNeverOpen {
    /// Signed lots, as the account's updates tell them.
    positions: BTreeMap<(SymbolIndex, PositionSide), i64>,
    /// Plans that close.
    closes: BTreeSet<String>,
    failure: Option<Failure>,
}

const NAME: &str = "closes_never_open";

impl Invariant for ClosesNeverOpen {
    fn hears(&self) -> Kinds {
        Kinds::PUBLISHED.and(Kinds::EXCHANGE)
    }

    fn seen(&mut self, moment: Moment, _: Option<ServiceId>, seen: &Seen<'_>) {
        match seen {
            Seen::Publish(stream, _, body) if *stream == APPLY_PLAN.name => {
                if let Some(plan) = record::<ApplyPlan>(body)
                    && plan.class != PlanClass::Open
                {
                    self.closes.insert(plan.plan_id.clone());
                }
            }
            Seen::Exchange(ExchangeEvent::User { event, .. }) => self.told(moment, event),
            _ => {}
        }
    }

    fn end(&mut self, _: &mut Run, _: &World) -> Option<Failure> {
        self.failure.take()
    }
}

impl ClosesNeverOpen {
    fn told(&mut self, moment: Moment, event: &UserEvent) {
        match event {
            UserEvent::AccountUpdate { positions, .. } => {
                for position in positions {
                    let key = (position.symbol, position.position_side);
                    self.positions.insert(key, position.position_amt.0);
                }
            }
            UserEvent::OrderTradeUpdate { order, fill: Some(fill), liquidation: false, .. } => {
                let of_close = plan_of(&order.client_order_id.0)
                    .is_some_and(|plan| self.closes.contains(plan));
                if !order.reduce_only && !of_close {
                    return;
                }
                // The update of the account comes first: what is held now came of this fill.
                let key = (order.symbol, order.position_side);
                let held = self.positions.get(&key).copied().unwrap_or(0);
                let before = held - order.side.sign() * fill.qty.0;
                if held != 0 && (held.signum() != before.signum() || held.abs() > before.abs()) {
                    let found = format!(
                        "order {} may only reduce, and took the position from {before} to {held} lots",
                        order.client_order_id.0
                    );
                    self.failure.get_or_insert_with(|| violated(NAME, Some(moment), found));
                }
            }
            _ => {}
        }
    }
}
