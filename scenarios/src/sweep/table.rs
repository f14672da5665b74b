//! Results of trials as a Parquet table, a row a trial: what was tried, what came of it, and the whole result as JSON, of which
//! a sweep goes on.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use engine::Nanos;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use parquet::schema::types::Type;
use serde_json::Value as Json;

use super::{TrialResult, WindowResult};
use crate::columns::{Cells, write_parquet};

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

/// Writes results into a new file.
pub(super) fn write(
    path: &Path,
    rows: &[TrialResult],
    objectives: &[String],
    paths: &[String],
) -> Result<(), ParquetError> {
    let file = File::create(path)?;
    let file = write_parquet(file, "trials", &columns(rows, objectives, paths))?;
    // What is told to be there is there, also behind a loss of power.
    Ok(file.sync_all()?)
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
