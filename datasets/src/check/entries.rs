//! The bars or trades of a series as entries that compare, one after the other over all its files.

use crate::DataError;
use crate::decimal::pow10;
use crate::file_cursor::{FileCursor, all_columns};
use crate::rows::{Decimals, Row};
use crate::store::FileInfo;

/// A bar, or a trade as a bar of one price.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub us: i64,
    /// Of a trade.
    pub id: i64,
    /// Open, high, low, close.
    pub prices: [i128; 4],
    pub qty: i128,
}

/// What makes the prices and the quantities of `file` comparable with those of `decimals`.
pub(super) fn factors(file: &FileInfo, decimals: Decimals) -> [i128; 2] {
    let factor = |all: u32, own: u32| i128::from(pow10(all.saturating_sub(own)).unwrap_or(1));
    [factor(decimals.price, file.decimals.price), factor(decimals.qty, file.decimals.qty)]
}

/// The decimals that hold every value of `files`.
pub(super) fn decimals_of<'a>(files: impl IntoIterator<Item = &'a FileInfo>) -> Decimals {
    files.into_iter().fold(Decimals::default(), |all, file| all.max(file.decimals))
}

/// Reads them in order, and what two files tell only once.
pub(super) struct Entries<'a> {
    files: std::slice::Iter<'a, &'a FileInfo>,
    decimals: Decimals,
    from_us: i64,
    is_bars: bool,
    open: Option<(FileCursor, [i128; 2])>,
    /// Opening time of the last bar, or id of the last trade.
    told: Option<i64>,
    /// The last instant of the files before, where ids do not tell what they told.
    told_to_us: i64,
    /// Of all files so far.
    last_us: i64,
    /// Whether the ids of the file before are of the import's making.
    has_own_ids: bool,
}

impl<'a> Entries<'a> {
    /// Of bars or trades; begins at `from_us` or somewhat before.
    pub fn new(files: &'a [&'a FileInfo], decimals: Decimals, from_us: i64) -> Entries<'a> {
        let is_bars = files.first().is_some_and(|file| file.series.kind.is_bars());
        let files = files.iter();
        Entries {
            files,
            decimals,
            from_us,
            is_bars,
            open: None,
            told: None,
            told_to_us: i64::MIN,
            last_us: i64::MIN,
            has_own_ids: false,
        }
    }

    pub fn next(&mut self) -> Result<Option<Entry>, DataError> {
        loop {
            let Some((cursor, factors)) = &mut self.open else {
                let from_us = self.from_us;
                let Some(file) = self.files.find(|file| file.last_us >= from_us) else {
                    return Ok(None);
                };
                let columns = all_columns(file.series.kind);
                let cursor = FileCursor::open(&file.path, columns, from_us)?;
                if !self.is_bars && (file.source.has_own_ids() || self.has_own_ids) {
                    (self.told, self.told_to_us) = (None, self.last_us);
                }
                self.has_own_ids = file.source.has_own_ids();
                self.last_us = self.last_us.max(file.last_us);
                self.open = Some((cursor, factors(file, self.decimals)));
                continue;
            };
            let Some((_, row)) = cursor.next_row()? else {
                self.open = None;
                continue;
            };
            let key = if self.is_bars { row[0] } else { row[1] };
            if self.told.is_none_or(|told| key > told) && row[0] > self.told_to_us {
                self.told = Some(key);
                return Ok(Some(entry(&row, self.is_bars, *factors)));
            }
        }
    }
}

fn entry(row: &Row, is_bars: bool, [price, qty]: [i128; 2]) -> Entry {
    let scaled = |value: i64| i128::from(value) * price;
    if is_bars {
        let prices = [row[1], row[2], row[3], row[4]].map(scaled);
        // Bars of marks have no such column: theirs is zero.
        return Entry { us: row[0], id: 0, prices, qty: i128::from(row[5]) * qty };
    }
    Entry { us: row[0], id: row[1], prices: [scaled(row[2]); 4], qty: i128::from(row[3]) * qty }
}
