//! The command line of qsim.

mod data;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Deterministic simulation of a crypto-futures trading pipeline.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Import, list and check market data.
    Data(data::DataArgs),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Data(args) => data::run(args),
    }
}
