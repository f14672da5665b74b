//! The folder of a sweep's results: parts that grow while it runs, one table when it has ended.
//!
//! Invariant: a part is complete or not there; a trial is in one part at most.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use serde::{Deserialize, Serialize};
use sweeps::Outcome;

use super::execute::outcome;
use super::{Sweep, SweepFile, TrialResult, table};

/// Results of a part, at most: what a kill costs.
const PART: usize = 64;
/// What the sweep is, beside its results.
const SWEEP: &str = "sweep.json";
/// All results, when it has ended.
const TRIALS: &str = "trials.parquet";

/// Why a sweep does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The file system refused.
    #[error("{}: {source}; {}", path.display(), engine::io_remedy(source))]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A table that cannot be written or read.
    #[error("{}: {source}; take it away, its trials are run again", path.display())]
    Table {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: ParquetError,
    },
    /// The folder holds something else.
    #[error("{}: {problem}", path.display())]
    Other {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The sweep itself: its sampler or its engine.
    #[error("{problem}")]
    Sweep {
        /// What is wrong.
        problem: String,
    },
}

/// What stands in the folder beside the results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    identity: String,
    version: String,
    file: SweepFile,
}

/// The results of a sweep, in their folder.
#[derive(Debug)]
pub struct Results {
    folder: PathBuf,
    objectives: Vec<String>,
    paths: Vec<String>,
    /// By the number of the trial.
    all: BTreeMap<u64, TrialResult>,
    /// Ended, and in no part yet.
    fresh: Vec<u64>,
    parts: u32,
    whole: bool,
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ResultsError + '_ {
    move |source| ResultsError::Io { path: path.to_owned(), source }
}

fn table_error(path: &Path) -> impl FnOnce(ParquetError) -> ResultsError + '_ {
    move |source| ResultsError::Table { path: path.to_owned(), source }
}

impl Results {
    /// The results of a sweep in `folder`: those of before, if it was begun there.
    ///
    /// # Errors
    /// The file system, a folder with something else in it, or with the results of another sweep.
    pub fn open(folder: &Path, sweep: &Sweep) -> Result<Results, ResultsError> {
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        let head = Head {
            identity: sweep.identity(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            file: sweep.file().clone(),
        };
        let path = folder.join(SWEEP);
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let other = |problem: String| ResultsError::Other { path: path.clone(), problem };
                let there: Head = serde_json::from_str(&text).map_err(|error| {
                    other(format!("is no sweep's ({error}): choose another folder"))
                })?;
                if there.identity != head.identity {
                    return Err(other(
                        "the results of another sweep, or of this one before it was changed, are here: choose another folder, or take these away".to_owned(),
                    ));
                }
                if there.version != head.version {
                    return Err(other(format!(
                        "its trials were run by version {}: go on with that one, or choose another folder",
                        there.version
                    )));
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = serde_json::to_string_pretty(&head).unwrap_or_default();
                place(&path, |path| std::fs::write(path, text).map_err(io(path)))?;
            }
            Err(error) => return Err(io(&path)(error)),
        }
        let mut results = Results {
            folder: folder.to_owned(),
            objectives: sweep.file().objectives.iter().map(|of| of.name.clone()).collect(),
            paths: sweep.paths().map(str::to_owned).collect(),
            all: BTreeMap::new(),
            fresh: Vec::new(),
            parts: 0,
            whole: false,
        };
        results.load()?;
        Ok(results)
    }

    /// What a folder holds, without its sweep.
    ///
    /// # Errors
    /// The file system, or a folder without results.
    pub fn read(folder: &Path) -> Result<(SweepFile, Vec<TrialResult>), ResultsError> {
        let path = folder.join(SWEEP);
        let text = std::fs::read_to_string(&path).map_err(io(&path))?;
        let head: Head = serde_json::from_str(&text).map_err(|error| ResultsError::Other {
            path: path.clone(),
            problem: format!("is no sweep's ({error})"),
        })?;
        let mut results = Results {
            folder: folder.to_owned(),
            objectives: Vec::new(),
            paths: Vec::new(),
            all: BTreeMap::new(),
            fresh: Vec::new(),
            parts: 0,
            whole: false,
        };
        results.load()?;
        Ok((head.file, results.all.into_values().collect()))
    }

    fn load(&mut self) -> Result<(), ResultsError> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(io(&self.folder))? {
            let path = entry.map_err(io(&self.folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if let Some(number) =
                name.strip_prefix("part-").and_then(|n| n.strip_suffix(".parquet"))
            {
                self.parts = self.parts.max(number.parse().unwrap_or(0));
                files.push(path);
            } else if name == TRIALS {
                self.whole = true;
                files.push(path);
            }
        }
        files.sort();
        for path in files {
            for row in table::read(&path).map_err(table_error(&path))? {
                self.all.insert(row.number, row);
            }
        }
        Ok(())
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All of them, in the order of their numbers.
    pub fn all(&self) -> impl Iterator<Item = &TrialResult> {
        self.all.values()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// What a sampler is told of a trial, if it has ended.
    pub(super) fn outcome(&self, number: u64) -> Option<Outcome> {
        self.all.get(&number).map(outcome)
    }

    /// Keeps a result; writes a part when there are enough.
    pub(super) fn add(&mut self, result: TrialResult) -> Result<&TrialResult, ResultsError> {
        let number = result.number;
        self.all.insert(number, result);
        self.fresh.push(number);
        if self.fresh.len() >= PART {
            self.flush()?;
        }
        self.all
            .get(&number)
            .ok_or_else(|| ResultsError::Sweep { problem: format!("trial {number} is gone") })
    }

    /// Writes what is in no part yet.
    pub(super) fn flush(&mut self) -> Result<(), ResultsError> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        self.parts += 1;
        let mut numbers = std::mem::take(&mut self.fresh);
        numbers.sort_unstable();
        let rows: Vec<TrialResult> =
            numbers.iter().filter_map(|number| self.all.get(number)).cloned().collect();
        self.write(&format!("part-{:06}.parquet", self.parts), &rows)
    }

    fn write(&self, name: &str, rows: &[TrialResult]) -> Result<(), ResultsError> {
        place(&self.folder.join(name), |path| {
            table::write(path, rows, &self.objectives, &self.paths).map_err(table_error(path))
        })
    }

    /// All trials have ended: one table, and no parts.
    pub(super) fn finish(&mut self) -> Result<(), ResultsError> {
        self.flush()?;
        if self.parts == 0 && self.whole {
            return Ok(());
        }
        let rows: Vec<TrialResult> = self.all.values().cloned().collect();
        self.write(TRIALS, &rows)?;
        for entry in std::fs::read_dir(&self.folder).map_err(io(&self.folder))? {
            let path = entry.map_err(io(&self.folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with("part-") {
                std::fs::remove_file(&path).map_err(io(&path))?;
            }
        }
        (self.parts, self.whole) = (0, true);
        Ok(())
    }
}

/// Writes a file beside its place, which it takes when it is complete.
fn place(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), ResultsError>,
) -> Result<(), ResultsError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let beside = PathBuf::from(beside);
    write(&beside)?;
    std::fs::rename(&beside, path).map_err(io(path))
}
