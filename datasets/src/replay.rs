//! Replay: imported series as one feed of events.
//!
//! Order of equal times: symbols in the order of the run; within a symbol the mark price first, then
//! a closing bar and after it the next bar's first point, then trades of the tape, and funding last,
//! because it settles on the mark of that instant. Files of a series that cover the same time are
//! read once where their rows agree, and refused where they do not.

use std::collections::VecDeque;
use std::path::PathBuf;

use engine::{Feed, FeedError, Instrument, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots};
use engine::{SymbolIndex, Trade, TradeOrigin};
use serde::Serialize;

use crate::DataError;
use crate::bars::{BarMode, GridBar, expand, expand_mark};
use crate::catalogue::Catalogue;
use crate::coverage::{Coverage, decimals_in, no_rate_was_due, survey};
use crate::decimal::pow10;
use crate::import::iso;
use crate::kind::{Kind, SeriesId};
use crate::merge::{Merge, Source};
use crate::overlap::{Told, common_time, compare};
use crate::rows::{Decimals, Role};
use crate::store::{BATCH_ROWS, FileCursor, FileInfo};

/// Rows of bars expanded at a time: each becomes up to five events of 64 bytes.
const BAR_ROWS: usize = 256;

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
        let (mut last_us, mut warnings) = (None, Vec::new());
        for (index, rank, request) in plan {
            let all = catalogue.files(&request.series)?;
            let files = files_in(all, range)?;
            let coverage = survey(&request.series, &files, range)?;
            if coverage.rows == 0 {
                refuse_empty(catalogue, &request.series, range)?;
            }
            let instrument = &instruments[index as usize];
            check_grid(all, &request.series, instrument, range)?;
            let source = SeriesSource::new(&files, instrument, index, request, range)?;
            last_us = last_us.max(source.last_us);
            warnings.extend(coverage.warning());
            uses.push(describe(&request, &coverage, range));
            sources.push((Box::new(source), index, rank));
        }
        let digest = digest_of(&uses)?;
        Ok(ReplayFeed {
            merge: Merge::new(sources),
            description: Description { series: uses, digest },
            warnings,
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
        Kind::MarkPriceKlines => 0,
        Kind::Klines => 1,
        Kind::AggTrades => 2,
        Kind::FundingRate => 3,
    }
}

fn tells_path(request: &Request) -> bool {
    match request.series.kind {
        Kind::Klines => request.bars != BarMode::CloseOnly,
        Kind::AggTrades => true,
        Kind::MarkPriceKlines | Kind::FundingRate => false,
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

/// The columns that replay needs, per kind.
fn wanted(kind: Kind) -> &'static [usize] {
    match kind {
        Kind::Klines => &[0, 1, 2, 3, 4, 5],
        Kind::MarkPriceKlines => &[0, 1, 2, 3, 4],
        Kind::AggTrades => &[0, 2, 3, 4],
        Kind::FundingRate => &[0, 1],
    }
}

/// The grid that a series is replayed on.
fn grid_of(kind: Kind, instrument: &Instrument) -> Decimals {
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

/// Factors from a file's integers to the grid's.
#[derive(Clone, Copy)]
struct Scale {
    price: i64,
    qty: i64,
}

impl Scale {
    /// What the file's integers are to be multiplied by.
    fn up(file: Decimals, grid: Decimals) -> Result<Scale, DataError> {
        let factor = |what, from: u32, to: u32| {
            pow10(to.saturating_sub(from))
                .ok_or_else(|| DataError::Misuse(format!("a grid of {to} {what} decimals")))
        };
        Ok(Scale {
            price: factor("price", file.price, grid.price)?,
            qty: factor("quantity", file.qty, grid.qty)?,
        })
    }

    /// What they are to be divided by first: rows outside the range may need more decimals than the
    /// grid has, those in it do not.
    fn down(file: Decimals, grid: Decimals) -> Result<Scale, DataError> {
        Scale::up(grid, file)
    }

    fn divide(&self, kind: Kind, columns: &mut [Vec<i64>]) {
        for (column, &number) in columns.iter_mut().zip(wanted(kind)) {
            let by = match crate::rows::columns(kind)[number].1 {
                Role::Time | Role::Plain => 1,
                Role::Price => self.price,
                Role::Qty => self.qty,
            };
            if by != 1 {
                column.iter_mut().for_each(|value| *value /= by);
            }
        }
    }
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
fn files_in(all: &[FileInfo], range: Range) -> Result<Vec<(&FileInfo, i64)>, DataError> {
    let touching: Vec<&FileInfo> = all.iter().filter(|file| file.touches(range)).collect();
    touching.iter().try_for_each(|file| file.verify())?;
    let told = |(i, &file): (usize, &&'_ FileInfo)| verify_overlaps(&touching[..i], file, range);
    let told: Vec<i64> = touching.iter().enumerate().map(told).collect::<Result<_, _>>()?;
    Ok(touching.into_iter().zip(told).collect())
}

/// One file of a series.
struct Part {
    path: PathBuf,
    scale: Scale,
    divide_by: Scale,
    /// Rows up to this time were told by the file before.
    skip_to_us: i64,
}

/// One series: its files one after the other.
struct SeriesSource {
    kind: Kind,
    symbol: SymbolIndex,
    interval_ms: u32,
    bars: BarMode,
    range: Range,
    files: VecDeque<Part>,
    open: Option<(Part, FileCursor)>,
    last_us: Option<i64>,
}

impl SeriesSource {
    fn new(
        in_range: &[(&FileInfo, i64)],
        instrument: &Instrument,
        index: u16,
        request: Request,
        range: Range,
    ) -> Result<SeriesSource, DataError> {
        let grid = grid_of(request.series.kind, instrument);
        let mut files = VecDeque::new();
        for &(file, skip_to_us) in in_range {
            files.push_back(Part {
                path: file.path.clone(),
                scale: Scale::up(file.decimals, grid)?,
                divide_by: Scale::down(file.decimals, grid)?,
                skip_to_us,
            });
        }
        let interval_ms = request.series.interval.map_or(0, |i| i.ms());
        let close_us = i64::from(interval_ms) * 1_000;
        Ok(SeriesSource {
            kind: request.series.kind,
            symbol: SymbolIndex(index),
            interval_ms,
            bars: request.bars,
            range,
            files,
            open: None,
            last_us: in_range.iter().map(|(file, _)| file.last_us + close_us).max(),
        })
    }

    /// Loads the next batch of rows; false at the end.
    fn read(&mut self) -> Result<bool, DataError> {
        let rows = match self.kind {
            Kind::Klines | Kind::MarkPriceKlines => BAR_ROWS,
            Kind::AggTrades | Kind::FundingRate => BATCH_ROWS,
        };
        loop {
            if self.open.is_none() {
                let Some(part) = self.files.pop_front() else {
                    return Ok(false);
                };
                let from_us = self.range.from.0.div_euclid(1_000);
                let from_us = from_us.max(part.skip_to_us.saturating_add(1));
                let cursor = FileCursor::open(&part.path, wanted(self.kind), from_us)?;
                self.open = Some((part, cursor));
            }
            if let Some((part, cursor)) = &mut self.open
                && cursor.read(rows)?
            {
                part.divide_by.divide(self.kind, &mut cursor.columns);
                return Ok(true);
            }
            self.open = None;
        }
    }

    fn convert(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), DataError> {
        let Some((part, cursor)) = &self.open else {
            return Ok(());
        };
        // What an earlier file told is outside the range of this one.
        let told = Nanos(part.skip_to_us.saturating_add(1).saturating_mul(1_000));
        let range = Range { from: self.range.from.max(told), to: self.range.to };
        let (symbol, columns, scale) = (self.symbol, &cursor.columns[..], part.scale);
        let converted = match (self.kind, columns) {
            (Kind::AggTrades, [time, price, qty, maker]) => {
                trades([time, price, qty, maker], scale, symbol, range, batch)
            }
            (Kind::FundingRate, [time, rate]) => {
                let mut all = time.iter().zip(rate);
                all.try_for_each(|(&us, &rate)| {
                    let time = iso(us);
                    if (range.from..range.to).contains(&time) {
                        batch.push(MarketEvent::new(
                            time,
                            symbol,
                            MarketData::FundingRate(rate.checked_mul(scale.price)?),
                        ));
                    }
                    Some(())
                })
            }
            (_, [time, rest @ ..]) => self.bars(time, rest, scale, range, batch),
            _ => None,
        };
        converted.ok_or_else(|| {
            DataError::bad(&part.path, "a value does not fit 64 bits on the grid of the run")
        })
    }

    fn bars(
        &self,
        time: &[i64],
        rest: &[Vec<i64>],
        scale: Scale,
        range: Range,
        batch: &mut Vec<MarketEvent>,
    ) -> Option<()> {
        let span = Nanos::from_millis(i64::from(self.interval_ms));
        for (at, &us) in time.iter().enumerate() {
            let open_time = iso(us);
            if open_time < range.from || open_time.saturating_add(span) > range.to {
                continue;
            }
            let price = |column: usize| rest.get(column)?.get(at)?.checked_mul(scale.price);
            let mut bar = GridBar {
                open_time,
                open: price(0)?,
                high: price(1)?,
                low: price(2)?,
                close: price(3)?,
                volume: 0,
            };
            if self.kind == Kind::MarkPriceKlines {
                expand_mark(&bar, self.symbol, self.interval_ms, batch);
            } else {
                bar.volume = rest.get(4)?.get(at)?.checked_mul(scale.qty)?;
                expand(&bar, self.symbol, self.interval_ms, self.bars, batch);
            }
        }
        Some(())
    }
}

/// The hot loop: columns to trades. `None` if a value overflows.
fn trades(
    [time, price, qty, maker]: [&[i64]; 4],
    scale: Scale,
    symbol: SymbolIndex,
    range: Range,
    batch: &mut Vec<MarketEvent>,
) -> Option<()> {
    // Rows are in order, so the range is one slice of them.
    let start = time.partition_point(|&us| iso(us) < range.from);
    let end = time.partition_point(|&us| iso(us) < range.to);
    let rows = time.get(start..end)?.iter().zip(price.get(start..end)?);
    let rest = qty.get(start..end)?.iter().zip(maker.get(start..end)?);
    let mut fits = true;
    batch.extend(rows.zip(rest).map(|((&us, &price), (&qty, &maker))| {
        let (price, lost) = price.overflowing_mul(scale.price);
        let (qty, lost_too) = qty.overflowing_mul(scale.qty);
        fits &= !lost & !lost_too;
        MarketEvent::new(
            Nanos(us.wrapping_mul(1_000)),
            symbol,
            MarketData::Trade(Trade {
                price: PriceTicks(price),
                qty: QtyLots(qty),
                buyer_is_maker: maker != 0,
                origin: TradeOrigin::Tape,
            }),
        )
    }));
    fits.then_some(())
}

impl Source for SeriesSource {
    fn fill(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        let fault = |e: DataError| FeedError(e.to_string());
        // A batch of rows outside the range leaves nothing: go on until there is something.
        while batch.is_empty() && self.read().map_err(fault)? {
            self.convert(batch).map_err(fault)?;
        }
        Ok(())
    }
}
