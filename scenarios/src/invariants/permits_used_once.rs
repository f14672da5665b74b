//! A permit is used up once, and only by an order of its plan.

use std::collections::{BTreeMap, BTreeSet};

use engine::{KeyWrite, Request, Seen, ServiceId};
use pipeline::keys::{PERMIT_GOVERNOR, PERMIT_P26, PERMIT_P33};

use super::{Invariant, plan_of, violated};
use crate::expect::{Failure, Moment, Run, World};

/// See the file.
#[derive(Default)]
pub(crate) struct PermitsUsedOnce {
    used: BTreeMap<String, Moment>,
    /// Plans whose permits the service that is running has just used up, and has sent no order for.
    unsent: BTreeSet<String>,
    failure: Option<Failure>,
}

const NAME: &str = "permits_used_once";

impl PermitsUsedOnce {
    fn fail(&mut self, moment: Moment, found: String) {
        self.failure.get_or_insert_with(|| violated(NAME, Some(moment), found));
    }

    /// What was used up in a handling has to be sent in it.
    fn handling_over(&mut self, moment: Moment) {
        if let Some(plan) = self.unsent.pop_first() {
            self.unsent.clear();
            let found =
                format!("the permits of plan {plan} were used up, and no order of it was sent");
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
    fn seen(&mut self, moment: Moment, _: Option<ServiceId>, seen: &Seen<'_>) {
        match seen {
            Seen::Key(key, KeyWrite::Deleted, _) => {
                let Some(plan) = permitted(key) else { return };
                self.unsent.insert(plan.to_owned());
                if self.used.insert((*key).to_owned(), moment).is_some() {
                    self.fail(moment, format!("{key} was used up twice"));
                }
            }
            Seen::Submit(_, _, Request::NewOrder(order)) if !self.unsent.is_empty() => {
                let Some(plan) = plan_of(&order.client_order_id.0) else { return };
                // A plan's id that is too long for the exchange is told by its digest.
                if !self.unsent.remove(plan) && plan.len() <= 30 {
                    let permits: Vec<&str> = self.unsent.iter().map(String::as_str).collect();
                    let found = format!(
                        "order {} was sent with the permits of plan {}",
                        order.client_order_id.0,
                        permits.join(", ")
                    );
                    self.fail(moment, found);
                }
                self.unsent.clear();
            }
            Seen::Publish(..)
            | Seen::Key(..)
            | Seen::Submit(..)
            | Seen::CallOut(..)
            | Seen::ReplyOut(..) => {}
            _ => self.handling_over(moment),
        }
    }

    fn end(&mut self, _: &mut Run, _: &World) -> Option<Failure> {
        self.failure.take()
    }
}
