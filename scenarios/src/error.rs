//! What can be wrong with a scenario, said once and clearly.

use std::path::PathBuf;

use engine::{JournalError, RunError};

/// Why a scenario cannot be run. Each message names the file, the place and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file system refused.
    #[error("{}: {source}; {}", path.display(), engine::io_remedy(source))]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is no scenario.
    #[error("{origin}:{line}:{column}: {problem}")]
    Text {
        /// File, or the name of the embedded scenario.
        origin: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The scenario reads well but cannot be built.
    #[error("{origin}: {problem}")]
    Build {
        /// File, or the name of the embedded scenario.
        origin: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The scenario wants market data and no folder was given.
    #[error(
        "{origin}: needs market data: import it with `qsim data import PATH --into DIR`, then give `--data DIR` or set QSIM_DATA=DIR"
    )]
    NoData {
        /// File, or the name of the embedded scenario.
        origin: String,
    },
    /// A folder without scenario files.
    #[error("{}: no scenario files (*.toml) here", path.display())]
    EmptyFolder {
        /// Which folder.
        path: PathBuf,
    },
    /// The run stopped.
    #[error("{origin}: {source}")]
    Run {
        /// File, or the name of the embedded scenario.
        origin: String,
        /// Why.
        source: RunError,
    },
    /// The run took more than it may, or was stopped.
    #[error("{origin}: {problem}")]
    Limit {
        /// File, or the name of the embedded scenario.
        origin: String,
        /// What it took, and what to do; or why it was stopped.
        problem: String,
    },
    /// A journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
