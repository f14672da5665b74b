//! `qsim new`: makes a scenario file of a window of a journal.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use scenarios::{Around, Recording, Scenario};

use crate::{misuse, print};

/// Write a scenario file of a window of a journal.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("around").required(true).multiple(false))]
pub struct NewArguments {
    /// A journal that `qsim run --journal` wrote
    #[arg(long, value_name = "JOURNAL")]
    from: PathBuf,
    /// The instant of the incident: an offset from the start such as "4h 39m", or a time
    #[arg(long, value_name = "TIME", group = "around")]
    at: Option<String>,
    /// The entry of the incident, as `qsim journal` prints it
    #[arg(long = "around", value_name = "ENTRY", group = "around")]
    entry: Option<u64>,
    /// How long before it the window begins
    #[arg(long, value_name = "SPAN", default_value = "2m")]
    before: String,
    /// How long after it the window ends
    #[arg(long, value_name = "SPAN", default_value = "5m")]
    after: String,
    /// The file to write; there must be none of that name
    #[arg(long, value_name = "FILE.toml")]
    into: PathBuf,
}

/// Writes it.
pub fn run(arguments: &NewArguments) -> ExitCode {
    match write(arguments) {
        Ok(message) => {
            print(&message);
            ExitCode::SUCCESS
        }
        Err(message) => misuse(message),
    }
}

fn write(arguments: &NewArguments) -> Result<String, String> {
    let NewArguments { from, at, entry, before, after, into } = arguments;
    let around = at
        .clone()
        .map(Around::Time)
        .or_else(|| entry.map(Around::Entry))
        .ok_or("say where the incident is: --at or --around")?;
    let shown = into.display();
    if into.extension().is_none_or(|extension| extension != "toml") {
        return Err(format!("{shown}: a scenario file ends in .toml; name it so"));
    }
    let recording = Recording::open(from).map_err(|error| error.to_string())?;
    let text = scenarios::draft(&recording, &around, before, after)?;
    Scenario::parse(&shown.to_string(), &text)
        .map_err(|error| format!("the window makes no scenario: {error}"))?;
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            format!("{shown} is there already, and is left as it is; give the name of a new file")
        }
        _ => format!("{shown}: {error}; give a place that can be written"),
    };
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).open(into).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(format!("{shown}: run it with `qsim run {shown}`, and say in it what must not happen"))
}
