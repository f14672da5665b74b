//! Import: Binance's archives, recorded streams and hftbacktest's events into Parquet, one file for each
//! series in a source. A source comes in whole or not at all, a refused one stops no other, and no row
//! replaces one that says something else.

mod book;
mod clocks;
mod csv_lines;
mod csv_rows;
mod guard;
mod layout;
mod left_out;
mod liquidations;
mod message;
mod meter;
mod npy;
mod npz;
mod order;
mod period;
mod recorded;
mod shelf;
mod sorting;
mod source;
mod streams;
mod tapes;
mod text_lines;
mod text_time;
mod unread;

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use csv_rows::Stop;
pub(crate) use csv_rows::iso;
pub use meter::Progress;
use meter::{FileMeter, Meter};
use shelf::{Placed, Shelf, Staged};
pub(crate) use source::sha256_of;

use crate::DataError;
use crate::catalogue::Catalogue;
use crate::folder_lock::{self, Work};
use crate::kind::{Kind, SeriesId, Told, tell};
use crate::rows::Decimals;
use crate::store::{FileWriter, Origin};

/// What the names of half files begin with. No catalogue reads them.
const PARTIAL: &str = ".partial-";
/// Files read in parallel before they are given their places, one by one in order of their paths, so
/// that of two that contradict each other it is always the same one that comes in.
const FILES_AT_ONCE: usize = 64;
/// Large files are given their places sooner: what an interruption loses are those without a place.
const BYTES_AT_ONCE: u64 = 256 << 20;

/// A file that was not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Which.
    pub path: PathBuf,
    /// Why, where in it, and what to do.
    pub reason: String,
}

/// A file that has nothing to bring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Skip {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
    /// Whether all of its rows are in the data set already.
    pub already_there: bool,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// Files imported.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Rows of imported and skipped files that were there already, with the same values.
    pub duplicates: u64,
    /// Files refused, and files of the data set that cannot be read, in order of their paths.
    pub refused: Vec<Refusal>,
    /// Files skipped, in order of their paths.
    pub skipped: Vec<Skip>,
    /// Notes, in order of their paths.
    pub notes: Vec<Note>,
    /// Digest of the whole data set after the import; empty if it holds nothing or cannot be read.
    pub digest: String,
}

/// Imports files and folders (with all below them) into the data set `into`, in parallel.
/// An error is about the folder itself; faults of single files are in the report.
pub fn import(
    paths: &[PathBuf],
    into: &Path,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<ImportReport, DataError> {
    // Another import would take the half files of this one for leftovers.
    let _lock = folder_lock::hold(into, Work::Import)?;
    clear_half_files(into)?;
    let mut report = ImportReport::default();
    let files = source::collect(paths, &mut report);
    let meter = Meter::new(&files, progress);
    let mut shelf = Shelf::new(into);
    for some in batches(&files) {
        let read = |path: &PathBuf| {
            let meter = FileMeter::new(&meter, path);
            let read = read_file(path, into, &meter);
            meter.finish();
            read
        };
        let all: Vec<Read> = some.par_iter().map(read).collect();
        some.iter().zip(all).for_each(|(path, read)| report.place(path, read, &mut shelf));
    }
    report.finish(into, shelf);
    Ok(report)
}

/// The files in pieces that are read at once, in their order.
fn batches(files: &[PathBuf]) -> Vec<&[PathBuf]> {
    let (mut batches, mut rest) = (Vec::new(), files);
    while !rest.is_empty() {
        let (mut count, mut bytes) = (0, 0);
        while count < rest.len().min(FILES_AT_ONCE) && bytes < BYTES_AT_ONCE {
            bytes += meter::size(&rest[count]);
            count += 1;
        }
        let (batch, after) = rest.split_at(count);
        batches.push(batch);
        rest = after;
    }
    batches
}

/// Removes what an interrupted import left behind, in the folder and below those of its kinds.
fn clear_half_files(into: &Path) -> Result<(), DataError> {
    let mut folders = vec![into.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(DataError::io(&folder))? {
            let entry = entry.map_err(DataError::io(&folder))?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                if folder != into || Kind::named(&name).is_some() {
                    folders.push(path);
                }
            } else if name.starts_with(PARTIAL) {
                std::fs::remove_file(&path).map_err(DataError::io(&path))?;
            }
        }
    }
    Ok(())
}

impl ImportReport {
    fn place(&mut self, path: &Path, read: Read, shelf: &mut Shelf<'_>) {
        let path = || path.to_owned();
        let mut notes = read.notes;
        let rows = read.outcome.as_ref().map_or(0, Outcome::rows);
        let placed = read.outcome.and_then(|outcome| match outcome {
            Outcome::Rows(staged) => shelf.place(staged, &mut notes).map(Ok),
            Outcome::Unsupported(kind) => Ok(Err(kind)),
        });
        match placed {
            Ok(Ok(Placed::New { duplicates })) => {
                self.files += 1;
                self.rows += rows;
                self.duplicates += duplicates;
                if duplicates > 0 {
                    notes.push(format!("{duplicates} of its {rows} rows were there already"));
                }
            }
            Ok(Ok(Placed::Known { sources })) => {
                self.duplicates += rows;
                let sources = sources.join(", ");
                let reason = format!("all of its {rows} rows are there already, from {sources}");
                self.skipped.push(Skip { path: path(), reason, already_there: true });
            }
            Ok(Err(kind)) => {
                let reason = format!("qsim does not replay {kind}");
                self.skipped.push(Skip { path: path(), reason, already_there: false });
            }
            Err(reason) => self.refused.push(Refusal { path: path(), reason }),
        }
        self.notes.extend(notes.into_iter().map(|text| Note { path: path(), text }));
    }

    fn finish(&mut self, into: &Path, shelf: Shelf<'_>) {
        let damaged = shelf.damaged().into_iter();
        self.refused.extend(damaged.map(|(path, reason)| Refusal { path, reason }));
        match Catalogue::open(into) {
            Ok(catalogue) => self.digest = catalogue.digest(),
            Err(DataError::NoData { .. }) => {}
            Err(e) => {
                let path = e.path().unwrap_or(into).to_owned();
                if self.refused.iter().all(|refusal| refusal.path != path) {
                    let reason = e.without(&path);
                    self.refused.push(Refusal { path, reason });
                }
            }
        }
        self.refused.sort_by(|a, b| a.path.cmp(&b.path));
        self.notes.sort_by(|a, b| a.path.cmp(&b.path));
    }
}

/// What was read of a file.
struct Read {
    /// The rows, or the reason of the refusal.
    outcome: Result<Outcome, String>,
    notes: Vec<String>,
}

enum Outcome {
    /// The series in it.
    Rows(Vec<Staged>),
    /// A kind that Binance publishes and qsim does not replay.
    Unsupported(&'static str),
}

impl Outcome {
    fn rows(&self) -> u64 {
        match self {
            Outcome::Rows(staged) => staged.iter().map(|one| one.info.rows).sum(),
            Outcome::Unsupported(_) => 0,
        }
    }
}

fn read_file(path: &Path, into: &Path, meter: &FileMeter<'_>) -> Read {
    let mut notes = Vec::new();
    let outcome = match recorded::form(path) {
        Some(Ok(form)) => recorded::stage(path, form, into, meter, &mut notes).map(Outcome::Rows),
        Some(Err(reason)) => Err(reason),
        None => match tell(path) {
            Told::Series(series) => stage(path, &series, into, meter, &mut notes)
                .map(|staged| Outcome::Rows(vec![staged])),
            Told::Unclear(reason) => Err(reason),
            Told::Unsupported(kind) => Ok(Outcome::Unsupported(kind)),
        },
    };
    Read { outcome, notes }
}

/// Reads the file until its number of decimals is known, which is soon, and writes it once.
fn stage(
    path: &Path,
    series: &SeriesId,
    into: &Path,
    meter: &FileMeter<'_>,
    notes: &mut Vec<String>,
) -> Result<Staged, String> {
    source::verify_checksum(path, notes)?;
    let text = |e: std::io::Error| tapes::cannot_write(into, &e);
    let parquet = |e: parquet::errors::ParquetError| tapes::not_written(&e);

    let mut decimals = Decimals::default();
    loop {
        // The temporary file is removed when dropped, and its name is none that a catalogue reads.
        let temporary = tempfile::Builder::new().prefix(PARTIAL).tempfile_in(into).map_err(text)?;
        let place = temporary.path().to_owned();
        let mut writer = FileWriter::new(place, *series, decimals).map_err(parquet)?;
        let read = source::with_bytes(path, meter, ".csv", &mut |input| {
            csv_rows::read(input, series, decimals, &mut |row| writer.push(row).map_err(parquet))
        });
        let outcome = match read {
            Ok(outcome) => outcome,
            Err(Stop::MoreDecimals(needed)) => {
                decimals = needed;
                continue;
            }
            Err(Stop::OnlySymbol(_)) => {
                return Err("a csv of no symbol; name it after its own".to_owned());
            }
            Err(Stop::Refused(reason)) => return Err(reason),
        };
        // The checksum inside an archive has told already that nothing is cut.
        if let Some(line) = outcome.maybe_cut_line.filter(|_| !source::is_packed(path)) {
            return Err(format!(
                "line {line}: has no line end, the file may be cut here; download it again, or end \
                 the line if it is whole"
            ));
        }
        notes.extend(outcome.notes);
        let source = Origin { path: path.display().to_string(), first_line: outcome.first_line };
        let info = writer.finish(source).map_err(parquet)?;
        notes.extend(period::note(path, &info));
        temporary.as_file().sync_all().map_err(text)?;
        return Ok(Staged { temporary: temporary.into_temp_path(), info });
    }
}
