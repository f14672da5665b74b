//! The walk over all rows in search of what is wrong with them: of each series by itself ([`walk`]), of its
//! book ([`book`]), and of each pair of series that tell of the same thing ([`across`]).

mod across;
mod book;
mod decimals;
mod entries;
mod intervals;
mod walk;

use serde::Serialize;

pub(crate) use across::{Whole, across, pairs};
pub(crate) use decimals::too_wide;
pub(crate) use walk::check;

use crate::catalogue::Damage;
use crate::decimal;
use crate::import::iso;
use crate::kind::Kind;

/// One sort of fault in a series, or of a pair of series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `gap`, `duplicate`, `disorder`, `overlap`, `contradiction`, `zero_volume`, `ohlc`, `damaged`, `digest`,
    /// `off_interval`, `decimals`, `broken_chain`, `crossed`, `snapshot`, `leap`,
    /// `spike`, `rate`, `local_time` or `far`.
    pub what: &'static str,
    /// How often. For gaps of bars: the number of missing bars; of trades: of missing ids.
    pub count: u64,
    /// At how many places: gaps, or rows.
    pub places: u64,
    /// Time of the first, ISO-8601.
    pub first: String,
    /// The first one in words, which say so if there are more.
    pub detail: String,
    /// Whether it is a mere note: bars without volume are normal in a quiet market.
    pub note: bool,
}

/// What a check found in one series, or between two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What its rows are.
    pub kind: Kind,
    /// Whose.
    pub symbol: engine::Symbol,
    /// Bar length.
    pub interval: Option<&'static str>,
    /// Of a pair: the other series of the symbol that it was compared with, such as `klines/1h`.
    pub against: Option<String>,
    /// Rows read; of a pair: the intervals compared.
    pub rows: u64,
    /// What was found; empty if all is well.
    pub findings: Vec<Finding>,
}

impl Check {
    /// Whether nothing but notes was found.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|f| f.note)
    }
}

/// Gathers findings, one of each sort.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// Counts a finding; `detail` is told of the first only, or of the first that is no mere note.
    fn add(
        &mut self,
        what: &'static str,
        count: u64,
        at_us: i64,
        note: bool,
        detail: impl FnOnce() -> String,
    ) {
        if let Some(finding) = self.0.iter_mut().find(|f| f.what == what) {
            finding.count += count;
            finding.places += 1;
            if finding.note && !note {
                (finding.first, finding.detail) = (iso(at_us).to_string(), detail());
                finding.note = false;
            }
            return;
        }
        let (first, detail) = (iso(at_us).to_string(), detail());
        self.0.push(Finding { what, count, places: 1, first, detail, note });
    }

    /// Counts a file that cannot be opened; nobody knows of which time it is.
    fn unreadable(&mut self, file: &Damage) {
        self.add("damaged", 1, 0, false, || format!("{}: {}", file.path.display(), file.reason));
        if let Some(finding) = self.0.last_mut().filter(|finding| finding.places == 1) {
            finding.first.clear();
        }
    }

    fn finish(mut self) -> Vec<Finding> {
        for finding in self.0.iter_mut().filter(|finding| finding.places > 1) {
            finding.detail = format!("first of {}: {}", finding.places, finding.detail);
        }
        self.0
    }
}

/// A value in words. One beyond 64 bits cannot come from a file; a sum of many may.
fn shown(value: i128, decimals: u32) -> String {
    match i64::try_from(value) {
        Ok(value) => decimal::text(value, decimals),
        Err(_) => format!("{value}e-{decimals}"),
    }
}
