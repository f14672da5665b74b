//! `qsim compare`: a live session against the simulated exchange in the same hours.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use scenarios::Scenario;

use crate::run::Pending;
use crate::{Format, misuse, print};

/// Compare a live session with the simulated exchange in the same hours.
///
/// The session's own requests are sent again to the simulated exchange, which sees the journal's market. The difference of
/// what the two earned is split by cause; the parts sum to it to the last decimal.
#[derive(Args)]
pub struct CompareArguments {
    /// A journal that `qsim live` wrote; of a session that still runs or was killed, NAME.partial
    journal: PathBuf,
    /// Simulate with account and exchange of this file [default: the session's own file, as its journal has it]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Write the fitted keys of `[account]` and `[exchange]` to this file, for scenarios to include
    #[arg(long, value_name = "FILE.toml")]
    write: Option<PathBuf>,
    /// How the comparison is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Compares, prints and writes.
pub fn run(arguments: &CompareArguments) -> ExitCode {
    // A place that cannot be written is told before anything is computed.
    let calibrated = match arguments.write.as_deref().map(Pending::begin).transpose() {
        Ok(calibrated) => calibrated,
        Err(error) => return misuse(error),
    };
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
    if let Some(calibrated) = calibrated
        && let Err(error) = calibrated.finish(&comparison.calibration())
    {
        return misuse(error);
    }
    ExitCode::SUCCESS
}
