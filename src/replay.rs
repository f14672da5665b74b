//! `qsim replay`: runs a journal again, from the journal and the data alone.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::{Format, data_folder, misuse, print};

/// Run a journal again.
#[derive(Args)]
pub struct ReplayArguments {
    /// A journal that `qsim run --journal` wrote
    file: PathBuf,
    /// Folder with the imported market data of the run, or its URL in an object store [default: the environment's QSIM_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Serialize)]
struct Line {
    verdict: &'static str,
    digest: String,
    entries: u64,
    first_difference: Option<Shown>,
}

#[derive(Serialize)]
struct Shown {
    entry: u64,
    recorded: Option<Entry>,
    replayed: Option<Entry>,
}

#[derive(Serialize)]
struct Entry {
    time: String,
    text: String,
}

fn shown(entry: engine::Decoded) -> Entry {
    Entry { time: entry.time.to_string(), text: entry.text }
}

/// Replays and says whether it is the same run.
pub fn run(arguments: &ReplayArguments) -> ExitCode {
    let data = data_folder(arguments.data.as_ref());
    let replayed = match scenarios::replay(&arguments.file, data.as_deref()) {
        Ok(replayed) => replayed,
        Err(error) => return misuse(error),
    };
    let same = replayed.difference.is_none();
    if arguments.format == Format::Json {
        let line = Line {
            verdict: if same { "pass" } else { "fail" },
            digest: replayed.digest,
            entries: replayed.entries,
            first_difference: replayed.difference.map(|difference| Shown {
                entry: difference.entry,
                recorded: difference.recorded.map(shown),
                replayed: difference.replayed.map(shown),
            }),
        };
        match serde_json::to_string(&line) {
            Ok(text) => print(&text),
            Err(error) => return misuse(error),
        }
    } else if let Some(difference) = replayed.difference {
        print(&format!("{}: the replay goes another way{difference}", arguments.file.display()));
    } else {
        print(&format!(
            "{}: same run, {} entries, digest {}",
            arguments.file.display(),
            replayed.entries,
            replayed.digest
        ));
    }
    if same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
