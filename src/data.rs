//! `qsim data`: fetch market data, import it, list, show and check what is there, fit made markets to it.

mod fetch;
mod fit;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::Table;
use datasets::catalogue::{Catalogue, Damage};
use datasets::import::{ImportReport, Refusal, Skip, import};
use datasets::{DataError, Kind};
use engine::{FieldValue, IsoTime, Nanos};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use sim_exchange::RuleBook;

use crate::{print, show};

/// Arguments of `qsim data`.
#[derive(Debug, Args)]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Fetch files of Binance's public archive, or of a mirror of it, verified, to be imported.
    Fetch(fetch::FetchArguments),
    /// Import Binance archives (zip with .CHECKSUM, or csv), recorded streams (JSON lines as jsonl, ndjson,
    /// dat or gz) and event arrays of hftbacktest (npz) into a data set.
    Import {
        /// Files or folders; folders with everything below them.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// The folder of the data set.
        #[arg(long)]
        into: PathBuf,
        /// How to print the result.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// List the series of a data set.
    List {
        /// The folder of the data set.
        data: PathBuf,
        /// How to print the result.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show the rows of a series, or bars made of them, as a table, csv, JSON or a chart.
    Show(show::ShowArguments),
    /// Fit the parameters of a made market to recorded data and print them as a piece of a scenario file.
    Fit(fit::FitArguments),
    /// Read every row of a data set and report gaps, duplicates and contradictions.
    Check {
        /// The folder of the data set.
        data: PathBuf,
        /// How to print the result.
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Json,
    /// A table for people.
    Table,
}

/// An instant of the command line; a day alone is its midnight.
pub fn instant(text: &str) -> Result<Nanos, String> {
    let midnight = format!("{text}T00:00:00Z");
    let time = [text, &midnight].iter().find_map(|text| IsoTime::read_text(Some(text)).ok());
    time.map(|time| time.0)
        .ok_or_else(|| "give a time such as 2026-02-01T08:30:00Z, or a day: 2026-02-01".to_owned())
}

const FOUND: u8 = 1;
const REFUSED: u8 = 2;

/// Runs `qsim data`: 0 if all is well, 1 if a check found something, 2 if something was refused.
pub fn run(args: DataArgs) -> ExitCode {
    let result = match args.command {
        DataCommand::Fetch(arguments) => fetch::run(&arguments),
        DataCommand::Import { paths, into, format } => run_import(&paths, &into, format),
        DataCommand::List { data, format } => run_list(&data, format),
        DataCommand::Show(arguments) => show::run(&arguments),
        DataCommand::Fit(arguments) => fit::run(&arguments),
        DataCommand::Check { data, format } => run_check(&data, format),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::from(REFUSED)
        }
    }
}

fn print_json(value: &impl Serialize) -> Result<(), DataError> {
    let text = serde_json::to_string(value)
        .map_err(|e| DataError::Misuse(format!("the result cannot be printed: {e}")))?;
    print(&text);
    Ok(())
}

fn run_import(paths: &[PathBuf], into: &Path, format: Format) -> Result<u8, DataError> {
    let bar = ProgressBar::new(0);
    let template = "{bar:30} {bytes}/{total_bytes}, {eta} left  {wide_msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    let report = import(paths, into, &|progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes);
        let name = progress.path.file_name().unwrap_or_default().to_string_lossy();
        bar.set_message(format!("{}/{} files  {name}", progress.done, progress.total));
    })?;
    bar.finish_and_clear();
    explain(&report);
    if report.files > 0 {
        tell_without_rules(into)?;
    }
    match format {
        Format::Json => print_report(&report)?,
        Format::Table => print(&format!(
            "{} {}, {} rows into {}; {} duplicates; {} skipped, {} refused; data set {}",
            report.files,
            if report.files == 1 { "file" } else { "files" },
            report.rows,
            into.display(),
            report.duplicates,
            report.skipped.len(),
            report.refused.len(),
            if report.digest.is_empty() { "empty or not readable" } else { &report.digest },
        )),
    }
    let brought = report.files > 0 || report.skipped.iter().any(|skip| skip.already_there);
    Ok(if report.refused.is_empty() && brought { 0 } else { REFUSED })
}

/// Symbols whose prices came in and that a run can only trade with rules of the scenario's own: better said
/// now than after an hour of imports.
fn tell_without_rules(set: &Path) -> Result<(), DataError> {
    let rules = RuleBook::embedded().map_err(|e| DataError::Misuse(e.to_string()))?.symbols();
    let Ok(catalogue) = Catalogue::open_readable(set) else { return Ok(()) };
    let traded = |kind| matches!(kind, Kind::Klines | Kind::AggTrades | Kind::Trades);
    let list = catalogue.list();
    let unknown = list.iter().filter(|s| traded(s.kind) && !rules.contains(&s.symbol));
    let unknown: BTreeSet<String> = unknown.map(|s| s.symbol.to_string()).collect();
    if !unknown.is_empty() {
        let unknown: Vec<String> = unknown.into_iter().collect();
        eprintln!(
            "note: qsim knows no filters and brackets of {}; a scenario states them, as [[exchange.filters]] and [[exchange.brackets]]",
            unknown.join(", ")
        );
    }
    Ok(())
}

/// Files of one folder that share a note are told as one, so that the note on a single file is seen.
const SAME_NOTES_MAX: usize = 3;

/// What happened to single files, for people.
fn explain(report: &ImportReport) {
    let mut notes: BTreeMap<&str, Vec<&Path>> = BTreeMap::new();
    for note in &report.notes {
        notes.entry(&note.text).or_default().push(&note.path);
    }
    for (text, paths) in notes {
        if paths.len() <= SAME_NOTES_MAX {
            paths.iter().for_each(|path| eprintln!("note: {}: {text}", path.display()));
        } else {
            let (count, first) = (paths.len(), paths[0].display());
            eprintln!("note: {count} files: {text} (the first is {first}; all with --format json)");
        }
    }
    for skip in &report.skipped {
        eprintln!("skipped: {}: {}", skip.path.display(), skip.reason);
    }
    for refusal in &report.refused {
        eprintln!("refused: {}: {}", refusal.path.display(), refusal.reason);
    }
    if report.files == 0 {
        eprintln!("{}", nothing(report));
    }
}

/// Why an import brought nothing.
fn nothing(report: &ImportReport) -> String {
    let known = report.skipped.iter().filter(|skip| skip.already_there).count();
    if known == report.skipped.len() && report.refused.is_empty() && known > 0 {
        return format!("nothing new: all {} rows are there already", report.duplicates);
    }
    let mut reasons = Vec::new();
    if known > 0 {
        reasons.push(format!("{known} there already"));
    }
    if report.skipped.len() > known {
        let others = report.skipped.iter().filter(|skip| !skip.already_there);
        let why: BTreeSet<&str> = others.map(|skip| skip.reason.as_str()).collect();
        let why: Vec<&str> = why.into_iter().collect();
        reasons.push(format!("{} skipped ({})", report.skipped.len() - known, why.join("; ")));
    }
    if !report.refused.is_empty() {
        reasons.push(format!("{} refused", report.refused.len()));
    }
    format!("nothing was imported: {}", reasons.join(", "))
}

/// One file whose rows are not in the data set, for scripts.
#[derive(Serialize)]
struct FileLine<'a> {
    path: &'a Path,
    outcome: &'static str,
    reason: &'a str,
}

/// A line for each file whose rows are not in the data set, and the report.
fn print_report(report: &ImportReport) -> Result<(), DataError> {
    for Refusal { path, reason } in &report.refused {
        print_json(&FileLine { path, outcome: "refused", reason })?;
    }
    for Skip { path, reason, .. } in report.skipped.iter().filter(|skip| !skip.already_there) {
        print_json(&FileLine { path, outcome: "skipped", reason })?;
    }
    print_json(report)
}

fn tell_damage(damage: &Damage) {
    eprintln!("damaged: {}: {}", damage.path.display(), damage.reason);
}

fn run_list(data: &Path, format: Format) -> Result<u8, DataError> {
    let catalogue = Catalogue::open_readable(data)?;
    let list = catalogue.list();
    catalogue.damaged().iter().for_each(tell_damage);
    let code = if catalogue.damaged().is_empty() { 0 } else { FOUND };
    if format == Format::Json {
        list.iter().try_for_each(print_json)?;
        return Ok(code);
    }
    let mut table = Table::new();
    table.set_header([
        "kind", "symbol", "interval", "files", "rows", "first", "last", "decimals", "digest",
    ]);
    for s in list {
        table.add_row([
            s.kind.name().to_owned(),
            s.symbol.to_string(),
            s.interval.unwrap_or("").to_owned(),
            s.files.to_string(),
            s.rows.to_string(),
            s.first,
            s.last,
            format!("{}/{}", s.price_decimals, s.qty_decimals),
            s.digest.chars().take(12).collect(),
        ]);
    }
    print(&table.to_string());
    Ok(code)
}

fn run_check(data: &Path, format: Format) -> Result<u8, DataError> {
    let catalogue = Catalogue::open_readable(data)?;
    let checks = catalogue.check()?;
    let damaged = catalogue.damaged();
    // Those that lie with no series have no line among the series.
    damaged.iter().filter(|damage| damage.series.is_none()).for_each(tell_damage);
    let clean = damaged.is_empty() && checks.iter().all(datasets::catalogue::Check::is_clean);
    let code = if clean { 0 } else { FOUND };
    if format == Format::Json {
        checks.iter().try_for_each(print_json)?;
        return Ok(code);
    }
    let mut table = Table::new();
    table.set_header([
        "kind", "symbol", "interval", "against", "rows", "finding", "count", "first", "detail",
    ]);
    for c in checks {
        let head = [
            c.kind.name().to_owned(),
            c.symbol.to_string(),
            c.interval.unwrap_or("").to_owned(),
            c.against.unwrap_or_default(),
            c.rows.to_string(),
        ];
        if c.findings.is_empty() {
            let fine = ["fine", "", "", ""].map(str::to_owned);
            table.add_row(head.iter().cloned().chain(fine));
        }
        for f in c.findings {
            let what = if f.note { format!("{} (note)", f.what) } else { f.what.to_owned() };
            let rest = [what, f.count.to_string(), f.first, f.detail];
            table.add_row(head.iter().cloned().chain(rest));
        }
    }
    print(&table.to_string());
    Ok(code)
}
