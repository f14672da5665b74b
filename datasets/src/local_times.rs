//! Whether a recorder's own times tell how late its rows were.

use engine::Nanos;

use crate::DataError;
use crate::catalogue::Catalogue;
use crate::file_cursor::{BATCH_ROWS, FileCursor};
use crate::import::iso;
use crate::kind::SeriesId;
use crate::replay::Range;
use crate::rows::local_time;

/// What the local times of a series are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalTimes {
    /// At least one row was recorded after the exchange sent it.
    TellDelays,
    /// There are some, and none lies after the exchange's time: one of the clocks was wrong.
    NoneLate,
    /// Nobody recorded any: the rows are of an archive.
    None,
    /// Rows of this kind have no such time.
    NotOfItsKind,
}

impl Catalogue {
    /// What the local times of a series tell in `range`. Reads until one row tells a delay, which is the first
    /// where the clocks are right.
    pub fn local_times(&self, id: &SeriesId, range: Range) -> Result<LocalTimes, DataError> {
        let Some(local) = local_time(id.kind) else {
            return Ok(LocalTimes::NotOfItsKind);
        };
        // The columns of cursors are fixed per kind: the time, and the last one.
        let wanted: &'static [usize] = match local {
            5 => &[0, 5],
            6 => &[0, 6],
            _ => return Ok(LocalTimes::NotOfItsKind),
        };
        let mut found = LocalTimes::None;
        for file in self.files(id)?.iter().filter(|file| file.touches(range)) {
            let from_us = range.from.0.div_euclid(Nanos::from_micros(1).0);
            let mut cursor = FileCursor::open(&file.path, wanted, from_us)?;
            while cursor.read(BATCH_ROWS)? {
                for at in 0..cursor.len() {
                    let [us, local, ..] = cursor.row(at);
                    if local == 0 || iso(us) < range.from || iso(us) >= range.to {
                        continue;
                    }
                    if local > us {
                        return Ok(LocalTimes::TellDelays);
                    }
                    found = LocalTimes::NoneLate;
                }
            }
        }
        Ok(found)
    }
}
