//! What a file holds: kind, symbol and interval, told from its folders and its name.

use std::fmt;
use std::path::Path;

use engine::Symbol;
use serde::{Deserialize, Serialize};

use crate::interval::Interval;

/// The kinds of market data that can be imported, named as Binance names its folders and streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// Bars of trades.
    Klines,
    /// Aggregated trades.
    AggTrades,
    /// Settled funding rates.
    FundingRate,
    /// Bars of mark prices.
    MarkPriceKlines,
    /// Bars of index prices.
    IndexPriceKlines,
    /// Bars of the premium index, which is a share and may be below zero.
    PremiumIndexKlines,
    /// Single trades.
    Trades,
    /// Best bid and ask, at each change.
    BookTicker,
    /// Size within some percent of the price, each half minute: no book.
    BookDepth,
    /// Open interest and the ratios of longs and shorts, every five minutes.
    Metrics,
    /// Open interest, in intervals.
    OpenInterestHist,
    /// A recorded book: snapshots and changes of its levels.
    Depth,
    /// Recorded mark prices, with index and estimated funding rate.
    MarkPrice,
    /// Recorded liquidation orders.
    ForceOrder,
}

/// What kinds have in common: how rows follow each other, and what they are in a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Bars at fixed intervals.
    Bars,
    /// Trades, each with an id one higher than the last.
    Trades,
    /// Settlements of funding.
    Rates,
    /// Best quotes.
    Quotes,
    /// Levels of a book, in messages that follow each other by their ids.
    Book,
    /// Mark prices, one a second or so.
    Marks,
    /// Figures of an instant, which nothing replays.
    Samples,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 14] = [
        Kind::Klines,
        Kind::AggTrades,
        Kind::FundingRate,
        Kind::MarkPriceKlines,
        Kind::IndexPriceKlines,
        Kind::PremiumIndexKlines,
        Kind::Trades,
        Kind::BookTicker,
        Kind::BookDepth,
        Kind::Metrics,
        Kind::OpenInterestHist,
        Kind::Depth,
        Kind::MarkPrice,
        Kind::ForceOrder,
    ];

    /// Binance's name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Klines => "klines",
            Kind::AggTrades => "aggTrades",
            Kind::FundingRate => "fundingRate",
            Kind::MarkPriceKlines => "markPriceKlines",
            Kind::IndexPriceKlines => "indexPriceKlines",
            Kind::PremiumIndexKlines => "premiumIndexKlines",
            Kind::Trades => "trades",
            Kind::BookTicker => "bookTicker",
            Kind::BookDepth => "bookDepth",
            Kind::Metrics => "metrics",
            Kind::OpenInterestHist => "openInterestHist",
            Kind::Depth => "depth",
            Kind::MarkPrice => "markPrice",
            Kind::ForceOrder => "forceOrder",
        }
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == name)
    }

    /// What its rows are like.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Kind::Klines
            | Kind::MarkPriceKlines
            | Kind::IndexPriceKlines
            | Kind::PremiumIndexKlines => Shape::Bars,
            Kind::AggTrades | Kind::Trades => Shape::Trades,
            Kind::FundingRate => Shape::Rates,
            Kind::BookTicker => Shape::Quotes,
            Kind::Depth => Shape::Book,
            Kind::MarkPrice => Shape::Marks,
            Kind::BookDepth | Kind::Metrics | Kind::OpenInterestHist | Kind::ForceOrder => {
                Shape::Samples
            }
        }
    }

    /// Whether its rows are bars or samples of an interval, which its name tells.
    pub fn has_interval(self) -> bool {
        self.shape() == Shape::Bars || self == Kind::OpenInterestHist
    }

    /// Whether its rows are bars.
    pub(crate) fn is_bars(self) -> bool {
        self.shape() == Shape::Bars
    }

    /// Whether a replay can show its rows to an exchange. The rest is there to be looked at.
    pub fn is_replayed(self) -> bool {
        self.shape() != Shape::Samples && self != Kind::PremiumIndexKlines
    }

    /// Whether it is recorded from streams, and found in no archive.
    pub fn is_recorded(self) -> bool {
        matches!(self, Kind::Depth | Kind::MarkPrice | Kind::ForceOrder)
    }
}

impl fmt::Display for Kind {
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

/// Kinds of Binance's archive that nothing here reads.
const UNSUPPORTED: [&str; 4] = ["openInterest", "liquidationSnapshot", "BVOLIndex", "EOHSummary"];

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
    let kind = words().find_map(Kind::named);
    if kind.is_none()
        && let Some(name) = words().find_map(|w| UNSUPPORTED.iter().find(|u| **u == w))
    {
        return Told::Unsupported(name);
    }
    let Ok(symbol) = Symbol::new(symbol_text) else {
        return Told::Unclear(format!(
            "its name does not begin with a symbol ({symbol_text:?}); name it as Binance does, \
             such as BTCUSDT-1m-2026-02.zip"
        ));
    };
    let interval = Interval::named(second).or_else(|| words().find_map(Interval::named));
    let Some(kind) = kind.filter(|kind| !kind.is_recorded()) else {
        let kinds = Kind::ALL.iter().filter(|kind| !kind.is_recorded());
        let kinds: Vec<&str> = kinds.map(|kind| kind.name()).collect();
        return Told::Unclear(format!(
            "neither folder nor name tells its kind; put it below a folder named {}",
            kinds.join(", ")
        ));
    };
    if let Some(folder) = folder_of_another(&folders, kind, symbol) {
        return Told::Unclear(format!(
            "its name says {symbol}, its folder {folder}; correct one of them"
        ));
    }
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

/// Assets that contracts are quoted in.
const QUOTES: [&str; 7] = ["USDT", "USDC", "BUSD", "FDUSD", "USD", "BTC", "ETH"];

/// Whether a name is built as the exchange builds those of its contracts: `BTCUSDT`, `BTCUSDT_260327`.
pub(crate) fn looks_like_a_contract(name: &str) -> bool {
    let pair = name.split('_').next().unwrap_or("");
    QUOTES.iter().any(|quote| pair.len() > quote.len() && pair.ends_with(quote))
}

/// The folder of another symbol that a file lies in, below that of its kind. Folders may sort files in any
/// other way: only names that are surely symbols count.
fn folder_of_another<'a>(folders: &[&'a str], kind: Kind, symbol: Symbol) -> Option<&'a str> {
    let below = folders.iter().rposition(|folder| *folder == kind.name())? + 1;
    let mut symbols = folders[below..].iter().rev().filter(|folder| {
        let name = folder.to_ascii_uppercase();
        Symbol::new(&name).is_ok() && looks_like_a_contract(&name)
    });
    symbols.next().copied().filter(|folder| !folder.eq_ignore_ascii_case(symbol.as_str()))
}

/// Why the file `inside` an archive is not what the archive's name tells; nothing if its name tells nothing,
/// or the same.
pub(crate) fn contradicts(archive: &Path, inside: &Path) -> Option<String> {
    let words = |path: &Path| -> Option<(String, Option<Interval>)> {
        let (symbol, rest) = path.file_stem()?.to_str()?.split_once('-')?;
        let symbol = Symbol::new(symbol).ok()?.to_string();
        Some((symbol, rest.split('-').next().and_then(Interval::named)))
    };
    let ((symbol, interval), (other, others)) = (words(archive)?, words(inside)?);
    let intervals_differ = interval.is_some() && others.is_some() && interval != others;
    (symbol != other || intervals_differ).then(|| {
        format!(
            "holds {}, and its own name says {}: it was renamed, or packed wrongly; give it the name of what \
             it holds, or download it again",
            inside.display(),
            archive.file_stem().unwrap_or_default().display()
        )
    })
}
