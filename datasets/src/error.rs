//! What can go wrong with market data, each with the file it went wrong in.

use std::path::{Path, PathBuf};

use crate::SeriesId;
use crate::replay::Range;

/// Why market data cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file system refused.
    #[error("{}: {source}; {}", path.display(), engine::io_remedy(source))]
    Io {
        /// Where.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// A file of the data set cannot be used.
    #[error("{}: {reason}; delete it and import its source again with `qsim data import`", path.display())]
    BadFile {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Data in an object store cannot be had.
    #[error("{url}: {problem}")]
    Remote {
        /// Where, without what may be secret.
        url: String,
        /// Why, and what to do.
        problem: String,
    },
    /// The folder holds no imported data.
    #[error("{}: no imported market data here; run `qsim data import PATH --into {}`", path.display(), path.display())]
    NoData {
        /// The folder.
        path: PathBuf,
    },
    /// A series was asked for that is not there.
    #[error("{}: no series {series}; {}; import it with `qsim data import`, or ask for another", path.display(), crate::find::series_hint(series, present))]
    NoSeries {
        /// The data set.
        path: PathBuf,
        /// What was asked for.
        series: String,
        /// What there is.
        present: String,
    },
    /// The series holds nothing of the range.
    #[error("{}: {series} is recorded from {first} to {last}, nothing of it {}; change the range, or import more", path.display(), Span(*from, *to))]
    NothingInRange {
        /// The data set.
        path: PathBuf,
        /// What was asked for.
        series: SeriesId,
        /// Time of its first row.
        first: engine::Nanos,
        /// Time of its last row.
        last: engine::Nanos,
        /// Start of the range.
        from: engine::Nanos,
        /// End of the range.
        to: engine::Nanos,
    },
    /// The grid of the run cannot hold the data.
    #[error("{}: holds values with {found} {what} decimals, but the grid of {symbol} has {grid}; give it at least {found}", path.display())]
    GridTooCoarse {
        /// The file.
        path: PathBuf,
        /// Price or quantity.
        what: &'static str,
        /// Whose grid.
        symbol: String,
        /// Decimals of the data.
        found: u32,
        /// Decimals of the grid.
        grid: u32,
    },
    /// Two files of a series cover the same time with different rows.
    #[error("{} and {} cover the same time and differ at {at}; remove one of them, or narrow the range", first.display(), second.display())]
    Overlap {
        /// The earlier file.
        first: PathBuf,
        /// The later file.
        second: PathBuf,
        /// Time of the first difference.
        at: engine::Nanos,
    },
    /// The request makes no sense.
    #[error("{0}")]
    Misuse(String),
}

/// A range in words; an end that was not stated is not told.
struct Span(engine::Nanos, engine::Nanos);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Span(from, to) = self;
        match (*from == Range::ALL.from, *to == Range::ALL.to) {
            (true, true) => f.write_str("can be read"),
            (true, false) => write!(f, "before {to}"),
            (false, true) => write!(f, "from {from} on"),
            (false, false) => write!(f, "between {from} and {to}"),
        }
    }
}

impl DataError {
    /// The file or folder that it is about.
    pub fn path(&self) -> Option<&Path> {
        match self {
            DataError::Io { path, .. }
            | DataError::BadFile { path, .. }
            | DataError::NoData { path }
            | DataError::NoSeries { path, .. }
            | DataError::NothingInRange { path, .. }
            | DataError::GridTooCoarse { path, .. } => Some(path),
            DataError::Overlap { .. } | DataError::Misuse(_) | DataError::Remote { .. } => None,
        }
    }

    /// The message without the name of the file, where that is told beside it.
    pub(crate) fn without(&self, path: &Path) -> String {
        let text = self.to_string();
        let rest = text.strip_prefix(&format!("{}: ", path.display()));
        rest.map_or_else(|| text.clone(), str::to_owned)
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> DataError + '_ {
        move |source| DataError::Io { path: path.to_owned(), source }
    }

    pub(crate) fn bad(path: &Path, reason: impl ToString) -> DataError {
        DataError::BadFile { path: path.to_owned(), reason: reason.to_string() }
    }
}
