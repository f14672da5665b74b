//! The walk over all rows of a series in search of what is wrong with them.

use serde::Serialize;

use crate::DataError;
use crate::coverage::{funding_hours, hour_of};
use crate::import::iso;
use crate::interval::Interval;
use crate::kind::{Kind, SeriesId, Shape};
use crate::overlap::{Told, common_time, compare};
use crate::rows::{Row, RowDigest, follows, repeats};
use crate::store::{BATCH_ROWS, FileCursor, FileInfo, all_columns};

/// One sort of fault in a series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `gap`, `duplicate`, `disorder`, `overlap`, `contradiction`, `zero_volume`, `ohlc`, `damaged`, `digest`,
    /// `off_interval`, `broken_chain` or `crossed`.
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

/// What a check found in one series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What its rows are.
    pub kind: Kind,
    /// Whose.
    pub symbol: engine::Symbol,
    /// Bar length.
    pub interval: Option<&'static str>,
    /// Rows read.
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

struct Walk {
    id: SeriesId,
    previous: Option<Row>,
    findings: Vec<Finding>,
}

pub(crate) fn check(id: &SeriesId, files: &[FileInfo]) -> Result<Check, DataError> {
    let mut walk = Walk { id: *id, previous: None, findings: Vec::new() };
    let mut rows = 0;
    for (i, file) in files.iter().enumerate() {
        for before in &files[..i] {
            let Some(time) = common_time(before, file) else {
                continue;
            };
            walk.overlap(before, file, time);
            // Rows of overlapping files are not compared: the order between them means nothing.
            walk.previous = None;
        }
        if let Err(damage) = file.verify() {
            walk.found("damaged", 1, file.first_us, damage.to_string(), false);
            walk.previous = None;
            continue;
        }
        let mut digest = RowDigest::default();
        let mut cursor = FileCursor::open(&file.path, all_columns(id.kind), i64::MIN)?;
        while cursor.read(BATCH_ROWS)? {
            for at in 0..cursor.len() {
                let row = cursor.row(at);
                digest.add(id.kind, &row, file.decimals);
                walk.row(&row);
                rows += 1;
            }
        }
        if digest != file.digest {
            let detail = format!("the rows of {} are not those imported", file.path.display());
            walk.found("digest", 1, file.first_us, detail, false);
        }
    }
    for finding in walk.findings.iter_mut().filter(|finding| finding.places > 1) {
        finding.detail = format!("first of {}: {}", finding.places, finding.detail);
    }
    Ok(Check {
        kind: id.kind,
        symbol: id.symbol,
        interval: id.interval.map(Interval::name),
        rows,
        findings: walk.findings,
    })
}

impl Walk {
    /// Two files of one time are a note if they agree. Of a damaged one only the damage is told.
    fn overlap(&mut self, before: &FileInfo, file: &FileInfo, (from_us, to_us): (i64, i64)) {
        let detail = format!("{} and {}", before.path.display(), file.path.display());
        match compare(before, file, from_us, to_us, i64::MIN) {
            Ok(Told::Alike(rows)) => {
                let detail = format!("{rows} equal rows in {detail}");
                self.found("overlap", 1, file.first_us, detail, true);
            }
            Ok(Told::Unlike(difference)) => {
                let detail = format!("{detail} contradict each other");
                self.found("contradiction", 1, difference.at_us, detail, false);
            }
            Err(_) => {}
        }
    }

    fn found(&mut self, what: &'static str, count: u64, at_us: i64, detail: String, note: bool) {
        if let Some(finding) = self.findings.iter_mut().find(|f| f.what == what) {
            finding.count += count;
            finding.places += 1;
            return;
        }
        let first = iso(at_us).to_string();
        self.findings.push(Finding { what, count, places: 1, first, detail, note });
    }

    fn row(&mut self, row: &Row) {
        let now = row[0];
        let kind = self.id.kind;
        if kind.is_bars() {
            let [_, open, high, low, close, volume, ..] = *row;
            let below_zero = low <= 0 && kind != Kind::PremiumIndexKlines;
            if high < open.max(close) || low > open.min(close) || below_zero {
                self.found("ohlc", 1, now, "the prices contradict each other".into(), false);
            }
            if kind == Kind::Klines && volume == 0 {
                self.found("zero_volume", 1, now, "a bar without trades".into(), true);
            }
        }
        if kind == Kind::BookTicker && row[2] >= row[4] && row[3] > 0 && row[5] > 0 {
            self.found("crossed", 1, now, "the bid is not below the ask".into(), false);
        }
        if let Some(previous) = self.previous {
            self.step(&previous, row);
        }
        self.previous = Some(*row);
    }

    fn step(&mut self, previous: &Row, row: &Row) {
        let (before, now) = (previous[0], row[0]);
        let kind = self.id.kind;
        if repeats(kind, previous, row) {
            return self.found("duplicate", 1, now, "the same row key twice".into(), false);
        }
        if now < before {
            let detail = format!("after {}", iso(before));
            return self.found("disorder", 1, now, detail, false);
        }
        let step = now - before;
        if let Some(interval) = self.id.interval {
            let interval = i64::from(interval.ms()) * 1_000;
            if step % interval != 0 {
                let detail = format!("{} us after the bar before", step);
                self.found("off_interval", 1, now, detail, false);
            } else if step > interval {
                let missing = (step / interval - 1) as u64;
                let detail = format!("{missing} bars missing after {}", iso(before));
                self.found("gap", missing, before + interval, detail, false);
            }
        } else if kind.shape() == Shape::Trades && row[1] > previous[1] + 1 {
            let missing = (row[1] - previous[1] - 1) as u64;
            let detail = format!("{missing} ids missing after id {}", previous[1]);
            self.found("gap", missing, now, detail, false);
        } else if kind == Kind::Depth {
            if !follows(previous, row) {
                let detail =
                    format!("the message after id {} says that it follows {}", previous[1], row[2]);
                self.found("broken_chain", 1, now, detail, false);
            }
        } else if kind == Kind::FundingRate {
            let stated = funding_hours(row);
            let hours = hour_of(now) - hour_of(before);
            if hours > stated {
                let missing = ((hours - 1) / stated) as u64;
                let detail = format!("{hours} h after {}", iso(before));
                self.found("gap", missing, now, detail, false);
            }
        }
    }
}
