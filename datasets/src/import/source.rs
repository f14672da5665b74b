//! Where the bytes come from: folders, archives with their checksums, plain files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use engine::io_remedy;
use sha2::{Digest, Sha256};

use super::csv_rows::Stop;
use super::guard::Guarded;
use super::meter::FileMeter;
use super::{ImportReport, Note, Refusal};
use crate::kind;

/// What a file's name says of its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// csv, plain or packed.
    Csv,
    /// A recorded stream: JSON lines, plain or packed.
    Stream,
    /// An array of events of hftbacktest.
    Npz,
}

/// Endings of recorded streams. What is packed with gzip is one, unless its name says that it is csv.
const STREAM_ENDINGS: [&str; 3] = ["jsonl", "ndjson", "dat"];

/// The form of a file; none if nothing here reads it.
pub(super) fn form(path: &Path) -> Option<Form> {
    let ends = |endings: &[&str]| endings.iter().any(|ending| has_extension(path, ending));
    if is_gzip(path) {
        let is_csv = path.file_stem().is_some_and(|stem| has_extension(Path::new(stem), "csv"));
        return Some(if is_csv { Form::Csv } else { Form::Stream });
    }
    if ends(&["zip", "csv"]) {
        Some(Form::Csv)
    } else if ends(&STREAM_ENDINGS) {
        Some(Form::Stream)
    } else if ends(&["npz"]) {
        Some(Form::Npz)
    } else {
        None
    }
}

fn is_gzip(path: &Path) -> bool {
    has_extension(path, "gz")
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// Whether a checksum in it tells that nothing of it is cut.
pub(super) fn is_packed(path: &Path) -> bool {
    is_zip(path) || is_gzip(path)
}

fn is_zip(path: &Path) -> bool {
    has_extension(path, "zip")
}

/// All files of known forms among `paths` and below, sorted, each once. Named files of other types are
/// refused, and folders that hold none.
pub(super) fn collect(paths: &[PathBuf], report: &mut ImportReport) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let refused = &mut report.refused;
    for path in paths {
        if path.is_dir() {
            let before = (files.len(), refused.len());
            walk(path, &mut files, refused);
            if before == (files.len(), refused.len()) {
                let reason = "no zip or csv file in it or below, nor a recording (jsonl, ndjson, dat, gz \
                              or npz); name a folder with archives";
                refuse(refused, path, reason);
            }
        } else if !path.exists() {
            refuse(refused, path, "there is no such file or folder; check the path");
        } else if form(path).is_some() {
            files.push(path.clone());
        } else if has_extension(path, "checksum") {
            // A shell's `*` names it too; it is read beside its zip.
        } else {
            let reason = "neither zip nor csv, nor a recording (jsonl, ndjson, dat, gz or npz); name \
                          files of those types";
            refuse(refused, path, reason);
        }
    }
    files.sort();
    once(files, &mut report.notes)
}

/// Leaves the first name of each file, with a note if there were more.
fn once(files: Vec<PathBuf>, notes: &mut Vec<Note>) -> Vec<PathBuf> {
    let mut names: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for path in files {
        let place = path.canonicalize().unwrap_or_else(|_| path.clone());
        names.entry(place).or_default().push(path);
    }
    let mut firsts = Vec::new();
    for names in names.into_values() {
        let count = names.len();
        let Some(path) = names.into_iter().next() else {
            continue;
        };
        if count > 1 {
            let text = format!("named {count} times, read once; name it, or its folder, only once");
            notes.push(Note { path: path.clone(), text });
        }
        firsts.push(path);
    }
    firsts.sort();
    firsts
}

fn refuse(refused: &mut Vec<Refusal>, path: &Path, reason: &str) {
    refused.push(Refusal { path: path.to_owned(), reason: reason.to_owned() });
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>, refused: &mut Vec<Refusal>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => {
            return refuse(refused, folder, &format!("cannot be read: {e}; {}", io_remedy(&e)));
        }
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                return refuse(refused, folder, &format!("cannot be read: {e}; {}", io_remedy(&e)));
            }
        };
        let path = entry.path();
        // Links to folders are not followed: they may lead in circles.
        let is_folder = entry.file_type().is_ok_and(|t| t.is_dir());
        if is_folder {
            walk(&path, files, refused);
        } else if form(&path).is_some() {
            files.push(path);
        }
    }
}

/// Compares a file with the `.CHECKSUM` beside it, which a zip of the archive should have.
pub(super) fn verify_checksum(path: &Path, notes: &mut Vec<String>) -> Result<(), String> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".CHECKSUM");
    let text = match std::fs::read_to_string(&beside) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !is_zip(path) => return Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            notes.push("no .CHECKSUM beside it: its content is not verified".to_owned());
            return Ok(());
        }
        Err(e) => return Err(format!("its .CHECKSUM cannot be read: {e}; {}", io_remedy(&e))),
    };
    let mut words = text.split_whitespace();
    let Some(stated) = words.next().map(str::to_lowercase) else {
        return Err("its .CHECKSUM is empty; download both again".to_owned());
    };
    let unreadable = |e: std::io::Error| format!("cannot be read: {e}; {}", io_remedy(&e));
    let found = sha256_of(path).map_err(unreadable)?;
    if found != stated {
        return Err(format!(
            "wrong checksum: SHA-256 is {found}, its .CHECKSUM says {stated}; download both again"
        ));
    }
    // `sha256sum` puts a star before the names of files that it reads as bytes.
    let named = words.next().map(|name| Path::new(name.trim_start_matches('*')));
    match named.and_then(Path::file_name).filter(|named| path.file_name() != Some(named)) {
        Some(other) => Err(format!(
            "its .CHECKSUM is that of {}: one of the two was renamed; give both the name that the archive \
             gave them, or download both again",
            other.display()
        )),
        None => Ok(()),
    }
}

/// Calls `read` on the bytes of `path`: unpacked, if it is packed with gzip, and those of the one entry
/// that ends with `ending`, if it is an archive.
pub(super) fn with_bytes<T>(
    path: &Path,
    meter: &FileMeter<'_>,
    ending: &str,
    read: &mut dyn FnMut(&mut dyn BufRead) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let unreadable = |e| Stop::Refused(format!("cannot be opened: {e}; {}", io_remedy(&e)));
    let file = meter.open().map_err(unreadable)?;
    let packed = path.metadata().map_err(unreadable)?.len();
    let mut input = BufReader::with_capacity(1 << 16, file);
    if is_gzip(path) {
        let input = Guarded::new(flate2::bufread::MultiGzDecoder::new(input), packed);
        return read(&mut BufReader::with_capacity(1 << 16, input));
    }
    if !is_zip(path) && !has_extension(path, "npz") {
        return read(&mut input);
    }
    let corrupt = |e: zip::result::ZipError| {
        if matches!(&e, zip::result::ZipError::UnsupportedArchive(why) if *why == zip::result::ZipError::PASSWORD_REQUIRED)
        {
            return Stop::Refused(
                "is encrypted: unpack it with its password, and import the csv".to_owned(),
            );
        }
        Stop::Refused(format!("not a readable zip ({e}); download it again"))
    };
    let mut archive = zip::ZipArchive::new(input).map_err(corrupt)?;
    let mut names = Vec::new();
    for name in archive.file_names() {
        let name = name.map_err(corrupt)?.into_owned();
        if name.to_lowercase().ends_with(ending) {
            names.push(name);
        }
    }
    if names.is_empty() {
        let form = ending.trim_start_matches('.');
        return Err(Stop::Refused(format!(
            "holds no {form} file; download it again, or remove it"
        )));
    }
    let [name] = &names[..] else {
        return Err(Stop::Refused(format!(
            "holds {} {} files where one is expected; unpack it and import each of its own",
            names.len(),
            ending.trim_start_matches('.')
        )));
    };
    if let Some(reason) = kind::contradicts(path, Path::new(name)) {
        return Err(Stop::Refused(reason));
    }
    let entry = archive.by_name(name).map_err(corrupt)?;
    // What the header says of the packed size is no more than the archive has.
    let packed = packed.min(entry.compressed_size());
    let entry = Guarded::new(entry, packed);
    read(&mut BufReader::with_capacity(1 << 16, entry))
}

/// SHA-256 of a file, as a `.CHECKSUM` states it.
pub(crate) fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut block)?;
        if length == 0 {
            break;
        }
        hasher.update(&block[..length]);
    }
    Ok(hasher.finalize().iter().map(|b| format!("{b:02x}")).collect())
}
