//! `qsim data fetch`: files of the public archive into a folder that `qsim data import` reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use datasets::DataError;
use datasets::fetch::{
    Base, DayRange, FetchReport, JOBS_MAX, News, PUBLIC_ARCHIVE, Patience, Progress, Request,
    fetch, series,
};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::{FileLine, Format, REFUSED, SAME_NOTES_MAX, print_json};
use crate::print;

/// Arguments of `qsim data fetch`.
#[derive(Debug, Args)]
pub struct FetchArguments {
    /// Whose data, such as BTCUSDT; several with commas, or the option again.
    #[arg(long, required = true, value_delimiter = ',')]
    symbol: Vec<String>,
    /// What, named as in the archive: klines, aggTrades, fundingRate, metrics, …; several as above.
    #[arg(long, required = true, value_delimiter = ',')]
    kind: Vec<String>,
    /// The length of bars [default: 1m]; several as above.
    #[arg(long, value_delimiter = ',')]
    interval: Vec<String>,
    /// The first day, such as 2026-02-01.
    #[arg(long)]
    from: String,
    /// The first day that is not fetched any more, such as 2026-03-01.
    #[arg(long)]
    to: String,
    /// The folder for the files, which keep the archive's layout.
    #[arg(long)]
    into: PathBuf,
    /// The archive, or a mirror of its layout.
    #[arg(long, default_value = PUBLIC_ARCHIVE)]
    base: String,
    /// Files at once.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=JOBS_MAX as i64))]
    jobs: u8,
    /// How to print the result.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Fetches: 0 if all that the archive has is there, 2 if a file was refused, or if nothing is there.
pub fn run(arguments: &FetchArguments) -> Result<u8, DataError> {
    let FetchArguments { symbol, kind, interval, from, to, into, base, jobs, format } = arguments;
    let request = Request {
        base: Base::parse(base)?,
        series: series(symbol, kind, interval)?,
        range: DayRange::parse(from, to)?,
        jobs: usize::from(*jobs),
        patience: Patience::default(),
    };
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} files  {wide_msg}") {
        bar.set_style(style);
    }
    let report = fetch(&request, into, &|progress| show(&bar, progress))?;
    bar.finish_and_clear();
    explain(&report);
    match format {
        Format::Json => print_report(&report)?,
        Format::Table => print(&format!(
            "{} files ({}) into {}; {} resumed; {} there already; {} not in the archive, {} refused",
            report.fetched,
            HumanBytes(report.bytes),
            into.display(),
            report.resumed,
            report.already_there,
            report.missing.len(),
            report.refused.len(),
        )),
    }
    let is_there = report.fetched + report.already_there > 0 && report.nothing_of.is_empty();
    Ok(if report.refused.is_empty() && is_there { 0 } else { REFUSED })
}

fn show(bar: &ProgressBar, progress: Progress<'_>) {
    bar.set_length(progress.total);
    bar.set_position(progress.done);
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let bytes = HumanBytes(progress.bytes);
    bar.set_message(match progress.news {
        None => bytes.to_string(),
        Some((path, News::Done)) => format!("{bytes}  {}", name(path)),
        Some((path, News::Waits(span, why))) => {
            format!("{bytes}  {}: {why}; again in {} s", name(path), span.as_secs())
        }
    });
}

/// What happened to single files, for people.
fn explain(report: &FetchReport) {
    for note in &report.notes {
        eprintln!("note: {note}");
    }
    let mut missing: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    for path in &report.missing {
        missing.entry(path.parent().unwrap_or(path)).or_default().push(path);
    }
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for (folder, paths) in missing {
        if let [first, .., last] = &paths[..]
            && paths.len() > SAME_NOTES_MAX
        {
            eprintln!(
                "not in the archive: {}: {} files, the first is {}, the last {} (all with --format json)",
                folder.display(),
                paths.len(),
                name(first),
                name(last),
            );
        } else {
            paths.iter().for_each(|path| eprintln!("not in the archive: {}", path.display()));
        }
    }
    for refusal in &report.refused {
        eprintln!("refused: {}: {}", refusal.path.display(), refusal.reason);
    }
    if report.fetched + report.already_there == 0 && report.refused.is_empty() {
        eprintln!("nothing was fetched: the archive has none of it; check symbol, kind and days");
    } else {
        for series in &report.nothing_of {
            eprintln!("nothing of {series} is in the archive; check symbol, kind and days");
        }
    }
}

/// A line for each file that is not there, and the report.
fn print_report(report: &FetchReport) -> Result<(), DataError> {
    for refusal in &report.refused {
        let line = FileLine { path: &refusal.path, outcome: "refused", reason: &refusal.reason };
        print_json(&line)?;
    }
    for path in &report.missing {
        print_json(&FileLine { path, outcome: "missing", reason: "not in the archive" })?;
    }
    print_json(report)
}
