//! `qsim live`: the same pipeline on the wall's clock, at the venue that the file names.

mod begin;
mod bus;
mod check;
mod logs;
mod metrics;
mod paper;
mod place;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use engine::Nanos;
use live::clock::LiveClock;
use live::session::{Ended, SessionError};
use scenarios::{Scenario, TradingVenue};

use crate::{misuse, print};
use logs::LogFormat;

/// A venue, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VenueWord {
    Sim,
    Paper,
    Testnet,
    Production,
}

/// Run a scenario's pipeline live.
#[derive(Args)]
pub struct LiveArguments {
    /// The scenario file: its pipeline, symbols and [live]
    file: PathBuf,
    /// Where it trades, instead of the file's `venue`
    #[arg(long, value_enum)]
    venue: Option<VenueWord>,
    /// A venue of `qsim serve`, by its REST address; the rest follows from it
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Only ask the venue whether everything is as it has to be
    #[arg(long)]
    check: bool,
    /// Send nothing that changes anything: orders are refused here
    #[arg(long)]
    dry_run: bool,
    /// With venue production, beside live.confirm in the file: trade with real money
    #[arg(long)]
    production: bool,
    /// End the session after so long, such as 90s, 10m or 8h
    #[arg(long = "for", value_name = "SPAN")]
    length: Option<String>,
    /// Begin exactly at this time of the venue's clock, to be compared with a simulation that does
    #[arg(long, value_name = "TIME")]
    begin_at: Option<String>,
    /// Only these services in this process (with live.redis)
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    services: Vec<String>,
    /// The session's journal, instead of one in live.journals
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// How the log on standard error is written
    #[arg(long, value_enum, default_value = "text")]
    log: LogFormat,
    /// For tests of restarts: the process kills itself behind this journal entry
    #[arg(long, hide = true, value_name = "ENTRY")]
    die_at_entry: Option<u64>,
}

/// Runs it.
pub fn run(arguments: &LiveArguments) -> ExitCode {
    logs::begin(arguments.log);
    match session(arguments) {
        Ok(code) => code,
        Err(problem) => misuse(problem),
    }
}

fn session(arguments: &LiveArguments) -> Result<ExitCode, String> {
    let scenario = scenario(arguments)?;
    let place = place::Place::of(&scenario)?;
    let clock = Arc::new(clock(&scenario, &place)?);
    let facts = place.facts(&scenario, &clock)?;
    let findings = check::look(&scenario, &place, &clock, &facts, arguments);
    let fine = check::tell(&findings);
    if arguments.check || !fine {
        return Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let length = arguments.length.as_deref().map(scenarios::span_of).transpose()?;
    let begun = begin::begin(arguments, &scenario, &place, clock, facts)?;
    let ended = begun.run(length, arguments.die_at_entry)?;
    Ok(tell(ended))
}

fn tell(ended: (PathBuf, Result<Ended, SessionError>)) -> ExitCode {
    let (journal, ended) = ended;
    match ended {
        Ok(ended) => {
            let file = journal.display();
            print(&format!(
                "{file}: {} entries, digest {}; the session ended: {}\nagain: qsim replay {file}",
                ended.footer.entries,
                ended.footer.digest_hex(),
                ended.why
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("qsim: {error}");
            eprintln!(
                "qsim: the session's journal is kept in {}.partial; the same command goes on with it",
                journal.display()
            );
            ExitCode::FAILURE
        }
    }
}

/// The file, with what the command line says otherwise.
fn scenario(arguments: &LiveArguments) -> Result<Scenario, String> {
    let mut scenario = Scenario::read(&arguments.file).map_err(|error| error.to_string())?;
    if let Some(word) = arguments.venue {
        scenario.venue = match word {
            VenueWord::Sim => TradingVenue::Sim,
            VenueWord::Paper => TradingVenue::Paper,
            VenueWord::Testnet => TradingVenue::Testnet,
            VenueWord::Production => TradingVenue::Production,
        };
    }
    if let Some(rest) = &arguments.address {
        scenario.live.addresses = Some(place::addresses(rest)?);
    }
    if !arguments.services.is_empty() {
        scenario.live.services = arguments.services.iter().cloned().collect();
    }
    let shown = arguments.file.display();
    if let Some(problem) = scenario.live.problem(scenario.venue) {
        return Err(format!("{shown}: {problem}"));
    }
    match scenario.venue {
        TradingVenue::Sim => Err(format!(
            "{shown}: venue is \"sim\": `qsim run {shown}` runs it; to go live say venue = \"paper\" or \"testnet\" in the file, or --venue paper"
        )),
        TradingVenue::Production if !arguments.production => {
            Err(format!("{shown}: venue is \"production\", with real money: say --production, too"))
        }
        _ => Ok(scenario),
    }
}

/// The session's clock: the system's, or at an accelerated venue one that runs with the venue's.
fn clock(scenario: &Scenario, place: &place::Place) -> Result<LiveClock, String> {
    if scenario.live.speed == 1 && !place.is_own() {
        return Ok(LiveClock::system());
    }
    let base: Nanos = live::venue_time(&place.rest()).map_err(|error| error.to_string())?;
    Ok(LiveClock::starting_at(base, scenario.live.speed))
}
