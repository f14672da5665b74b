//! One series as a source of events: its files one after the other.

use std::collections::VecDeque;
use std::path::PathBuf;

use engine::{FeedError, Instrument, MarketData, MarketEvent, Nanos, SymbolIndex};

use crate::DataError;
use crate::bars::BarMode;
use crate::book_lead::{self, BookLead};
use crate::convert::{Rows, wanted};
use crate::file_cursor::{BATCH_ROWS, FileCursor};
use crate::interval::Interval;
use crate::kind::Kind;
use crate::merge::Source;
use crate::replay::{Range, Request, grid_of};
use crate::scale::Scale;
use crate::store::FileInfo;

/// Rows of bars expanded at a time: each becomes up to five events of 64 bytes.
const BAR_ROWS: usize = 256;

/// One file of a series.
struct Part {
    path: PathBuf,
    scale: Scale,
    divide_by: Scale,
    /// Rows up to this time were told by the file before.
    skip_to_us: i64,
    /// A book of another recording than that of the file before.
    is_new_book: bool,
}

/// One series: its files one after the other.
pub(crate) struct SeriesSource {
    kind: Kind,
    symbol: SymbolIndex,
    interval: Option<Interval>,
    bars: BarMode,
    range: Range,
    /// A book that is told by its changes before the range begins.
    lead: Option<BookLead>,
    files: VecDeque<Part>,
    /// The levels of before are not those of the next event's book.
    is_new_book: bool,
    open: Option<(Part, FileCursor)>,
    /// Time of its last event.
    pub last_us: Option<i64>,
}

impl SeriesSource {
    pub fn new(
        in_range: &[(&FileInfo, i64)],
        instrument: &Instrument,
        index: u16,
        request: Request,
        range: Range,
        shown_from: Nanos,
    ) -> Result<SeriesSource, DataError> {
        let grid = grid_of(request.series.kind, instrument);
        let mut files = VecDeque::new();
        let mut told_to_us = None;
        for &(file, skip_to_us) in in_range {
            let goes_on = told_to_us.is_none_or(|last| book_lead::goes_on(last, file.first_us));
            told_to_us = told_to_us.max(Some(file.last_us));
            files.push_back(Part {
                is_new_book: request.series.kind == Kind::Depth && !goes_on,
                path: file.path.clone(),
                scale: Scale::up(file.decimals, grid)?,
                divide_by: Scale::down(file.decimals, grid)?,
                skip_to_us,
            });
        }
        let interval = request.series.interval;
        let closes = |us| interval.map_or(us, |interval| interval.closes(us));
        Ok(SeriesSource {
            kind: request.series.kind,
            symbol: SymbolIndex(index),
            interval,
            bars: request.bars,
            range,
            lead: (shown_from > range.from).then(|| BookLead::new(SymbolIndex(index), shown_from)),
            files,
            is_new_book: false,
            open: None,
            last_us: in_range.iter().map(|(file, _)| closes(file.last_us)).max(),
        })
    }

    /// Loads the next batch of rows; false at the end.
    fn read(&mut self) -> Result<bool, DataError> {
        let rows = if self.kind.is_bars() { BAR_ROWS } else { BATCH_ROWS };
        loop {
            if self.open.is_none() {
                let Some(part) = self.files.pop_front() else {
                    return Ok(false);
                };
                let from_us = self.range.from.0.div_euclid(1_000);
                let from_us = from_us.max(part.skip_to_us.saturating_add(1));
                let cursor = FileCursor::open(&part.path, wanted(self.kind), from_us)?;
                self.is_new_book |= part.is_new_book;
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
        let rows = Rows {
            kind: self.kind,
            symbol: self.symbol,
            interval: self.interval,
            bars: self.bars,
            scale: part.scale,
            range: Range { from: self.range.from.max(told), to: self.range.to },
        };
        rows.convert(&cursor.columns, batch).ok_or_else(|| {
            DataError::bad(&part.path, "a value does not fit 64 bits on the grid of the run")
        })?;
        if let Some(first) = batch.first().copied()
            && self.is_new_book
        {
            self.is_new_book = false;
            batch.insert(0, MarketEvent { data: MarketData::DepthClear, ..first });
        }
        if let Some(lead) = &mut self.lead
            && lead.fold(batch)
        {
            self.lead = None;
        }
        Ok(())
    }
}

impl Source for SeriesSource {
    fn fill(&mut self, batch: &mut Vec<MarketEvent>) -> Result<(), FeedError> {
        batch.clear();
        let fault = |e: DataError| FeedError(e.to_string());
        // A batch of rows outside the range leaves nothing: go on until there is something.
        while batch.is_empty() && self.read().map_err(fault)? {
            self.convert(batch).map_err(fault)?;
        }
        if batch.is_empty()
            && let Some(lead) = self.lead.take()
        {
            lead.show(batch);
        }
        Ok(())
    }
}
