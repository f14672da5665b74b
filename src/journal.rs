//! `qsim journal`: prints the entries of a journal, for a person who wants to know what happened.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use engine::{Decoder, JournalFile};
use serde::Serialize;
use serde_json::Value as Json;

use crate::{Format, misuse};

/// Print the entries of a journal.
#[derive(Args)]
pub struct JournalArguments {
    /// A journal that `qsim run --journal` wrote
    file: PathBuf,
    /// Only entries that contain this text: a correlation id shows a decision from tick to fill
    #[arg(long, value_name = "TEXT")]
    find: Option<String>,
    /// How entries are printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// One entry of `--format json`.
#[derive(Serialize)]
struct Line<'a> {
    entry: u64,
    time: String,
    text: &'a str,
}

/// Prints them.
pub fn run(arguments: &JournalArguments) -> ExitCode {
    match print(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => misuse(message),
    }
}

/// Which run it is and what it replayed; not among the entries, which scripts read.
fn tell_header(header: &Json) {
    let scenario = header.get("scenario");
    let of =
        |key: &str| scenario.and_then(|scenario| scenario.get(key)).cloned().unwrap_or_default();
    let name = of("name");
    eprintln!("scenario {}, seed {}", name.as_str().unwrap_or("?"), of("seed"));
    for line in scenarios::market_lines(header.get("market").unwrap_or(&Json::Null)) {
        eprintln!("market: {line}");
    }
}

fn print(arguments: &JournalArguments) -> Result<(), String> {
    let mut file = JournalFile::open(&arguments.file).map_err(|error| error.to_string())?;
    let services = scenarios::services_of(file.header());
    if arguments.find.is_none() {
        tell_header(file.header());
    }
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    while let Some((first, block)) = file.next_block().map_err(|error| error.to_string())? {
        let mut decoder = Decoder::new(&block, &services);
        let mut number = first;
        while let Some(entry) = decoder.next_entry().map_err(|error| error.to_string())? {
            if arguments.find.as_ref().is_none_or(|text| entry.text.contains(text)) {
                let time = entry.time;
                let line = if arguments.format == Format::Json {
                    let line = Line { entry: number, time: time.to_string(), text: &entry.text };
                    serde_json::to_string(&line).map_err(|error| error.to_string())?
                } else {
                    format!("{number} {time} {}", entry.text)
                };
                // A reader that has seen enough (`| head`) closes the pipe: that is no error.
                if writeln!(out, "{line}").is_err() {
                    return Ok(());
                }
            }
            number += 1;
        }
    }
    Ok(())
}
