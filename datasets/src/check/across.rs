//! Series of one symbol that tell of the same thing: bars and their trades, bars and longer bars, mark prices
//! and trades, trades and their aggregates.
//!
//! Invariant: two cursors a pair, nothing that grows with the length of the series.

use std::collections::BTreeMap;

use super::entries::{Entries, decimals_of};
use super::intervals::{Bar, Grid, Intervals, Shorter, Trades};
use super::{Check, Finding, shown};
use crate::DataError;
use crate::import::iso;
use crate::interval::Interval;
use crate::kind::{Kind, SeriesId};
use crate::rows::Decimals;
use crate::store::FileInfo;

/// A mark price this far from the price of trades is told: 5 %, as one part of so many.
const FAR_PART: i128 = 20;
/// Trades are compared with their aggregates minute by minute.
const MINUTE_US: i64 = 60_000_000;
/// Trades are read from so long before the common time on, so that there is one before its first interval.
const LEAD_US: i64 = 600_000_000;
const FIELDS: [&str; 4] = ["open", "high", "low", "close"];

/// How two series are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    /// Bars and trades: all fields.
    OfTrades,
    /// Bars and longer bars: all fields.
    Longer,
    /// Bars of mark prices and of trades: how far apart they close.
    Mark,
    /// Aggregated and single trades: high, low and quantity.
    Aggregates,
}

/// Two series of a symbol to compare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    relation: Relation,
    first: SeriesId,
    second: SeriesId,
}

/// The files of each series that can be read.
pub(crate) type Whole<'a> = BTreeMap<SeriesId, Vec<&'a FileInfo>>;

/// All pairs of one symbol, in the order of their names.
pub(crate) fn pairs(series: &Whole<'_>) -> Vec<Pair> {
    let mut all = Vec::new();
    for first in series.keys() {
        for second in series.keys().filter(|second| second.symbol == first.symbol) {
            if let Some(relation) = relation(first, second) {
                all.push(Pair { relation, first: *first, second: *second });
            }
        }
    }
    all
}

fn relation(first: &SeriesId, second: &SeriesId) -> Option<Relation> {
    match (first.kind, second.kind) {
        (Kind::Klines, Kind::AggTrades | Kind::Trades) => Some(Relation::OfTrades),
        (Kind::AggTrades, Kind::Trades) => Some(Relation::Aggregates),
        (Kind::MarkPriceKlines, Kind::Klines) => {
            (first.interval == second.interval).then_some(Relation::Mark)
        }
        (one, other) if one == other && one.is_bars() => {
            let (short, long) = (first.interval?, second.interval?);
            (short < long && short.divides(long)).then_some(Relation::Longer)
        }
        _ => None,
    }
}

fn length_us(interval: Option<Interval>) -> i64 {
    interval.map_or(MINUTE_US, |interval| i64::from(interval.ms()) * 1_000)
}

/// Compares two series; nothing if there is no interval that both cover.
pub(crate) fn across(pair: &Pair, series: &Whole<'_>) -> Result<Option<Check>, DataError> {
    let none: &[&FileInfo] = &[];
    let files = |id: &SeriesId| series.get(id).map_or(none, Vec::as_slice);
    let (first, second) = (files(&pair.first), files(&pair.second));
    let Some(from_us) = common_from(first, second) else {
        return Ok(None);
    };
    let decimals = decimals_of(first.iter().chain(second).copied());
    let from_us = from_us.saturating_sub(LEAD_US);
    let rows = |files| Entries::new(files, decimals, from_us);
    let has_volume = |id: &SeriesId| id.kind == Kind::Klines;
    let grid = |id: &SeriesId, files: &[&FileInfo]| Grid {
        month: id.interval.filter(|interval| interval.is_month()),
        length_us: length_us(id.interval),
        origin_us: files.first().filter(|_| id.kind.is_bars()).map_or(0, |file| file.first_us),
    };
    let bars = |id: &SeriesId, files| Intervals::Bars(rows(files), has_volume(id));
    let (left, right) = match pair.relation {
        Relation::OfTrades => {
            let trades = Trades::new(rows(second), grid(&pair.first, first));
            (bars(&pair.first, first), Intervals::Trades(Box::new(trades)))
        }
        Relation::Longer => {
            let shorter = Shorter {
                rows: rows(first),
                grid: grid(&pair.second, second),
                step_us: length_us(pair.first.interval),
                has_volume: has_volume(&pair.first),
            };
            (Intervals::Shorter(shorter), bars(&pair.second, second))
        }
        // A bar without trades has a price all the same.
        Relation::Mark => {
            (Intervals::Bars(rows(first), false), Intervals::Bars(rows(second), false))
        }
        Relation::Aggregates => {
            let by_minute = |files| {
                let grid = Grid { month: None, length_us: MINUTE_US, origin_us: 0 };
                Intervals::Trades(Box::new(Trades::new(rows(files), grid)))
            };
            (by_minute(first), by_minute(second))
        }
    };
    let mut comparison = Comparison { pair, decimals, compared: 0, unlike: 0, first: None };
    comparison.run(left, right)?;
    Ok((comparison.compared > 0).then(|| comparison.finish()))
}

/// Where the time begins that both cover; nothing if there is none.
fn common_from(first: &[&FileInfo], second: &[&FileInfo]) -> Option<i64> {
    let begin = |files: &[&FileInfo]| files.iter().map(|file| file.first_us).min();
    // The last bar is named after its opening, and lasts.
    let end = |files: &[&FileInfo]| {
        let last = |file: &&FileInfo| file.last_us.saturating_add(length_us(file.series.interval));
        files.iter().map(last).max()
    };
    let from_us = begin(first)?.max(begin(second)?);
    (from_us <= end(first)?.min(end(second)?)).then_some(from_us)
}

struct Comparison<'a> {
    pair: &'a Pair,
    decimals: Decimals,
    compared: u64,
    unlike: u64,
    /// Time and words.
    first: Option<(i64, String)>,
}

impl Comparison<'_> {
    fn run(&mut self, mut left: Intervals<'_>, mut right: Intervals<'_>) -> Result<(), DataError> {
        let (mut a, mut b) = (left.next()?, right.next()?);
        while let (Some(one), Some(other)) = (&a, &b) {
            if one.open_us == other.open_us {
                self.compared += 1;
                let differs = match self.pair.relation {
                    Relation::Mark => self.apart(one, other),
                    _ => self.differs(one, other),
                };
                if let Some(text) = differs {
                    self.unlike += 1;
                    self.first.get_or_insert((one.open_us, text));
                }
                (a, b) = (left.next()?, right.next()?);
            } else if one.open_us < other.open_us {
                a = left.next()?;
            } else {
                b = right.next()?;
            }
        }
        Ok(())
    }

    /// The fields in which two bars differ, in words.
    fn differs(&self, one: &Bar, other: &Bar) -> Option<String> {
        let mut parts = Vec::new();
        if one.volume != other.volume {
            let [a, b] = [one, other].map(|bar| shown(bar.volume, self.decimals.qty));
            parts.push(format!("volume {a} and {b}"));
        }
        if let (Some(ours), Some(theirs)) = (one.prices, other.prices) {
            for (i, name) in FIELDS.iter().enumerate() {
                let counts = self.pair.relation != Relation::Aggregates || (1..=2).contains(&i);
                if counts && ours[i] != theirs[i] {
                    let [a, b] = [ours[i], theirs[i]].map(|p| shown(p, self.decimals.price));
                    parts.push(format!("{name} {a} and {b}"));
                }
            }
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Whether two bars close far from each other, in words.
    fn apart(&self, mark: &Bar, traded: &Bar) -> Option<String> {
        let ([.., mark], [.., traded]) = (mark.prices?, traded.prices?);
        let is_far = (mark - traded).abs() > traded.abs() / FAR_PART;
        is_far.then(|| {
            let [mark, traded] = [mark, traded].map(|price| shown(price, self.decimals.price));
            format!("the mark price closes at {mark}, trades at {traded}")
        })
    }

    fn finish(self) -> Check {
        let Pair { relation, first, second } = *self.pair;
        let is_mark = relation == Relation::Mark;
        let findings = self.first.map(|(at_us, text)| {
            let (unlike, compared) = (self.unlike, self.compared);
            let what = match relation {
                Relation::Mark => "closes are more than 5 % apart",
                Relation::Aggregates => "minutes differ",
                Relation::OfTrades | Relation::Longer => "bars differ",
            };
            Finding {
                what: if is_mark { "far" } else { "contradiction" },
                count: unlike,
                places: unlike,
                first: iso(at_us).to_string(),
                detail: format!("{unlike} of {compared} {what}; the first: {text}"),
                note: is_mark,
            }
        });
        Check {
            kind: first.kind,
            symbol: first.symbol,
            interval: first.interval.map(Interval::name),
            against: Some(match second.interval {
                Some(interval) => format!("{}/{interval}", second.kind),
                None => second.kind.to_string(),
            }),
            rows: self.compared,
            findings: findings.into_iter().collect(),
        }
    }
}
