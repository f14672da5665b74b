//! Results of trials as a Parquet table, a row a trial: what was tried, what came of it, and the whole result as JSON, of which
//! a sweep goes on.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use engine::Nanos;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::RowAccessor;
use parquet::schema::types::Type;
use serde_json::Value as Json;

use super::{TrialResult, WindowResult};

/// What a column holds, one value a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Yes or no.
    Bools(Vec<bool>),
    /// Numbers, where there is one.
    Floats(Vec<Option<f64>>),
    /// Words, where there are some.
    Texts(Vec<Option<String>>),
    /// Series of numbers.
    Lists(Vec<Vec<f64>>),
}

/// The columns of these results, in their order: what was tried, what came of it, and as the last one the whole result as
/// JSON.
pub fn columns(
    rows: &[TrialResult],
    objectives: &[String],
    paths: &[String],
) -> Vec<(String, Cells)> {
    let texts =
        |of: &dyn Fn(&TrialResult) -> Option<String>| Cells::Texts(rows.iter().map(of).collect());
    let floats =
        |of: &dyn Fn(&TrialResult) -> Option<f64>| Cells::Floats(rows.iter().map(of).collect());
    let ints = |of: &dyn Fn(&TrialResult) -> i64| Cells::Ints(rows.iter().map(of).collect());
    let mut all: Vec<(String, Cells)> = vec![
        ("number".to_owned(), ints(&|row| row.number as i64)),
        ("error".to_owned(), texts(&|row| row.error.clone())),
        ("digest".to_owned(), texts(&|row| Some(row.digest.clone()))),
        // Beyond 63 bits it is the same bits.
        ("seed".to_owned(), ints(&|row| row.seed as i64)),
        ("version".to_owned(), texts(&|_| Some(env!("CARGO_PKG_VERSION").to_owned()))),
        ("passed".to_owned(), Cells::Bools(rows.iter().map(|row| row.passed).collect())),
        ("events".to_owned(), ints(&|row| row.events as i64)),
    ];
    for path in paths {
        let name = format!("param.{path}");
        // Numbers are doubles, so that the parts of a sweep have one type whatever their rows are.
        let numbers = rows.iter().filter_map(|row| row.point.get(path)).all(Json::is_number);
        let cells = match numbers {
            true => floats(&|row| row.point.get(path).and_then(Json::as_f64)),
            false => texts(&|row| {
                row.point.get(path).map(|value| match value {
                    Json::String(text) => text.clone(),
                    other => other.to_string(),
                })
            }),
        };
        all.push((name, cells));
    }
    for (place, name) in objectives.iter().enumerate() {
        let value = |row: &TrialResult| row.objectives.get(place).copied().flatten();
        all.push((format!("objective.{name}"), floats(&value)));
    }
    let spans = rows.iter().flat_map(|row| &row.windows).map(|window| window.span);
    let spans: BTreeSet<(i64, i64)> = spans.map(|span| (span.from, span.to)).collect();
    for (from, to) in spans {
        for (place, name) in objectives.iter().enumerate() {
            let value = |row: &TrialResult| {
                let is = |window: &&WindowResult| (window.span.from, window.span.to) == (from, to);
                row.windows.iter().find(is)?.objectives.get(place).copied().flatten()
            };
            let (from, to) = (Nanos(from), Nanos(to));
            all.push((format!("window.{from}/{to}.objective.{name}"), floats(&value)));
        }
    }
    let mut names: Vec<&String> = rows.iter().flat_map(|row| row.metrics.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let value = |row: &TrialResult| row.metrics.get(name).copied().flatten();
        all.push((format!("metric.{name}"), floats(&value)));
    }
    let mut names: Vec<&String> = rows.iter().flat_map(|row| row.figures.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let value = |row: &TrialResult| row.figures.get(name).copied().flatten();
        all.push((format!("figure.{name}"), floats(&value)));
    }
    let returns = rows.iter().map(|row| row.returns.clone()).collect();
    all.push(("returns".to_owned(), Cells::Lists(returns)));
    all.push(("worker".to_owned(), texts(&|row| Some(row.worker.clone()))));
    all.push(("result".to_owned(), texts(&|row| serde_json::to_string(row).ok())));
    all
}

fn field(name: &str, cells: &Cells) -> Result<Type, ParquetError> {
    let (physical, repetition, logical) = match cells {
        Cells::Ints(_) => (Physical::INT64, Repetition::REQUIRED, None),
        Cells::Bools(_) => (Physical::BOOLEAN, Repetition::REQUIRED, None),
        Cells::Floats(_) => (Physical::DOUBLE, Repetition::OPTIONAL, None),
        Cells::Texts(_) => (Physical::BYTE_ARRAY, Repetition::OPTIONAL, Some(LogicalType::String)),
        Cells::Lists(_) => {
            let element = Type::primitive_type_builder("element", Physical::DOUBLE)
                .with_repetition(Repetition::REQUIRED)
                .build()?;
            let list = Type::group_type_builder("list")
                .with_repetition(Repetition::REPEATED)
                .with_fields(vec![Arc::new(element)])
                .build()?;
            return Type::group_type_builder(name)
                .with_repetition(Repetition::REQUIRED)
                .with_logical_type(Some(LogicalType::List))
                .with_fields(vec![Arc::new(list)])
                .build();
        }
    };
    Type::primitive_type_builder(name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()
}

/// The values that are there, and for each row whether it has one.
fn present<T: Clone>(all: &[Option<T>]) -> (Vec<T>, Vec<i16>) {
    let levels = all.iter().map(|one| i16::from(one.is_some())).collect();
    (all.iter().flatten().cloned().collect(), levels)
}

fn write_column(
    group: &mut SerializedRowGroupWriter<'_, File>,
    cells: &Cells,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has too few columns".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    match cells {
        Cells::Ints(all) => column.typed::<Int64Type>().write_batch(all, None, None)?,
        Cells::Bools(all) => column.typed::<BoolType>().write_batch(all, None, None)?,
        Cells::Floats(all) => {
            let (values, levels) = present(all);
            column.typed::<DoubleType>().write_batch(&values, Some(&levels), None)?
        }
        Cells::Texts(all) => {
            let (values, levels) = present(all);
            let values: Vec<ByteArray> =
                values.into_iter().map(|text| ByteArray::from(text.into_bytes())).collect();
            column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?
        }
        Cells::Lists(all) => {
            let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
            for list in all {
                if list.is_empty() {
                    defined.push(0);
                    repeated.push(0);
                }
                for (place, value) in list.iter().enumerate() {
                    values.push(*value);
                    defined.push(1);
                    repeated.push(i16::from(place > 0));
                }
            }
            column.typed::<DoubleType>().write_batch(&values, Some(&defined), Some(&repeated))?
        }
    };
    column.close()
}

/// Writes results into a new file.
pub(super) fn write(
    path: &Path,
    rows: &[TrialResult],
    objectives: &[String],
    paths: &[String],
) -> Result<(), ParquetError> {
    let columns = columns(rows, objectives, paths);
    let fields = columns.iter().map(|(name, cells)| field(name, cells).map(Arc::new));
    let schema = Type::group_type_builder("trials")
        .with_fields(fields.collect::<Result<Vec<_>, ParquetError>>()?)
        .build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_created_by("qsim".to_owned())
        .build();
    let file = File::create(path)?;
    let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (_, cells) in &columns {
        write_column(&mut group, cells)?;
    }
    group.close()?;
    writer.finish()?;
    // What is told to be there is there, also behind a loss of power.
    writer.inner().sync_all()?;
    Ok(())
}

/// Reads the results of a file.
pub(super) fn read(path: &Path) -> Result<Vec<TrialResult>, ParquetError> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let schema = reader.metadata().file_metadata().schema();
    let whole = schema.get_fields().iter().find(|field| field.name() == "result").cloned();
    let lacks = || ParquetError::General("it has no column `result`".to_owned());
    let projection = Type::group_type_builder(schema.name())
        .with_fields(vec![whole.ok_or_else(lacks)?])
        .build()?;
    let mut rows = Vec::new();
    for row in reader.get_row_iter(Some(projection))? {
        let row = row?;
        let result = serde_json::from_str(row.get_string(0)?);
        rows.push(result.map_err(|error| ParquetError::General(format!("`result`: {error}")))?);
    }
    Ok(rows)
}
