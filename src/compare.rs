//! `qsim compare`: a live session against the simulated exchange in the same hours.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use scenarios::Scenario;

use crate::{Format, misuse, print};

/// Compare a live session with the simulated exchange in the same hours.
///
/// The session's own requests are sent again to the simulated exchange, which sees the journal's market. The difference of
/// what the two earned is split by cause; the parts sum to it to the last decimal.
#[derive(Args)]
pub struct CompareArguments {
    /// A journal that `qsim live` wrote
    journal: PathBuf,
    /// Simulate with account and exchange of this file [default: the session's own file, as its journal has it]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Write the fitted `[exchange]` keys to this file, for scenarios to include
    #[arg(long, value_name = "FILE.toml")]
    write: Option<PathBuf>,
    /// How the comparison is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Compares, prints and writes.
pub fn run(arguments: &CompareArguments) -> ExitCode {
    let scenario = arguments.scenario.as_deref().map(Scenario::read).transpose();
    let compared =
        scenario.and_then(|scenario| scenarios::compare(&arguments.journal, scenario.as_ref()));
    let comparison = match compared {
        Ok(comparison) => comparison,
        Err(error) => return misuse(error),
    };
    match arguments.format {
        Format::Table => print(comparison.to_string().trim_end()),
        Format::Json => match serde_json::to_string(&comparison) {
            Ok(text) => print(&text),
            Err(error) => return misuse(error),
        },
    }
    if let Some(path) = &arguments.write
        && let Err(error) = std::fs::write(path, comparison.calibration())
    {
        return misuse(format!("{}: {error}", path.display()));
    }
    ExitCode::SUCCESS
}
