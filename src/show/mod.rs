//! `qsim data show`: a look at one series, as rows or as a chart.

mod chart;
mod picture;
mod rows;
mod terminal;

use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use datasets::DataError;
use datasets::catalogue::Catalogue;
use datasets::query::Listing;
use datasets::replay::Range;
use datasets::resample::{BarLength, LeftOut};
use engine::Nanos;

use crate::data::instant;
use crate::data_folder;

/// Arguments of `qsim data show`.
#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The folder of the data set [default: the environment's QSIM_DATA]
    #[arg(long)]
    data: Option<PathBuf>,
    /// What: klines, aggTrades, fundingRate or another kind that `qsim data list` shows.
    #[arg(long)]
    kind: String,
    /// Whose.
    #[arg(long)]
    symbol: String,
    /// Length of the stored bars [default: the only one there is]
    #[arg(long)]
    interval: Option<String>,
    /// First instant, such as 2026-02-01 or 2026-02-01T08:30:00Z [default: where the series begins]
    #[arg(long, value_parser = instant)]
    from: Option<Nanos>,
    /// First instant after the end [default: where the series ends]
    #[arg(long, value_parser = instant)]
    to: Option<Nanos>,
    /// Make bars of this length of trades or of shorter bars: 90s, 5m, 1h, 1d, 1w.
    #[arg(long)]
    resample: Option<BarLength>,
    /// Most rows: of a table half from each end [default: 20], of csv and json the first [default: all]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rows: Option<u32>,
    /// How to print rows [default: what the file's ending says, else a table]
    #[arg(long, value_enum)]
    format: Option<ShowFormat>,
    /// Draw candles instead, into the terminal.
    #[arg(long, conflicts_with_all = ["rows", "format"])]
    chart: bool,
    /// Write into this file instead: .csv, .json or .jsonl rows, a .svg picture of candles, else a table.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ShowFormat {
    /// A table for people.
    Table,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line, decimals as texts.
    Json,
}

/// A table's rows if nobody says how many.
const TABLE_ROWS: u32 = 20;
/// Columns of a chart that goes to no terminal.
const COLUMNS: u16 = 100;

/// Runs `qsim data show`.
pub fn run(arguments: &ShowArguments) -> Result<u8, DataError> {
    let Some(data) = data_folder(arguments.data.as_ref()) else {
        return Err(DataError::Misuse(
            "there is nothing to show without a data set: give --data DIR, or set QSIM_DATA=DIR"
                .into(),
        ));
    };
    let shown = shown(arguments)?;
    let range = Range {
        from: arguments.from.unwrap_or(Range::ALL.from),
        to: arguments.to.unwrap_or(Range::ALL.to),
    };
    if range.from >= range.to {
        return Err(DataError::Misuse(format!(
            "--from {} is not before --to {}; exchange them",
            range.from, range.to
        )));
    }
    let catalogue = Catalogue::open(&data)?;
    let interval = arguments.interval.as_deref();
    let id = catalogue.find(&arguments.kind, &arguments.symbol, interval)?;
    let mut listing = Listing::open(&catalogue, &id, range, arguments.resample)?;
    if let Some(length) = arguments.resample
        && let Some(left_out) = LeftOut::find(&catalogue, &id, range, length)?
    {
        eprintln!("{left_out}");
    }
    let rows = arguments.rows;
    let out = arguments.out.as_deref();
    match shown {
        Shown::Chart => {
            let title = match arguments.resample {
                Some(length) => format!("{id} as bars of {length}"),
                None => id.to_string(),
            };
            draw(&mut listing, title, out)?;
        }
        Shown::Rows(ShowFormat::Table) => {
            let rows = rows.unwrap_or(TABLE_ROWS) as usize;
            to_sink(out, |sink| rows::table(&mut listing, rows, sink))?;
        }
        Shown::Rows(ShowFormat::Csv) => to_sink(out, |sink| rows::csv(&mut listing, rows, sink))?,
        Shown::Rows(ShowFormat::Json) => to_sink(out, |sink| rows::json(&mut listing, rows, sink))?,
    }
    Ok(0)
}

/// What is made of a series.
enum Shown {
    Chart,
    Rows(ShowFormat),
}

/// What the options and the file's ending say together; where they contradict each other, that is asked.
fn shown(arguments: &ShowArguments) -> Result<Shown, DataError> {
    let ShowArguments { chart, format, rows, out, .. } = arguments;
    let Some(out) = out else {
        return Ok(match chart {
            true => Shown::Chart,
            false => Shown::Rows(format.unwrap_or(ShowFormat::Table)),
        });
    };
    let refuse = |what: &str| Err(DataError::Misuse(format!("{}: {what}", out.display())));
    let ending = out.extension().and_then(OsStr::to_str).unwrap_or("").to_lowercase();
    let of_ending = match ending.as_str() {
        "svg" if format.is_some() || rows.is_some() => {
            return refuse(
                "rows make no picture; leave --format and --rows out, or let the name end with .csv or .json",
            );
        }
        "svg" => return Ok(Shown::Chart),
        _ if *chart => {
            return refuse(
                "a chart is written as SVG, which browsers show; let the name end with .svg",
            );
        }
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "pdf" => {
            return refuse(
                "pictures are written as SVG, which browsers show; let the name end with .svg",
            );
        }
        "csv" => Some(ShowFormat::Csv),
        "json" | "jsonl" | "ndjson" => Some(ShowFormat::Json),
        _ => None,
    };
    match (of_ending, *format) {
        (Some(ending), Some(format)) if ending != format => refuse(
            "its ending says another format than --format; leave --format out, or change the ending",
        ),
        (ending, format) => Ok(Shown::Rows(ending.or(format).unwrap_or(ShowFormat::Table))),
    }
}

fn draw(listing: &mut Listing, title: String, out: Option<&Path>) -> Result<(), DataError> {
    if out.is_some() {
        let chart = chart::Chart::read(listing, title, picture::CANDLES_MAX)?;
        return to_sink(out, |sink| Ok(sink.write_all(picture::svg(&chart).as_bytes())?));
    }
    let terminal = console::Term::stdout();
    let columns = terminal.size_checked().map_or(COLUMNS, |(_, columns)| columns);
    let layout = terminal::Layout::of(usize::from(columns));
    let chart = chart::Chart::read(listing, title, layout.candles)?;
    let text = terminal::paint(&chart, layout, console::colors_enabled());
    to_sink(None, |sink| Ok(sink.write_all(text.as_bytes())?))
}

/// Why nothing more is written.
enum Stop {
    Data(DataError),
    Sink(io::Error),
}

impl From<DataError> for Stop {
    fn from(error: DataError) -> Stop {
        Stop::Data(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Sink(error)
    }
}

/// Writes to standard output, or into a file that takes its place only when it is complete.
fn to_sink(
    out: Option<&Path>,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Stop>,
) -> Result<(), DataError> {
    let Some(path) = out else {
        let mut sink = BufWriter::new(io::stdout().lock());
        let done = write(&mut sink).and_then(|()| Ok(sink.flush()?));
        return match done {
            // A reader that has seen enough closes the pipe, which is no fault.
            Err(Stop::Sink(e)) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done.map_err(|stop| stop.at(Path::new("standard output"))),
        };
    };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let fault = |stop: Stop| stop.at(path);
    let half = half_file(folder).map_err(|e| fault(e.into()))?;
    let mut sink = BufWriter::new(half);
    write(&mut sink).map_err(fault)?;
    let half = sink.into_inner().map_err(|e| fault(e.into_error().into()))?;
    half.persist(path).map_err(|e| fault(e.error.into()))?;
    Ok(())
}

/// A file that others may read once it has its place, as any other that a user writes.
fn half_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".qsim-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

impl Stop {
    fn at(self, path: &Path) -> DataError {
        match self {
            Stop::Data(error) => error,
            Stop::Sink(source) => DataError::Io { path: path.to_owned(), source },
        }
    }
}
