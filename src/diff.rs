//! `qsim diff`: aligns two journals by cause and shows where they part.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use scenarios::Recording;

use crate::{Format, misuse, print};

/// Compare two journals by cause: exit code 0 if they are the same run, 1 if not.
#[derive(Args)]
pub struct DiffArguments {
    /// A journal that `qsim run --journal` wrote
    a: PathBuf,
    /// Another one
    b: PathBuf,
    /// How the differences are printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Compares them.
pub fn run(arguments: &DiffArguments) -> ExitCode {
    let open = |path| Recording::open(path).map_err(|error| error.to_string());
    let (a, b) = match (open(&arguments.a), open(&arguments.b)) {
        (Ok(a), Ok(b)) => (a, b),
        (Err(message), _) | (_, Err(message)) => return misuse(message),
    };
    let differences = scenarios::diff(&a, &b);
    match arguments.format {
        Format::Table => print(differences.to_string().trim_end()),
        Format::Json => match serde_json::to_string(&differences) {
            Ok(text) => print(&text),
            Err(error) => return misuse(error),
        },
    }
    if differences.identical { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
