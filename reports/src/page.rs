//! The report as one HTML file that loads nothing, and as JSON.
//!
//! `web/data.md` says what the data mean and how the file is put together; the types here are those of `web/data.d.ts`, so that
//! no key can be misspelt.
//!
//! Invariant: the same report gives the same bytes.
//! Invariant: text of the data stays text: in a part of JSON no `<` stands as itself, and larger parts are base64.

mod column;
mod part;
mod run;
mod sweep;

use std::io::{self, Write};

use serde::Serialize;

use crate::metrics::{self, Better, Unit};

pub use column::Column;
pub use run::{
    Bars, Breakdown, BreakdownColumn, Chains, Comparison, Edge, Equity, FirstDifference, Gates,
    KillScore, LazyChains, Node, NodeKind, Reason, ReasonKind, Run, RunReport, SymbolBars,
    Topology, Trades,
};
pub use sweep::{
    Axis, Degradation, Direction, Failed, FoldWindow, Objective, Overfitting, Progress, Sweep,
    SweepReport, TrialMetric, Trials, WalkForward,
};

/// Version of the data that the page reads.
pub const FORMAT: u32 = 1;

/// Trades whose chains of causes are in one part: opening a row reads it.
const CHAINS: usize = 200;

/// The built page, and what is put into it. Its security policy names the hashes of both, byte for byte.
const PAGE: &str = include_str!("../web/dist/report.html");
const STYLE: &str = include_str!("../web/dist/report.css");
const SCRIPT: &str = include_str!("../web/dist/report.js");

/// What a page shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Report {
    /// A run, or two.
    Run(Box<RunReport>),
    /// A sweep.
    Sweep(Box<SweepReport>),
}

/// Something that a reader should know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Note {
    /// In a line.
    pub text: String,
    /// Shown when it is opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl From<String> for Note {
    fn from(text: String) -> Note {
        Note { text, detail: None }
    }
}

/// One figure with its definition.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figure {
    /// What it is called.
    pub name: String,
    /// `None` where it is undefined.
    pub value: Option<f64>,
    /// `USDT`, `fraction`, `ratio`, `count`, `ms`, or a text that is shown behind the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// What it is, with its formula.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// Author, year and title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// `higher`, `lower` or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub better: Option<&'static str>,
    /// Shown large at the top.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub headline: bool,
    /// With which others it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<&'static str>,
}

impl Figure {
    /// A figure of the catalogue.
    pub fn of(metric: &metrics::Metric, value: Option<f64>) -> Figure {
        Figure {
            name: metric.name.to_owned(),
            value,
            unit: Some(unit(metric.unit)),
            definition: Some(definition(metric)),
            source: Some(metric.source.to_owned()),
            better: better(metric.better),
            headline: false,
            group: None,
        }
    }
}

/// As the page knows it.
pub fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Fraction => "fraction",
        Unit::Ratio => "ratio",
        Unit::Usdt => "USDT",
        Unit::Days => "days",
        Unit::Hours => "hours",
        Unit::Ms => "ms",
        Unit::R => "R",
        Unit::Count => "count",
    }
}

/// As the page knows it.
pub fn better(better: Better) -> Option<&'static str> {
    match better {
        Better::Higher => Some("higher"),
        Better::Lower => Some("lower"),
        Better::Neither => None,
    }
}

/// What a metric is, with its formula.
pub fn definition(metric: &metrics::Metric) -> String {
    format!("{} Formula: {}", metric.summary, metric.formula)
}

/// A value that stands where it is, or the name of the part that holds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Lazy<T> {
    /// The part of this name.
    Part {
        /// Its name.
        part: String,
    },
    /// The value.
    Here(T),
}

impl<T: Default> Default for Lazy<T> {
    fn default() -> Lazy<T> {
        Lazy::Here(T::default())
    }
}

impl<T> Lazy<T> {
    /// Takes the value out and leaves the name of the part that gets it.
    fn outsource(&mut self, name: &str) -> Option<T> {
        let part = Lazy::Part { part: name.to_owned() };
        match std::mem::replace(self, part) {
            Lazy::Here(value) => Some(value),
            there => {
                *self = there;
                None
            }
        }
    }

    /// The value, if it stands here.
    pub fn here(&self) -> Option<&T> {
        match self {
            Lazy::Here(value) => Some(value),
            Lazy::Part { .. } => None,
        }
    }
}

/// What stands in parts of its own, so that the first paint need not wait for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Heavy {
    Equity(Equity),
    Bars(Bars),
    Trades(Box<Trades>),
    Gates(Gates),
    Topology(Topology),
    Trials(Trials),
    Chains(Chains),
}

/// Takes what is heavy out of a report.
fn parts(report: &mut Report) -> Vec<(String, Heavy)> {
    let mut parts = Vec::new();
    match report {
        Report::Run(report) => {
            for (place, run) in report.runs.iter_mut().enumerate() {
                run_parts(&format!("run{place}"), run, &mut parts);
            }
        }
        Report::Sweep(report) => {
            let name = "sweep/trials";
            let trials = report.sweep.trials.outsource(name).map(Heavy::Trials);
            parts.extend(trials.map(|trials| (name.to_owned(), trials)));
        }
    }
    parts
}

fn run_parts(run_name: &str, run: &mut Run, parts: &mut Vec<(String, Heavy)>) {
    let mut keep = |of: &str, take: &mut dyn FnMut(&str) -> Option<Heavy>| {
        let name = format!("{run_name}/{of}");
        let value = take(&name);
        parts.extend(value.map(|value| (name, value)));
    };
    let Run { equity, trades, gates, topology, bars, .. } = run;
    keep("equity", &mut |name| Some(Heavy::Equity(equity.as_mut()?.outsource(name)?)));
    let chains = trades.as_mut().and_then(|trades| match trades {
        Lazy::Here(trades) => trades.chains.as_mut(),
        Lazy::Part { .. } => None,
    });
    if let Some(chains) = chains {
        let part = format!("{run_name}/chains");
        let named = LazyChains::Parts { part, rows_per_part: CHAINS };
        if let LazyChains::Here(all) = std::mem::replace(chains, named) {
            for (place, piece) in all.pieces(CHAINS).into_iter().enumerate() {
                let piece = &mut Some(piece);
                keep(&format!("chains/{place}"), &mut |_| piece.take().map(Heavy::Chains));
            }
        }
    }
    keep("trades", &mut |name| Some(Heavy::Trades(Box::new(trades.as_mut()?.outsource(name)?))));
    for of in bars {
        let own = format!("bars/{}", of.symbol);
        keep(&own, &mut |name| Some(Heavy::Bars(of.bars.outsource(name)?)));
    }
    keep("gates", &mut |name| Some(Heavy::Gates(gates.as_mut()?.outsource(name)?)));
    keep("topology", &mut |name| Some(Heavy::Topology(topology.as_mut()?.outsource(name)?)));
}

/// Writes a report as JSON, everything in its place.
///
/// # Errors
/// What `out` refuses.
pub fn write_json<W: Write>(mut out: W, report: &Report) -> io::Result<()> {
    serde_json::to_writer(&mut out, report)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Writes a report as one HTML file. `out` should buffer.
///
/// # Errors
/// What `out` refuses.
pub fn write_html<W: Write>(mut out: W, mut report: Report) -> io::Result<()> {
    let parts = parts(&mut report);
    let title = match &report {
        Report::Run(run) => run.title.clone(),
        Report::Sweep(sweep) => sweep.title.clone(),
    };
    let mut rest = PAGE;
    for marker in ["<!--title-->", "<!--css-->", "<!--report-->", "<!--js-->", "<!--parts-->"] {
        let (before, after) = rest
            .split_once(marker)
            .ok_or_else(|| io::Error::other(format!("the page has no marker {marker}")))?;
        out.write_all(before.as_bytes())?;
        match marker {
            "<!--title-->" => {
                out.write_all(part::escaped(title.as_deref().unwrap_or("qsim")).as_bytes())?;
            }
            "<!--css-->" => out.write_all(STYLE.as_bytes())?,
            "<!--report-->" => part::write(&mut out, "report", &report)?,
            "<!--js-->" => out.write_all(SCRIPT.as_bytes())?,
            _ => {
                for (name, value) in &parts {
                    part::write(&mut out, name, value)?;
                }
            }
        }
        rest = after;
    }
    out.write_all(rest.as_bytes())?;
    out.flush()
}
