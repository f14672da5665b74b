//! The rows of a series, each counted once: what two files tell alike is one row.

use crate::DataError;
use crate::file_cursor::{BATCH_ROWS, FileCursor, all_columns};
use crate::overlap::{Told, common_time, compare};
use crate::rows::RowDigest;
use crate::store::FileInfo;

/// How many rows there are, and the digest over them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub rows: u64,
    pub digest: RowDigest,
}

/// Counts from the footers; rows are read only where files overlap. Files that contradict each other, or
/// cannot be read, are counted in full: nobody knows which of them is right, and a check names them.
pub(crate) fn counted(files: &[FileInfo]) -> Counted {
    once(files).ok().flatten().unwrap_or_else(|| {
        let mut all = Counted::default();
        files.iter().for_each(|file| all.add(file.rows, file.digest));
        all
    })
}

/// Nothing if two files contradict each other. The files come in order of their first rows: what is told up
/// to some time is then told without a hole since the beginning of each later file.
fn once(files: &[FileInfo]) -> Result<Option<Counted>, DataError> {
    let mut all = Counted::default();
    for (i, file) in files.iter().enumerate() {
        let mut told_to_us = i64::MIN;
        for before in &files[..i] {
            let Some((from_us, to_us)) = common_time(before, file) else {
                continue;
            };
            if let Told::Unlike(_) = compare(before, file, from_us, to_us, told_to_us)? {
                return Ok(None);
            }
            told_to_us = told_to_us.max(to_us);
        }
        all.add_after(file, told_to_us)?;
    }
    Ok(Some(all))
}

impl Counted {
    fn add(&mut self, rows: u64, digest: RowDigest) {
        self.rows += rows;
        self.digest.combine(digest);
    }

    fn add_after(&mut self, file: &FileInfo, told_to_us: i64) -> Result<(), DataError> {
        let kind = file.series.kind;
        for (number, group) in file.groups.iter().enumerate() {
            if group.first[0] > told_to_us {
                self.add(group.rows, group.digest);
                continue;
            }
            if group.last[0] <= told_to_us {
                continue;
            }
            let mut cursor = FileCursor::open_group(&file.path, all_columns(kind), number)?;
            while cursor.read(BATCH_ROWS)? {
                let rows = (0..cursor.len()).map(|at| cursor.row(at));
                for row in rows.filter(|row| row[0] > told_to_us) {
                    self.rows += 1;
                    self.digest.add(kind, &row, file.decimals);
                }
            }
        }
        Ok(())
    }
}
