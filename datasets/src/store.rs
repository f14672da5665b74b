//! The Parquet files: how rows are written, and what a file says of itself.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::Int64Type;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use crate::coverage::silence_max_us;
use crate::import::iso;
use crate::interval::Interval;
use crate::kind::{Kind, SeriesId};
use crate::part_file::PartFile;
use crate::replay::Range;
use crate::rows::{Decimals, Row, RowDigest, SNAPSHOT, columns, follows};
use crate::{DataError, rows, seal};

/// Rows of one row group: bounds the memory of writing, and the rows read in vain before a range.
pub(crate) const GROUP_ROWS: usize = if cfg!(test) { 1 << 8 } else { 1 << 18 };
/// The layout's version, in each file: a reader refuses what it does not know.
const FORMAT: &str = "3";

/// What a file says of itself.
#[derive(Clone, Debug)]
pub(crate) struct FileInfo {
    pub path: PathBuf,
    pub series: SeriesId,
    pub decimals: Decimals,
    pub source: Origin,
    pub first_us: i64,
    pub last_us: i64,
    pub rows: u64,
    pub digest: RowDigest,
    /// Its row groups, in order.
    pub groups: Vec<GroupInfo>,
}

/// Where a file's rows were read from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The archive, as it was named.
    pub path: String,
    /// The line of the first row; zero if the rows are not in lines that follow each other.
    pub first_line: u64,
}

impl Origin {
    /// Where a row stands in it, counted from zero.
    pub fn place_in_file(&self, row: u64) -> String {
        match self.first_line {
            0 => format!("row {}", row + 1),
            first => format!("line {}", first + row),
        }
    }

    /// Whether the import made up the ids of its rows: an array of events has none. They tell nothing of what
    /// other files hold.
    pub fn has_own_ids(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|form| form.eq_ignore_ascii_case("npz"))
    }

    /// The same with its name.
    pub fn place(&self, row: u64) -> String {
        format!("{} {}", self.path, self.place_in_file(row))
    }
}

/// What a row group holds, so that its rows need not be read to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupInfo {
    pub rows: u64,
    /// Time and second column (the id of trades) of its first row.
    pub first: [i64; 2],
    /// The same of its last row.
    pub last: [i64; 2],
    /// The decimals that its rows need.
    pub decimals: Decimals,
    pub digest: RowDigest,
    /// Of a book: time of its first snapshot.
    pub snapshot_us: Option<i64>,
    /// Of a book: messages that do not follow the one before.
    pub breaks: u64,
    /// Of quotes, marks and books: the longest time without a row between two of it, in µs; nothing if the
    /// file was written before it was noted.
    pub silence_us: Option<i64>,
}

impl GroupInfo {
    fn begin(row: &Row) -> GroupInfo {
        let ends = [row[0], row[1]];
        GroupInfo {
            rows: 0,
            first: ends,
            last: ends,
            decimals: Decimals::default(),
            digest: RowDigest::default(),
            snapshot_us: None,
            breaks: 0,
            silence_us: None,
        }
    }

    /// As `rows,first time,first id,last time,last id,price decimals,quantity decimals,digest,snapshot,
    /// breaks`, and where it is noted `,silence`; the snapshot's time is empty if there is none.
    fn write(&self) -> String {
        let ([first, first_id], [last, last_id]) = (self.first, self.last);
        let Decimals { price, qty } = self.decimals;
        let digest = self.digest.hex();
        let snapshot = self.snapshot_us.map(|us| us.to_string()).unwrap_or_default();
        let (rows, breaks) = (self.rows, self.breaks);
        let silence = self.silence_us.map(|us| format!(",{us}")).unwrap_or_default();
        format!(
            "{rows},{first},{first_id},{last},{last_id},{price},{qty},{digest},{snapshot},{breaks}{silence}"
        )
    }

    /// Reads what [`GroupInfo::write`] wrote.
    fn read(text: &str) -> Option<GroupInfo> {
        let parts: Vec<&str> = text.split(',').collect();
        let (parts, silence) = match parts.split_at_checked(10)? {
            (parts, []) => (parts, None),
            (parts, [silence]) => (parts, Some(silence.parse().ok()?)),
            _ => return None,
        };
        let [rows, first, first_id, last, last_id, price, qty, digest, snapshot, breaks] = parts
        else {
            return None;
        };
        Some(GroupInfo {
            rows: rows.parse().ok()?,
            first: [first.parse().ok()?, first_id.parse().ok()?],
            last: [last.parse().ok()?, last_id.parse().ok()?],
            decimals: Decimals { price: price.parse().ok()?, qty: qty.parse().ok()? },
            digest: RowDigest::from_hex(digest)?,
            snapshot_us: match *snapshot {
                "" => None,
                us => Some(us.parse().ok()?),
            },
            breaks: breaks.parse().ok()?,
            silence_us: silence,
        })
    }
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
    writer: SerializedFileWriter<PartFile>,
    path: PathBuf,
    series: SeriesId,
    decimals: Decimals,
    columns: Vec<Vec<i64>>,
    groups: Vec<GroupInfo>,
    /// Of a book: the row before.
    last: Option<Row>,
}

impl FileWriter {
    /// Writes into the empty file at `path`.
    pub fn new(
        path: PathBuf,
        series: SeriesId,
        decimals: Decimals,
    ) -> Result<FileWriter, parquet::errors::ParquetError> {
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_encoding(Encoding::DELTA_BINARY_PACKED)
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_created_by("qsim".to_owned())
            .build();
        let (file, schema) = (PartFile::at(path.clone()), Arc::new(schema(series.kind)?));
        let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        writer.write_all(&seal::ROOM)?;
        Ok(FileWriter {
            writer,
            path,
            series,
            decimals,
            columns: vec![Vec::new(); columns(series.kind).len()],
            groups: Vec::new(),
            last: None,
        })
    }

    pub fn push(&mut self, row: &Row) -> Result<(), parquet::errors::ParquetError> {
        if self.columns[0].is_empty() {
            self.groups.push(GroupInfo::begin(row));
        }
        if let Some(group) = self.groups.last_mut() {
            group.rows += 1;
            if silence_max_us(self.series.kind).is_some() {
                let silence = row[0] - group.last[0];
                group.silence_us = group.silence_us.max(Some(silence));
            }
            group.last = [row[0], row[1]];
            group.decimals.cover(self.series.kind, row, self.decimals);
            group.digest.add(self.series.kind, row, self.decimals);
            if self.series.kind == Kind::Depth {
                if row[3] == SNAPSHOT {
                    group.snapshot_us.get_or_insert(row[0]);
                }
                let broken = self.last.is_some_and(|last| !follows(&last, row));
                group.breaks += u64::from(broken);
                self.last = Some(*row);
            }
        }
        for (column, &value) in self.columns.iter_mut().zip(row) {
            column.push(value);
        }
        if self.columns[0].len() == GROUP_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    /// Rows that wait for their group to be full.
    pub fn waiting(&self) -> usize {
        self.columns[0].len()
    }

    /// Ends the group, full or not.
    pub fn flush(&mut self) -> Result<(), parquet::errors::ParquetError> {
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
        self.writer.flush()?;
        self.writer.inner_mut().rest();
        Ok(())
    }

    /// Completes and seals the file.
    pub fn finish(mut self, source: Origin) -> Result<FileInfo, parquet::errors::ParquetError> {
        self.flush()?;
        let mut digest = RowDigest::default();
        self.groups.iter().for_each(|group| digest.combine(group.digest));
        let info = FileInfo {
            path: self.path,
            series: self.series,
            decimals: self.decimals,
            source,
            first_us: self.groups.first().map_or(0, |group| group.first[0]),
            last_us: self.groups.last().map_or(0, |group| group.last[0]),
            rows: self.groups.iter().map(|group| group.rows).sum(),
            digest,
            groups: self.groups,
        };
        let interval = info.series.interval.map_or("", Interval::name);
        let groups: Vec<String> = info.groups.iter().map(GroupInfo::write).collect();
        for (key, value) in [
            ("qsim.format", FORMAT.to_owned()),
            ("qsim.kind", info.series.kind.name().to_owned()),
            ("qsim.symbol", info.series.symbol.to_string()),
            ("qsim.interval", interval.to_owned()),
            ("qsim.price_decimals", info.decimals.price.to_string()),
            ("qsim.qty_decimals", info.decimals.qty.to_string()),
            ("qsim.source", info.source.path.clone()),
            ("qsim.first_line", info.source.first_line.to_string()),
            ("qsim.groups", groups.join(";")),
        ] {
            self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        seal::seal(&mut self.writer.into_inner()?.reopen()?)?;
        Ok(info)
    }
}

/// The reader of a file, which looks at its footer.
pub(crate) fn open(path: &Path) -> Result<SerializedFileReader<File>, DataError> {
    let file = File::open(path).map_err(DataError::io(path))?;
    SerializedFileReader::new(file).map_err(|e| DataError::bad(path, e))
}

/// Refuses a file that does not pass `is_whole`. One that ends too early is no fault of the disk.
fn check_seal(
    path: &Path,
    is_whole: fn(&mut File) -> std::io::Result<bool>,
) -> Result<(), DataError> {
    let mut file = File::open(path).map_err(DataError::io(path))?;
    match is_whole(&mut file) {
        Ok(true) => Ok(()),
        Err(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => Err(DataError::io(path)(e)),
        _ => Err(DataError::bad(
            path,
            "it is damaged (its checksum differs), or another version of qsim wrote it",
        )),
    }
}

/// Reads what a file says of itself.
pub(crate) fn info(path: &Path) -> Result<FileInfo, DataError> {
    check_seal(path, seal::footer_is_whole)?;
    let reader = open(path)?;
    let meta = reader.metadata().file_metadata();
    let get = |key: &str| -> Result<&str, DataError> {
        let all = meta.key_value_metadata().into_iter().flatten();
        let mut found = all.filter(|kv| kv.key == key);
        let value = found.next().and_then(|kv| kv.value.as_deref());
        value.ok_or_else(|| DataError::bad(path, format!("its metadata lack {key}")))
    };
    let wrong = |key: &str| DataError::bad(path, format!("its {key} cannot be read"));
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
    let groups: Option<Vec<GroupInfo>> =
        get("qsim.groups")?.split(';').map(GroupInfo::read).collect();
    let groups = groups.ok_or_else(|| wrong("qsim.groups"))?;
    let rows = groups.iter().map(|group| group.rows as i64);
    if !rows.eq(reader.metadata().row_groups().iter().map(|group| group.num_rows())) {
        return Err(DataError::bad(path, "its row count contradicts its metadata"));
    }
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else {
        return Err(DataError::bad(path, "it has no rows"));
    };
    let mut digest = RowDigest::default();
    groups.iter().for_each(|group| digest.combine(group.digest));
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
        source: Origin {
            path: get("qsim.source")?.to_owned(),
            first_line: get("qsim.first_line")?.parse().map_err(|_| wrong("qsim.first_line"))?,
        },
        first_us: first.first[0],
        last_us: last.last[0],
        rows: groups.iter().map(|group| group.rows).sum(),
        digest,
        groups,
    })
}

impl FileInfo {
    /// Whether a row of it may belong to `range`.
    pub fn touches(&self, range: Range) -> bool {
        iso(self.last_us) >= range.from && iso(self.first_us) < range.to
    }

    /// Refuses the file if a byte of it is not as it was written. Call it before its rows are used.
    pub fn verify(&self) -> Result<(), DataError> {
        check_seal(&self.path, seal::body_is_whole)
    }
}
