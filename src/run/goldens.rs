//! Golden digests: what every case's run was when somebody last looked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::files::Pending;
use super::outcome::{Fault, Judged, Kind};

/// The file that is used without being named.
pub const USUAL: &str = "scenarios/goldens.toml";

const HEAD: &str = "# Digests of the cases' journals, by file and variant. A change of them is a change of what the pipeline or\n# the exchange do: `qsim run --accept` writes them anew, and the commit says why.\n\n";

/// The file's content.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default)]
    digests: BTreeMap<String, String>,
}

/// The golden digests.
#[derive(Debug)]
pub struct Goldens {
    path: PathBuf,
    content: Content,
}

/// What accepting has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Cases with another digest than before: name, before, now.
    pub changed: Vec<(String, String, String)>,
    /// Cases without one before.
    pub new: Vec<String>,
    /// Cases whose file is gone.
    pub gone: Vec<String>,
    /// Cases that are not as they should be: their digests stay what they were.
    pub refused: Vec<String>,
}

impl Goldens {
    /// Reads them; a missing file has none.
    pub fn read(path: &Path) -> Result<Goldens, String> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let content = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |s| text[..s.start].matches('\n').count() + 1);
            format!(
                "{}:{line}: {}: mend it, or write it anew with --accept after deleting it",
                path.display(),
                error.message().replace('\n', " ")
            )
        })?;
        Ok(Goldens { path: path.to_owned(), content })
    }

    /// The name of a case in the file: relative to the file's folder, so that it is the same wherever the
    /// command runs. A file elsewhere has its path as on the command line.
    fn key(&self, case: &Case) -> Option<String> {
        let path = case.path.as_deref()?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok();
        let whole = path.canonicalize().ok();
        let below = folder
            .zip(whole)
            .and_then(|(folder, whole)| whole.strip_prefix(&folder).ok().map(Path::to_owned));
        let below = below.unwrap_or_else(|| path.to_owned());
        let below = below.to_string_lossy().replace('\\', "/");
        let stem = below.strip_suffix(".toml").unwrap_or(&below);
        Some(format!("{stem}/{}", case.variant))
    }

    /// What is wrong with the digest of a case; a case without a golden one has none yet.
    pub fn check(&self, case: &Case, digest: &str) -> Option<Fault> {
        let golden = self.content.digests.get(&self.key(case)?)?;
        (golden != digest).then(|| {
            let text = format!(
                "the digest is {digest}, and the golden one in {} is {golden}: the run is not what it was; if that is meant, `qsim run --accept` writes it, and the commit says why; if not, find the change that did it",
                self.path.display()
            );
            Fault::of_case(case, Kind::Golden, text)
        })
    }

    /// Whether the case has a golden digest.
    pub fn has(&self, case: &Case) -> bool {
        self.key(case).is_some_and(|key| self.content.digests.contains_key(&key))
    }

    /// Takes the digests of the cases that ran, and forgets those whose file is gone.
    pub fn accept(mut self, judged: &[Judged]) -> Result<Accepted, String> {
        let mut accepted = Accepted::default();
        for one in judged {
            let Some((key, report)) = self.key(&one.case).zip(one.outcome.report()) else {
                continue;
            };
            // What is wrong does not become the measure.
            if one.faults.iter().any(|fault| !matches!(fault.kind, Kind::Golden)) {
                accepted.refused.push(key);
                continue;
            }
            match self.content.digests.insert(key.clone(), report.digest.clone()) {
                None => accepted.new.push(key),
                Some(before) if before != report.digest => {
                    accepted.changed.push((key, before, report.digest.clone()));
                }
                Some(_) => {}
            }
        }
        let folder = self.path.parent().map(Path::to_owned).unwrap_or_default();
        self.content.digests.retain(|key, _| {
            let file = key.rsplit_once('/').map_or(key.as_str(), |(file, _)| file);
            let there = folder.join(format!("{file}.toml")).exists()
                || Path::new(&format!("{file}.toml")).exists();
            if !there {
                accepted.gone.push(key.clone());
            }
            there
        });
        let text = toml::to_string(&self.content).map_err(|error| error.to_string())?;
        Pending::begin(&self.path)?.finish(&format!("{HEAD}{text}"))?;
        Ok(accepted)
    }
}
