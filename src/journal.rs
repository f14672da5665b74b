//! `qsim journal`: prints the entries of a journal, for a person who wants to know what happened.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use engine::{Decoder, JournalFile};

use crate::misuse;

/// Print the entries of a journal.
#[derive(Args)]
pub struct JournalArguments {
    /// A journal that `qsim run --journal` wrote
    file: PathBuf,
    /// Only entries that contain this text: a correlation id shows a decision from tick to fill
    #[arg(long, value_name = "TEXT")]
    find: Option<String>,
}

/// Prints them.
pub fn run(arguments: &JournalArguments) -> ExitCode {
    match print(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => misuse(message),
    }
}

fn print(arguments: &JournalArguments) -> Result<(), String> {
    let mut file = JournalFile::open(&arguments.file).map_err(|error| error.to_string())?;
    let services = scenarios::services_of(file.header());
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    while let Some((first, block)) = file.next_block().map_err(|error| error.to_string())? {
        let mut decoder = Decoder::new(&block, &services);
        let mut number = first;
        while let Some(entry) = decoder.next_entry().map_err(|error| error.to_string())? {
            if arguments.find.as_ref().is_none_or(|text| entry.text.contains(text)) {
                // A reader that has seen enough (`| head`) closes the pipe: that is no error.
                if writeln!(out, "{number} {} {}", entry.time, entry.text).is_err() {
                    return Ok(());
                }
            }
            number += 1;
        }
    }
    Ok(())
}
