//! `qsim`: the command line. One file a command; results go to standard output, diagnostics to standard
//! error. Exit codes: 0 fine, 1 a check failed, 2 misuse or bad input.

mod compare;
mod data;
mod diff;
mod explain;
mod journal;
#[cfg(feature = "models")]
mod learn;
mod live;
mod new;
mod pipeline;
mod replay;
mod report;
mod run;
mod serve;
mod show;
mod sweep;

use std::process::ExitCode;

use mimalloc::MiMalloc;

use clap::{Parser, Subcommand, ValueEnum};

/// Entries of the bus live long and die in order, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Runs a crypto-futures trading pipeline against a simulated Binance USDⓈ-M exchange, on virtual time.
#[derive(Parser)]
#[command(name = "qsim", version, about, propagate_version = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenario files, or folders of them (default: the folder `scenarios`)
    Run(Box<run::RunArguments>),
    /// Runs one case, for `qsim run`, which asks on standard input
    #[command(hide = true)]
    RunCase,
    /// Run many variants of a scenario and compare them
    Sweep(Box<sweep::SweepArguments>),
    /// Runs trials of a sweep, for `qsim sweep`, which asks on standard input
    #[command(hide = true)]
    Trials,
    /// Write the report of a run, of two that are compared, or of a sweep
    Report(report::ReportArguments),
    /// Serve the simulated exchange to any client of Binance USDⓈ-M futures
    Serve(Box<serve::ServeArguments>),
    /// Run a scenario's pipeline live, at the venue that its file names
    Live(Box<live::LiveArguments>),
    /// Run a journal again and stop at the first entry that differs
    Replay(replay::ReplayArguments),
    /// Compare a live session with the simulated exchange in the same hours, cause by cause
    Compare(compare::CompareArguments),
    /// Fetch, import, list, show and check market data
    Data(data::DataArgs),
    /// Print the entries of a journal
    Journal(journal::JournalArguments),
    /// Compare two journals by cause, and show where they part
    Diff(diff::DiffArguments),
    /// Tell the chain of causes from the market to an entry, an order or a plan
    Explain(explain::ExplainArguments),
    /// Write a scenario file of a window of a journal
    New(new::NewArguments),
    /// Print the JSON schema of scenario files, or of sweep files, for editors
    Schema {
        /// Of which files
        #[arg(value_enum, default_value_t = SchemaOf::Scenario)]
        of: SchemaOf,
    },
    /// Print the map of the pipeline, or the contracts of its streams and keys
    Pipeline(pipeline::PipelineArgs),
}

/// What a schema is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SchemaOf {
    /// Scenario files.
    Scenario,
    /// Sweep files.
    Sweep,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON object a line.
    Json,
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    reach_stores();
    match command_line.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::RunCase => run::child::answer(),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Trials => sweep::work(),
        Command::Report(arguments) => report::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Live(arguments) => live::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Data(arguments) => data::run(arguments),
        Command::Journal(arguments) => journal::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Schema { of } => {
            let schema = match of {
                SchemaOf::Scenario => scenarios::schema(),
                SchemaOf::Sweep => scenarios::sweep::schema(),
            };
            print(&format!("{schema:#}"));
            ExitCode::SUCCESS
        }
        Command::Explain(arguments) => explain::run(&arguments),
        Command::New(arguments) => new::run(&arguments),
        Command::Pipeline(arguments) => pipeline::run(&arguments),
    }
}

/// Prints a line of results; a reader that has seen enough (`| head`) closes the pipe, which is no fault.
fn print(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line on standard error. Nothing ends because nobody can read it.
fn complain(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "qsim: {text}");
}

/// Prints one clear message and gives exit code 2.
fn misuse(message: impl std::fmt::Display) -> ExitCode {
    complain(&message.to_string());
    ExitCode::from(2)
}

/// Says how object stores are reached: as the environment does.
fn reach_stores() {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let otherwise = std::env::temp_dir().join("qsim-data");
    datasets::remote::set_access(datasets::remote::Access::of(environment, otherwise, complain));
}

/// The folder with imported market data: the option, or else the environment; set to nothing, the variable
/// names none.
#[allow(clippy::disallowed_methods)] // The edge: what it says becomes an argument here.
fn data_folder(option: Option<&std::path::PathBuf>) -> Option<std::path::PathBuf> {
    let from_environment = || std::env::var_os("QSIM_DATA").filter(|value| !value.is_empty());
    option.cloned().or_else(|| from_environment().map(Into::into))
}
