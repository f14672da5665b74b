//! `qsim run`: scenario files in parallel, with progress, a table and a verdict.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use scenarios::{
    Expected, Figures, Progress, RunOptions, Scenario, ScenarioError, ScenarioReport, Verdict,
    market_lines,
};
use serde::Serialize;

use crate::{Format, data_folder, misuse, print};

/// Run scenario files.
#[derive(Args)]
pub struct RunArguments {
    /// Scenario files, or folders of them [default: scenarios]
    paths: Vec<PathBuf>,
    /// Folder with imported market data [default: the environment's QSIM_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Seed, instead of the file's
    #[arg(long)]
    seed: Option<u64>,
    /// Write a journal of each run into this folder, for `qsim replay`
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Write the metrics of each run into this folder, as Prometheus reads them
    #[arg(long, value_name = "DIR")]
    metrics: Option<PathBuf>,
    /// How results are printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Also print the market's digests, assumptions and all figures; json gets market and figures
    #[arg(short, long)]
    verbose: bool,
}

/// One line of `--format json`.
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
    /// What recorded data were replayed; with `--verbose` what made market, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    market: Option<&'a serde_json::Value>,
    /// With `--verbose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    figures: Option<&'a Figures>,
    /// Why there is no result, where the verdict is `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// A scenario and how it ended.
struct Ended {
    name: String,
    expected: Expected,
    seed: u64,
    wall: Duration,
    result: Result<ScenarioReport, ScenarioError>,
}

/// What all runs together have done, for the bar.
struct SharedProgress {
    bar: ProgressBar,
    events: AtomicU64,
    started: Instant,
}

impl Progress for SharedProgress {
    fn advanced(&self, virtual_seconds: u64, events: u64, now: engine::Nanos) {
        let events = self.events.fetch_add(events, Ordering::Relaxed) + events;
        let rate = events as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
        self.bar.set_message(format!("{now}  {} events/s", short(rate)));
        self.bar.inc(virtual_seconds);
    }
}

/// Runs them all.
pub fn run(arguments: &RunArguments) -> ExitCode {
    let data = data_folder(arguments.data.as_ref());
    let Loaded { scenarios, unreadable, skipped } = match load(arguments, data.is_some()) {
        Ok(loaded) => loaded,
        Err(error) => return misuse(error),
    };
    for path in &skipped {
        eprintln!("skipped {}: it needs market data (--data DIR or QSIM_DATA)", path.display());
    }
    if scenarios.is_empty() && unreadable.is_empty() {
        return misuse(
            "nothing was run: every scenario needs market data (--data DIR or QSIM_DATA)",
        );
    }
    let total = scenarios.iter().map(|s| s.virtual_seconds().unwrap_or(0)).sum();
    let progress = SharedProgress { bar: bar(total), events: AtomicU64::new(0), started: now() };
    let options = RunOptions { data, journals: arguments.journal.clone(), ..RunOptions::default() };
    if arguments.format == Format::Json {
        unreadable.iter().for_each(|one| print_line(one, arguments.verbose));
    }
    // Results are printed as they complete, so that an interrupted sweep loses nothing.
    let run: Vec<Ended> = scenarios
        .par_iter()
        .map(|scenario| {
            let started = now();
            let result = scenarios::run(scenario, &options, &progress);
            let ended = Ended {
                name: scenario.case_name(),
                expected: if scenario.relapse { Expected::Fail } else { scenario.expected },
                seed: scenario.seed,
                wall: started.elapsed(),
                result,
            };
            if arguments.format == Format::Json {
                progress.bar.suspend(|| print_line(&ended, arguments.verbose));
            }
            ended
        })
        .collect();
    progress.bar.finish_and_clear();
    let ended: Vec<Ended> = unreadable.into_iter().chain(run).collect();
    if arguments.format == Format::Table {
        print_table(&ended);
    }
    for one in &ended {
        explain(one, arguments.verbose);
    }
    if let Some(folder) = &arguments.metrics
        && let Err(error) = write_metrics(folder, &ended)
    {
        return misuse(error);
    }
    let of = |one: &Ended| one.result.as_ref().map_or(0, |report| report.assumptions.len());
    let assumptions: usize = ended.iter().map(of).sum();
    if assumptions > 0 && !arguments.verbose && arguments.format == Format::Table {
        eprintln!("{assumptions} assumptions; `-v` prints them, and all figures");
    }
    exit_code(&ended)
}

#[allow(clippy::disallowed_methods)] // Wall time of finished work, for people; it reaches no journal.
fn now() -> Instant {
    Instant::now()
}

/// What the command line names.
struct Loaded {
    scenarios: Vec<Scenario>,
    /// Files that are no scenarios; they do not keep the others from running.
    unreadable: Vec<Ended>,
    /// Files that need market data, where no folder of data is given.
    skipped: Vec<PathBuf>,
}

fn load(arguments: &RunArguments, has_data: bool) -> Result<Loaded, ScenarioError> {
    let folder = PathBuf::from("scenarios");
    let mut loaded = Loaded { scenarios: Vec::new(), unreadable: Vec::new(), skipped: Vec::new() };
    if arguments.paths.is_empty() && !folder.is_dir() {
        // Outside a checkout there is still the embedded one.
        loaded.scenarios.push(scenarios::embedded()?);
    } else {
        let paths = if arguments.paths.is_empty() { vec![folder] } else { arguments.paths.clone() };
        for path in scenarios::find(&paths)? {
            match Scenario::read_cases(&path) {
                Ok(cases)
                    if cases.iter().any(|scenario| scenario.market.recorded.is_some())
                        && !has_data
                        && !arguments.paths.contains(&path) =>
                {
                    loaded.skipped.push(path);
                }
                Ok(cases) => loaded.scenarios.extend(cases),
                Err(error) => loaded.unreadable.push(unreadable(&path, error)),
            }
        }
    }
    if arguments.journal.is_some() || arguments.metrics.is_some() {
        refuse_same_names(&loaded.scenarios)?;
    }
    for scenario in &mut loaded.scenarios {
        scenario.seed = arguments.seed.unwrap_or(scenario.seed);
    }
    Ok(loaded)
}

fn unreadable(path: &Path, error: ScenarioError) -> Ended {
    Ended {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        expected: Expected::Pass,
        seed: 0,
        wall: Duration::ZERO,
        result: Err(error),
    }
}

/// Journals and metrics are named after their scenarios: two of one name would overwrite each other.
fn refuse_same_names(loaded: &[Scenario]) -> Result<(), ScenarioError> {
    let mut all: Vec<&Scenario> = loaded.iter().collect();
    all.sort_by_key(|scenario| scenario.case_name());
    let Some(pair) = all.windows(2).find(|pair| pair[0].case_name() == pair[1].case_name()) else {
        return Ok(());
    };
    let (name, other) = (&pair[0].name, &pair[1].origin);
    let file = |scenario: &Scenario| PathBuf::from(&scenario.origin).canonicalize().ok();
    let problem = if file(pair[0]) == file(pair[1]) {
        format!("is named twice, here and as {other}: name it once")
    } else {
        format!(
            "{other} has the same name {name:?}, and their files would overwrite each other: rename one"
        )
    };
    Err(ScenarioError::Build { origin: pair[0].origin.clone(), problem })
}

fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total.max(1));
    let style = "{bar:30} {percent:>3}%  {msg}  {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar
}

fn print_line(ended: &Ended, verbose: bool) {
    let (verdict, digest, events, virtual_seconds, failed) = match &ended.result {
        Ok(report) => (
            report.verdict,
            report.digest.as_str(),
            report.events,
            report.virtual_seconds,
            report.failed.iter().map(|f| f.name.as_str()).collect(),
        ),
        Err(_) => (Verdict::Error, "", 0, 0.0, Vec::new()),
    };
    let report = ended.result.as_ref().ok();
    let line = Line {
        scenario: &ended.name,
        variant: "default",
        expected: ended.expected,
        verdict,
        digest,
        seed: ended.seed,
        events,
        virtual_seconds,
        wall_seconds: ended.wall.as_secs_f64(),
        failed,
        market: report
            .map(|report| &report.market)
            .filter(|m| verbose || m.get("series").is_some()),
        figures: report.map(|report| &report.figures).filter(|_| verbose),
        error: ended.result.as_ref().err().map(ToString::to_string),
    };
    match serde_json::to_string(&line) {
        Ok(text) => print(&text),
        Err(error) => eprintln!("qsim: {}: {error}", ended.name),
    }
}

/// One file a run, named after its scenario.
fn write_metrics(folder: &Path, ended: &[Ended]) -> Result<(), String> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        format!("metrics cannot be written to {}: {error}; name another folder", path.display())
    };
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    for one in ended {
        let Ok(report) = &one.result else { continue };
        let path = folder.join(format!("{}.prom", one.name));
        let figures = report.figures.iter().map(|(name, value)| (name.as_str(), *value));
        let text = pipeline::metrics::text(figures).map_err(|error| failed(&path, &error))?;
        std::fs::write(&path, text).map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}

fn print_table(ended: &[Ended]) {
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
    for one in ended {
        let figure = |report: &ScenarioReport, name: &str| {
            report.figures.get(name).map_or_else(|| "-".to_owned(), |v| v.round_dp(2).to_string())
        };
        let row = match &one.result {
            Ok(report) => [
                one.name.clone(),
                verdict_text(report.verdict, one.expected),
                figure(report, "entries"),
                figure(report, "exits"),
                figure(report, "wallet_balance"),
                short(report.events as f64),
                span(report.virtual_seconds),
                format!("{:.2} s", one.wall.as_secs_f64()),
                report.digest.chars().take(16).collect(),
            ],
            Err(_) => {
                let mut row = [const { String::new() }; 9];
                row[0] = one.name.clone();
                row[1] = "ERROR".to_owned();
                row
            }
        };
        table.add_row(row);
    }
    print(&table.to_string());
}

fn verdict_text(verdict: Verdict, expected: Expected) -> String {
    match (verdict, expected) {
        (Verdict::Pass, Expected::Pass) => "pass".to_owned(),
        (Verdict::Fail, Expected::Fail) => "fails as expected".to_owned(),
        (Verdict::Pass, Expected::Fail) => "PASS (expected to fail)".to_owned(),
        (Verdict::Fail, Expected::Pass) => "FAIL".to_owned(),
        (Verdict::Error, _) => "ERROR".to_owned(),
    }
}

/// What went wrong, what is noteworthy and, on request, everything else; all on standard error.
fn explain(ended: &Ended, verbose: bool) {
    let report = match &ended.result {
        Ok(report) => report,
        Err(error) => {
            // The error names the file.
            eprintln!("qsim: {error}");
            return;
        }
    };
    for failure in &report.failed {
        eprintln!("{}: {}: {}", ended.name, failure.name, failure.found);
    }
    for warning in &report.warnings {
        eprintln!("{}: warning: {warning}", ended.name);
    }
    if let Some(journal) = &report.journal {
        eprintln!("{}: journal {}", ended.name, journal.display());
    }
    if verbose {
        for line in market_lines(&report.market) {
            eprintln!("{}: market: {line}", ended.name);
        }
        for assumption in &report.assumptions {
            eprintln!("{}: assumes: {assumption}", ended.name);
        }
        for (name, value) in &report.figures {
            eprintln!("{}: {name} = {value}", ended.name);
        }
    }
}

fn exit_code(ended: &[Ended]) -> ExitCode {
    if ended.iter().any(|one| one.result.is_err()) {
        return ExitCode::from(2);
    }
    let as_expected = ended.iter().all(|one| match &one.result {
        Ok(report) => match one.expected {
            Expected::Pass => report.verdict == Verdict::Pass,
            Expected::Fail => report.verdict == Verdict::Fail,
        },
        Err(_) => false,
    });
    if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// 1234567 as `1.2 M`.
fn short(number: f64) -> String {
    match number {
        n if n >= 1e9 => format!("{:.1} G", n / 1e9),
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e3 => format!("{:.1} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}

/// Seconds as days, hours or minutes.
fn span(seconds: f64) -> String {
    match seconds {
        s if s >= 86_400.0 => format!("{:.1} d", s / 86_400.0),
        s if s >= 3_600.0 => format!("{:.1} h", s / 3_600.0),
        s => format!("{:.1} min", s / 60.0),
    }
}
