//! The place of the rows that were read: beside what the data set holds already, if the two agree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::io_remedy;
use tempfile::TempPath;

use super::iso;
use crate::catalogue::parquet_files;
use crate::kind::{SeriesId, Shape};
use crate::overlap::{Difference, Told, common_time, compare};
use crate::store::{self, FileInfo};

/// A complete file that has no place yet; it is removed when dropped.
pub(super) struct Staged {
    pub temporary: TempPath,
    pub info: FileInfo,
}

/// What became of it.
pub(super) enum Placed {
    /// It has a place, or each of its series has, and so many of its rows were there already.
    New { duplicates: u64 },
    /// All of its rows were there already, in these files.
    Known { sources: Vec<String> },
}

/// A file of the data set, and whether its bytes were found to be as written.
struct Kept {
    info: FileInfo,
    verified: bool,
}

/// The data set as far as the import has looked at it.
pub(super) struct Shelf<'a> {
    into: &'a Path,
    series: BTreeMap<SeriesId, Vec<Kept>>,
    /// Files that cannot be read, with the reason. Their sources may replace them.
    damaged: BTreeMap<PathBuf, String>,
}

impl<'a> Shelf<'a> {
    pub fn new(into: &'a Path) -> Shelf<'a> {
        Shelf { into, series: BTreeMap::new(), damaged: BTreeMap::new() }
    }

    /// The files that are still damaged.
    pub fn damaged(self) -> BTreeMap<PathBuf, String> {
        self.damaged
    }

    /// Gives the series of one source their places, unless rows of one contradict those that are there:
    /// then none gets one. Series that are there already in full need none.
    pub fn place(&mut self, all: Vec<Staged>, notes: &mut Vec<String>) -> Result<Placed, String> {
        let is_one = all.len() == 1;
        let (mut found, mut sources, mut new) = (0, Vec::new(), Vec::new());
        for staged in all {
            let series = staged.info.series;
            let (duplicates, from) = self
                .weigh(&staged.info)
                .map_err(|reason| if is_one { reason } else { format!("{series}: {reason}") })?;
            found += duplicates;
            sources.extend(from);
            if duplicates < staged.info.rows {
                new.push(staged);
            }
        }
        if new.is_empty() {
            sources.sort();
            sources.dedup();
            return Ok(Placed::Known { sources });
        }
        let mut placed: Vec<PathBuf> = Vec::new();
        for staged in new {
            match self.persist(staged, notes) {
                Ok(path) => placed.push(path),
                Err(reason) => {
                    self.take_back(&placed);
                    return Err(reason);
                }
            }
        }
        Ok(Placed::New { duplicates: found })
    }

    /// Rows that are there already, and where they came from; refuses what cannot be placed.
    fn weigh(&mut self, info: &FileInfo) -> Result<(u64, Vec<String>), String> {
        let folder = folder_of(self.into, &info.series);
        self.look(&info.series, &folder)?;
        let (duplicates, sources) = self.duplicates(info)?;
        let target = folder.join(file_name(info.first_us, info.last_us));
        let is_new = duplicates < info.rows;
        if is_new && target.exists() && !self.damaged.contains_key(&target) {
            // Trades of one single instant, with other ids than those of the same instant.
            return Err(format!(
                "{} holds other trades of the same instant; join both files and import them as one",
                target.display()
            ));
        }
        Ok((duplicates, sources))
    }

    fn persist(&mut self, staged: Staged, notes: &mut Vec<String>) -> Result<PathBuf, String> {
        let Staged { temporary, mut info } = staged;
        let folder = folder_of(self.into, &info.series);
        let target = folder.join(file_name(info.first_us, info.last_us));
        let failed = |e: std::io::Error| {
            format!("cannot be written to {}: {e}; {}", target.display(), io_remedy(&e))
        };
        std::fs::create_dir_all(&folder).map_err(failed)?;
        temporary.persist(&target).map_err(|e| failed(e.error))?;
        if self.damaged.remove(&target).is_some() {
            notes.push(format!("replaces {}, which could not be read", target.display()));
        }
        info.path = target.clone();
        self.series.entry(info.series).or_default().push(Kept { info, verified: true });
        Ok(target)
    }

    /// Of a source that cannot be placed in whole, nothing stays.
    fn take_back(&mut self, placed: &[PathBuf]) {
        for path in placed {
            // What cannot be removed either is whole in itself, and known when its source comes again.
            if std::fs::remove_file(path).is_ok() {
                self.series.values_mut().for_each(|kept| kept.retain(|k| k.info.path != *path));
            }
        }
    }

    /// Reads once what the files of a series say of themselves.
    fn look(&mut self, series: &SeriesId, folder: &Path) -> Result<(), String> {
        if self.series.contains_key(series) {
            return Ok(());
        }
        let mut paths = Vec::new();
        parquet_files(folder, &mut paths).map_err(|e| e.to_string())?;
        paths.sort();
        let kept = self.series.entry(*series).or_default();
        for path in paths {
            match store::info(&path) {
                Ok(info) => kept.push(Kept { info, verified: false }),
                Err(e) => {
                    self.damaged.insert(path.clone(), e.without(&path));
                }
            }
        }
        Ok(())
    }

    /// Rows of `new` that are there already, and where they came from.
    fn duplicates(&mut self, new: &FileInfo) -> Result<(u64, Vec<String>), String> {
        let kept = self.series.entry(new.series).or_default();
        let damaged = &mut self.damaged;
        kept.retain_mut(|old| {
            if old.verified || common_time(&old.info, new).is_none() {
                return true;
            }
            let outcome = old.info.verify();
            if let Err(e) = &outcome {
                damaged.insert(old.info.path.clone(), e.without(&old.info.path));
            }
            old.verified = true;
            outcome.is_ok()
        });
        kept.sort_by_key(|old| (old.info.first_us, old.info.last_us));
        let (mut duplicates, mut sources, mut told_to_us) = (0, Vec::new(), i64::MIN);
        for old in kept.iter().map(|old| &old.info) {
            let Some((from_us, to_us)) = common_time(old, new) else {
                ids_against_time(old, new).map_or(Ok(()), Err)?;
                continue;
            };
            match compare(old, new, from_us, to_us, told_to_us).map_err(|e| e.to_string())? {
                Told::Alike(rows) => duplicates += rows,
                Told::Unlike(difference) => return Err(contradiction(old, new, &difference)),
            }
            sources.push(old.source.path.clone());
            told_to_us = told_to_us.max(to_us);
        }
        Ok((duplicates, sources))
    }
}

/// The refusal of `new`, if of two files of trades that follow each other the later one has not the higher ids.
fn ids_against_time(old: &FileInfo, new: &FileInfo) -> Option<String> {
    if new.series.kind.shape() != Shape::Trades
        || [old, new].iter().any(|file| file.source.has_own_ids())
    {
        return None;
    }
    // By time, and of one instant by the lower id.
    let end = |file: &FileInfo| file.groups.last().map_or([0; 2], |group| group.last);
    let begin = |file: &FileInfo| file.groups.first().map_or([0; 2], |group| group.first);
    let (before, after) =
        if (begin(old), end(old)) <= (begin(new), end(new)) { (old, new) } else { (new, old) };
    let ([ends_us, last_id], [begins_us, first_id]) = (end(before), begin(after));
    (first_id <= last_id).then(|| {
        format!(
            "trade ids contradict the time: id {first_id} of {} in {} comes after id {last_id} of {} in {}; ids \
             of a symbol only rise: leave out the file that is wrong, or, if the exchange began to count anew, \
             import it into a data set of its own",
            iso(begins_us),
            after.source.path,
            iso(ends_us),
            before.source.path
        )
    })
}

/// The refusal of `new`: both places and what they say.
fn contradiction(old: &FileInfo, new: &FileInfo, difference: &Difference) -> String {
    let time = iso(difference.at_us);
    let (values, others) = difference.values(new.series.kind);
    let kept = old.path.display();
    let what = match (difference.first, difference.second) {
        (Some((there, _)), Some((here, _))) => format!(
            "{}: {values} at {time}, but {} has {others}",
            new.source.place_in_file(here),
            old.source.place(there)
        ),
        (None, Some((here, _))) => format!(
            "{}: {values} at {time}, but there is no such row in {}",
            new.source.place_in_file(here),
            old.source.path
        ),
        (Some((there, _)), None) => format!(
            "there is no such row of {time} as in {}, which has {others}",
            old.source.place(there)
        ),
        (None, None) => format!("differs at {time} from {}", old.source.path),
    };
    let is_last =
        old.series.kind.is_bars() && difference.first.is_some_and(|(row, _)| row + 1 == old.rows);
    let unfinished = if is_last {
        " (it is the last bar of that file, which may have been fetched before the bar had closed)"
    } else {
        ""
    };
    format!(
        "{what}{unfinished}, imported earlier as {kept}; if this file is the right one, leave {} out of what \
         you import (it would come in first again), delete {kept}, and import again; if not, leave this file \
         out, or download it again",
        old.source.path
    )
}

fn folder_of(into: &Path, series: &SeriesId) -> PathBuf {
    let folder = into.join(series.kind.name()).join(series.symbol.as_str());
    match series.interval {
        Some(interval) => folder.join(interval.name()),
        None => folder,
    }
}

/// `20260201T000000.000000_20260228T235900.000000.parquet`: the name tells the period.
fn file_name(first_us: i64, last_us: i64) -> String {
    let stamp = |us: i64| {
        let time = chrono::DateTime::from_timestamp_micros(us).unwrap_or_default();
        time.format("%Y%m%dT%H%M%S%.6f").to_string()
    };
    format!("{}_{}.parquet", stamp(first_us), stamp(last_us))
}
