//! How a case ended, and whether that is as it should be.

use scenarios::{Expected, Failure, ScenarioReport, Verdict};
use serde::{Deserialize, Serialize};

use super::case::{Case, Content};

/// How a case ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Wall time, for people: it reaches no journal and no digest.
    pub wall_s: f64,
    /// What came of it.
    pub ended: Ended,
}

/// What came of a case.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Ended {
    /// It ran to its end.
    Report(Box<ScenarioReport>),
    /// It could not be run: bad input, or a fault of the machine.
    Error(String),
    /// It was stopped at a limit.
    Limit(String),
    /// The program itself is at fault.
    Bug(String),
    /// It needs what this machine has not.
    Skipped(String),
    /// It was not begun, because another case had failed.
    NotRun,
}

impl Outcome {
    /// Of a case that was not run.
    pub fn without_run(ended: Ended) -> Outcome {
        Outcome { wall_s: 0.0, ended }
    }

    /// The report, if it ran to its end.
    pub fn report(&self) -> Option<&ScenarioReport> {
        match &self.ended {
            Ended::Report(report) => Some(report),
            _ => None,
        }
    }

    /// The verdict; `error` where there is none.
    pub fn verdict(&self) -> Verdict {
        self.report().map_or(Verdict::Error, |report| report.verdict)
    }
}

/// What kind of fault the suite finds in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An expectation does not hold.
    Expectation,
    /// It had to fail and does not.
    Passes,
    /// It had to fail at another expectation.
    FailsElsewhere,
    /// It could not be run.
    Error,
    /// It was stopped at a limit.
    Limit,
    /// The program itself is at fault.
    Bug,
    /// Its digest is not the golden one.
    Golden,
    /// Two runs of it were not the same.
    Twice,
}

impl Kind {
    /// As results name it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Expectation => "expectation",
            Kind::Passes => "passes",
            Kind::FailsElsewhere => "fails_elsewhere",
            Kind::Error => "error",
            Kind::Limit => "limit",
            Kind::Bug => "bug",
            Kind::Golden => "golden",
            Kind::Twice => "twice",
        }
    }

    /// Whether there is no verdict, where others are failures of a check.
    pub fn is_error(self) -> bool {
        matches!(self, Kind::Error | Kind::Limit | Kind::Bug)
    }
}

/// A fault that the suite finds in a case.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// What kind.
    pub kind: Kind,
    /// The expectation that it is about, if it is about one.
    pub expectation: Option<String>,
    /// What is wrong, and what to do.
    pub text: String,
    /// When it was first violated, if the expectation tells: virtual time and number of the journal's entry.
    pub time: Option<String>,
    /// See `time`.
    pub entry: Option<u64>,
    /// How it came about, if the expectation tells.
    pub story: Option<String>,
    /// The file that it is about: the scenario's, or one that it includes.
    pub file: String,
    /// Line in the file.
    pub line: usize,
}

impl Fault {
    /// A fault of the case as a whole.
    pub fn of_case(case: &Case, kind: Kind, text: String) -> Fault {
        let named = case.fails.as_deref().filter(|_| case.relapse).unwrap_or_default();
        let (file, line) = case.place_of(named);
        Fault { kind, expectation: None, text, time: None, entry: None, story: None, file, line }
    }

    /// An expectation that does not hold.
    pub fn of_expectation(case: &Case, failure: &Failure) -> Fault {
        let (file, line) = case.place(Some(&failure.place));
        Fault {
            kind: Kind::Expectation,
            expectation: Some(failure.name.clone()),
            text: failure.found.clone(),
            time: failure.at.map(|at| at.to_string()),
            entry: failure.entry,
            story: None,
            file,
            line,
        }
    }

    /// On one line: the expectation and what was found.
    pub fn sentence(&self) -> String {
        let name = self.expectation.as_ref().map_or(String::new(), |name| format!("{name}: "));
        format!("{name}{}", self.text)
    }

    /// When it was first violated, in words.
    pub fn moment(&self) -> Option<String> {
        let time = self.time.as_ref()?;
        let entry = self.entry.map_or(String::new(), |n| format!(", entry {n} of the journal"));
        Some(format!("first violated at {time}{entry}"))
    }
}

/// A case, how it ended and what is wrong with that.
#[derive(Debug)]
pub struct Judged {
    /// The case.
    pub case: Case,
    /// How it ended.
    pub outcome: Outcome,
    /// Nothing, if it is as it should be.
    pub faults: Vec<Fault>,
    /// The command that runs this case alone, again.
    pub again: String,
}

impl Judged {
    /// Whether the case was run or should have been.
    pub fn counts(&self) -> bool {
        !matches!(self.outcome.ended, Ended::Skipped(_) | Ended::NotRun)
    }
}

/// What is wrong with how the case ended.
pub fn judge(case: &Case, outcome: &Outcome) -> Vec<Fault> {
    let whole = |kind, text: String| vec![Fault::of_case(case, kind, text)];
    let report = match &outcome.ended {
        Ended::Report(report) => report,
        Ended::Error(text) => return whole(Kind::Error, text.clone()),
        Ended::Limit(text) => return whole(Kind::Limit, text.clone()),
        Ended::Bug(text) => return whole(Kind::Bug, text.clone()),
        Ended::Skipped(_) | Ended::NotRun => return Vec::new(),
    };
    // What cannot be judged says nothing about the run: neither good nor the relapse that was wanted.
    let unjudged: Vec<Fault> = report
        .failed
        .iter()
        .filter(|failure| failure.unjudged)
        .map(|failure| Fault { kind: Kind::Error, ..Fault::of_expectation(case, failure) })
        .collect();
    if !unjudged.is_empty() {
        return unjudged;
    }
    if case.relapse {
        return relapse(case, report).into_iter().collect();
    }
    match (case.expected, report.verdict) {
        (Expected::Fail, Verdict::Pass) => whole(
            Kind::Passes,
            "the file says expected = \"fail\", and every expectation holds: what it shows does not happen any more; take the key out, or mend the scenario".into(),
        ),
        (Expected::Fail, _) => Vec::new(),
        (Expected::Pass, _) => {
            report.failed.iter().map(|failure| Fault::of_expectation(case, failure)).collect()
        }
    }
}

/// A relapse has to fail where it says; anything else is a failure of the suite.
fn relapse(case: &Case, report: &ScenarioReport) -> Option<Fault> {
    let at = case.fails.as_ref().map_or(String::new(), |name| format!(" at {name:?}"));
    if report.failed.is_empty() {
        let text = format!(
            "the relapse passes and has to fail{at}: the scenario does not notice what the variant brings back; mend the expectation or the variant"
        );
        return Some(Fault::of_case(case, Kind::Passes, text));
    }
    let named = case.fails.as_ref()?;
    if report.failed.iter().any(|failure| failure.name == *named) {
        return None;
    }
    let found: Vec<String> =
        report.failed.iter().map(|one| format!("{:?} ({})", one.name, one.found)).collect();
    let text = format!(
        "the relapse has to fail{at}, which holds; it fails at {}: mend the variant, or name in `fails` what it is about",
        found.join(", ")
    );
    Some(Fault::of_case(case, Kind::FailsElsewhere, text))
}

/// How a case that has nothing to run ended.
pub fn without_run(content: &Content) -> Option<Outcome> {
    match content {
        Content::Ready(_) => None,
        Content::Unreadable(message, _) => {
            Some(Outcome::without_run(Ended::Error(message.clone())))
        }
        Content::Skipped(why) => Some(Outcome::without_run(Ended::Skipped(why.clone()))),
    }
}

/// What a kind of fault is, in a sentence.
pub fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Expectation => "An expectation does not hold",
        Kind::Passes => "A case that has to fail passes",
        Kind::FailsElsewhere => "A relapse fails at another expectation than the one it names",
        Kind::Error => "A case could not be run",
        Kind::Limit => "A case was stopped at its limit of time or memory",
        Kind::Bug => "The program itself is at fault",
        Kind::Golden => "A digest is not the golden one",
        Kind::Twice => "Two runs of a case are not the same",
    }
}
