//! One JSON object a case: of `--format json`, as they end, and of `--jsonl`, in the order of the suite.

use scenarios::{Expected, Figures, Verdict};
use serde::Serialize;

use super::outcome::{Ended, Fault, Judged};

#[derive(Serialize)]
struct Line<'a> {
    scenario: &'a str,
    variant: &'a str,
    expected: Expected,
    verdict: Verdict,
    digest: &'a str,
    seed: u64,
    events: u64,
    virtual_seconds: f64,
    wall_seconds: f64,
    failed: Vec<&'a str>,
    /// The file that the case is of.
    file: String,
    /// Whether it is a relapse, which has to fail.
    relapse: bool,
    /// The expectation at which a relapse has to fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    fails: Option<&'a str>,
    /// Whether the case is as it should be.
    ok: bool,
    /// What does not hold in the run, whether it should or not.
    failures: Vec<Fault>,
    /// What the suite finds wrong with the case.
    faults: &'a [Fault],
    /// The command that runs it again.
    again: &'a str,
    /// Why it was not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'a str>,
    /// What recorded data were replayed; with `--verbose` what made market, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    market: Option<&'a serde_json::Value>,
    /// With `--verbose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<&'a Figures>,
    /// Why there is no result, where the verdict is `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// The line of a case.
pub fn line(one: &Judged, verbose: bool) -> Result<String, String> {
    let (case, report) = (&one.case, one.outcome.report());
    let failed = report.map(|report| report.failed.as_slice()).unwrap_or_default();
    let (skipped, error) = match &one.outcome.ended {
        Ended::Skipped(why) => (Some(why.as_str()), None),
        Ended::NotRun => (Some("another case had failed (--fail-fast)"), None),
        Ended::Error(text) | Ended::Limit(text) | Ended::Bug(text) => (None, Some(text.as_str())),
        Ended::Report(_) => (None, None),
    };
    let line = Line {
        scenario: &case.scenario,
        variant: &case.variant,
        expected: case.expected,
        verdict: one.outcome.verdict(),
        digest: report.map_or("", |report| &report.digest),
        seed: case.seed,
        events: report.map_or(0, |report| report.events),
        virtual_seconds: report.map_or(0.0, |report| report.virtual_seconds),
        wall_seconds: one.outcome.wall_s,
        failed: failed.iter().map(|failure| failure.name.as_str()).collect(),
        file: case.shown_path(),
        relapse: case.relapse,
        fails: case.fails.as_deref(),
        ok: one.faults.is_empty(),
        failures: failed.iter().map(|failure| Fault::of_expectation(case, failure)).collect(),
        faults: &one.faults,
        again: &one.again,
        skipped,
        market: report.map(|r| &r.market).filter(|m| verbose || m.get("series").is_some()),
        figures: report.map(|report| &report.figures).filter(|_| verbose),
        error,
    };
    serde_json::to_string(&line).map_err(|error| format!("{}: {error}", case.label()))
}

/// All lines, in the order of the suite.
pub fn lines(judged: &[Judged], verbose: bool) -> Result<String, String> {
    judged.iter().map(|one| line(one, verbose).map(|line| line + "\n")).collect()
}
