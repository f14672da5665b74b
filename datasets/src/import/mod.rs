//! Import: Binance archives (zip or csv) into one Parquet file each. A file comes in whole or not
//! at all, and a refused file stops no other.

mod csv_rows;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use serde::Serialize;

use csv_rows::Stop;
pub(crate) use csv_rows::iso;

use crate::DataError;
use crate::catalogue::Catalogue;
use crate::kind::{SeriesId, Told, tell};
use crate::rows::{Decimals, RowDigest};
use crate::store::{FileWriter, Origin};

/// A file that was not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Which.
    pub path: PathBuf,
    /// Why, where in it, and what to do.
    pub reason: String,
}

/// Something about a file that the reader should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Which.
    pub path: PathBuf,
    /// What.
    pub text: String,
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Files imported.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Files refused, in order of their paths.
    pub refused: Vec<Refusal>,
    /// Notes, in order of their paths.
    pub notes: Vec<Note>,
    /// Digest of the whole data set after the import; empty if it holds nothing.
    pub digest: String,
}

/// How far an import is; handed to the progress callback after each file.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Files done, this one included.
    pub done: u64,
    /// Files in all.
    pub total: u64,
    /// The file just done.
    pub path: &'a Path,
    /// Its rows; zero if it was refused or skipped.
    pub rows: u64,
}

/// Imports files and folders (with all below them) into the data set `into`, in parallel.
/// An error is about the folder itself; faults of single files are in the report.
pub fn import(
    paths: &[PathBuf],
    into: &Path,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<ImportReport, DataError> {
    let mut refused = Vec::new();
    let files = source::collect(paths, &mut refused);
    std::fs::create_dir_all(into).map_err(DataError::io(into))?;
    let done = AtomicU64::new(0);
    let taken = Taken::default();
    let results: Vec<Imported> = files
        .par_iter()
        .map(|path| {
            let imported = import_file(path, into, &taken);
            progress(Progress {
                done: done.fetch_add(1, Ordering::Relaxed) + 1,
                total: files.len() as u64,
                path,
                rows: imported.rows.as_ref().map_or(0, |rows| rows.unwrap_or(0)),
            });
            imported
        })
        .collect();

    let mut report =
        ImportReport { files: 0, rows: 0, refused, notes: Vec::new(), digest: String::new() };
    for (path, imported) in files.into_iter().zip(results) {
        let notes = imported.notes.into_iter();
        report.notes.extend(notes.map(|text| Note { path: path.clone(), text }));
        match imported.rows {
            Ok(Some(rows)) => {
                report.files += 1;
                report.rows += rows;
            }
            Ok(None) => {}
            Err(reason) => report.refused.push(Refusal { path, reason }),
        }
    }
    report.refused.sort_by(|a, b| a.path.cmp(&b.path));
    match Catalogue::open(into) {
        Ok(catalogue) => report.digest = catalogue.digest(),
        Err(DataError::NoData { .. }) => {}
        Err(e) => return Err(e),
    }
    Ok(report)
}

struct Imported {
    /// Rows, `None` if it was skipped with a note, or the reason of the refusal.
    rows: Result<Option<u64>, String>,
    notes: Vec<String>,
}

fn import_file(path: &Path, into: &Path, taken: &Taken) -> Imported {
    let mut notes = Vec::new();
    let rows = match tell(path) {
        Told::Series(series) => write_series(path, &series, into, taken, &mut notes),
        Told::Unclear(reason) => Err(reason),
        Told::Unsupported(kind) => {
            notes.push(format!("skipped: qsim does not replay {kind}"));
            Ok(None)
        }
    };
    Imported { rows, notes }
}

/// The places that this import has filled, with their sources.
#[derive(Default)]
struct Taken(Mutex<BTreeMap<PathBuf, (PathBuf, RowDigest)>>);

/// Reads the file until its number of decimals is known, which is soon, and writes it once.
fn write_series(
    path: &Path,
    series: &SeriesId,
    into: &Path,
    taken: &Taken,
    notes: &mut Vec<String>,
) -> Result<Option<u64>, String> {
    source::verify_checksum(path, notes)?;
    let folder = folder_of(into, series);
    let text = |e: std::io::Error| format!("cannot write into {}: {e}", folder.display());
    std::fs::create_dir_all(&folder).map_err(text)?;
    let parquet = |e: parquet::errors::ParquetError| format!("cannot be written as Parquet: {e}");

    let mut decimals = Decimals::default();
    loop {
        // The temporary file is removed when dropped, and its name is none that a catalogue reads.
        let temporary =
            tempfile::Builder::new().prefix(".partial-").tempfile_in(&folder).map_err(text)?;
        let file = temporary.reopen().map_err(text)?;
        let mut writer = FileWriter::new(file, *series, decimals).map_err(parquet)?;
        let read = source::with_csv(path, &mut |input| {
            csv_rows::read(input, series, decimals, &mut |row| writer.push(row).map_err(parquet))
        });
        let outcome = match read {
            Ok(outcome) => outcome,
            Err(Stop::MoreDecimals(needed)) => {
                decimals = needed;
                continue;
            }
            Err(Stop::Refused(reason)) => return Err(reason),
        };
        // The checksum inside a zip has told already that nothing is cut.
        if let Some(line) = outcome.maybe_cut_line.filter(|_| !source::is_zip(path)) {
            return Err(format!(
                "line {line}: has no line end, the file may be cut here; download it again, or end \
                 the line if it is whole"
            ));
        }
        let source = Origin { path: path.display().to_string(), first_line: outcome.first_line };
        let info = writer.finish(temporary.path().to_owned(), source).map_err(parquet)?;
        let target = folder.join(file_name(info.first_us, info.last_us));
        temporary.as_file().sync_all().map_err(text)?;
        // Held until the file is in place, so that two sources of one period cannot race for it.
        let mut taken = taken.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((other, digest)) = taken.get(&target) {
            if *digest == info.digest {
                notes.push(format!("skipped: the same rows as {}", other.display()));
                return Ok(None);
            }
            return Err(format!(
                "same series and period as {} but other rows; import one of them only",
                other.display()
            ));
        }
        temporary.persist(&target).map_err(|e| text(e.error))?;
        taken.insert(target, (path.to_owned(), info.digest));
        return Ok(Some(outcome.rows));
    }
}

fn folder_of(into: &Path, series: &SeriesId) -> PathBuf {
    let folder = into.join(series.kind.name()).join(series.symbol.as_str());
    match series.interval {
        Some(interval) => folder.join(interval.name()),
        None => folder,
    }
}

/// `20260201T000000.000000_20260228T235900.000000.parquet`: the same period replaces its file.
fn file_name(first_us: i64, last_us: i64) -> String {
    let stamp = |us: i64| {
        let time = chrono::DateTime::from_timestamp_micros(us).unwrap_or_default();
        time.format("%Y%m%dT%H%M%S%.6f").to_string()
    };
    format!("{}_{}.parquet", stamp(first_us), stamp(last_us))
}
