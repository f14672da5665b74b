//! The rows of one Parquet file, read in batches or one by one.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::Int64Type;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;

use crate::DataError;
use crate::kind::Kind;
use crate::rows::{Row, WIDTH_MAX, columns};
use crate::store::open;

/// Rows of one read batch.
pub(crate) const BATCH_ROWS: usize = 8_192;

/// The numbers of all columns of a kind.
pub(crate) fn all_columns(kind: Kind) -> &'static [usize] {
    const ALL: [usize; WIDTH_MAX] = [0, 1, 2, 3, 4, 5, 6, 7];
    &ALL[..columns(kind).len()]
}

/// Reads chosen columns of one file in batches; holds one page a column in memory.
pub(crate) struct FileCursor {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    wanted: &'static [usize],
    next_group: usize,
    end_group: usize,
    open: Vec<ColumnReaderImpl<Int64Type>>,
    from_us: i64,
    /// Number in the file, counted from zero, of the batch's first row.
    batch_at: u64,
    /// In the batch, the row that [`FileCursor::next_row`] gives next.
    next: usize,
    /// The batch: one vector a wanted column, equally long.
    pub columns: Vec<Vec<i64>>,
}

impl FileCursor {
    /// Opens `path` at the row group that may hold `from_us`. `wanted` are column numbers.
    pub fn open(
        path: &Path,
        wanted: &'static [usize],
        from_us: i64,
    ) -> Result<FileCursor, DataError> {
        let reader = open(path)?;
        Ok(FileCursor {
            path: path.to_owned(),
            wanted,
            next_group: 0,
            end_group: reader.num_row_groups(),
            reader,
            open: Vec::new(),
            from_us,
            batch_at: 0,
            next: 0,
            columns: vec![Vec::with_capacity(BATCH_ROWS); wanted.len()],
        })
    }

    /// Opens one row group of `path`.
    pub fn open_group(
        path: &Path,
        wanted: &'static [usize],
        group: usize,
    ) -> Result<FileCursor, DataError> {
        let mut cursor = FileCursor::open(path, wanted, i64::MIN)?;
        (cursor.next_group, cursor.end_group) = (group, group + 1);
        let before = (0..group).map(|before| cursor.rows_in(before));
        cursor.batch_at = before.sum();
        Ok(cursor)
    }

    fn rows_in(&self, group: usize) -> u64 {
        self.reader.metadata().row_group(group).num_rows().cast_unsigned()
    }

    /// Whether all rows of a group are before the range, by the statistics of its time column.
    fn is_before(&self, group: usize) -> bool {
        let time = self.reader.metadata().row_group(group).column(0);
        match time.statistics() {
            Some(Statistics::Int64(s)) => s.max_opt().is_some_and(|&max| max < self.from_us),
            _ => false,
        }
    }

    /// Reads the next batch into `columns`; false at the end.
    pub fn read(&mut self, rows_max: usize) -> Result<bool, DataError> {
        self.batch_at += self.len() as u64;
        self.next = 0;
        self.columns.iter_mut().for_each(Vec::clear);
        loop {
            if self.open.is_empty() && !self.next_group()? {
                return Ok(false);
            }
            let mut length = None;
            for (reader, column) in self.open.iter_mut().zip(&mut self.columns) {
                let (rows, _, _) = reader
                    .read_records(rows_max, None, None, column)
                    .map_err(|e| DataError::bad(&self.path, e))?;
                if *length.get_or_insert(rows) != rows {
                    return Err(DataError::bad(&self.path, "its columns differ in length"));
                }
            }
            if length.unwrap_or(0) > 0 {
                return Ok(true);
            }
            self.open.clear();
        }
    }

    /// The next row with its number in the file, counted from zero; reads another batch where one ends.
    pub fn next_row(&mut self) -> Result<Option<(u64, Row)>, DataError> {
        if self.next == self.len() && !self.read(BATCH_ROWS)? {
            return Ok(None);
        }
        let at = self.next;
        self.next += 1;
        Ok(Some((self.batch_at + at as u64, self.row(at))))
    }

    /// Rows of the batch.
    pub fn len(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// One row of the batch, with the columns that were wanted.
    pub fn row(&self, at: usize) -> Row {
        let mut row = Row::default();
        for (value, column) in row.iter_mut().zip(&self.columns) {
            *value = column[at];
        }
        row
    }

    fn next_group(&mut self) -> Result<bool, DataError> {
        while self.next_group < self.end_group {
            let group = self.next_group;
            self.next_group += 1;
            if self.is_before(group) {
                self.batch_at += self.rows_in(group);
                continue;
            }
            let bad = |e| DataError::bad(&self.path, e);
            let reader = self.reader.get_row_group(group).map_err(bad)?;
            for &column in self.wanted {
                let column = reader.get_column_reader(column).map_err(bad)?;
                self.open.push(get_typed_column_reader(column));
            }
            return Ok(true);
        }
        Ok(false)
    }
}
