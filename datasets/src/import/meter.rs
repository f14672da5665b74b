//! How far an import is: bytes of its sources, since a source may be one file of gigabytes.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes between two words to whoever waits.
const STEP: u64 = 4 << 20;

/// How far an import is; handed to the progress callback while files are read, and after each.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Files read.
    pub done: u64,
    /// Files in all.
    pub total: u64,
    /// Bytes read of the files as they are, packed or not.
    pub bytes: u64,
    /// Bytes of all files.
    pub bytes_total: u64,
    /// The file that is being read.
    pub path: &'a Path,
}

/// Counts over all files of an import.
pub(super) struct Meter<'a> {
    tell: &'a (dyn Fn(Progress<'_>) + Sync),
    total: u64,
    bytes_total: u64,
    done: AtomicU64,
    bytes: AtomicU64,
}

impl<'a> Meter<'a> {
    pub fn new(files: &[PathBuf], tell: &'a (dyn Fn(Progress<'_>) + Sync)) -> Meter<'a> {
        Meter {
            tell,
            total: files.len() as u64,
            bytes_total: files.iter().map(|path| size(path)).sum(),
            done: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    fn tell(&self, path: &Path) {
        (self.tell)(Progress {
            done: self.done.load(Ordering::Relaxed),
            total: self.total,
            bytes: self.bytes.load(Ordering::Relaxed),
            bytes_total: self.bytes_total,
            path,
        });
    }
}

/// Bytes of a file; what cannot be asked is refused when it is read.
pub(super) fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// Counts one file, which may be read more than once.
pub(super) struct FileMeter<'a> {
    all: &'a Meter<'a>,
    path: &'a Path,
    size: u64,
    counted: Cell<u64>,
    told: Cell<u64>,
}

impl<'a> FileMeter<'a> {
    pub fn new(all: &'a Meter<'a>, path: &'a Path) -> FileMeter<'a> {
        FileMeter { all, path, size: size(path), counted: Cell::new(0), told: Cell::new(0) }
    }

    /// Its bytes, from the first on. What was counted of it before counts no more.
    pub fn open(&self) -> io::Result<Metered<'_>> {
        let file = File::open(self.path)?;
        self.all.bytes.fetch_sub(self.counted.replace(0), Ordering::Relaxed);
        self.told.set(0);
        Ok(Metered { file, meter: self })
    }

    /// All of it is read, or refused.
    pub fn finish(self) {
        self.count(self.size);
        self.all.done.fetch_add(1, Ordering::Relaxed);
        self.all.tell(self.path);
    }

    /// An archive's directory is read twice: a file never counts for more than it has.
    fn count(&self, bytes: u64) {
        let counted = self.counted.get();
        let all = counted.saturating_add(bytes).min(self.size);
        self.all.bytes.fetch_add(all - counted, Ordering::Relaxed);
        self.counted.set(all);
        if all - self.told.get() >= STEP {
            self.told.set(all);
            self.all.tell(self.path);
        }
    }
}

/// A file that counts what is read of it.
pub(super) struct Metered<'a> {
    file: File,
    meter: &'a FileMeter<'a>,
}

impl Read for Metered<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(into)?;
        self.meter.count(length as u64);
        Ok(length)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}
