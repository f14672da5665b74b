//! What a file holds: kind, symbol and interval, told from its folders and its name.

use std::fmt;
use std::path::Path;

use engine::Symbol;
use serde::{Deserialize, Serialize};

/// The kinds of market data that can be imported, named as Binance names their folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// Bars of trades.
    #[serde(rename = "klines")]
    Klines,
    /// Aggregated trades.
    #[serde(rename = "aggTrades")]
    AggTrades,
    /// Settled funding rates.
    #[serde(rename = "fundingRate")]
    FundingRate,
    /// Bars of mark prices.
    #[serde(rename = "markPriceKlines")]
    MarkPriceKlines,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] =
        [Kind::Klines, Kind::AggTrades, Kind::FundingRate, Kind::MarkPriceKlines];

    /// Binance's name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Klines => "klines",
            Kind::AggTrades => "aggTrades",
            Kind::FundingRate => "fundingRate",
            Kind::MarkPriceKlines => "markPriceKlines",
        }
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == name)
    }

    /// Whether its rows are bars, which have an interval.
    pub fn has_interval(self) -> bool {
        matches!(self, Kind::Klines | Kind::MarkPriceKlines)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Binance's fixed bar lengths and their milliseconds. A month has no fixed length and is left out.
const INTERVALS: [(&str, u32); 16] = [
    ("1s", 1_000),
    ("1m", 60_000),
    ("3m", 180_000),
    ("5m", 300_000),
    ("15m", 900_000),
    ("30m", 1_800_000),
    ("1h", 3_600_000),
    ("2h", 7_200_000),
    ("4h", 14_400_000),
    ("6h", 21_600_000),
    ("8h", 28_800_000),
    ("12h", 43_200_000),
    ("1d", 86_400_000),
    ("3d", 259_200_000),
    ("1w", 604_800_000),
    ("10m", 600_000),
];

/// The length of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    ms: u32,
}

impl Interval {
    /// The interval with Binance's name, such as `1m`.
    pub fn named(name: &str) -> Option<Interval> {
        let found = INTERVALS.iter().find(|(n, _)| *n == name);
        found.map(|&(_, ms)| Interval { ms })
    }

    /// Its milliseconds.
    pub fn ms(self) -> u32 {
        self.ms
    }

    /// Binance's name.
    pub fn name(self) -> &'static str {
        let found = INTERVALS.iter().find(|&&(_, ms)| ms == self.ms);
        found.map_or("?", |&(name, _)| name)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What makes a series: all files of one kind, symbol and interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesId {
    /// What its rows are.
    pub kind: Kind,
    /// Whose.
    pub symbol: Symbol,
    /// The bar length; `None` for kinds that are not bars.
    pub interval: Option<Interval>,
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.symbol)?;
        match self.interval {
            Some(interval) => write!(f, "/{interval}"),
            None => Ok(()),
        }
    }
}

/// Kinds of Binance's archive that nothing here replays.
const UNSUPPORTED: [&str; 11] = [
    "openInterestHist",
    "openInterest",
    "metrics",
    "trades",
    "bookTicker",
    "bookDepth",
    "liquidationSnapshot",
    "indexPriceKlines",
    "premiumIndexKlines",
    "BVOLIndex",
    "EOHSummary",
];

/// What a path says about its content.
pub(crate) enum Told {
    Series(SeriesId),
    /// A kind that Binance publishes and qsim does not replay.
    Unsupported(&'static str),
    /// It cannot be told.
    Unclear(String),
}

/// Tells a series from `…/klines/BTCUSDT/1m/BTCUSDT-1m-2026-02.zip` and its relatives. The folder
/// has the word on the kind, because mark price and trade klines share their file names.
pub(crate) fn tell(path: &Path) -> Told {
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("");
    let folders: Vec<&str> =
        path.parent().map(|p| p.iter().filter_map(|c| c.to_str()).collect()).unwrap_or_default();
    let mut parts = stem.split('-');
    let symbol_text = parts.next().unwrap_or("");
    let second = parts.next().unwrap_or("");

    let words = || folders.iter().rev().copied().chain([second]);
    if let Some(name) = words().find_map(|w| UNSUPPORTED.iter().find(|u| **u == w)) {
        return Told::Unsupported(name);
    }
    let Ok(symbol) = Symbol::new(symbol_text) else {
        return Told::Unclear(format!(
            "its name does not begin with a symbol ({symbol_text:?}); name it as Binance does, \
             such as BTCUSDT-1m-2026-02.zip"
        ));
    };
    let interval = Interval::named(second).or_else(|| words().find_map(Interval::named));
    let kind = words().find_map(Kind::named);
    let Some(kind) = kind else {
        return Told::Unclear(
            "neither folder nor name tells its kind; put it below a folder named klines, \
             markPriceKlines, aggTrades or fundingRate"
                .to_owned(),
        );
    };
    let folder = folders.last().and_then(|f| Interval::named(f));
    if kind.has_interval() && folder.is_some() && folder != interval {
        return Told::Unclear(format!(
            "its name says {second}, its folder {}; correct one of them",
            folders.last().unwrap_or(&"")
        ));
    }
    if kind.has_interval() && interval.is_none() {
        return Told::Unclear(format!(
            "{kind} without a known interval in name or folder; name it such as {symbol}-1m-2026-02.zip"
        ));
    }
    Told::Series(SeriesId { kind, symbol, interval: interval.filter(|_| kind.has_interval()) })
}
