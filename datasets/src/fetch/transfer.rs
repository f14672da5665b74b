//! One file on its way from the archive to its place.
//!
//! Invariant: a file bears its own name only when all of it is there and its checksum is right. Until
//! then it is named `….partial`, which no import reads.

use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::io_remedy;

use super::client::{Answer, Client};
use super::patience::{Fault, Persistence};
use crate::import::sha256_of;

/// Bytes read at once.
const BLOCK: usize = 1 << 16;
/// Bytes of a `.CHECKSUM` file, which has one line.
const CHECKSUM_BYTES_MAX: u64 = 4_096;
/// Times that a file may come with a wrong checksum.
const WRONG_MAX: u32 = 2;
/// Hexadecimal digits of SHA-256.
const DIGITS: usize = 64;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It was fetched; of its bytes, some may have been there from an earlier run.
    Fetched { bytes: u64, went_on_from: u64 },
    /// It was there, with a right checksum.
    AlreadyThere,
    /// The archive does not have it.
    Missing,
}

/// What a transfer tells while it is under way.
pub(super) trait Told: Sync {
    /// So many more bytes came in.
    fn bytes(&self, count: u64);
    /// It waits before the next try.
    fn waits(&self, path: &str, span: Duration, why: &str);
}

/// Brings files below one folder.
pub(super) struct Transfer<'a> {
    pub client: &'a Client,
    pub persistence: &'a Persistence,
    pub into: &'a Path,
    pub told: &'a dyn Told,
}

/// A text after a name: `a.zip` and `.partial` give `a.zip.partial`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The sum in the text of a `.CHECKSUM`: its first word.
fn stated_in(text: &str) -> Option<String> {
    let word = text.split_whitespace().next()?.to_lowercase();
    let is_sum = word.len() == DIGITS && word.bytes().all(|b| b.is_ascii_hexdigit());
    is_sum.then_some(word)
}

/// The file that the text of a `.CHECKSUM` names, if it is another one than that at `place`.
fn other_named_in<'a>(text: &'a str, place: &Path) -> Option<&'a str> {
    let name = text.split_whitespace().nth(1)?.trim_start_matches('*');
    (Path::new(name).file_name() != place.file_name()).then_some(name)
}

/// Says where the file system refused, and what can be done.
fn refused(path: &Path) -> impl Fn(std::io::Error) -> String + '_ {
    move |e| format!("{} cannot be written: {e}; {}", path.display(), io_remedy(&e))
}

impl Transfer<'_> {
    /// Brings one file, or says why not.
    pub(super) fn bring(&self, path: &str) -> Result<Arrival, String> {
        let place = self.into.join(path);
        if self.is_there(path, &place)? {
            return Ok(Arrival::AlreadyThere);
        }
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder).map_err(refused(folder))?;
        }
        let partial = beside(&place, ".partial");
        // It may have been replaced while it was fetched, or since: once more then, all of it.
        for _ in 0..WRONG_MAX - 1 {
            match self.whole(path, &place, &partial)? {
                Whole::Arrived(arrival) => return Ok(arrival),
                Whole::Wrong(_) => {}
            }
        }
        match self.whole(path, &place, &partial)? {
            Whole::Arrived(arrival) => Ok(arrival),
            Whole::Wrong(why) => Err(format!(
                "wrong checksum, {WRONG_MAX} times: {why}; it was not kept: run the same command \
                 later, or give another --base"
            )),
        }
    }

    /// Whether the file is there and right. A sum that is not there, too, is fetched.
    fn is_there(&self, path: &str, place: &Path) -> Result<bool, String> {
        if !place.is_file() {
            return Ok(false);
        }
        let Ok(found) = sha256_of(place) else { return Ok(false) };
        let sums = beside(place, ".CHECKSUM");
        let here = std::fs::read_to_string(&sums).ok();
        let is_its = |text: Option<&str>| {
            let stated = text.and_then(stated_in).as_ref() == Some(&found);
            stated && text.is_some_and(|text| other_named_in(text, place).is_none())
        };
        if is_its(here.as_deref()) {
            return Ok(true);
        }
        let text = self.checksum(path)?;
        if !is_its(text.as_deref()) {
            return Ok(false);
        }
        self.keep_checksum(place, &text.unwrap_or_default())?;
        Ok(true)
    }

    /// Fetches what is missing of the file, compares it, and gives it its name if it is right.
    fn whole(&self, path: &str, place: &Path, partial: &Path) -> Result<Whole, String> {
        let Some(went_on_from) = self.bytes(path, partial)? else {
            return Ok(Whole::Arrived(Arrival::Missing));
        };
        let Some(text) = self.checksum(path)? else {
            std::fs::remove_file(partial).map_err(refused(partial))?;
            return Err(
                "the archive has no .CHECKSUM of it, so it may be wrong and was not kept; \
                        fetch it by hand if you trust it"
                    .to_owned(),
            );
        };
        let found = sha256_of(partial).map_err(refused(partial))?;
        let stated = stated_in(&text);
        if stated.as_ref() != Some(&found) {
            std::fs::remove_file(partial).map_err(refused(partial))?;
            let stated = stated.unwrap_or_else(|| "nothing of the kind".to_owned());
            let why = format!("SHA-256 is {found}, its .CHECKSUM says {stated}");
            return Ok(Whole::Wrong(why));
        }
        if let Some(other) = other_named_in(&text, place) {
            std::fs::remove_file(partial).map_err(refused(partial))?;
            return Ok(Whole::Wrong(format!("its .CHECKSUM is that of {other}")));
        }
        // The sum first: a file without one would be taken as not verified.
        self.keep_checksum(place, &text)?;
        let bytes = std::fs::metadata(partial).map_err(refused(partial))?.len();
        std::fs::rename(partial, place).map_err(refused(place))?;
        Ok(Whole::Arrived(Arrival::Fetched { bytes, went_on_from }))
    }

    fn keep_checksum(&self, place: &Path, text: &str) -> Result<(), String> {
        let sums = beside(place, ".CHECKSUM");
        let partial = beside(&sums, ".partial");
        std::fs::write(&partial, text).map_err(refused(&partial))?;
        std::fs::rename(&partial, &sums).map_err(refused(&sums))
    }

    /// The text of the `.CHECKSUM` of a file; none if the archive has none.
    fn checksum(&self, path: &str) -> Result<Option<String>, String> {
        let path = format!("{path}.CHECKSUM");
        self.persist(&path, &mut || {
            let Answer::Bytes { body, .. } = self.client.get(&path, 0)? else { return Ok(None) };
            let mut bytes = Vec::new();
            body.take(CHECKSUM_BYTES_MAX).read_to_end(&mut bytes).map_err(cut)?;
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        })
    }

    /// Fetches into `partial` what it lacks, and says from where; none if the archive has no such file.
    fn bytes(&self, path: &str, partial: &Path) -> Result<Option<u64>, String> {
        let lasting = |e| Fault::Lasting(refused(partial)(e));
        let file = File::options().create(true).truncate(false).write(true).open(partial);
        let mut file = file.map_err(refused(partial))?;
        let mut most = file.metadata().map_err(refused(partial))?.len();
        let went_on_from = std::cell::Cell::new(most);
        let arrived = self.persist(path, &mut || {
            let have = file.metadata().map_err(lasting)?.len();
            let mut answer = self.client.get(path, have)?;
            if matches!(answer, Answer::NoBeginning) {
                answer = self.client.get(path, 0)?;
            }
            let (from, body) = match answer {
                Answer::Bytes { from, body } => (from, body),
                Answer::Complete => return Ok(true),
                Answer::Missing => return Ok(false),
                Answer::NoBeginning => {
                    return Err(Fault::Lasting(
                        "the server answers with a part that was not asked for; give another --base"
                            .to_owned(),
                    ));
                }
            };
            went_on_from.set(went_on_from.get().min(from));
            file.set_len(from).map_err(lasting)?;
            file.seek(SeekFrom::Start(from)).map_err(lasting)?;
            let result = self.copy(body, &mut file, &lasting);
            let now = file.metadata().map_err(lasting)?.len();
            let went_on = now > most;
            most = most.max(now);
            result.map_err(|fault| match fault {
                Fault::Passing { what, asked, .. } => Fault::Passing { what, asked, went_on },
                lasting => lasting,
            })?;
            file.sync_all().map_err(lasting)?;
            Ok(true)
        });
        // A name for nothing helps nobody.
        let is_empty = file.metadata().is_ok_and(|about| about.len() == 0);
        if is_empty {
            let _ = std::fs::remove_file(partial);
        }
        if is_empty && matches!(arrived, Ok(true)) {
            return Err(
                "the server answers with an empty file, which is no archive: run the same command later, or give another --base"
                    .to_owned(),
            );
        }
        Ok(arrived?.then_some(went_on_from.get()))
    }

    fn copy(
        &self,
        mut body: Box<dyn Read>,
        file: &mut File,
        lasting: &dyn Fn(std::io::Error) -> Fault,
    ) -> Result<(), Fault> {
        let mut block = vec![0; BLOCK];
        loop {
            let length = body.read(&mut block).map_err(cut)?;
            if length == 0 {
                return Ok(());
            }
            file.write_all(&block[..length]).map_err(lasting)?;
            self.told.bytes(length as u64);
        }
    }

    fn persist<T>(
        &self,
        path: &str,
        attempt: &mut dyn FnMut() -> Result<T, Fault>,
    ) -> Result<T, String> {
        let wait = |span, why: &str| self.told.waits(path, span, why);
        self.persistence.persist(&wait, attempt)
    }
}

/// What became of one try to have the whole file.
enum Whole {
    Arrived(Arrival),
    /// Its checksum is wrong, as told.
    Wrong(String),
}

/// What it means that the bytes of an answer do not go on.
fn cut(error: std::io::Error) -> Fault {
    match ureq::Error::from(error) {
        ureq::Error::Timeout(_) => Fault::passing("the server fell silent"),
        error => Fault::passing(format!("the connection was cut ({error})")),
    }
}
