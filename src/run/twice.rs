//! Runs a case in two processes with unlike numbers of threads: what is the same in both depends on neither.

use std::path::{Path, PathBuf};

use scenarios::{RunOptions, ScenarioReport};

use super::case::Case;
use super::child;
use super::outcome::Outcome;

/// Threads of the two processes.
const THREADS: [usize; 2] = [1, 3];

/// The first outcome, and in which way the second is another one.
pub fn run(case: &Case, options: &RunOptions) -> (Outcome, Option<String>) {
    let journals = match Journals::new(options.journals.as_deref()) {
        Ok(journals) => journals,
        Err(problem) => {
            let error = super::outcome::Ended::Error(problem);
            return (Outcome::without_run(error), None);
        }
    };
    let folders = journals.folders();
    let [first, second] = [0, 1].map(|n| {
        let folder: &PathBuf = &folders[n];
        let options = RunOptions { journals: Some(folder.clone()), ..options.clone() };
        child::run(case, &options, THREADS[n])
    });
    let difference = match (first.report(), second.report()) {
        (Some(one), Some(other)) => compare(one, other),
        (None, None) => None,
        (Some(_), None) => {
            Some(format!("the second run did not come to its end: {:?}", second.ended))
        }
        (None, Some(_)) => Some("the second run came to its end, and the first did not".to_owned()),
    };
    let difference = difference.map(|difference| {
        journals.keep();
        let diff = match (first.report(), second.report()) {
            (Some(one), Some(other)) => diff(one, other),
            _ => String::new(),
        };
        format!(
            "two runs with {} and {} threads are not the same: {difference}{diff}",
            THREADS[0], THREADS[1]
        )
    });
    (without_passing_journal(first, options), difference)
}

/// A journal in a folder that is gone is not named.
fn without_passing_journal(mut outcome: Outcome, options: &RunOptions) -> Outcome {
    if let (None, super::outcome::Ended::Report(report)) = (&options.journals, &mut outcome.ended) {
        report.journal = None;
    }
    outcome
}

/// The command that shows the first difference.
fn diff(one: &ScenarioReport, other: &ScenarioReport) -> String {
    let paths = [one, other].map(|report| {
        let path = report.journal.as_ref().map(|path| path.display().to_string());
        path.unwrap_or_default()
    });
    let quoted = shlex::try_join(paths.iter().map(String::as_str)).unwrap_or_default();
    format!("; see `qsim diff {quoted}`")
}

/// Where the journals of the two runs lie.
enum Journals {
    /// Where the user wants them: the first run's there, the second's in a folder below.
    Named(PathBuf),
    /// In a folder that stays only if there is a difference.
    Passing(std::cell::Cell<Option<tempfile::TempDir>>, PathBuf),
}

impl Journals {
    fn new(named: Option<&Path>) -> Result<Journals, String> {
        if let Some(folder) = named {
            return Ok(Journals::Named(folder.to_owned()));
        }
        let made = tempfile::Builder::new().prefix("qsim-twice-").tempdir();
        let made = made.map_err(|error| {
            format!("no temporary folder for two journals: {error}; give --journal DIR")
        })?;
        let path = made.path().to_owned();
        Ok(Journals::Passing(std::cell::Cell::new(Some(made)), path))
    }

    fn folders(&self) -> [PathBuf; 2] {
        match self {
            Journals::Named(folder) => [folder.clone(), folder.join("again")],
            Journals::Passing(_, path) => [path.join("first"), path.join("second")],
        }
    }

    fn keep(&self) {
        if let Journals::Passing(made, _) = self
            && let Some(folder) = made.take()
        {
            let _ = folder.keep();
        }
    }
}

/// The first thing that is not the same; nothing if all is.
fn compare(one: &ScenarioReport, other: &ScenarioReport) -> Option<String> {
    if one.digest != other.digest {
        return Some(format!("digest {} and {}", one.digest, other.digest));
    }
    if one.events != other.events {
        return Some(format!("{} and {} events", one.events, other.events));
    }
    let names: std::collections::BTreeSet<&String> =
        one.figures.keys().chain(other.figures.keys()).collect();
    let unlike = names.into_iter().find(|name| one.figures.get(*name) != other.figures.get(*name));
    if let Some(name) = unlike {
        let shown = |report: &ScenarioReport| {
            report.figures.get(name).map_or("nothing".to_owned(), ToString::to_string)
        };
        return Some(format!("{name} is {} and {}", shown(one), shown(other)));
    }
    let unlike = one.failed != other.failed || one.verdict != other.verdict;
    unlike.then(|| "their expectations do not end the same".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenarios::Verdict;

    fn report() -> ScenarioReport {
        ScenarioReport {
            verdict: Verdict::Pass,
            digest: "aa".into(),
            events: 5,
            virtual_seconds: 60.0,
            failed: Vec::new(),
            figures: [("entries".to_owned(), 3.into())].into(),
            warnings: Vec::new(),
            assumptions: Vec::new(),
            market: serde_json::Value::Null,
            journal: None,
            record: None,
        }
    }

    #[test]
    fn the_first_difference_is_named() {
        let one = report();
        let changed = |change: fn(&mut ScenarioReport)| {
            let mut other = report();
            change(&mut other);
            compare(&one, &other)
        };
        assert_eq!(changed(|_| ()), None);
        assert_eq!(changed(|r| r.digest = "bb".into()).as_deref(), Some("digest aa and bb"));
        assert_eq!(changed(|r| r.events = 6).as_deref(), Some("5 and 6 events"));
        let figure = changed(|r| {
            r.figures.insert("entries".into(), 4.into());
        });
        assert_eq!(figure.as_deref(), Some("entries is 3 and 4"));
        let missing = changed(|r| r.figures.clear());
        assert_eq!(missing.as_deref(), Some("entries is 3 and nothing"));
        assert!(changed(|r| r.verdict = Verdict::Fail).is_some());
    }

    #[test]
    fn journals_of_a_difference_stay() {
        let journals = Journals::new(None).expect("a folder");
        let [first, _] = journals.folders();
        let folder = first.parent().expect("a folder").to_owned();
        journals.keep();
        drop(journals);
        assert!(folder.is_dir(), "kept");
        std::fs::remove_dir_all(&folder).expect("removed");
        let journals = Journals::new(None).expect("a folder");
        let folder = journals.folders()[0].parent().expect("a folder").to_owned();
        drop(journals);
        assert!(!folder.exists(), "gone without a difference");
    }
}
