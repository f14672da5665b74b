//! Replay: imported series as one feed of events.
//!
//! Order of equal times: symbols in the order of the run; within a symbol the index and the mark price
//! first, then a closing bar and after it the next bar's first point, then trades of the tape, the best
//! quotes and the levels of the book after them, and funding last, because it settles on the mark of
//! that instant. Files of a series that cover the same time are
//! read once where their rows agree, and refused where they do not.

use engine::{Feed, FeedError, Instrument, MarketEvent, Nanos};
use serde::Serialize;

use crate::DataError;
use crate::bars::BarMode;
use crate::book_lead;
use crate::catalogue::Catalogue;
use crate::coverage::{Coverage, SeriesGaps, decimals_in, no_rate_was_due, survey};
use crate::import::iso;
use crate::kind::{Kind, SeriesId, Shape};
use crate::merge::{Merge, Source};
use crate::overlap::{Told, common_time, compare};
use crate::rows::Decimals;
use crate::series_source::SeriesSource;
use crate::store::FileInfo;

/// One series to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which.
    pub series: SeriesId,
    /// What becomes of its bars; without meaning for other kinds and for mark prices.
    pub bars: BarMode,
}

/// The part of time to replay: from `from` to before `to`. A bar belongs to it if it opens in it
/// and has closed by `to`, where its closing event then stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first instant.
    pub from: Nanos,
    /// The first instant after it.
    pub to: Nanos,
}

impl Range {
    /// All there is.
    pub const ALL: Range = Range { from: Nanos(i64::MIN), to: Nanos::NEVER };
}

/// What a feed replays, for the journal: data are referred to by digest and range, not copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The series, in order of symbol and rank.
    pub series: Vec<SeriesUse>,
    /// BLAKE3 over all of the above: the market's identity.
    pub digest: String,
}

/// One series of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeriesUse {
    /// Kind, symbol and interval.
    pub series: String,
    /// What becomes of its bars.
    pub bars: Option<BarMode>,
    /// Digest of the rows in the range, and of no others: more may be imported before a replay.
    pub digest: String,
    /// Rows in the range.
    pub rows: u64,
    /// Start of the range, ISO-8601, or nothing.
    pub from: Option<String>,
    /// End of the range (exclusive), or nothing.
    pub to: Option<String>,
}

/// Imported data as a market feed.
pub struct ReplayFeed {
    merge: Merge,
    description: Description,
    warnings: Vec<String>,
    gaps: Vec<SeriesGaps>,
    ends_at: Option<Nanos>,
}

impl ReplayFeed {
    /// A feed of `requests` over `range`, on the grids of `instruments`, whose order is the order
    /// of symbols.
    pub fn open(
        catalogue: &Catalogue,
        instruments: &[Instrument],
        requests: &[Request],
        range: Range,
    ) -> Result<ReplayFeed, DataError> {
        if requests.is_empty() {
            return Err(DataError::Misuse("a replay needs at least one series".into()));
        }
        if let Some(request) = requests.iter().find(|request| !request.series.kind.is_replayed()) {
            return Err(DataError::Misuse(format!(
                "{} cannot be replayed: its rows are no events of a market; they are there to be looked at",
                request.series
            )));
        }
        let mut plan = Vec::new();
        for request in requests {
            let symbol = request.series.symbol;
            let Some(index) = instruments.iter().position(|i| i.symbol == symbol) else {
                return Err(DataError::Misuse(format!(
                    "{} is to be replayed, but the run has no symbol {symbol}",
                    request.series
                )));
            };
            let index = u16::try_from(index)
                .map_err(|_| DataError::Misuse("more than 65,536 symbols".into()))?;
            plan.push((index, rank(request.series.kind), *request));
        }
        // One order, whatever the order of the requests, so that the digest does not depend on it.
        plan.sort_by_key(|(index, rank, r)| (*index, *rank, r.series));
        if let Some(twice) = plan.windows(2).find(|w| w[0].2.series == w[1].2.series) {
            return Err(DataError::Misuse(format!("{} is asked for twice", twice[0].2.series)));
        }
        check_one_path(&plan)?;
        tell_every_path(&mut plan);

        let mut sources: Vec<(Box<dyn Source>, u16, u8)> = Vec::new();
        let mut uses = Vec::new();
        let (mut last_us, mut warnings, mut gaps) = (None, Vec::new(), Vec::new());
        for (index, rank, request) in plan {
            let all = catalogue.files(&request.series)?;
            // A book is told by its changes: they are read from a snapshot on.
            let lead = book_lead::begins(all, range.from);
            let read = Range { from: lead.unwrap_or(range.from), ..range };
            let files = files_in(all, read)?;
            let coverage = survey(&request.series, &files, read)?;
            if coverage.rows == 0 {
                refuse_empty(catalogue, &request.series, range)?;
            }
            if request.series.kind == Kind::Depth {
                warnings.extend(book_lead::warnings(&request.series, all, range, lead));
            }
            let instrument = &instruments[index as usize];
            check_grid(all, &request.series, instrument, range)?;
            let source = SeriesSource::new(&files, instrument, index, request, read, range.from)?;
            last_us = last_us.max(source.last_us);
            warnings.extend(coverage.warning());
            uses.push(describe(&request, &coverage, range));
            gaps.push(coverage.gaps);
            sources.push((Box::new(source), index, rank));
        }
        let digest = digest_of(&uses)?;
        Ok(ReplayFeed {
            merge: Merge::new(sources),
            description: Description { series: uses, digest },
            warnings,
            gaps,
            ends_at: last_us.map(|us| Nanos(iso(us).0.min(range.to.0))),
        })
    }

    /// What it replays.
    pub fn describe(&self) -> &Description {
        &self.description
    }

    /// What the range lacks, one sentence a series: how many rows, from when and until when.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    /// What the range lacks of each series.
    pub fn gaps(&self) -> &[SeriesGaps] {
        &self.gaps
    }

    /// The identity of what it replays.
    pub fn digest(&self) -> &str {
        &self.description.digest
    }
}

impl Feed for ReplayFeed {
    fn next_batch(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        self.merge.next_batch(batch)
    }

    fn ends_at(&self) -> Option<Nanos> {
        self.ends_at
    }
}

fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::IndexPriceKlines => 0,
        Kind::MarkPriceKlines | Kind::MarkPrice => 1,
        Kind::Klines => 2,
        Kind::AggTrades | Kind::Trades => 3,
        // What a trade took is missing from the book that is shown after it.
        Kind::BookTicker => 4,
        Kind::Depth => 5,
        Kind::FundingRate => 6,
        Kind::PremiumIndexKlines
        | Kind::BookDepth
        | Kind::Metrics
        | Kind::OpenInterestHist
        | Kind::ForceOrder => 7,
    }
}

fn tells_path(request: &Request) -> bool {
    match request.series.kind {
        Kind::Klines => request.bars != BarMode::CloseOnly,
        kind => kind.shape() == Shape::Trades,
    }
}

/// Where closes are asked for and nothing tells the path between them, the shortest bars tell it.
fn tell_every_path(plan: &mut [(u16, u8, Request)]) {
    for symbol in plan.chunk_by_mut(|a, b| a.0 == b.0) {
        if symbol.iter().any(|(_, _, r)| tells_path(r)) {
            continue;
        }
        let bars = symbol.iter_mut().filter(|(_, _, r)| r.series.kind == Kind::Klines);
        if let Some((_, _, shortest)) = bars.min_by_key(|(_, _, r)| r.series.interval) {
            shortest.bars = shortest.bars.alone();
        }
    }
}

/// A symbol's prices may pass once only, or an exchange would fill orders twice.
fn check_one_path(plan: &[(u16, u8, Request)]) -> Result<(), DataError> {
    let mut telling = plan.iter().filter(|(_, _, r)| tells_path(r)).peekable();
    while let Some((index, _, request)) = telling.next() {
        if let Some((next, _, other)) = telling.peek()
            && next == index
        {
            return Err(DataError::Misuse(format!(
                "{} and {} would both move the price; replay the bars of one of them as CloseOnly",
                request.series, other.series
            )));
        }
    }
    Ok(())
}

/// A run over a time of which nothing is recorded would pass without a single event. Only between two
/// settlements is nothing all there is.
fn refuse_empty(catalogue: &Catalogue, id: &SeriesId, range: Range) -> Result<(), DataError> {
    if id.kind == Kind::FundingRate && no_rate_was_due(catalogue.files(id)?, range)? {
        return Ok(());
    }
    Err(catalogue.nothing_in(id, range))
}

fn describe(request: &Request, coverage: &Coverage, range: Range) -> SeriesUse {
    SeriesUse {
        series: request.series.to_string(),
        bars: (request.series.kind == Kind::Klines).then_some(request.bars),
        digest: coverage.digest.hex(),
        rows: coverage.rows,
        from: (range.from != Range::ALL.from).then(|| range.from.to_string()),
        to: (range.to != Range::ALL.to).then(|| range.to.to_string()),
    }
}

fn digest_of(uses: &[SeriesUse]) -> Result<String, DataError> {
    let text = serde_json::to_vec(uses)
        .map_err(|e| DataError::Misuse(format!("a description cannot be written: {e}")))?;
    Ok(blake3::hash(&text).to_hex().to_string())
}

/// The grid that a series is replayed on.
pub(crate) fn grid_of(kind: Kind, instrument: &Instrument) -> Decimals {
    match kind {
        // Funding rates live on a fixed grid of 1e-8, whatever the symbol's.
        Kind::FundingRate => Decimals { price: 8, qty: 0 },
        _ => Decimals { price: instrument.price_decimals, qty: instrument.qty_decimals },
    }
}

/// Refuses a grid that cannot hold all rows of the range.
fn check_grid(
    files: &[FileInfo],
    id: &SeriesId,
    instrument: &Instrument,
    range: Range,
) -> Result<(), DataError> {
    let needed = decimals_in(id, files, range)?.unwrap_or_default();
    let grid = grid_of(id.kind, instrument);
    let parts = [("price", needed.price, grid.price), ("quantity", needed.qty, grid.qty)];
    let Some((what, found, grid)) = parts.into_iter().find(|(_, found, grid)| found > grid) else {
        return Ok(());
    };
    let file = files.iter().find(|file| file.touches(range));
    Err(DataError::GridTooCoarse {
        path: file.map(|file| file.path.clone()).unwrap_or_default(),
        what,
        symbol: instrument.symbol.to_string(),
        found,
        grid,
    })
}

/// Compares `file` with the files before it where they cover the same time, and returns the time up
/// to which they have told its rows already.
fn verify_overlaps(before: &[&FileInfo], file: &FileInfo, range: Range) -> Result<i64, DataError> {
    let mut told_to_us = i64::MIN;
    for earlier in before {
        let Some((from_us, to_us)) = common_time(earlier, file) else {
            continue;
        };
        // Of rates whose times differ by a jitter, a range could cut one and leave the other.
        let asked = match file.series.kind {
            Kind::FundingRate => from_us..=to_us,
            _ => {
                let us = |time: Nanos| time.0.div_euclid(1_000);
                from_us.max(us(range.from))..=to_us.min(us(range.to))
            }
        };
        let told = compare(earlier, file, *asked.start(), *asked.end(), i64::MIN)?;
        if let Told::Unlike(difference) = told {
            return Err(DataError::Overlap {
                first: earlier.path.clone(),
                second: file.path.clone(),
                at: iso(difference.at_us),
            });
        }
        told_to_us = told_to_us.max(to_us);
    }
    Ok(told_to_us)
}

/// The files of a series that hold a part of `range`, whole and in agreement, each with the time up to
/// which the files before it have told its rows.
pub(crate) fn files_in(all: &[FileInfo], range: Range) -> Result<Vec<(&FileInfo, i64)>, DataError> {
    let touching: Vec<&FileInfo> = all.iter().filter(|file| file.touches(range)).collect();
    touching.iter().try_for_each(|file| file.verify())?;
    let told = |(i, &file): (usize, &&'_ FileInfo)| verify_overlaps(&touching[..i], file, range);
    let told: Vec<i64> = touching.iter().enumerate().map(told).collect::<Result<_, _>>()?;
    Ok(touching.into_iter().zip(told).collect())
}
