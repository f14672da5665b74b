//! What went between services and streams in a recorded run, how late it was, and what the gates decided.

use std::collections::BTreeMap;

use engine::JournalEntry;
use pipeline::records::{Decision, PlanAction};
use pipeline::streams::{APPLY_PLAN, APPLY_RESULT, HARVEST_HEAT_DECISION, PORTFOLIO_GATE};
use reports::metrics::{LagMetrics, PipelineInput, pipeline_metrics};
use reports::page::{Column, Edge, Gates, KillScore, Node, NodeKind, Topology};

use super::recording::{Kind, NOBODY, NONE, Recording};
use super::words;

/// Streams of entries that could not be read begin so.
const DEAD: &str = "quantum:dlq:";

/// A node of the picture, by the numbers of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Exchange,
    Timeline,
    Service(u16),
    Stream(u32),
}

/// What went along an edge.
#[derive(Default)]
struct Flow {
    count: u64,
    lag_ns: Vec<i64>,
}

/// Streams and services of a recorded run, with the counts of publications, deliveries, calls and exchange messages between
/// them. Lag is that from an entry's publication (or a call) to its handling. Market events reach services directly and are no
/// part of it.
pub fn topology(recording: &Recording) -> Topology {
    let mut flows: BTreeMap<(Place, Place), Flow> = BTreeMap::new();
    let mut dead: BTreeMap<u16, u64> = BTreeMap::new();
    let mut add = |from: Place, to: Place, lag_ns: Option<i64>| {
        let flow = flows.entry((from, to)).or_default();
        flow.count += 1;
        flow.lag_ns.extend(lag_ns);
    };
    let listeners = recording.wires.listeners();
    let who = |service: u16| match service {
        NOBODY => Place::Timeline,
        service => Place::Service(service),
    };
    for row in &recording.rows {
        let cause = recording.rows.get(row.cause as usize).filter(|_| row.cause != NONE);
        let lag = cause.map(|cause| (row.time - cause.time).0);
        let own = who(row.service);
        match row.kind {
            Kind::Publish => {
                add(own, Place::Stream(row.place), None);
                if recording.names.name(row.place).starts_with(DEAD) {
                    *dead.entry(row.service).or_default() += 1;
                }
            }
            Kind::Delivery => add(Place::Stream(row.place), own, lag),
            Kind::Call => {
                let caller = cause.map_or(Place::Timeline, |cause| who(cause.service));
                add(caller, own, lag);
            }
            Kind::Submit => add(own, Place::Exchange, None),
            Kind::Response => add(Place::Exchange, own, None),
            Kind::User => {
                listeners.iter().for_each(|one| add(Place::Exchange, Place::Service(*one), None));
            }
            _ => {}
        }
    }
    let places: Vec<Place> = {
        let mut all: Vec<Place> = flows.keys().flat_map(|(from, to)| [*from, *to]).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let nodes = places.iter().map(|place| node(recording, *place, &dead)).collect();
    let number = |place: &Place| places.binary_search(place).unwrap_or(0);
    let edges = flows.into_iter().map(|((from, to), flow)| {
        let lag = lag(flow.lag_ns);
        Edge {
            from: number(&from),
            to: number(&to),
            count: flow.count,
            lag_p50_ms: lag.lag_ms_p50,
            lag_p99_ms: lag.lag_ms_p99,
        }
    });
    Topology { nodes, edges: edges.collect() }
}

fn node(recording: &Recording, place: Place, dead: &BTreeMap<u16, u64>) -> Node {
    let (name, kind, dead_letters) = match place {
        Place::Exchange => ("exchange".to_owned(), NodeKind::Exchange, None),
        Place::Timeline => ("timeline".to_owned(), NodeKind::Other, None),
        Place::Service(service) => {
            let name = recording.services.get(usize::from(service)).cloned().unwrap_or_default();
            (name, NodeKind::Service, dead.get(&service).copied())
        }
        Place::Stream(stream) => {
            (words::short(recording.names.name(stream)).to_owned(), NodeKind::Stream, None)
        }
    };
    Node { name, kind, dead_letters, note: None }
}

fn lag(mut lag_ns: Vec<i64>) -> LagMetrics {
    lag_ns.sort_unstable();
    let input = PipelineInput { lag_ns: &[("", &lag_ns)], ..PipelineInput::default() };
    let metrics = pipeline_metrics(&input).unwrap_or_default();
    metrics.by_stream.into_values().next().unwrap_or_default()
}

/// Texts and their numbers, in the order in which they came up.
#[derive(Default)]
struct Numbered(Vec<String>);

impl Numbered {
    fn number(&mut self, text: &str) -> i64 {
        let place = self.0.iter().position(|there| there == text).unwrap_or_else(|| {
            self.0.push(text.to_owned());
            self.0.len() - 1
        });
        place as i64
    }
}

/// A decision of a gate.
pub(crate) struct Decided {
    gate: String,
    pub(crate) outcome: Outcome,
    reason: String,
    symbol: String,
}

/// What a gate decided; numbered as the page counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed = 0,
    Refused = 1,
    Downgraded = 2,
}

/// Streams whose entries are decisions of gates.
const DECISIONS: [&str; 4] =
    [APPLY_PLAN.name, HARVEST_HEAT_DECISION.name, PORTFOLIO_GATE.name, APPLY_RESULT.name];

/// Whether the entries of a stream are decisions of gates.
pub(crate) fn decides(stream: &str) -> bool {
    DECISIONS.contains(&stream)
}

/// What the gates decided about plans, by time: who made a plan, the heat gate, the portfolio gate, and who ran the plan or
/// refused to. Columns point into `symbols`. Refusals that a service only counts and does not publish are no part of it.
pub fn gates(recording: &Recording, symbols: &[String]) -> Gates {
    let (mut gates, mut reasons) = (Numbered::default(), Numbered::default());
    let (mut time_ms, mut gate, mut outcome) = (Vec::new(), Vec::new(), Vec::new());
    let (mut reason, mut symbol) = (Vec::new(), Vec::new());
    let (mut kill_ms, mut kill) = (Vec::new(), Vec::new());
    let wanted = DECISIONS.map(|stream| recording.names.find(stream));
    for (number, row) in recording.rows.iter().enumerate() {
        if row.kind != Kind::Publish || !wanted.contains(&Some(row.place)) {
            continue;
        }
        let JournalEntry::Publish { body, .. } = recording.entry(number as u32) else { continue };
        let stream = recording.names.name(row.place);
        let publisher = recording.whose(number as u32);
        if stream == APPLY_PLAN.name
            && let Some(score) = body.get("kill_score").and_then(|score| score.parse().ok())
        {
            kill_ms.push(row.time.millis());
            kill.push(score);
        }
        let decided = decided(stream, publisher, &|name| body.get(name).unwrap_or_default());
        time_ms.push(row.time.millis());
        gate.push(gates.number(&decided.gate));
        outcome.push(decided.outcome as i64);
        reason.push(Some(reasons.number(&decided.reason)).filter(|_| !decided.reason.is_empty()));
        let place = symbols.iter().position(|one| *one == decided.symbol);
        symbol.push(place.map(|place| place as i64));
    }
    let kill_score = (!kill.is_empty()).then(|| KillScore {
        time_ms: Column::times(&kill_ms),
        value: Column::Floats(kill),
        threshold: None,
    });
    Gates {
        gates: gates.0,
        reasons: reasons.0,
        time_ms: Column::times(&time_ms),
        gate: Column::Whole(gate),
        outcome: Column::Whole(outcome),
        reason: Column::Gaps(reason),
        symbol: Column::Gaps(symbol),
        kill_score,
    }
}

/// The decision that an entry tells, by the names of its fields.
pub(crate) fn decided(stream: &str, gate: &str, of: &dyn Fn(&str) -> String) -> Decided {
    let (outcome, reason) = if stream == HARVEST_HEAT_DECISION.name {
        let outcome = match of("heat_action").as_str() {
            "NONE" => Outcome::Passed,
            "HOLD_CLOSE" => Outcome::Refused,
            _ => Outcome::Downgraded,
        };
        (outcome, format!("{} {}", of("heat_level"), of("reason")))
    } else if stream == PORTFOLIO_GATE.name {
        let (proposed, last) = (of("action_proposed"), of("final_action"));
        let outcome = match last {
            same if same == proposed => Outcome::Passed,
            hold if hold == PlanAction::Hold.as_str() => Outcome::Refused,
            _ => Outcome::Downgraded,
        };
        (outcome, of("gate_reason"))
    } else {
        let passes = of("decision") == Decision::Execute.as_str();
        let reasons = [of("reason_codes"), of("error"), of("status")];
        let reason = reasons.into_iter().find(|reason| !reason.is_empty());
        (if passes { Outcome::Passed } else { Outcome::Refused }, reason.unwrap_or_default())
    };
    Decided { gate: gate.to_owned(), outcome, reason, symbol: of("symbol") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

    use super::*;
    use crate::Scenario;

    fn flash_crash() -> Recording {
        let scenario = crate::embedded().expect("the scenario");
        crate::record(&Scenario { seed: 7, ..scenario }, None).expect("a recording")
    }

    #[test]
    fn every_publication_and_delivery_is_on_an_edge() {
        let recording = flash_crash();
        let topology = topology(&recording);
        let of = |kind: Kind| recording.rows.iter().filter(|row| row.kind == kind).count() as u64;
        let edges = |from: Option<NodeKind>, to: Option<NodeKind>| -> u64 {
            let fits = |place: usize, kind: Option<NodeKind>| {
                kind.is_none_or(|kind| topology.nodes[place].kind == kind)
            };
            let found = topology.edges.iter().filter(|e| fits(e.from, from) && fits(e.to, to));
            found.map(|edge| edge.count).sum()
        };
        assert!(of(Kind::Publish) > 100 && of(Kind::Delivery) > 100);
        assert_eq!(edges(None, Some(NodeKind::Stream)), of(Kind::Publish));
        assert_eq!(edges(Some(NodeKind::Stream), None), of(Kind::Delivery));
        assert_eq!(edges(None, Some(NodeKind::Exchange)), of(Kind::Submit));
        let late =
            topology.edges.iter().filter_map(|edge| Some((edge.lag_p50_ms?, edge.lag_p99_ms?)));
        let late: Vec<(f64, f64)> = late.collect();
        assert!(!late.is_empty() && late.iter().all(|(p50, p99)| *p50 >= 0.0 && p50 <= p99));
    }

    #[test]
    fn gates_tell_each_plan_and_its_end() {
        let recording = flash_crash();
        let symbols: Vec<String> =
            recording.wires.instruments.iter().map(|i| i.symbol.as_str().to_owned()).collect();
        let gates = gates(&recording, &symbols);
        let published = |name: &str| {
            let place = recording.names.find(name);
            let rows = recording.rows.iter();
            rows.filter(|row| row.kind == Kind::Publish && Some(row.place) == place).count()
        };
        let streams = [APPLY_PLAN, HARVEST_HEAT_DECISION, PORTFOLIO_GATE, APPLY_RESULT];
        let all: usize = streams.iter().map(|stream| published(stream.name)).sum();
        assert!(published(APPLY_PLAN.name) > 0 && published(APPLY_RESULT.name) > 0);
        assert_eq!(gates.time_ms.len(), all);
        let Column::Gaps(of_symbols) = &gates.symbol else { panic!("{:?}", gates.symbol) };
        assert!(of_symbols.iter().all(Option::is_some), "each is about a symbol of the run");
    }
}
