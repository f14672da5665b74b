//! Tables of columns, and how they become Parquet.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

/// What a column holds, one value a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Nanoseconds since 1970, UTC, where there is a time.
    Times(Vec<Option<i64>>),
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

fn field(name: &str, cells: &Cells) -> Result<Type, ParquetError> {
    let (physical, repetition, logical) = match cells {
        Cells::Times(_) => {
            let utc = LogicalType::timestamp(true, TimeUnit::NANOS);
            (Physical::INT64, Repetition::OPTIONAL, Some(utc))
        }
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

fn write_column<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    cells: &Cells,
) -> Result<(), ParquetError> {
    let missing = || ParquetError::General("the schema has too few columns".to_owned());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    match cells {
        Cells::Times(all) => {
            let (values, levels) = present(all);
            column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?
        }
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

/// Writes columns of one length as a Parquet file; gives back what it was written into.
pub fn write_parquet<W: Write + Send>(
    out: W,
    name: &str,
    columns: &[(String, Cells)],
) -> Result<W, ParquetError> {
    let fields = columns.iter().map(|(name, cells)| field(name, cells).map(Arc::new));
    let schema = Type::group_type_builder(name)
        .with_fields(fields.collect::<Result<Vec<_>, ParquetError>>()?)
        .build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_created_by("qsim".to_owned())
        .build();
    let mut writer = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (_, cells) in columns {
        write_column(&mut group, cells)?;
    }
    group.close()?;
    writer.into_inner()
}
