//! A book that is told by its changes, before the range of a replay begins: the changes since a snapshot
//! are added up, and what they make is shown as one snapshot at the range's beginning.

use std::collections::BTreeMap;

use engine::{
    DepthRow, FeedDelay, MarketData, MarketEvent, Nanos, PriceTicks, QtyLots, Side, SymbolIndex,
};

use crate::import::iso;
use crate::kind::SeriesId;
use crate::replay::Range;
use crate::store::FileInfo;

/// A book of which nothing is told for longer is another recording: nobody knows what became of its levels.
const SILENCE_US: i64 = 60_000_000;

/// Whether a file that begins at `first_us` goes on where one that ends at `last_us` left off.
pub(crate) fn goes_on(last_us: i64, first_us: i64) -> bool {
    first_us.saturating_sub(last_us) <= SILENCE_US
}

/// Where the reading begins: the last snapshot up to `from` from which on the book is told without a break,
/// if that is not its first row anyway.
pub(crate) fn begins(files: &[FileInfo], from: Nanos) -> Option<Nanos> {
    let (mut found, mut told_to_us) = (None, i64::MIN);
    for file in files.iter().filter(|file| iso(file.first_us) < from) {
        if !goes_on(told_to_us, file.first_us) {
            found = None;
        }
        told_to_us = told_to_us.max(file.last_us);
        let snapshots = file.groups.iter().filter_map(|group| group.snapshot_us).map(iso);
        found = found.max(snapshots.filter(|at| *at < from).max());
    }
    found.filter(|_| goes_on(told_to_us, from.0.div_euclid(1_000)))
}

/// What is to be said of a book: that nothing tells its beginning, and where its messages do not follow
/// each other.
pub(crate) fn warnings(
    id: &SeriesId,
    files: &[FileInfo],
    range: Range,
    lead: Option<Nanos>,
) -> impl Iterator<Item = String> {
    let touching = || files.iter().filter(|file| file.touches(range));
    let starts_with_one = touching().next().is_some_and(|file| {
        file.groups.first().is_some_and(|group| group.snapshot_us == Some(group.first[0]))
    });
    let unknown = lead.is_none() && !starts_with_one;
    let unknown = unknown.then(|| {
        format!("{id} has no snapshot before the range: a level is known only once it has changed")
    });
    let breaks: u64 = touching().flat_map(|file| file.groups.iter().map(|g| g.breaks)).sum();
    let broken = (breaks > 0).then(|| {
        format!(
            "{id} lacks messages at {breaks} places of the files in the range: the book is wrong from \
             there until its levels change or a snapshot comes; see `qsim data check`"
        )
    });
    unknown.into_iter().chain(broken)
}

/// The levels so far.
pub(crate) struct BookLead {
    symbol: SymbolIndex,
    from: Nanos,
    levels: BTreeMap<(u8, i64), i64>,
}

impl BookLead {
    pub fn new(symbol: SymbolIndex, from: Nanos) -> BookLead {
        BookLead { symbol, from, levels: BTreeMap::new() }
    }

    /// Takes what is before the range out of `batch`, and puts the book at its beginning once the range
    /// has begun; `true` when that is done.
    pub fn fold(&mut self, batch: &mut Vec<MarketEvent>) -> bool {
        let before = batch.partition_point(|event| event.time < self.from);
        for event in batch.drain(..before) {
            match event.data {
                MarketData::DepthClear => self.levels.clear(),
                MarketData::Depth(row) => {
                    let key = (row.side as u8, row.price.0);
                    if row.qty.0 == 0 {
                        self.levels.remove(&key);
                    } else {
                        self.levels.insert(key, row.qty.0);
                    }
                }
                _ => {}
            }
        }
        if batch.is_empty() {
            return false;
        }
        let mut all = Vec::with_capacity(self.levels.len() + 1 + batch.len());
        self.append(&mut all);
        all.append(batch);
        *batch = all;
        true
    }

    /// The book of a range without any change.
    pub fn show(self, batch: &mut Vec<MarketEvent>) {
        self.append(batch);
    }

    fn append(&self, batch: &mut Vec<MarketEvent>) {
        let event = |data| MarketEvent {
            time: self.from,
            symbol: self.symbol,
            // Whoever listened had it already.
            delay: FeedDelay::new(Nanos::ZERO),
            data,
        };
        batch.push(event(MarketData::DepthClear));
        batch.extend(self.levels.iter().map(|(&(side, price), &qty)| {
            let side = if side == Side::Buy as u8 { Side::Buy } else { Side::Sell };
            event(MarketData::Depth(DepthRow { side, price: PriceTicks(price), qty: QtyLots(qty) }))
        }));
    }
}
