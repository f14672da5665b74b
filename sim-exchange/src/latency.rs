//! How long requests and answers travel, and the queues in which they wait.

use std::collections::VecDeque;

use engine::Nanos;
use serde::{Deserialize, Serialize};

/// The model of the way to the exchange and back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// Always the same.
    Constant {
        /// From `submit` to the matching engine, in nanoseconds.
        request: Nanos,
        /// From the matching engine to the client, answers and user stream alike, in nanoseconds.
        response: Nanos,
    },
}

impl Latency {
    /// When a request sent at `now` reaches the matching engine.
    pub(crate) fn arrival(&self, now: Nanos) -> Nanos {
        let Latency::Constant { request, .. } = self;
        now.saturating_add(*request)
    }

    /// When what happened at `now` reaches the client.
    pub(crate) fn delivery(&self, now: Nanos) -> Nanos {
        let Latency::Constant { response, .. } = self;
        now.saturating_add(*response)
    }

    /// The model in a sentence.
    pub(crate) fn sentence(&self) -> String {
        let Latency::Constant { request, response } = self;
        let (there, back) = (request.0 / 1_000, response.0 / 1_000);
        format!(
            "Latency: every request takes {there} µs to the exchange, every answer and user event {back} µs back."
        )
    }
}

/// What waits for its time, earliest first and first in first out within one instant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DueQueue<T> {
    entries: VecDeque<(Nanos, T)>,
}

impl<T> DueQueue<T> {
    pub(crate) const fn new() -> DueQueue<T> {
        DueQueue { entries: VecDeque::new() }
    }

    /// With a constant latency this appends; anything else walks back from the end.
    pub(crate) fn push(&mut self, due: Nanos, item: T) {
        let at = self.entries.iter().rposition(|(d, _)| *d <= due).map_or(0, |i| i + 1);
        if at == self.entries.len() {
            self.entries.push_back((due, item));
        } else {
            self.entries.insert(at, (due, item));
        }
    }

    pub(crate) fn due(&self) -> Nanos {
        self.entries.front().map_or(Nanos::NEVER, |(due, _)| *due)
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.entries.front().map(|(_, item)| item)
    }

    pub(crate) fn retain(&mut self, keeps: impl Fn(&T) -> bool) {
        self.entries.retain(|(_, item)| keeps(item));
    }

    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<(Nanos, T)> {
        if self.due() > now {
            return None;
        }
        self.entries.pop_front()
    }
}
