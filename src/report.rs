//! `qsim report`: a run, two runs beside each other, or a sweep, as one page that needs no network, or as data.

mod compare;
mod plots;
mod run;
mod source;
mod sweep;
mod tables;
mod trades;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use reports::page::{self, FORMAT, Report, RunReport};

use crate::run::Pending;
use crate::{data_folder, misuse, print};
use run::Told;
use source::Source;

/// Arguments of `qsim report`.
#[derive(Args)]
pub struct ReportArguments {
    /// A scenario file, a journal that `qsim run --journal` wrote, or the folder of a sweep's results
    path: PathBuf,
    /// A second run, to be compared with the first
    other: Option<PathBuf>,
    /// Where it is written [default: a page beside what it is about; data to standard output]
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// Folder with imported market data, or its URL in an object store [default: the environment's QSIM_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// What is written
    #[arg(long, value_enum, default_value_t = ReportFormat::Html)]
    format: ReportFormat,
}

/// What a report is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    /// One page that needs no network.
    Html,
    /// All of the page's data as one JSON object.
    Json,
    /// Plots for a terminal.
    Plot,
    /// The trades of a run, or the trials of a sweep.
    Csv,
    /// The same for dataframes: amounts as doubles, times as timestamps.
    Parquet,
}

/// Runs the command.
pub fn run(arguments: &ReportArguments) -> ExitCode {
    match report(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => misuse(message),
    }
}

fn report(arguments: &ReportArguments) -> Result<(), String> {
    let source = source::of(&arguments.path)?;
    let other = arguments.other.as_deref().map(source::of).transpose()?;
    let binary = arguments.format == ReportFormat::Parquet;
    if binary && arguments.into.is_none() && io::stdout().is_terminal() {
        return Err("--format parquet is nothing to read: say --into FILE.parquet".to_owned());
    }
    // A place that cannot be written is told before anything is run.
    let file = match (&arguments.into, arguments.format) {
        (Some(path), _) => Some(path.clone()),
        (None, ReportFormat::Html) => Some(beside(&arguments.path, other.is_some())),
        (None, _) => None,
    };
    let pending = file.as_deref().map(Pending::begin).transpose()?;
    let content = content(arguments, source, other)?;
    match (pending, file) {
        (Some(pending), Some(path)) => {
            pending.finish_with(|out| content.write(out))?;
            print(&path.display().to_string());
        }
        // A reader that has seen enough closes the pipe, which is no fault.
        _ => match content.write(&mut io::BufWriter::new(io::stdout().lock())) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(format!("standard output: {error}"));
            }
            _ => {}
        },
    }
    Ok(())
}

/// What is written.
enum Content {
    Html(Report),
    Json(Report),
    Text(String),
    Parquet(Vec<u8>),
}

impl Content {
    fn write(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Content::Html(report) => page::write_html(out, report),
            Content::Json(report) => page::write_json(out, &report),
            Content::Parquet(bytes) => out.write_all(&bytes).and_then(|()| out.flush()),
            Content::Text(text) => out.write_all(text.as_bytes()).and_then(|()| out.flush()),
        }
    }
}

fn content(
    arguments: &ReportArguments,
    source: Source,
    other: Option<Source>,
) -> Result<Content, String> {
    let as_told = |report: Report| match arguments.format {
        ReportFormat::Json => Content::Json(report),
        _ => Content::Html(report),
    };
    let csv = arguments.format == ReportFormat::Csv;
    let plot = arguments.format == ReportFormat::Plot;
    let parquet = arguments.format == ReportFormat::Parquet;
    let data = data_folder(arguments.data.as_ref());
    match (source, other) {
        (Source::Sweep(sweep), None) if plot => Ok(Content::Text(plots::of_sweep(&sweep))),
        (Source::Run(_), Some(Source::Run(_))) if plot => {
            Err("--format plot draws one run: name one, or take html".to_owned())
        }
        (Source::Sweep(sweep), None) if parquet => {
            tables::trials_parquet(&sweep).map(Content::Parquet)
        }
        (Source::Sweep(sweep), None) if csv => tables::trials(&sweep).map(Content::Text),
        (Source::Sweep(sweep), None) => Ok(as_told(Report::Sweep(Box::new(sweep::report(&sweep))))),
        (Source::Run(_), Some(Source::Run(_))) if csv || parquet => {
            Err("--format csv and parquet hold the trades of one run: name one, or take json"
                .to_owned())
        }
        (Source::Run(asked), None) => {
            let told = run::tell(&asked, data.as_deref())?;
            if plot {
                return Ok(Content::Text(plots::of_run(&told.run.name, &told.record)));
            }
            if csv {
                return tables::trades(&told.record, &told.run.symbols).map(Content::Text);
            }
            if parquet {
                let table = tables::trades_parquet(&told.record, &told.run.symbols);
                return table.map(Content::Parquet);
            }
            Ok(as_told(runs(told, None)))
        }
        (Source::Run(one), Some(Source::Run(other))) => {
            let (one, other) =
                (run::tell(&one, data.as_deref())?, run::tell(&other, data.as_deref())?);
            Ok(as_told(runs(one, Some(other))))
        }
        _ => Err(format!(
            "{} and {}: only two runs are compared, not sweeps",
            arguments.path.display(),
            arguments.other.as_deref().unwrap_or(Path::new("")).display()
        )),
    }
}

fn runs(one: Told, other: Option<Told>) -> Report {
    let comparison = other.as_ref().map(|other| compare::comparison(&one, other));
    let title = match &other {
        Some(other) => format!("{} and {}", one.run.name, other.run.name),
        None => one.run.name.clone(),
    };
    let runs = [Some(one), other].into_iter().flatten().map(|told| told.run).collect();
    Report::Run(Box::new(RunReport { format: FORMAT, title: Some(title), runs, comparison }))
}

/// Where a page goes that nobody gave a place.
fn beside(path: &Path, two: bool) -> PathBuf {
    if path.is_dir() {
        return path.join("report.html");
    }
    path.with_extension(if two { "comparison.html" } else { "html" })
}
