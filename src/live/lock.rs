//! One process a session: a journal that is written is nobody else's.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// The lock of a session's journal; the system gives it up with the process, however that ends.
pub struct Lock {
    /// Held, not read: an unfinished journal, until its session's end.
    _partial: File,
}

/// Where a session's journal is until the session has ended.
pub fn partial_of(journal: &Path) -> PathBuf {
    let mut partial = journal.as_os_str().to_owned();
    partial.push(".partial");
    PathBuf::from(partial)
}

impl Lock {
    /// Takes that of an unfinished journal.
    pub fn take(journal: &Path) -> Result<Lock, String> {
        let partial = partial_of(journal);
        let shown = partial.display();
        let file = File::open(&partial).map_err(|error| format!("{shown}: {error}"))?;
        match file.try_lock() {
            // A file system without locks leaves it to the operator.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Lock { _partial: file }),
            Err(TryLockError::WouldBlock) => Err(format!(
                "{shown}: this session runs already, in another process: end that one first, or give another --journal for another session"
            )),
        }
    }

    /// Whether another process has it.
    pub fn is_taken(journal: &Path) -> bool {
        let file = File::open(partial_of(journal));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}
