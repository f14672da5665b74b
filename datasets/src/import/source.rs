//! Where the bytes come from: folders, zip archives with their checksums, plain csv files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use engine::io_remedy;
use sha2::{Digest, Sha256};

use super::csv_rows::{Outcome, Stop};
use super::{ImportReport, Note, Refusal};

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

pub(super) fn is_zip(path: &Path) -> bool {
    has_extension(path, "zip")
}

/// All zip and csv files among `paths` and below, sorted, each once. Named files of other types are
/// refused, and folders that hold none.
pub(super) fn collect(paths: &[PathBuf], report: &mut ImportReport) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let refused = &mut report.refused;
    for path in paths {
        if path.is_dir() {
            let before = (files.len(), refused.len());
            walk(path, &mut files, refused);
            if before == (files.len(), refused.len()) {
                refuse(
                    refused,
                    path,
                    "no zip or csv file in it or below; name a folder with archives",
                );
            }
        } else if !path.exists() {
            refuse(refused, path, "there is no such file or folder; check the path");
        } else if has_extension(path, "zip") || has_extension(path, "csv") {
            files.push(path.clone());
        } else if has_extension(path, "checksum") {
            // A shell's `*` names it too; it is read beside its zip.
        } else {
            refuse(refused, path, "neither zip nor csv; name files of those two types");
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
        } else if has_extension(&path, "zip") || has_extension(&path, "csv") {
            files.push(path);
        }
    }
}

/// Compares a zip with the `.CHECKSUM` file beside it.
pub(super) fn verify_checksum(path: &Path, notes: &mut Vec<String>) -> Result<(), String> {
    if !is_zip(path) {
        return Ok(());
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".CHECKSUM");
    let text = match std::fs::read_to_string(&beside) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            notes.push("no .CHECKSUM beside it: its content is not verified".to_owned());
            return Ok(());
        }
        Err(e) => return Err(format!("its .CHECKSUM cannot be read: {e}; {}", io_remedy(&e))),
    };
    let stated = text.split_whitespace().next().unwrap_or("").to_lowercase();
    let unreadable = |e: std::io::Error| format!("cannot be read: {e}; {}", io_remedy(&e));
    let found = sha256_of(path).map_err(unreadable)?;
    if found == stated {
        return Ok(());
    }
    Err(format!(
        "wrong checksum: SHA-256 is {found}, its .CHECKSUM says {stated}; download both again"
    ))
}

/// Calls `read` on the csv in `path`, which is one or a zip that holds exactly one.
pub(super) fn with_csv(
    path: &Path,
    read: &mut dyn FnMut(&mut dyn BufRead) -> Result<Outcome, Stop>,
) -> Result<Outcome, Stop> {
    let unreadable = |e| Stop::Refused(format!("cannot be opened: {e}; {}", io_remedy(&e)));
    let file = File::open(path).map_err(unreadable)?;
    if !is_zip(path) {
        return read(&mut BufReader::with_capacity(1 << 16, file));
    }
    let corrupt = |e: zip::result::ZipError| {
        Stop::Refused(format!("not a readable zip ({e}); download it again"))
    };
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(corrupt)?;
    let mut csvs = Vec::new();
    for name in archive.file_names() {
        let name = name.map_err(corrupt)?.into_owned();
        if name.to_lowercase().ends_with(".csv") {
            csvs.push(name);
        }
    }
    let [name] = &csvs[..] else {
        return Err(Stop::Refused(format!(
            "holds {} csv files where one is expected; unpack it and import the csv files",
            csvs.len()
        )));
    };
    let entry = archive.by_name(name).map_err(corrupt)?;
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
