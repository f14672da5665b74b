//! One work at a time in a folder that is being filled.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::DataError;

/// What fills a folder. Unlike works do not disturb each other.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    Import,
    Fetch,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Work::Import => "import",
            Work::Fetch => "fetch",
        }
    }

    /// What the folder becomes.
    fn result(self) -> &'static str {
        match self {
            Work::Import => "a data set",
            Work::Fetch => "a place for downloads",
        }
    }
}

/// Makes the folder and keeps others of the same work out of it until the answer is dropped.
pub(crate) fn hold(into: &Path, work: Work) -> Result<File, DataError> {
    let name = work.name();
    if into.is_file() {
        return Err(DataError::Misuse(format!(
            "{}: is a file, and {} is a folder; give another name as --into",
            into.display(),
            work.result()
        )));
    }
    std::fs::create_dir_all(into).map_err(DataError::io(into))?;
    let path = into.join(format!(".{name}-lock"));
    let lock = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = lock.map_err(DataError::io(&path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(DataError::Misuse(format!(
            "{}: another {name} into it is under way; wait for its end",
            into.display()
        ))),
        // A file system without locks: the user keeps watch.
        Err(TryLockError::Error(e)) if e.kind() == std::io::ErrorKind::Unsupported => Ok(lock),
        Err(TryLockError::Error(e)) => Err(DataError::io(&path)(e)),
    }
}
