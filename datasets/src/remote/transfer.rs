//! Lists and fetches the files of series.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use engine::Nanos;
use object_store::path::Path as StorePath;
use object_store::{GetOptions, ObjectMeta};
use tempfile::NamedTempFile;

use super::place::{Place, told};
use crate::kind::SeriesId;
use crate::replay::Range;

/// So much is held in memory of a file that is fetched.
const PIECE: u64 = 8 << 20;
/// Beside a file: the store's mark of the content that it was fetched with.
const MARK: &str = "mark";

/// A data set in a store, and its folder here.
pub(super) struct Remote {
    place: Place,
    folder: PathBuf,
    /// The files of the series that have been asked for, by name.
    listed: BTreeMap<SeriesId, BTreeMap<String, ObjectMeta>>,
    /// What is here as the store has it.
    there: BTreeSet<StorePath>,
}

impl Remote {
    pub fn new(place: Place, folder: PathBuf) -> Remote {
        Remote { place, folder, listed: BTreeMap::new(), there: BTreeSet::new() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings the files of these series that tell of `range` into the folder.
    pub fn fetch(
        &mut self,
        wanted: &[SeriesId],
        range: Range,
        tell: fn(&str),
    ) -> Result<(), String> {
        // A runtime of its own on a thread of its own: the caller may be within another one.
        let work = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
            runtime.block_on(self.bring(wanted, range, tell))
        };
        std::thread::scope(|scope| scope.spawn(work).join())
            .unwrap_or_else(|_| Err("the transfer ended in a panic: please report it".to_owned()))
    }

    async fn bring(
        &mut self,
        wanted: &[SeriesId],
        range: Range,
        tell: fn(&str),
    ) -> Result<(), String> {
        let mut missing = Vec::new();
        for series in wanted {
            if !self.listed.contains_key(series) {
                let found = self.list(series).await?;
                self.listed.insert(*series, found);
            }
            let below = self.folder.join(series.to_string());
            for (name, meta) in needed(&self.listed[series], range) {
                if self.there.contains(&meta.location) {
                    continue;
                }
                let file = below.join(name);
                match is_there(&file, meta) {
                    true => drop(self.there.insert(meta.location.clone())),
                    false => missing.push((file, meta.clone())),
                }
            }
        }
        if !missing.is_empty() {
            let bytes: u64 = missing.iter().map(|(_, meta)| meta.size).sum();
            tell(&format!(
                "fetching {} files ({:.1} MB) from {} into {}",
                missing.len(),
                bytes as f64 / 1e6,
                self.place.url,
                self.folder.display()
            ));
        }
        for (file, meta) in missing {
            self.get(&file, &meta).await?;
            self.there.insert(meta.location);
        }
        Ok(())
    }

    /// The files of a series. What is here under its name and no longer there is taken away: an import that joined two
    /// files has left neither.
    async fn list(&self, series: &SeriesId) -> Result<BTreeMap<String, ObjectMeta>, String> {
        let below = series.to_string();
        let prefix = below.split('/').fold(self.place.prefix.clone(), |path, part| path.join(part));
        let listed = self.place.store.list_with_delimiter(Some(&prefix)).await;
        let listed = listed.map_err(|error| told(&error))?;
        let own = |meta: ObjectMeta| {
            let name = meta.location.filename()?.to_owned();
            name.ends_with(".parquet").then_some((name, meta))
        };
        let found: BTreeMap<String, ObjectMeta> =
            listed.objects.into_iter().filter_map(own).collect();
        if found.is_empty() {
            return Err(format!(
                "holds no files of {below}: import them with `qsim data import`, and copy the folder there"
            ));
        }
        let folder = self.folder.join(&below);
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".parquet") && !found.contains_key(&name) {
                let path = entry.path();
                std::fs::remove_file(&path).map_err(|error| cannot("removed", &path, &error))?;
            }
        }
        Ok(found)
    }

    async fn get(&self, file: &Path, meta: &ObjectMeta) -> Result<(), String> {
        let folder = file.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder).map_err(|error| cannot("written", folder, &error))?;
        // Under its own name only when it is whole: others may fetch the same at this moment, or be killed in it.
        let mut part =
            NamedTempFile::new_in(folder).map_err(|error| cannot("written", folder, &error))?;
        let mut from = 0;
        while from < meta.size {
            let until = (from + PIECE).min(meta.size);
            let options = GetOptions {
                range: Some((from..until).into()),
                if_match: meta.e_tag.clone(),
                ..GetOptions::default()
            };
            let got = self.place.store.get_opts(&meta.location, options).await;
            let got = got.map_err(|error| told(&error))?;
            let bytes = got.bytes().await.map_err(|error| told(&error))?;
            if bytes.len() as u64 != until - from {
                return Err(format!(
                    "{}: {} bytes came instead of {}: run this again",
                    meta.location,
                    bytes.len(),
                    until - from
                ));
            }
            part.write_all(&bytes).map_err(|error| cannot("written", file, &error))?;
            from = until;
        }
        // A file without its mark is fetched again; a mark without its file says nothing.
        let marked = mark_file(file);
        let _ = std::fs::remove_file(&marked);
        part.persist(file).map_err(|error| cannot("written", file, &error.error))?;
        std::fs::write(&marked, mark(meta)).map_err(|error| cannot("written", &marked, &error))
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> String {
    format!(
        "{} cannot be {what}: {error}; {}, or name another folder in QSIM_DATA_CACHE",
        path.display(),
        engine::io_remedy(error)
    )
}

fn mark_file(file: &Path) -> PathBuf {
    file.with_extension(MARK)
}

/// What changes when a file's content does: the store's tag, or, where it has none, its time.
fn mark(meta: &ObjectMeta) -> String {
    match &meta.e_tag {
        Some(tag) => format!("{} {tag}", meta.size),
        None => format!("{} {}", meta.size, meta.last_modified.timestamp_micros()),
    }
}

fn is_there(file: &Path, meta: &ObjectMeta) -> bool {
    std::fs::metadata(file).is_ok_and(|there| there.len() == meta.size)
        && std::fs::read_to_string(mark_file(file)).is_ok_and(|there| there == mark(meta))
}

/// The files that tell of a range, and those next to them: a book's first snapshot or a rate's last settlement may lie
/// before it. A name that tells no period is needed.
fn needed(
    all: &BTreeMap<String, ObjectMeta>,
    range: Range,
) -> impl Iterator<Item = (&String, &ObjectMeta)> {
    let tells = |name: &String| {
        period(name).is_none_or(|(first, last)| first < range.to && last >= range.from)
    };
    let inside: Vec<bool> = all.keys().map(tells).collect();
    // Where none does, those around it: what the run says of its range is then what it says of a folder.
    let none = !inside.contains(&true);
    let near = move |place: usize| {
        let at = |place: usize| inside.get(place).copied().unwrap_or(false);
        none || at(place) || at(place + 1) || (place > 0 && at(place - 1))
    };
    all.iter().enumerate().filter(move |(place, _)| near(*place)).map(|(_, file)| file)
}

/// Times of the first and the last row, as the name of a file tells them.
fn period(name: &str) -> Option<(Nanos, Nanos)> {
    let (first, last) = name.strip_suffix(".parquet")?.split_once('_')?;
    let time = |text: &str| {
        let time = chrono::NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S%.6f").ok()?;
        Some(Nanos(time.and_utc().timestamp_micros().checked_mul(1_000)?))
    };
    Some((time(first)?, time(last)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(range: (i64, i64)) -> Vec<String> {
        let day = |day: u32| {
            let name = format!("202601{day:02}T000000.000000_202601{day:02}T235900.000000.parquet");
            let meta = ObjectMeta {
                location: StorePath::from(name.as_str()),
                last_modified: Default::default(),
                size: 1,
                e_tag: None,
                version: None,
            };
            (name, meta)
        };
        let all: BTreeMap<String, ObjectMeta> = (1..=9).map(day).collect();
        // 2026-01-01.
        let at = |day: i64| Nanos::from_secs(1_767_225_600 + (day - 1) * 86_400);
        let range = Range { from: at(range.0), to: at(range.1) };
        needed(&all, range).map(|(name, _)| name[6..8].to_owned()).collect()
    }

    #[test]
    fn what_tells_of_a_range_is_needed_and_its_neighbours() {
        assert_eq!(names((4, 5)), ["03", "04", "05"]);
        assert_eq!(names((1, 3)), ["01", "02", "03"]);
        assert_eq!(names((9, 12)), ["08", "09"]);
        assert_eq!(names((20, 22)).len(), 9);
    }
}
