//! What a data set holds: its series, their files, and what a check of them finds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use engine::{Nanos, Symbol};
use serde::Serialize;

pub use crate::check::{Check, Finding};
use crate::counted::{Counted, counted};
use crate::coverage::decimals_in;
use crate::import::iso;
use crate::interval::Interval;
use crate::kind::{Kind, SeriesId};
use crate::replay::Range;
use crate::rows::Decimals;
use crate::store::{self, FileInfo};
use crate::{DataError, check, remote};

/// A data set: a folder that `qsim data import` has filled.
#[derive(Debug)]
pub struct Catalogue {
    folder: PathBuf,
    series: BTreeMap<SeriesId, Vec<FileInfo>>,
    damaged: Vec<Damage>,
}

/// A file of a data set that cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Which.
    pub path: PathBuf,
    /// Why, and what to do.
    pub reason: String,
    /// The series that it lies with, if its folders tell one.
    #[serde(skip)]
    pub series: Option<SeriesId>,
}

/// One series, described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Series {
    /// What its rows are.
    pub kind: Kind,
    /// Whose.
    pub symbol: Symbol,
    /// Bar length as Binance names it, or nothing.
    pub interval: Option<&'static str>,
    /// Its files.
    pub files: u64,
    /// Rows in them; those that two files tell alike count once.
    pub rows: u64,
    /// Time of the first row (a bar's opening), ISO-8601.
    pub first: String,
    /// Time of the last row.
    pub last: String,
    /// Decimals that hold every price (or rate) exactly.
    pub price_decimals: u32,
    /// Decimals that hold every quantity exactly.
    pub qty_decimals: u32,
    /// BLAKE3 over its rows, independent of files and decimals.
    pub digest: String,
}

/// The decimals that a grid needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridDecimals {
    /// Of prices.
    pub price: u32,
    /// Of quantities.
    pub qty: u32,
}

impl Catalogue {
    /// Opens the data set in `folder`, if none of its files is damaged.
    pub fn open(folder: &Path) -> Result<Catalogue, DataError> {
        Catalogue::read(folder, &mut Err)
    }

    /// Opens what can be opened of the data set in `folder`; [`Catalogue::damaged`] tells the rest. For those
    /// who look at it: a run must not miss rows.
    pub fn open_readable(folder: &Path) -> Result<Catalogue, DataError> {
        Catalogue::read(folder, &mut Ok)
    }

    /// Hands each fault of a file to `keep`, and keeps those that come back.
    fn read(
        folder: &Path,
        keep: &mut dyn FnMut(DataError) -> Result<DataError, DataError>,
    ) -> Result<Catalogue, DataError> {
        if remote::is_url(folder) {
            return Err(DataError::Remote {
                url: remote::shown(folder),
                problem: "runs and sweeps fetch what they need from a URL, and nothing else does: copy it into a folder with the store's own tool".to_owned(),
            });
        }
        let mut series: BTreeMap<SeriesId, Vec<FileInfo>> = BTreeMap::new();
        let mut damaged = Vec::new();
        for kind in Kind::ALL {
            let mut paths = Vec::new();
            parquet_files(&folder.join(kind.name()), &mut paths)?;
            paths.sort();
            for path in paths {
                match store::info(&path) {
                    Ok(info) => series.entry(info.series).or_default().push(info),
                    Err(error) => {
                        let reason = keep(error)?.without(&path);
                        let series = series_of_folders(folder, kind, &path);
                        damaged.push(Damage { path, reason, series });
                    }
                }
            }
        }
        if series.is_empty() && damaged.is_empty() {
            return Err(DataError::NoData { path: folder.to_owned() });
        }
        for files in series.values_mut() {
            files.sort_by(|a, b| {
                (a.first_us, a.last_us, &a.path).cmp(&(b.first_us, b.last_us, &b.path))
            });
        }
        Ok(Catalogue { folder: folder.to_owned(), series, damaged })
    }

    /// The files that could not be opened, in order of their kinds and paths.
    pub fn damaged(&self) -> &[Damage] {
        &self.damaged
    }

    /// All series in order of kind, symbol and interval.
    pub fn list(&self) -> Vec<Series> {
        self.series.iter().map(|(id, files)| describe(id, files)).collect()
    }

    /// The names of all series.
    pub fn ids(&self) -> impl Iterator<Item = SeriesId> + '_ {
        self.series.keys().copied()
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// One series, described.
    pub fn series(&self, id: &SeriesId) -> Result<Series, DataError> {
        Ok(describe(id, self.files(id)?))
    }

    /// Decimals that hold every price and every quantity of `range` exactly, and no more.
    pub fn decimals_in(&self, id: &SeriesId, range: Range) -> Result<GridDecimals, DataError> {
        let needed = decimals_in(id, self.files(id)?, range)?;
        let Decimals { price, qty } = needed.ok_or_else(|| self.nothing_in(id, range))?;
        Ok(GridDecimals { price, qty })
    }

    pub(crate) fn nothing_in(&self, id: &SeriesId, range: Range) -> DataError {
        let files = || self.series.get(id).into_iter().flatten();
        DataError::NothingInRange {
            path: self.folder.clone(),
            series: *id,
            first: iso(files().map(|f| f.first_us).min().unwrap_or(0)),
            last: iso(files().map(|f| f.last_us).max().unwrap_or(0)),
            from: range.from,
            to: range.to,
        }
    }

    /// The digest of the whole data set.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (id, files) in &self.series {
            hasher.update(series_digest(id, counted(files)).as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Reads every row of every series and reports what is wrong with them: one entry a series, and after
    /// those one for each two series of a symbol that tell of the same time.
    pub fn check(&self) -> Result<Vec<Check>, DataError> {
        use rayon::prelude::*;
        let mut all: BTreeMap<SeriesId, (&[FileInfo], Vec<&Damage>)> = BTreeMap::new();
        for (id, files) in &self.series {
            all.insert(*id, (files, Vec::new()));
        }
        for damage in &self.damaged {
            if let Some(id) = damage.series {
                all.entry(id).or_default().1.push(damage);
            }
        }
        let all: Vec<_> = all.iter().collect();
        let alone = all.par_iter().map(|(id, (files, damaged))| {
            let (check, whole) = check::check(id, files, damaged)?;
            Ok((check, (**id, whole)))
        });
        let alone: Vec<_> = alone.collect::<Result<_, DataError>>()?;
        let (mut checks, whole): (Vec<Check>, check::Whole<'_>) = alone.into_iter().unzip();
        let pairs = check::pairs(&whole);
        let between = pairs.par_iter().map(|pair| check::across(pair, &whole));
        let between: Vec<Option<Check>> = between.collect::<Result<_, DataError>>()?;
        checks.extend(between.into_iter().flatten());
        Ok(checks)
    }

    pub(crate) fn files(&self, id: &SeriesId) -> Result<&[FileInfo], DataError> {
        match self.series.get(id) {
            Some(files) => Ok(files),
            None => Err(DataError::NoSeries {
                path: self.folder.clone(),
                series: id.to_string(),
                present: self.series.keys().map(SeriesId::to_string).collect::<Vec<_>>().join(", "),
            }),
        }
    }
}

/// The series that a file lies with.
fn series_of_folders(folder: &Path, kind: Kind, path: &Path) -> Option<SeriesId> {
    let below = path.parent()?.strip_prefix(folder.join(kind.name())).ok()?;
    let mut names = below.iter().map(|name| name.to_str());
    let symbol = Symbol::new(names.next()??).ok()?;
    let interval = if kind.has_interval() { Some(Interval::named(names.next()??)?) } else { None };
    Some(SeriesId { kind, symbol, interval })
}

/// Complete files only: a half file bears a name that begins with a dot.
pub(crate) fn parquet_files(folder: &Path, out: &mut Vec<PathBuf>) -> Result<(), DataError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(DataError::io(folder)(e)),
    };
    for entry in entries {
        let path = entry.map_err(DataError::io(folder))?.path();
        let is_half = path.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        if path.is_dir() {
            parquet_files(&path, out)?;
        } else if !is_half && path.extension().is_some_and(|e| e == "parquet") {
            out.push(path);
        }
    }
    Ok(())
}

fn series_digest(id: &SeriesId, counted: Counted) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.to_string().as_bytes());
    hasher.update(&counted.rows.to_le_bytes());
    hasher.update(counted.digest.hex().as_bytes());
    hasher.finalize().to_hex().to_string()
}

pub(crate) fn describe(id: &SeriesId, files: &[FileInfo]) -> Series {
    let max = |of: fn(&FileInfo) -> u32| files.iter().map(of).max().unwrap_or(0);
    let counted = counted(files);
    let last = files.iter().map(|f| f.last_us).max().unwrap_or(0);
    let first: Nanos = iso(files.first().map_or(0, |f| f.first_us));
    Series {
        kind: id.kind,
        symbol: id.symbol,
        interval: id.interval.map(Interval::name),
        files: files.len() as u64,
        rows: counted.rows,
        first: first.to_string(),
        last: iso(last).to_string(),
        price_decimals: max(|f| f.decimals.price),
        qty_decimals: max(|f| f.decimals.qty),
        digest: series_digest(id, counted),
    }
}
