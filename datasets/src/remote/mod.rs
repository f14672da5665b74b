//! A data set behind the URL of an object store: what a run needs of it is fetched once into a folder of this machine, and
//! read there as any other.
//!
//! The files of a data set are never changed, and named by what they hold; so one that is there with the store's own mark of
//! its content need not be fetched again, whoever fetched it.

mod place;
mod transfer;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::DataError;
use crate::kind::SeriesId;
use crate::replay::Range;
use place::Place;
use transfer::Remote;

/// How this process reaches object stores.
pub struct Access {
    /// Keys, endpoints and regions, under the names that the stores' own tools read from the environment:
    /// `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `GOOGLE_SERVICE_ACCOUNT`, `AZURE_STORAGE_ACCOUNT_NAME` and so on.
    pub environment: Vec<(String, String)>,
    /// The folder for what is fetched.
    pub cache: PathBuf,
    /// Is told what is fetched, before it is.
    pub told: fn(&str),
}

impl Access {
    /// Of these variables of an environment: the stores' own, and where the folder lies: `QSIM_DATA_CACHE`, or in the
    /// user's folder for caches, or in `otherwise`.
    pub fn of(
        environment: impl Iterator<Item = (String, String)>,
        otherwise: PathBuf,
        told: fn(&str),
    ) -> Access {
        let all: BTreeMap<String, String> = environment.collect();
        let folder = |name: &str| all.get(name).filter(|text| !text.is_empty()).map(PathBuf::from);
        let cache = folder("QSIM_DATA_CACHE")
            .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("qsim/data")))
            .or_else(|| Some(folder("HOME")?.join(".cache/qsim/data")))
            .unwrap_or(otherwise);
        let stores = ["AWS_", "GOOGLE_", "AZURE_"];
        let own = |(name, _): &(String, String)| stores.iter().any(|begin| name.starts_with(begin));
        Access { environment: all.into_iter().filter(own).collect(), cache, told }
    }
}

/// What this process has fetched and listed, and how. It is the process's and no run's: nothing of it reaches a journal, and
/// thousands of runs at once ask a store a single time.
struct Process {
    access: Option<Access>,
    open: BTreeMap<String, Remote>,
}

static PROCESS: Mutex<Process> = Mutex::new(Process { access: None, open: BTreeMap::new() });

fn process() -> MutexGuard<'static, Process> {
    // What a thread left behind that panicked is at worst a listing too few.
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says how object stores are reached from here on.
pub fn set_access(access: Access) {
    let mut process = process();
    process.open.clear();
    process.access = Some(access);
}

/// A URL without what may be secret in it.
pub fn shown(data: &Path) -> String {
    place::shown(&data.to_string_lossy())
}

/// Whether this is a URL and no folder.
pub fn is_url(data: &Path) -> bool {
    data.to_str().is_some_and(|text| text.contains("://"))
}

/// The folder to read these series from: `data` itself, or, if it is a URL, one of this machine with those of their files
/// that tell of `range`.
///
/// # Errors
/// A store that cannot be reached or refuses, a series that is not there, a folder that cannot be written; each with its
/// remedy.
pub fn local<'a>(
    data: &'a Path,
    wanted: &[SeriesId],
    range: Range,
) -> Result<Cow<'a, Path>, DataError> {
    let Some(url) = data.to_str().filter(|_| is_url(data)) else { return Ok(Cow::Borrowed(data)) };
    let wrong = |problem: String| DataError::Remote { url: place::shown(url), problem };
    let mut process = process();
    let Process { access: Some(access), open } = &mut *process else {
        return Err(wrong("nobody has said how stores are reached: copy it into a folder".into()));
    };
    if !open.contains_key(url) {
        let place = Place::parse(url, &access.environment).map_err(wrong)?;
        let folder = access.cache.join(&blake3::hash(url.as_bytes()).to_hex().as_str()[..16]);
        open.insert(url.to_owned(), Remote::new(place, folder));
    }
    let Some(remote) = open.get_mut(url) else { return Err(wrong("it is not open".into())) };
    remote.fetch(wanted, range, access.told).map_err(wrong)?;
    Ok(Cow::Owned(remote.folder().to_owned()))
}
