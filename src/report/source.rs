//! What is reported: a sweep's folder, a scenario, or the run of a journal.

use std::path::Path;

use engine::JournalFile;
use scenarios::Scenario;
use scenarios::sweep::{Results, SweepFile, TrialResult};
use serde_json::Value as Json;

/// What is reported.
pub enum Source {
    /// A sweep.
    Sweep(Box<Swept>),
    /// A run.
    Run(Box<Asked>),
}

/// The results of a sweep.
pub struct Swept {
    /// What was swept.
    pub file: SweepFile,
    /// In the order of their numbers.
    pub trials: Vec<TrialResult>,
    /// Version of the program that ran it.
    pub version: Option<String>,
    /// What tells it from another sweep.
    pub identity: Option<String>,
    /// Whether it has come to its end.
    pub whole: bool,
}

/// A run that is asked for.
pub struct Asked {
    /// What runs.
    pub scenario: Scenario,
    /// The digest of its journal, if it was named by one.
    pub recorded: Option<String>,
}

/// What a path names.
pub fn of(path: &Path) -> Result<Source, String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path)
        .map_err(|error| format!("{shown}: {error}; {}", engine::io_remedy(&error)))?;
    if metadata.is_dir() {
        return swept(path);
    }
    if path.extension().is_some_and(|extension| extension == "toml") {
        return match Scenario::read(path) {
            Ok(scenario) => Ok(Source::Run(Box::new(Asked { scenario, recorded: None }))),
            Err(_) if SweepFile::read(path).is_ok() => Err(format!(
                "{shown}: is a sweep file: run it with `qsim sweep {shown}`, and report the folder of its results"
            )),
            Err(error) => Err(error.to_string()),
        };
    }
    journal(path)
}

fn swept(folder: &Path) -> Result<Source, String> {
    let head = folder.join("sweep.json");
    if !head.is_file() {
        return Err(format!(
            "{}: holds no sweep.json: give the folder that `qsim sweep` wrote, a scenario file or a journal",
            folder.display()
        ));
    }
    let (file, trials) = Results::read(folder).map_err(|error| error.to_string())?;
    let text = std::fs::read_to_string(&head).unwrap_or_default();
    let head: Json = serde_json::from_str(&text).unwrap_or_default();
    let text = |key: &str| head.get(key).and_then(Json::as_str).map(str::to_owned);
    Ok(Source::Sweep(Box::new(Swept {
        file,
        trials,
        version: text("version"),
        identity: text("identity"),
        whole: folder.join("trials.parquet").is_file(),
    })))
}

fn journal(path: &Path) -> Result<Source, String> {
    let shown = path.display();
    let file = JournalFile::open(path).map_err(|error| error.to_string())?;
    if scenarios::session_of(file.header()).is_some() {
        return Err(format!(
            "{shown}: is the journal of a live session, which has no report yet; `qsim compare` holds it against the simulated exchange, and `qsim journal` prints it"
        ));
    }
    let scenario = file.header().get("scenario").cloned().unwrap_or_default();
    let mut scenario: Scenario = serde_json::from_value(scenario).map_err(|error| {
        format!("{shown}: its scenario cannot be read ({error}); report it with the qsim that recorded it")
    })?;
    scenario.origin = shown.to_string();
    let recorded = (!file.is_unfinished()).then(|| file.footer().digest_hex());
    Ok(Source::Run(Box::new(Asked { scenario, recorded })))
}
