//! The suite as a table for people, and what went wrong in words.

use scenarios::{Expected, ScenarioReport, Verdict, market_lines};

use super::case::DEFAULT;
use super::describe;
use super::numbers::{count, short, span};
use super::outcome::{Ended, Judged, Kind};

/// Cases that the table shows one by one; of longer suites it shows, without `-v`, a file whose cases are all
/// as they should be on one row, and of more files than this only those where something is wrong.
const ROWS_MAX: usize = 40;

/// Whether the suite has more cases than anybody reads one by one.
pub fn is_long(judged: &[Judged]) -> bool {
    judged.len() > ROWS_MAX
}

/// The table, and below it the counts.
pub fn text(judged: &[Judged], verbose: bool) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_NO_BORDERS);
    table.set_header([
        "scenario",
        "verdict",
        "entries",
        "exits",
        "wallet USDT",
        "events",
        "virtual",
        "wall",
        "digest",
    ]);
    let whole = verbose || !is_long(judged);
    let files = judged.chunk_by(|a, b| a.case.file == b.case.file).count();
    // Those that were skipped have been told of, and stand among the counts.
    let shown: Vec<&Judged> =
        judged.iter().filter(|one| !matches!(one.outcome.ended, Ended::Skipped(_))).collect();
    for file in shown.chunk_by(|a, b| a.case.file == b.case.file) {
        let fine = file.iter().all(|one| one.faults.is_empty() && one.counts());
        if !whole && fine && files > ROWS_MAX {
            continue;
        }
        if !whole && fine && file.len() > 1 {
            table.add_row(together(file));
            continue;
        }
        for (place, one) in file.iter().enumerate() {
            table.add_row(row(one, place == 0));
        }
    }
    if table.is_empty() {
        return format!(
            "{}\n(no case is listed that is as it should be; -v lists all)",
            counts(judged)
        );
    }
    // A suite of one case says it all in its row.
    if judged.len() < 2 { table.to_string() } else { format!("{table}\n{}", counts(judged)) }
}

/// A case. Variants stand below the name of their file.
fn row(one: &Judged, first: bool) -> Vec<String> {
    let name = match (one.case.variant.as_str(), first) {
        (DEFAULT, _) => one.case.file.clone(),
        (variant, true) => format!("{}/{variant}", one.case.file),
        (variant, false) => format!("  {variant}"),
    };
    let name = if one.case.relapse { format!("{name} (relapse)") } else { name };
    let figure = |report: &ScenarioReport, name: &str| {
        report.figures.get(name).map_or_else(|| "-".to_owned(), |v| v.round_dp(2).to_string())
    };
    let mut row = vec![name, verdict_text(one)];
    if let Some(report) = one.outcome.report() {
        row.extend([
            figure(report, "entries"),
            figure(report, "exits"),
            figure(report, "wallet_balance"),
            short(report.events as f64),
            span(report.virtual_seconds),
            format!("{:.2} s", one.outcome.wall_s),
            report.digest.chars().take(16).collect(),
        ]);
    }
    row.resize(9, String::new());
    row
}

/// All cases of a file, where all is as it should be.
fn together(file: &[&Judged]) -> Vec<String> {
    let name = file.first().map_or(String::new(), |one| one.case.file.clone());
    let wall: f64 = file.iter().map(|one| one.outcome.wall_s).sum();
    let reports = || file.iter().filter_map(|one| one.outcome.report());
    let events: u64 = reports().map(|report| report.events).sum();
    let seconds: f64 = reports().map(|report| report.virtual_seconds).sum();
    let mut row = vec![name, format!("pass ({})", count(file.len(), "case"))];
    row.resize(5, String::new());
    row.extend([short(events as f64), span(seconds), format!("{wall:.2} s"), String::new()]);
    row
}

/// The verdict, as the suite sees it.
pub fn verdict_text(one: &Judged) -> String {
    let has = |kind: Kind| one.faults.iter().any(|fault| fault.kind == kind);
    let of_run = match (&one.outcome.ended, one.outcome.verdict(), one.case.expected) {
        (Ended::Skipped(_), ..) => "skipped",
        (Ended::NotRun, ..) => "not run",
        (Ended::Limit(_), ..) => "LIMIT",
        (_, Verdict::Error, _) => "ERROR",
        (_, Verdict::Pass, Expected::Pass) => "pass",
        (_, Verdict::Fail, Expected::Pass) => "FAIL",
        (_, Verdict::Pass, Expected::Fail) => "PASS (expected to fail)",
        (_, Verdict::Fail, Expected::Fail) if has(Kind::FailsElsewhere) => "FAILS ELSEWHERE",
        (_, Verdict::Fail, Expected::Fail) => "fails as expected",
    };
    let golden = if has(Kind::Golden) { ", OTHER DIGEST" } else { "" };
    let twice = if has(Kind::Twice) { ", DOES NOT REPEAT" } else { "" };
    format!("{of_run}{golden}{twice}")
}

/// The suite in one line.
pub fn counts(judged: &[Judged]) -> String {
    let number = |which: &dyn Fn(&Judged) -> bool| judged.iter().filter(|one| which(one)).count();
    let relapses = number(&|one| one.case.relapse && one.counts());
    let wrong = number(&|one| !one.faults.is_empty());
    let fine = count(number(&|one| one.counts() && one.faults.is_empty()), "case");
    let among = count(relapses, "relapse");
    let among = if relapses > 0 { format!(" ({among} among all)") } else { String::new() };
    let mut words = vec![format!("{fine} as they should be{among}")];
    let errors = number(&|one| one.faults.iter().any(|fault| fault.kind.is_error()));
    if wrong > errors {
        words.push(format!("{} failed", wrong - errors));
    }
    if errors > 0 {
        words.push(format!("{errors} without a verdict"));
    }
    let skipped = number(&|one| matches!(one.outcome.ended, Ended::Skipped(_)));
    if skipped > 0 {
        words.push(format!("{skipped} skipped"));
    }
    let left = number(&|one| matches!(one.outcome.ended, Ended::NotRun));
    if left > 0 {
        words.push(format!("{left} not run"));
    }
    words.join(", ")
}

/// What went wrong, what is noteworthy and, on request, everything else; all on standard error.
///
/// In a long suite warnings are told with `-v` only: a scenario may be about what they warn of.
pub fn explain(one: &Judged, verbose: bool, long: bool) {
    let title = one.case.title();
    for line in describe::faults(one) {
        if let Some(detail) = line.strip_prefix("  ") {
            eprintln!("    {detail}");
        } else if one.outcome.report().is_some() {
            eprintln!("{title}: {line}");
        } else {
            // The error names the file.
            eprintln!("qsim: {line}");
        }
    }
    let Some(report) = one.outcome.report() else { return };
    let fails = one.case.relapse || one.case.expected == Expected::Fail;
    if fails && one.faults.is_empty() && (verbose || !long) {
        for failure in &report.failed {
            eprintln!("{title}: fails: {}: {}", failure.name, failure.found);
        }
    }
    if verbose || !long {
        for warning in &report.warnings {
            eprintln!("{title}: warning: {warning}");
        }
    }
    if let Some(journal) = &report.journal {
        eprintln!("{title}: journal {}", journal.display());
    }
    if verbose {
        for line in market_lines(&report.market) {
            eprintln!("{title}: market: {line}");
        }
        for assumption in &report.assumptions {
            eprintln!("{title}: assumes: {assumption}");
        }
        for (name, value) in &report.figures {
            eprintln!("{title}: {name} = {value}");
        }
    }
}
