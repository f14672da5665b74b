//! Fetching files of Binance's public archive, or of a mirror of its layout, into a folder that
//! [`import`](crate::import) reads.
//!
//! Invariant: what is fetched depends on the request and the archive, never on the time of day; time
//! passes here only while a server recovers, and what day it is, the archive tells.

mod client;
mod patience;
mod plan;
mod range;
mod transfer;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rayon::prelude::*;
use serde::Serialize;

pub use client::{Base, PUBLIC_ARCHIVE};
pub use patience::Patience;
pub use plan::series;
pub use range::DayRange;

use client::Client;
use patience::Persistence;
use plan::ArchiveFile;
use transfer::{Arrival, Told, Transfer};

use crate::folder_lock::{self, Work};
use crate::import::Refusal;
use crate::{DataError, SeriesId};

/// Files that are fetched at once, at most.
pub const JOBS_MAX: usize = 32;

/// What to fetch, and from where.
pub struct Request {
    /// The archive.
    pub base: Base,
    /// Which series.
    pub series: Vec<SeriesId>,
    /// Which days of them.
    pub range: DayRange,
    /// How many files at once.
    pub jobs: usize,
    /// How much is borne of the network.
    pub patience: Patience,
}

/// What a fetch did. Paths are those below the archive's base and below the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FetchReport {
    /// Files fetched.
    pub fetched: u64,
    /// Their bytes, with those that were there from an earlier run.
    pub bytes: u64,
    /// Files of them that an earlier run had begun, and this one ended.
    pub resumed: u64,
    /// Files that were there already, with a right checksum.
    pub already_there: u64,
    /// Files that the archive does not have, nor in another form, in order.
    pub missing: Vec<PathBuf>,
    /// Series of which the archive has none of the files, in order.
    pub nothing_of: Vec<String>,
    /// Files that could not be fetched, with the reason and what to do, in order.
    pub refused: Vec<Refusal>,
    /// What the reader should know of the choice of files.
    pub notes: Vec<String>,
}

/// How far a fetch is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Files done, one way or the other.
    pub done: u64,
    /// Files in all; the days of a month that is missing come on top.
    pub total: u64,
    /// Bytes that came in.
    pub bytes: u64,
    /// What is happening to which file, if that is news.
    pub news: Option<(&'a str, News<'a>)>,
}

/// What is happening to a file.
#[derive(Clone, Copy, Debug)]
pub enum News<'a> {
    /// It is done.
    Done,
    /// It is tried again after a while, for this reason.
    Waits(Duration, &'a str),
}

/// Fetches what `request` names into the folder `into`, in the archive's layout. An error is about the
/// request or the folder; faults of single files are in the report.
pub fn fetch(
    request: &Request,
    into: &Path,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<FetchReport, DataError> {
    let plan = plan::plan(&request.series, request.range)?;
    // Two fetches must not write the same half file.
    let _lock = folder_lock::hold(into, Work::Fetch)?;
    let client = Client::new(&request.base, &request.patience);
    let persistence = Persistence::new(request.patience.clone());
    let tally = Tally { done: 0.into(), total: 0.into(), bytes: 0.into(), progress };
    let transfer = Transfer { client: &client, persistence: &persistence, into, told: &tally };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(request.jobs.clamp(1, JOBS_MAX));
    let pool =
        pool.build().map_err(|e| DataError::Misuse(format!("no threads to fetch with: {e}")))?;

    let mut report = FetchReport { notes: plan.notes, ..FetchReport::default() };
    let mut files = plan.files;
    let mut missing = Vec::new();
    let mut nothing_of: BTreeSet<SeriesId> = files.iter().map(ArchiveFile::series).collect();
    // The second round, if there is one, brings the days of missing months.
    while !files.is_empty() {
        tally.total.fetch_add(files.len() as u64, Ordering::Relaxed);
        let bring = |file: &ArchiveFile| {
            let path = file.path();
            let arrival = transfer.bring(&path);
            tally.done.fetch_add(1, Ordering::Relaxed);
            tally.tell(Some((&path, News::Done)));
            arrival
        };
        // One by one: a thread that waits must not keep files from others.
        let all: Vec<_> = pool.install(|| files.par_iter().with_max_len(1).map(bring).collect());
        for (file, arrival) in files.iter().zip(&all) {
            if !matches!(arrival, Ok(Arrival::Missing)) {
                nothing_of.remove(&file.series());
            } else if file.by_days().is_empty() {
                missing.push(file.begins());
            }
        }
        let instead = files.iter().zip(all).flat_map(|(file, arrival)| report.add(file, arrival));
        files = instead.collect();
    }
    if let Some(today) = client.day() {
        let to_come = missing.iter().filter(|begins| **begins >= today).count();
        if to_come > 0 {
            let are = if to_come == 1 { "is of a day that is" } else { "are of days that are" };
            report.notes.push(format!(
                "{to_come} of the files that are not in the archive {are} not over: there it is {today}; give \
                 an earlier --to"
            ));
        }
    }
    report.nothing_of = nothing_of.iter().map(SeriesId::to_string).collect();
    report.missing.sort();
    report.refused.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(report)
}

impl FetchReport {
    /// Counts a file in; gives those to fetch in its place.
    fn add(&mut self, file: &ArchiveFile, arrival: Result<Arrival, String>) -> Vec<ArchiveFile> {
        let path = file.path();
        match arrival {
            Ok(Arrival::Fetched { bytes, went_on_from }) => {
                self.fetched += 1;
                self.bytes += bytes;
                self.resumed += u64::from(went_on_from > 0);
            }
            Ok(Arrival::AlreadyThere) => self.already_there += 1,
            Ok(Arrival::Missing) => {
                let days = file.by_days();
                if days.is_empty() {
                    self.missing.push(path.into());
                } else {
                    self.notes.push(format!(
                        "{path} is not in the archive: its days were asked for instead"
                    ));
                }
                return days;
            }
            Err(reason) => self.refused.push(Refusal { path: path.into(), reason }),
        }
        Vec::new()
    }
}

/// What all threads have done together.
struct Tally<'a> {
    done: AtomicU64,
    total: AtomicU64,
    bytes: AtomicU64,
    progress: &'a (dyn Fn(Progress<'_>) + Sync),
}

impl Tally<'_> {
    fn tell(&self, news: Option<(&str, News<'_>)>) {
        (self.progress)(Progress {
            done: self.done.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            news,
        });
    }
}

impl Told for Tally<'_> {
    fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
        self.tell(None);
    }

    fn waits(&self, path: &str, span: Duration, why: &str) {
        self.tell(Some((path, News::Waits(span, why))));
    }
}
