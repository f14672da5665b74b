//! The rows of a series in a range as they are stored, each once, with the same decimals throughout: for
//! all that looks at data and is no replay.

use std::collections::VecDeque;

use crate::DataError;
use crate::catalogue::Catalogue;
use crate::check::too_wide;
use crate::coverage::{Span, decimals_in};
use crate::file_cursor::{FileCursor, all_columns};
use crate::import::iso;
use crate::kind::SeriesId;
use crate::replay::{Range, files_in};
use crate::rows::{Decimals, Role, Row, columns};
use crate::scale::Scale;
use crate::store::FileInfo;

/// One file of a series.
struct Part {
    file: FileInfo,
    up: Scale,
    down: Scale,
    /// Rows up to this time were told by the file before.
    skip_to_us: i64,
}

/// Rows in order of time; one batch of one file is in memory.
pub(crate) struct SeriesRows {
    id: SeriesId,
    span: Span,
    decimals: Decimals,
    files: VecDeque<Part>,
    open: Option<(Part, FileCursor)>,
    /// For messages: all files of the range.
    all: Vec<FileInfo>,
}

impl SeriesRows {
    /// The rows of `range`; an error if there are none, if a file is damaged or if files contradict.
    pub fn open(
        catalogue: &Catalogue,
        id: &SeriesId,
        range: Range,
    ) -> Result<SeriesRows, DataError> {
        let all = catalogue.files(id)?;
        let needed = decimals_in(id, all, range)?;
        let decimals = needed.ok_or_else(|| catalogue.nothing_in(id, range))?;
        let (mut files, mut touching) = (VecDeque::new(), Vec::new());
        for (file, skip_to_us) in files_in(all, range)? {
            touching.push(file.clone());
            files.push_back(Part {
                file: file.clone(),
                up: Scale::up(file.decimals, decimals)?,
                down: Scale::down(file.decimals, decimals)?,
                skip_to_us,
            });
        }
        let span = Span::new(id, range);
        Ok(SeriesRows { id: *id, span, decimals, files, open: None, all: touching })
    }

    /// Of all rows, and no more than they need.
    pub fn decimals(&self) -> Decimals {
        self.decimals
    }

    /// The error for a bar that no import would have let in.
    pub fn contradicts_itself(&self, us: i64) -> DataError {
        let reason = format!("the prices of its bar of {} contradict each other", iso(us));
        match &self.open {
            Some((part, _)) => DataError::bad(&part.file.path, reason),
            None => DataError::Misuse(format!("{}: {reason}; import it again", self.id)),
        }
    }

    /// The last instant that may have a row, by what the files say of themselves.
    pub fn last_us(&self) -> i64 {
        let last = self.files.iter().map(|part| part.file.last_us).max();
        last.unwrap_or(i64::MIN).min(self.span.until_us.saturating_sub(1))
    }

    /// The next row.
    pub fn next(&mut self) -> Result<Option<Row>, DataError> {
        loop {
            let Some((part, cursor)) = &mut self.open else {
                let Some(part) = self.files.pop_front() else { return Ok(None) };
                let from_us = self.span.from_us.max(part.skip_to_us.saturating_add(1));
                let cursor = FileCursor::open(&part.file.path, all_columns(self.id.kind), from_us)?;
                self.open = Some((part, cursor));
                continue;
            };
            let Some((_, row)) = cursor.next_row()? else {
                self.open = None;
                continue;
            };
            if row[0] >= self.span.until_us {
                self.open = None;
            } else if row[0] >= self.span.from_us && row[0] > part.skip_to_us {
                let scaled = scaled(row, part, self.id);
                return scaled.map(Some).ok_or_else(|| {
                    let all: Vec<&FileInfo> = self.all.iter().collect();
                    DataError::Misuse(too_wide(&part.file, &all))
                });
            }
        }
    }
}

/// The row with the decimals of the range: what it needs no more of its own is zeros.
fn scaled(mut row: Row, part: &Part, id: SeriesId) -> Option<Row> {
    for (value, (_, role)) in row.iter_mut().zip(columns(id.kind)) {
        let (up, down) = match role {
            Role::Time | Role::Plain | Role::Share => continue,
            Role::Price => (part.up.price, part.down.price),
            Role::Qty => (part.up.qty, part.down.qty),
        };
        *value = (*value / down).checked_mul(up)?;
    }
    Some(row)
}
