//! `qsim explain`: tells how it came to an entry, an order or a plan of a journal.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use scenarios::{Recording, Target};

use crate::{Format, misuse, print};

/// Tell the chain of causes from the market to an entry, an order or a plan.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("target").required(true).multiple(false))]
pub struct ExplainArguments {
    /// A journal that `qsim run --journal` wrote
    journal: PathBuf,
    /// The entry of this number, as `qsim journal` prints it
    #[arg(long, value_name = "N", group = "target")]
    entry: Option<u64>,
    /// All that names this id, or else the first entry that contains this text
    #[arg(long, value_name = "TEXT", group = "target")]
    find: Option<String>,
    /// The order of this client order id, and what came of it
    #[arg(long, value_name = "CLIENT_ID", group = "target")]
    order: Option<String>,
    /// The plan of this id, and what came of it
    #[arg(long, value_name = "PLAN_ID", group = "target")]
    plan: Option<String>,
    /// How the story is printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

/// Tells it.
pub fn run(arguments: &ExplainArguments) -> ExitCode {
    match told(arguments) {
        Ok(text) => {
            print(text.trim_end());
            ExitCode::SUCCESS
        }
        Err(message) => misuse(message),
    }
}

fn told(arguments: &ExplainArguments) -> Result<String, String> {
    let ExplainArguments { journal, entry, find, order, plan, format } = arguments;
    let target = entry
        .map(Target::Entry)
        .or_else(|| find.clone().map(Target::Find))
        .or_else(|| order.clone().map(Target::Order))
        .or_else(|| plan.clone().map(Target::Plan))
        .ok_or("say what to explain: --entry, --find, --order or --plan")?;
    let recording = Recording::open(journal).map_err(|error| error.to_string())?;
    let story = scenarios::explain(&recording, &target)?;
    match format {
        Format::Json => serde_json::to_string(&story).map_err(|error| error.to_string()),
        Format::Table => Ok(story.to_string()),
    }
}
