//! The Parquet files: how rows are written, and how they are read back in batches.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, Repetition, Type as Physical, ZstdLevel};
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::Int64Type;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::kind::{Interval, Kind, SeriesId};
use crate::rows::{Decimals, Row, RowDigest, columns};
use crate::{DataError, rows};

/// Rows of one row group: bounds the memory of writing, and the rows read in vain before a range.
const GROUP_ROWS: usize = 1 << 18;
/// Rows of one read batch.
pub(crate) const BATCH_ROWS: usize = 8_192;
/// The layout's version, in each file: a reader refuses what it does not know.
const FORMAT: &str = "1";

/// What a file says of itself.
#[derive(Clone, Debug)]
pub(crate) struct FileInfo {
    pub path: PathBuf,
    pub series: SeriesId,
    pub decimals: Decimals,
    pub first_us: i64,
    pub last_us: i64,
    pub rows: u64,
    pub digest: RowDigest,
}

fn schema(kind: Kind) -> Result<Type, parquet::errors::ParquetError> {
    let mut fields = Vec::new();
    for (name, _) in columns(kind) {
        let field = Type::primitive_type_builder(name, Physical::INT64)
            .with_repetition(Repetition::REQUIRED)
            .build()?;
        fields.push(Arc::new(field));
    }
    Type::group_type_builder("rows").with_fields(fields).build()
}

/// Writes rows into a temporary file beside its place, which it takes only when complete.
pub(crate) struct FileWriter {
    writer: SerializedFileWriter<File>,
    series: SeriesId,
    decimals: Decimals,
    columns: Vec<Vec<i64>>,
    first_us: i64,
    last_us: i64,
    rows: u64,
    digest: RowDigest,
}

impl FileWriter {
    pub fn new(
        file: File,
        series: SeriesId,
        decimals: Decimals,
    ) -> Result<FileWriter, parquet::errors::ParquetError> {
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::DELTA_BINARY_PACKED)
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_created_by("qsim".to_owned())
            .build();
        let writer =
            SerializedFileWriter::new(file, Arc::new(schema(series.kind)?), Arc::new(properties))?;
        Ok(FileWriter {
            writer,
            series,
            decimals,
            columns: vec![Vec::new(); columns(series.kind).len()],
            first_us: 0,
            last_us: 0,
            rows: 0,
            digest: RowDigest::default(),
        })
    }

    pub fn push(&mut self, row: &Row) -> Result<(), parquet::errors::ParquetError> {
        if self.rows == 0 {
            self.first_us = row[0];
        }
        self.last_us = row[0];
        self.rows += 1;
        self.digest.add(self.series.kind, row, self.decimals);
        for (column, &value) in self.columns.iter_mut().zip(row) {
            column.push(value);
        }
        if self.columns[0].len() == GROUP_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), parquet::errors::ParquetError> {
        if self.columns[0].is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        let mut next = 0;
        while let Some(mut column) = group.next_column()? {
            column.typed::<Int64Type>().write_batch(&self.columns[next], None, None)?;
            column.close()?;
            next += 1;
        }
        group.close()?;
        self.columns.iter_mut().for_each(Vec::clear);
        Ok(())
    }

    /// Completes the file; `path` is where it will live.
    pub fn finish(mut self, path: PathBuf) -> Result<FileInfo, parquet::errors::ParquetError> {
        self.flush()?;
        let info = FileInfo {
            path,
            series: self.series,
            decimals: self.decimals,
            first_us: self.first_us,
            last_us: self.last_us,
            rows: self.rows,
            digest: self.digest,
        };
        let interval = info.series.interval.map_or("", Interval::name);
        for (key, value) in [
            ("qsim.format", FORMAT.to_owned()),
            ("qsim.kind", info.series.kind.name().to_owned()),
            ("qsim.symbol", info.series.symbol.to_string()),
            ("qsim.interval", interval.to_owned()),
            ("qsim.price_decimals", info.decimals.price.to_string()),
            ("qsim.qty_decimals", info.decimals.qty.to_string()),
            ("qsim.first_us", info.first_us.to_string()),
            ("qsim.last_us", info.last_us.to_string()),
            ("qsim.rows", info.rows.to_string()),
            ("qsim.row_digest", info.digest.hex()),
        ] {
            self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        self.writer.close()?;
        Ok(info)
    }

    pub fn first_us(&self) -> i64 {
        self.first_us
    }

    pub fn last_us(&self) -> i64 {
        self.last_us
    }
}

fn open(path: &Path) -> Result<SerializedFileReader<File>, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    SerializedFileReader::new(file).map_err(|e| DataError::bad(path, e))
}

/// Reads what a file says of itself.
pub(crate) fn info(path: &Path) -> Result<FileInfo, DataError> {
    let reader = open(path)?;
    let meta = reader.metadata().file_metadata();
    let get = |key: &str| -> Result<&str, DataError> {
        let all = meta.key_value_metadata().into_iter().flatten();
        let mut found = all.filter(|kv| kv.key == key);
        let value = found.next().and_then(|kv| kv.value.as_deref());
        value.ok_or_else(|| DataError::bad(path, format!("its metadata lack {key}")))
    };
    let wrong = |key: &str| DataError::bad(path, format!("its {key} cannot be read"));
    let number = |key: &str| get(key)?.parse::<i64>().map_err(|_| wrong(key));
    let decimals = |key: &str| -> Result<u32, DataError> {
        let value = get(key)?.parse::<u32>().ok();
        value.filter(|&d| d <= crate::decimal::DECIMALS_MAX).ok_or_else(|| wrong(key))
    };
    if get("qsim.format")? != FORMAT {
        return Err(DataError::bad(path, "it was written by another version"));
    }
    let kind = Kind::named(get("qsim.kind")?).ok_or_else(|| wrong("qsim.kind"))?;
    let names = meta.schema_descr().columns().iter().map(|c| c.name());
    if !names.eq(rows::columns(kind).iter().map(|(name, _)| *name)) {
        return Err(DataError::bad(path, format!("its columns are not {kind}'s")));
    }
    let integers = meta.schema_descr().columns().iter();
    if integers.clone().any(|c| {
        c.physical_type() != Physical::INT64 || c.max_def_level() != 0 || c.max_rep_level() != 0
    }) {
        return Err(DataError::bad(path, "its columns are not plain 64-bit integers"));
    }
    let rows = number("qsim.rows")?;
    if rows != meta.num_rows() || rows <= 0 {
        return Err(DataError::bad(path, "its row count contradicts its metadata"));
    }
    let interval = Interval::named(get("qsim.interval")?);
    if interval.is_some() != kind.has_interval() {
        return Err(wrong("qsim.interval"));
    }
    Ok(FileInfo {
        path: path.to_owned(),
        series: SeriesId {
            kind,
            symbol: get("qsim.symbol")?.parse().map_err(|_| wrong("qsim.symbol"))?,
            interval,
        },
        decimals: Decimals {
            price: decimals("qsim.price_decimals")?,
            qty: decimals("qsim.qty_decimals")?,
        },
        first_us: number("qsim.first_us")?,
        last_us: number("qsim.last_us")?,
        rows: rows as u64,
        digest: RowDigest::from_hex(get("qsim.row_digest")?)
            .ok_or_else(|| wrong("qsim.row_digest"))?,
    })
}

/// Reads chosen columns of one file in batches; holds one page a column in memory.
pub(crate) struct FileCursor {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    wanted: &'static [usize],
    next_group: usize,
    open: Vec<ColumnReaderImpl<Int64Type>>,
    from_us: i64,
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
        Ok(FileCursor {
            path: path.to_owned(),
            reader: open(path)?,
            wanted,
            next_group: 0,
            open: Vec::new(),
            from_us,
            columns: vec![Vec::with_capacity(BATCH_ROWS); wanted.len()],
        })
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
        loop {
            if self.open.is_empty() && !self.open_group()? {
                return Ok(false);
            }
            let mut length = None;
            for (reader, column) in self.open.iter_mut().zip(&mut self.columns) {
                column.clear();
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

    fn open_group(&mut self) -> Result<bool, DataError> {
        while self.next_group < self.reader.num_row_groups() {
            let group = self.next_group;
            self.next_group += 1;
            if self.is_before(group) {
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
