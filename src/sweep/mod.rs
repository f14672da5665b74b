//! `qsim sweep`: many variants of a scenario, on all cores, and what they come to.

mod ray;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clap::{Args, ValueEnum};
use console::Term;
use engine::Nanos;
use indicatif::{ProgressBar, ProgressStyle};
use scenarios::RunOptions;
use scenarios::sweep::{
    Engine, Local, Results, Sweep, SweepEnded, SweepProgress, SweepSummary, TrialResult,
    Validation, summary,
};
use serde_json::json;

use crate::run::now;
use crate::{Format, complain, data_folder, misuse, print};

/// Arguments of `qsim sweep`.
#[derive(Args)]
pub struct SweepArguments {
    /// The sweep file
    file: PathBuf,
    /// Folder with imported market data, or its URL in an object store [default: the environment's QSIM_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Folder of the results; a sweep that was interrupted goes on there [default: the file's name with .sweep]
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Trials that run at the same time [default: the number of cores]
    #[arg(long, short = 'j', value_name = "N")]
    jobs: Option<usize>,
    /// Run each trial from its first instant, also where others share its beginning
    #[arg(long)]
    no_forks: bool,
    /// Where trials run
    #[arg(long, value_enum, default_value_t = Where::Local)]
    engine: Where,
    /// With --engine ray: address of the cluster, such as auto or ray://HOST:10001 [default: one of this machine's own]
    #[arg(long, value_name = "ADDRESS")]
    address: Option<String>,
    /// With --engine ray: the Python that has Ray and the package `qsim`
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
    /// Best trials that are printed
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    /// How results are printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// Where trials run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Where {
    /// The cores of this machine.
    Local,
    /// A Ray cluster.
    Ray,
}

/// Runs trials for somebody else: lines on standard input and output.
pub fn work() -> ExitCode {
    let worker = format!("process-{}", std::process::id());
    let (asked, told) = (std::io::stdin().lock(), std::io::stdout().lock());
    match scenarios::sweep::work(asked, told, &worker) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => misuse(error),
    }
}

/// Runs the command.
pub fn run(arguments: &SweepArguments) -> ExitCode {
    match sweep(arguments) {
        Ok(code) => code,
        Err(message) => misuse(message),
    }
}

fn sweep(arguments: &SweepArguments) -> Result<ExitCode, String> {
    let sweep = Sweep::read(&arguments.file).map_err(|error| error.to_string())?;
    let into = arguments.into.clone().unwrap_or_else(|| arguments.file.with_extension("sweep"));
    let mut results = Results::open(&into, &sweep).map_err(|error| error.to_string())?;
    let trials = sweep.trials()?;
    if results.count() > 0 {
        complain(&format!(
            "{} of {trials} trials are in {} already",
            results.count(),
            into.display()
        ));
    }
    if let Some(jobs) = arguments.jobs {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.max(1)).build_global();
        pool.map_err(|error| format!("--jobs {jobs}: {error}"))?;
    }
    let options =
        RunOptions { data: data_folder(arguments.data.as_ref()), ..RunOptions::default() };
    let engine: Box<dyn Engine> = match arguments.engine {
        Where::Local => Box::new(Local::new(options, arguments.no_forks)),
        Where::Ray => Box::new(ray::Ray {
            address: arguments.address.clone(),
            python: arguments.python.clone(),
            program: std::env::current_exe().map_err(|error| error.to_string())?,
            data: options.data,
        }),
    };
    let stop = stop_on_signals()?;
    let shown = Shown::new(&sweep, trials, results.count() as u64);
    let ended = sweep.run_all(&*engine, &mut results, &stop, &shown);
    shown.bar.finish_and_clear();
    let ended = ended.map_err(|error| error.to_string())?;
    let all: Vec<TrialResult> = results.all().cloned().collect();
    let came_to = summary(sweep.file(), &all);
    match arguments.format {
        Format::Table => print(&text(&sweep, &all, &came_to, arguments.top, results.folder())),
        Format::Json => print_json(&sweep, &all, &came_to, arguments.top),
    }
    if ended == SweepEnded::Interrupted {
        complain(&format!(
            "interrupted behind {} of {trials} trials; the same command goes on",
            results.count()
        ));
        return Ok(ExitCode::from(1));
    }
    Ok(if came_to.done == 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Set when the process is asked to end; asked once more it ends at once.
fn stop_on_signals() -> Result<Arc<AtomicBool>, String> {
    let stop = Arc::new(AtomicBool::new(false));
    let wait = live::session::signals_to_end().map_err(|error| error.to_string())?;
    let flag = Arc::clone(&stop);
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            wait();
            flag.store(true, Ordering::Relaxed);
            complain("ends when the trials that run have ended");
        })
        .map_err(|error| error.to_string())?;
    Ok(stop)
}

/// How far it is, on standard error.
struct Shown {
    bar: ProgressBar,
    started: Instant,
    plain: bool,
    before: u64,
    ended: AtomicU64,
    total: u64,
    objective: String,
    maximize: bool,
    best: Mutex<Option<(f64, u64)>>,
}

impl Shown {
    fn new(sweep: &Sweep, total: u64, before: u64) -> Shown {
        let bar = ProgressBar::new(total);
        let style = "{bar:30} {pos}/{len} trials  {per_sec}  {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.set_position(before);
        bar.reset_eta();
        let objective = sweep.file().objectives.first();
        Shown {
            bar,
            started: now(),
            plain: !Term::stderr().is_term(),
            before,
            ended: AtomicU64::new(0),
            total,
            objective: objective.map(|of| of.name.clone()).unwrap_or_default(),
            maximize: objective.is_some_and(|of| of.goal == scenarios::sweep::Direction::Maximize),
            best: Mutex::new(None),
        }
    }
}

impl SweepProgress for Shown {
    fn ended(&self, result: &TrialResult) {
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(error) = &result.error {
            let text = format!("trial {} has no result: {error}", result.number);
            self.bar.suspend(|| complain(&text));
        }
        let mut best = self.best.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = result.objectives.first().copied().flatten() {
            let better = best.is_none_or(|(there, _)| (value > there) == self.maximize);
            if better {
                *best = Some((value, result.number));
            }
        }
        if let Some((value, number)) = *best {
            self.bar.set_message(format!("best {} {value:.4} (trial {number})", self.objective));
        }
        self.bar.inc(1);
        // Where nobody sees a bar move, a line tells of each twentieth part.
        let (done, total) = (self.before + ended, self.total.max(1));
        if self.plain && (done * 20 / total != (done - 1) * 20 / total || done == total) {
            let rate = ended as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
            let left = (total - done.min(total)) as f64 / rate.max(1e-9);
            let best = best.map_or(String::new(), |(value, number)| {
                format!(", best {} {value:.4} (trial {number})", self.objective)
            });
            complain(&format!("{done} of {total} trials, {rate:.1}/s, {left:.0} s left{best}"));
        }
    }
}

/// The best trials as a table, and below it what they are worth.
fn text(
    sweep: &Sweep,
    all: &[TrialResult],
    came_to: &SweepSummary,
    top: usize,
    folder: &Path,
) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_NO_BORDERS);
    let objectives: Vec<&str> = sweep.file().objectives.iter().map(|of| of.name.as_str()).collect();
    let paths: Vec<&str> = sweep.paths().collect();
    let short = |path: &str| path.rsplit('.').next().unwrap_or(path).to_owned();
    let always = ["total_return", "max_drawdown", "trades"];
    let head = ["trial".to_owned()]
        .into_iter()
        .chain(objectives.iter().map(|name| (*name).to_owned()))
        .chain(always.iter().map(|name| (*name).to_owned()))
        .chain(paths.iter().map(|path| short(path)))
        .chain(["digest".to_owned()]);
    table.set_header(head);
    for number_of in came_to.best.iter().take(top) {
        let Some(result) = all.iter().find(|result| result.number == *number_of) else { continue };
        let mark = if came_to.front.contains(number_of) && objectives.len() > 1 { "*" } else { "" };
        let row = [format!("{number_of}{mark}")]
            .into_iter()
            .chain(result.objectives.iter().map(|value| digits(*value)))
            .chain(always.iter().map(|name| digits(result.metrics.get(*name).copied().flatten())))
            .chain(
                paths.iter().map(|path| {
                    result.point.get(*path).map_or("-".to_owned(), ToString::to_string)
                }),
            )
            .chain([result.digest.chars().take(16).collect()]);
        table.add_row(row);
    }
    let mut lines = vec![table.to_string()];
    let failed = match came_to.failed {
        0 => String::new(),
        failed if came_to.undefined == 0 => format!(", {failed} without a result"),
        failed => format!(
            ", {failed} without a result, {} of them for an undefined objective (such as a Sharpe ratio without trades)",
            came_to.undefined
        ),
    };
    lines.push(format!("{} trials{failed}; results in {}", all.len(), folder.display()));
    lines.push(match &came_to.deflated {
        Ok(of) => format!(
            "deflated Sharpe ratio of the trial with the highest ({}): {:.3}, among {:.1} independent trials; below 0.95 it may be luck",
            of.number, of.deflated, of.independent
        ),
        Err(why) => format!("deflated Sharpe ratio: {why}"),
    });
    lines.push(match &came_to.overfitting {
        Ok(of) => format!(
            "probability of backtest overfitting: {:.2}; of a loss out of sample: {:.2}",
            of.probability, of.probability_of_loss
        ),
        Err(why) => format!("probability of backtest overfitting: {why}"),
    });
    lines.push(match &came_to.neighbourhood {
        Ok(of) => format!(
            "neighbours of the best: mean {:.4}, worst {:.4}; it stands {:.1} interquartile ranges above them",
            of.mean, of.worst, of.contrast
        ),
        Err(why) => format!("neighbours of the best: {why}"),
    });
    if let Some(validation) = &came_to.validation {
        lines.push(match validation {
            Ok(validation) => validated(validation),
            Err(why) => format!("folds: {why}"),
        });
    }
    lines.join("\n")
}

/// What was chosen in each fold, and what it was worth where nobody chose.
fn validated(validation: &Validation) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::UTF8_NO_BORDERS);
    table.set_header(["test", "to", "chosen", "in sample", "out of sample", "rank", "median"]);
    for fold in &validation.folds {
        let at = |time: Option<i64>| time.map_or("-".to_owned(), |at| Nanos(at).to_string());
        let chosen = fold.chosen.map_or("-".to_owned(), |number| number.to_string());
        let rank = fold.rank.map_or("-".to_owned(), |rank| format!("{rank} of {}", fold.trials));
        table.add_row([
            at(fold.test.first().map(|span| span.from)),
            at(fold.test.last().map(|span| span.to)),
            chosen,
            digits(fold.in_sample),
            digits(fold.out_of_sample),
            rank,
            digits(fold.median),
        ]);
    }
    let mut lines = vec![table.to_string()];
    for (number, way) in validation.ways.iter().enumerate() {
        let which = match validation.ways.len() {
            1 => String::new(),
            ways => format!(" (way {} of {ways} through the tests)", number + 1),
        };
        let sat_out = match way.sat_out {
            0 => String::new(),
            tests => format!("; {tests} tests sat out, nothing was chosen for them"),
        };
        lines.push(format!(
            "out of sample, with what was chosen each time{which}: return {}, maximum drawdown {}, Sharpe ratio {}{sat_out}",
            digits(Some(way.total_return)),
            digits(Some(way.max_drawdown)),
            digits(way.sharpe)
        ));
    }
    lines.push(format!(
        "efficiency, out of sample by in sample: {}; share of the choices below the median of their test: {}",
        digits(validation.efficiency),
        digits(validation.below_median)
    ));
    lines.join("\n")
}

/// Four digits that matter, whatever the size.
#[allow(clippy::disallowed_methods, reason = "only for the eye")]
fn digits(value: Option<f64>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    let size = value.abs();
    let places = if size == 0.0 { 0 } else { (3 - size.log10().floor() as i32).clamp(0, 10) };
    format!("{value:.*}", places as usize)
}

fn print_json(sweep: &Sweep, all: &[TrialResult], came_to: &SweepSummary, top: usize) {
    for number in came_to.best.iter().take(top) {
        if let Some(result) = all.iter().find(|result| result.number == *number) {
            print(&json!({ "trial": result }).to_string());
        }
    }
    let came_to =
        SweepSummary { best: came_to.best.iter().take(top).copied().collect(), ..came_to.clone() };
    print(&json!({ "sweep": sweep.file().name, "summary": came_to }).to_string());
}
