//! A permit is used up once, and only by an order of its plan.

use std::collections::{BTreeMap, BTreeSet};

use engine::{KeyWrite, Nanos, Request, Seen, ServiceId};
use pipeline::keys::{PERMIT_GOVERNOR, PERMIT_P26, PERMIT_P33};

use super::{Invariant, Kinds, plan_of, violated};
use crate::expect::{Failure, Moment, Run, World};

/// So long after its permits were used up the order of a plan may be on its way: its leverage is set first.
const ORDER_FOLLOWS: Nanos = Nanos::from_secs(10);

/// See the file.
#[derive(Clone, Default)]
pub(crate) struct PermitsUsedOnce {
    used: BTreeMap<String, Moment>,
    /// Plans whose permits were used up and whose order was not sent yet, with who used them.
    unsent: BTreeMap<String, (Moment, Option<ServiceId>)>,
    /// Plans whose permits were used up in what is being handled.
    now_used: BTreeSet<String>,
    failure: Option<Failure>,
}

const NAME: &str = "permits_used_once";

impl PermitsUsedOnce {
    fn fail(&mut self, moment: Moment, found: String) {
        self.failure.get_or_insert_with(|| violated(NAME, Some(moment), found));
    }

    fn sent(&mut self, moment: Moment, id: &str, plan: &str) {
        self.unsent.remove(plan);
        // The id of a plan that is too long for the exchange is told by its digest.
        if !self.now_used.is_empty() && !self.now_used.contains(plan) && plan.len() <= 30 {
            let permits: Vec<&str> = self.now_used.iter().map(String::as_str).collect();
            let found =
                format!("order {id} was sent with the permits of plan {}", permits.join(", "));
            self.fail(moment, found);
        }
    }
}

/// The plan of a permit's key.
fn permitted(key: &str) -> Option<&str> {
    // The governor's prefix begins those of the others.
    [PERMIT_P33, PERMIT_P26, PERMIT_GOVERNOR]
        .iter()
        .find_map(|permit| key.strip_prefix(permit.name))
}

impl Invariant for PermitsUsedOnce {
    fn hears(&self) -> Kinds {
        Kinds::INPUTS.and(Kinds::EXCHANGE).and(Kinds::KEYS).and(Kinds::REQUESTS)
    }

    fn seen(&mut self, moment: Moment, handling: Option<ServiceId>, seen: &Seen<'_>) {
        match seen {
            Seen::Key(key, KeyWrite::Deleted, _) => {
                let Some(plan) = permitted(key) else { return };
                // Deleted by hand: it is gone, and nobody used it.
                if handling.is_none() {
                    return;
                }
                self.unsent.insert(plan.to_owned(), (moment, handling));
                self.now_used.insert(plan.to_owned());
                if self.used.insert((*key).to_owned(), moment).is_some() {
                    self.fail(moment, format!("{key} was used up twice"));
                }
            }
            Seen::Submit(_, _, Request::NewOrder(order)) => {
                let id = &order.client_order_id.0;
                if let Some(plan) = plan_of(id) {
                    self.sent(moment, id, plan);
                }
            }
            Seen::Publish(..)
            | Seen::Key(..)
            | Seen::Submit(..)
            | Seen::CallOut(..)
            | Seen::ReplyOut(..) => {}
            _ => self.now_used.clear(),
        }
    }

    fn end(&mut self, kernel: &mut Run, world: &World) -> Option<Failure> {
        let now = kernel.now();
        let late = |(_, (moment, _)): &(&String, &(Moment, Option<ServiceId>))| {
            now - moment.time > ORDER_FOLLOWS
        };
        if let Some((plan, (moment, who))) = self.unsent.iter().find(late) {
            let who = who.and_then(|who| world.services.get(usize::from(who.0)));
            let who = who.map_or("nobody of the pipeline", String::as_str);
            let found =
                format!("{who} used up the permits of plan {plan} and no order of it was sent");
            let moment = *moment;
            self.fail(moment, found);
        }
        self.failure.take()
    }
}
