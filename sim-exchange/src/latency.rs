//! How long requests and answers travel, and the queues in which they wait.

use std::collections::VecDeque;

use engine::{NamedRng, Nanos, Quantiles};
use serde::{Deserialize, Serialize};

/// The model of the way to the exchange and back. A connection keeps its order: what is sent later never
/// overtakes what was sent before.
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
    /// Drawn from two distributions.
    Distribution {
        /// Of the way there.
        request: Quantiles,
        /// Of the way back.
        response: Quantiles,
    },
    /// As measured: the last row that is not later than now.
    Recorded {
        /// By time, at least one.
        rows: Vec<LatencyRow>,
    },
}

/// A latency that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyRow {
    /// When.
    pub time: Nanos,
    /// The way there.
    pub request: Nanos,
    /// The way back.
    pub response: Nanos,
}

impl Latency {
    /// Why the model makes no sense, if it does not.
    pub(crate) fn problem(&self) -> Option<String> {
        let below_zero = |span: Nanos| span < Nanos::ZERO;
        match self {
            Latency::Constant { request, response } => (below_zero(*request)
                || below_zero(*response))
            .then(|| "latency: a delivery time cannot be below zero".to_owned()),
            Latency::Distribution { request, response } => request
                .problem()
                .or(response.problem())
                .map(|problem| format!("latency: {problem}")),
            Latency::Recorded { rows } => {
                let odd = rows.is_empty()
                    || rows.windows(2).any(|pair| pair[0].time > pair[1].time)
                    || rows.iter().any(|row| below_zero(row.request) || below_zero(row.response));
                odd.then(|| {
                    "latency: rows are at least one, by time, and none below zero".to_owned()
                })
            }
        }
    }

    /// The model in a sentence.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Latency::Constant { request, response } => {
                let (there, back) = (request.0 / 1_000, response.0 / 1_000);
                format!(
                    "Latency: every request takes {there} µs to the exchange, every answer and user event {back} µs back."
                )
            }
            Latency::Distribution { request, response } => format!(
                "Latency: drawn from quantiles (thousandths, µs), there {:?}, back {:?}; a connection keeps its order.",
                request.0, response.0
            ),
            Latency::Recorded { rows } => format!(
                "Latency: as recorded in {} rows; a connection keeps its order.",
                rows.len()
            ),
        }
    }
}

/// The wires there and back, as far as they have been used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Wires {
    rng: NamedRng,
    last_arrival: Nanos,
    last_delivery: Nanos,
}

impl Wires {
    pub(crate) fn new(seed: u64) -> Wires {
        Wires {
            rng: NamedRng::new(seed, "sim-exchange latency"),
            last_arrival: Nanos(i64::MIN),
            last_delivery: Nanos(i64::MIN),
        }
    }

    /// When a request sent at `now` reaches the matching engine.
    pub(crate) fn arrival(&mut self, model: &Latency, now: Nanos) -> Nanos {
        let span = match model {
            Latency::Constant { request, .. } => *request,
            Latency::Distribution { request, .. } => request.draw(&mut self.rng),
            Latency::Recorded { rows } => row_at(rows, now).request,
        };
        self.last_arrival = self.last_arrival.max(now + span);
        self.last_arrival
    }

    /// When what happened at `now` reaches the client.
    pub(crate) fn delivery(&mut self, model: &Latency, now: Nanos) -> Nanos {
        let span = match model {
            Latency::Constant { response, .. } => *response,
            Latency::Distribution { response, .. } => response.draw(&mut self.rng),
            Latency::Recorded { rows } => row_at(rows, now).response,
        };
        self.last_delivery = self.last_delivery.max(now + span);
        self.last_delivery
    }
}

fn row_at(rows: &[LatencyRow], now: Nanos) -> LatencyRow {
    let after = rows.partition_point(|row| row.time <= now);
    rows[after.saturating_sub(1)]
}

/// What waits for its time, earliest first and first in first out within one instant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DueQueue<T> {
    entries: VecDeque<(Nanos, T)>,
    /// Of the first entry: it is asked for at every market event.
    due: Nanos,
}

impl<T> DueQueue<T> {
    pub(crate) const fn new() -> DueQueue<T> {
        DueQueue { entries: VecDeque::new(), due: Nanos::NEVER }
    }

    /// With a constant latency this appends; anything else walks back from the end.
    pub(crate) fn push(&mut self, due: Nanos, item: T) {
        let at = self.entries.iter().rposition(|(d, _)| *d <= due).map_or(0, |i| i + 1);
        if at == self.entries.len() {
            self.entries.push_back((due, item));
        } else {
            self.entries.insert(at, (due, item));
        }
        self.due = self.due.min(due);
    }

    fn find_due(&mut self) {
        self.due = self.entries.front().map_or(Nanos::NEVER, |(due, _)| *due);
    }

    #[inline]
    pub(crate) fn due(&self) -> Nanos {
        self.due
    }

    pub(crate) fn first(&self) -> Option<&T> {
        self.entries.front().map(|(_, item)| item)
    }

    pub(crate) fn retain(&mut self, keeps: impl Fn(&T) -> bool) {
        self.entries.retain(|(_, item)| keeps(item));
        self.find_due();
    }

    pub(crate) fn pop_due(&mut self, now: Nanos) -> Option<(Nanos, T)> {
        if self.due() > now {
            return None;
        }
        let first = self.entries.pop_front();
        self.find_due();
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latency() -> Latency {
        let quantiles = |rows: &[(u32, i64)]| Quantiles(rows.to_vec());
        Latency::Distribution {
            request: quantiles(&[(0, 1_000), (500, 2_000), (1_000, 10_000)]),
            response: quantiles(&[(0, 5), (1_000, 5)]),
        }
    }

    #[test]
    fn draws_have_the_stated_quantiles() {
        let model = latency();
        let mut wires = Wires::new(7);
        let mut spans: Vec<i64> = (0..20_000)
            .map(|n| {
                let now = Nanos::from_secs(n);
                (wires.arrival(&model, now) - now).0 / 1_000
            })
            .collect();
        spans.sort_unstable();
        let near = |share: usize, us: i64| {
            let found = spans[spans.len() * share / 1_000];
            assert!((found - us).abs() < us / 20, "{share}: {found} µs, not {us}");
        };
        near(0, 1_000);
        near(250, 1_500);
        near(500, 2_000);
        near(750, 6_000);
        assert!(spans.iter().all(|us| (1_000..=10_000).contains(us)));
        assert_eq!((wires.delivery(&model, Nanos(9)) - Nanos(9)).0, 5_000);
    }

    #[test]
    fn a_connection_keeps_its_order() {
        let (model, mut wires) = (latency(), Wires::new(1));
        let arrivals: Vec<Nanos> =
            (0..2_000).map(|n| wires.arrival(&model, Nanos(n * 1_000))).collect();
        assert!(arrivals.is_sorted());
        assert!(arrivals.windows(2).any(|pair| pair[0] == pair[1]), "some would have overtaken");
    }

    #[test]
    fn recorded_rows_hold_until_the_next() {
        let row = |time, request| LatencyRow {
            time: Nanos(time),
            request: Nanos(request),
            response: Nanos(1),
        };
        let model = Latency::Recorded { rows: vec![row(100, 10), row(200, 20)] };
        let mut wires = Wires::new(1);
        for (now, due) in [(0, 10), (100, 110), (199, 209), (200, 220), (900, 920)] {
            assert_eq!(wires.arrival(&model, Nanos(now)), Nanos(due));
        }
    }

    #[test]
    fn models_without_sense_are_refused() {
        let of = |rows: &[(u32, i64)]| {
            let quantiles = Quantiles(rows.to_vec());
            Latency::Distribution { request: quantiles.clone(), response: quantiles }.problem()
        };
        assert_eq!(of(&[(0, 1), (1_000, 1)]), None);
        for rows in [
            &[][..],
            &[(0, 1)],
            &[(1, 1), (1_000, 2)],
            &[(0, 2), (1_000, 1)],
            &[(0, -1), (1_000, 1)],
        ] {
            assert!(of(rows).is_some(), "{rows:?}");
        }
        assert!(Latency::Recorded { rows: Vec::new() }.problem().is_some());
    }
}
