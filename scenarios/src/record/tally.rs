//! What the gates of a run decided, which permits were given, and how late services heard of entries.

use std::collections::BTreeMap;

use engine::{KeyWrite, Nanos, Record, Seen};
use pipeline::records::{GovernorPermit, P26Permit, P33Permit};
use reports::metrics::LagMetrics;
use reports::metrics::{PipelineInput, PipelineMetrics, lag_of_counts, pipeline_metrics};
use serde::{Deserialize, Serialize};

use crate::story::{Outcome, decided, decides};

/// Lags are told apart by so much.
const STEP_NS: i64 = 100_000;
/// Keys of permits begin so.
const PERMIT: &str = "quantum:permit:";

/// What the pipeline of a run did. It is as large after a year as after a day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PipelineTally {
    /// Decisions of gates.
    pub decisions: u64,
    /// Refusals, by the service that refused.
    pub refusals: BTreeMap<String, u64>,
    /// Decisions that made an action smaller.
    pub downgrades: u64,
    /// Permits of all gates that said yes.
    pub permits_granted: u64,
    /// Permits of all gates that said no.
    pub permits_denied: u64,
    /// Deliveries of entries by their lag in steps of 0.1 ms: from the millisecond in which the entry was appended, which is its
    /// id, to its handling.
    pub lags: BTreeMap<i64, u64>,
}

impl PipelineTally {
    /// Takes what is seen; `service` handles it.
    pub(crate) fn hear(&mut self, now: Nanos, service: Option<&str>, seen: &Seen<'_>) {
        match seen {
            Seen::Delivery(_, _, id) => {
                let appended = i64::try_from(id.ms).unwrap_or(i64::MAX).saturating_mul(1_000_000);
                let lag = now.0.saturating_sub(appended).max(0);
                *self.lags.entry(lag / STEP_NS).or_default() += 1;
            }
            Seen::Publish(stream, _, body) if decides(stream) => {
                let fields = body.to_fields();
                let of = |name: &str| fields.get(name).unwrap_or_default().to_owned();
                let gate = service.unwrap_or("timeline");
                self.decisions += 1;
                match decided(stream, gate, &of).outcome {
                    Outcome::Passed => {}
                    Outcome::Refused => {
                        // Found by its borrowed name: a gate says no thousands of times.
                        match self.refusals.get_mut(gate) {
                            Some(count) => *count += 1,
                            None => drop(self.refusals.insert(gate.to_owned(), 1)),
                        }
                    }
                    Outcome::Downgraded => self.downgrades += 1,
                }
            }
            Seen::Key(key, KeyWrite::Json(record) | KeyWrite::Hash(record), _)
                if key.starts_with(PERMIT) =>
            {
                match says_yes(*record) {
                    Some(true) => self.permits_granted += 1,
                    Some(false) => self.permits_denied += 1,
                    None => {}
                }
            }
            _ => {}
        }
    }

    /// Its metrics, and those of the lag of all deliveries.
    pub fn metrics(&self) -> (PipelineMetrics, LagMetrics) {
        let refusals: Vec<(&str, u64)> =
            self.refusals.iter().map(|(gate, count)| (gate.as_str(), *count)).collect();
        let input = PipelineInput {
            proposals: self.decisions,
            refusals: &refusals,
            permits_granted: self.permits_granted,
            permits_denied: self.permits_denied,
            actions: self.decisions,
            downgrades: self.downgrades,
            lag_ns: &[],
        };
        let lags: Vec<(i64, u64)> =
            self.lags.iter().map(|(steps, count)| (steps * STEP_NS, *count)).collect();
        (pipeline_metrics(&input).unwrap_or_default(), lag_of_counts(&lags))
    }
}

/// What a permit says; nothing if it is none.
fn says_yes(record: &dyn Record) -> Option<bool> {
    let any = record.as_any();
    let governor = any.downcast_ref::<GovernorPermit>().map(|permit| permit.granted);
    let p33 = || any.downcast_ref::<P33Permit>().map(|permit| permit.allow);
    let p26 = || any.downcast_ref::<P26Permit>().map(|permit| permit.allow);
    governor.or_else(p33).or_else(p26)
}
