//! `qsim run`: a suite of scenario files in parallel, with progress, a table and a verdict.
//!
//! Invariant: number of threads, order and neighbours change nothing in a case's result, nor the order of
//! cases in any output but `--format json`, which tells each case as it ends.

mod arguments;
mod board;
mod case;
pub mod child;
mod clock;
mod describe;
mod execute;
mod files;
mod github;
mod goldens;
mod json;
mod junit;
mod load;
mod metrics;
mod numbers;
mod outcome;
mod outputs;
mod sarif;
mod select;
mod stories;
mod suite;
mod table;
mod twice;

use std::path::Path;
use std::process::ExitCode;

pub use arguments::RunArguments;
pub use clock::now;
pub use files::Pending;

use crate::{Format, data_folder, misuse, print};
use case::Case;
use goldens::Goldens;
use outcome::{Ended, Judged};
use outputs::Outputs;

/// Runs them all.
pub fn run(arguments: &RunArguments) -> ExitCode {
    match suite(arguments) {
        Ok(code) => code,
        Err(problem) => misuse(problem),
    }
}

fn suite(arguments: &RunArguments) -> Result<ExitCode, String> {
    if arguments.github && arguments.format == Format::Json {
        return Err("--github and --format json both print to standard output: take --jsonl FILE for the lines".into());
    }
    let data = data_folder(arguments.data.as_ref());
    let cases = load::load(arguments, data.is_some())?;
    if arguments.list {
        list(arguments, &cases);
        return Ok(ExitCode::SUCCESS);
    }
    load::tell_skipped(&cases);
    let nothing = cases.iter().all(|case| matches!(case.content, case::Content::Skipped(_)));
    if nothing && !cases.is_empty() {
        return Err(
            "nothing was run: every scenario needs market data (--data DIR or QSIM_DATA)".into()
        );
    }
    let goldens = open_goldens(arguments)?;
    // What cannot be written is told before anything is run.
    let outputs = Outputs::begin(arguments)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(arguments.threads.unwrap_or(0)).build();
    let pool = pool.map_err(|error| format!("--threads: {error}"))?;
    let judged = pool.install(|| suite::run(arguments, data, cases, goldens.as_ref()));
    tell(arguments, &judged);
    let mut problems = outputs.finish(arguments, &judged);
    if arguments.github {
        let summary = github::summary_file();
        problems.extend(summary.and_then(|path| github::append_summary(&path, &judged).err()));
    }
    if let Some(goldens) = goldens {
        problems.extend(settle_goldens(arguments, goldens, &judged).err());
    }
    problems.iter().for_each(|problem| eprintln!("qsim: {problem}"));
    Ok(exit_code(&judged, !problems.is_empty()))
}

/// Results on standard output, all else on standard error.
fn tell(arguments: &RunArguments, judged: &[Judged]) {
    if judged.is_empty() {
        eprintln!("no case is in this shard");
    } else if arguments.format == Format::Table {
        print(&table::text(judged, arguments.verbose));
    }
    if arguments.github {
        github::annotations(judged).iter().for_each(|line| print(line));
    }
    for one in judged {
        table::explain(one, arguments.verbose, table::is_long(judged));
    }
    let left = judged.iter().filter(|one| matches!(one.outcome.ended, Ended::NotRun)).count();
    if left > 0 {
        eprintln!(
            "{} not run, because another one had failed (--fail-fast)",
            numbers::count(left, "case")
        );
    }
    let of = |one: &Judged| one.outcome.report().map_or(0, |report| report.assumptions.len());
    let assumptions: usize = judged.iter().map(of).sum();
    if assumptions > 0 && !arguments.verbose && arguments.format == Format::Table {
        eprintln!("{assumptions} assumptions; `-v` prints them, and all figures");
    }
}

/// The names of the cases.
fn list(arguments: &RunArguments, cases: &[Case]) {
    for case in cases {
        if arguments.format == Format::Json {
            let line = serde_json::json!({
                "case": case.label(),
                "file": case.shown_path(),
                "variant": case.variant,
                "relapse": case.relapse,
                "fails": case.fails,
                "seed": case.seed,
            });
            print(&line.to_string());
            continue;
        }
        let note = match (&case.content, &case.fails) {
            (case::Content::Unreadable(..), _) => "  (cannot be read)".to_owned(),
            (case::Content::Skipped(_), _) => "  (needs market data)".to_owned(),
            (_, Some(name)) if case.relapse => format!("  (relapse, has to fail at {name:?})"),
            _ if case.relapse => "  (relapse, has to fail)".to_owned(),
            _ => String::new(),
        };
        print(&format!("{}{note}", case.label()));
    }
}

/// The golden digests, if they are asked for or lie where they usually do.
fn open_goldens(arguments: &RunArguments) -> Result<Option<Goldens>, String> {
    let usual = Path::new(goldens::USUAL);
    let path = match &arguments.goldens {
        Some(path) if path.exists() || arguments.accept => path.as_path(),
        Some(path) => {
            return Err(format!(
                "{}: there are no golden digests; --accept writes them",
                path.display()
            ));
        }
        None if usual.exists() => usual,
        None if !arguments.accept => return Ok(None),
        None if usual.parent().is_some_and(Path::is_dir) => usual,
        None => {
            return Err(
                "--accept: there is no folder scenarios here: say where with --goldens FILE".into(),
            );
        }
    };
    if arguments.seed.is_some() {
        if !arguments.accept {
            eprintln!("golden digests are of the files' own seeds: none is compared with --seed");
        }
        if arguments.accept {
            return Err(
                "--accept takes the digests of the files' own seeds: leave --seed out".into()
            );
        }
        return Ok(None);
    }
    Goldens::read(path).map(Some)
}

fn settle_goldens(
    arguments: &RunArguments,
    goldens: Goldens,
    judged: &[Judged],
) -> Result<(), String> {
    if !arguments.accept {
        let new = |one: &&Judged| one.outcome.report().is_some() && !goldens.has(&one.case);
        let new = judged.iter().filter(|one| one.case.path.is_some()).filter(new).count();
        if new > 0 {
            eprintln!(
                "{} without a golden digest; --accept writes them",
                numbers::count(new, "case")
            );
        }
        return Ok(());
    }
    let accepted = goldens.accept(judged)?;
    for (name, before, now) in &accepted.changed {
        eprintln!("accepted: {name}: {before} is now {now}");
    }
    for name in &accepted.new {
        eprintln!("accepted: {name}: new");
    }
    for name in &accepted.refused {
        eprintln!("not accepted: {name}: it is not as it should be");
    }
    for name in &accepted.gone {
        eprintln!("accepted: {name}: gone, with its file");
    }
    let same = accepted.changed.is_empty() && accepted.new.is_empty() && accepted.gone.is_empty();
    if same {
        eprintln!("accepted: all golden digests are as they were");
    }
    Ok(())
}

/// Bad input weighs more than a failed check: with it the suite has not said all that it should.
fn exit_code(judged: &[Judged], unwritten: bool) -> ExitCode {
    let bad = judged.iter().any(|one| matches!(one.outcome.ended, Ended::Error(_) | Ended::Bug(_)));
    if bad || unwritten {
        ExitCode::from(2)
    } else if judged.iter().any(|one| !one.faults.is_empty()) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
