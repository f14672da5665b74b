//! `qsim live`: the same pipeline on the wall's clock, at the venue that the file names.

mod begin;
mod bus;
mod check;
mod journals;
mod logs;
mod machine;
mod metrics;
mod paper;
mod place;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use engine::Nanos;
use live::clock::LiveClock;
use live::session::{Ended, SessionError};
use scenarios::{Scenario, TradingVenue};

use crate::{complain, misuse, print};
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

/// Why there is no session.
enum Problem {
    /// The file or the command line.
    Misuse(String),
    /// The venue, the bus, the machine.
    Failed(String),
}

/// What is wrong with what the operator has written.
impl From<String> for Problem {
    fn from(text: String) -> Problem {
        Problem::Misuse(text)
    }
}

/// Runs it.
pub fn run(arguments: &LiveArguments) -> ExitCode {
    match logs::begin(arguments.log).map_err(Problem::from).and_then(|()| session(arguments)) {
        Ok(code) => code,
        Err(Problem::Misuse(problem)) => misuse(without_passwords(&problem)),
        Err(Problem::Failed(problem)) => {
            complain(&without_passwords(&problem));
            ExitCode::FAILURE
        }
    }
}

/// What stands before the host of an address is not shown, wherever the address was quoted.
fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(|c: char| c.is_whitespace() || "\"'`".contains(c));
        let address = &after[..end.unwrap_or(after.len())];
        let hidden = address.rfind('@').map_or(0, |at| at + 1);
        if hidden > 0 {
            shown.push_str("<secret>@");
        }
        rest = &after[hidden..];
    }
    shown.push_str(rest);
    shown
}

fn session(arguments: &LiveArguments) -> Result<ExitCode, Problem> {
    let scenario = scenario(arguments)?;
    let length = arguments.length.as_deref().map(scenarios::span_of).transpose()?;
    let begin_at = arguments.begin_at.as_deref().map(time).transpose()?;
    let place = place::Place::of(&scenario)?;
    let clock = Arc::new(clock(&scenario, &place).map_err(Problem::Failed)?);
    logs::follow(&clock);
    journals::undo_asides(arguments, &scenario).map_err(Problem::Failed)?;
    if !arguments.check {
        journals::refuse_second(arguments, &scenario).map_err(Problem::Failed)?;
    }
    let findings = check::look(&scenario, &place, &clock, arguments);
    let fine = check::tell(&findings);
    if arguments.check || !fine {
        return Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let facts = place.facts(&scenario, &clock).map_err(Problem::Failed)?;
    let begun = begin::begin(arguments, &scenario, &place, clock, facts, begin_at);
    let ended = begun.map_err(Problem::Failed)?.run(length, arguments.die_at_entry);
    Ok(tell(ended.map_err(Problem::Failed)?))
}

fn time(text: &str) -> Result<Nanos, String> {
    use engine::FieldValue as _;
    engine::IsoTime::read_text(Some(text))
        .map(|time| time.0)
        .map_err(|_| format!("--begin-at {text:?} is not a time such as 2026-02-01T00:00:00Z"))
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
            complain(&error.to_string());
            complain(&format!(
                "the session's journal is kept in {}.partial; the same command goes on with it",
                journal.display()
            ));
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
    let live = &mut scenario.live;
    let files = [&mut live.kill_file, &mut live.key_file, &mut live.secret_file];
    for path in files.into_iter().flatten().chain([&mut live.journals]) {
        beside_file(&arguments.file, path);
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

/// What a file names lies beside it, from wherever the command is given.
fn beside_file(file: &Path, path: &mut PathBuf) {
    if let Some(folder) = file.parent() {
        *path = folder.join(&*path);
    }
}

/// A venue whose clock is closer to the system's than this runs on the wall's time.
const WALL_TIME: Nanos = Nanos::from_secs(3_600);

/// The session's clock: the system's, or at a venue with a time of its own one that runs with the venue's.
fn clock(scenario: &Scenario, place: &place::Place) -> Result<LiveClock, String> {
    let speed = scenario.live.speed;
    if speed == 1 && !place.is_own() {
        return Ok(LiveClock::system());
    }
    let base: Nanos = live::venue_time(&place.rest()).map_err(|error| error.to_string())?;
    let off = base - live::clock::system_time();
    match speed == 1 && off.0.abs() < WALL_TIME.0 {
        true => Ok(LiveClock::system()),
        false => Ok(LiveClock::starting_at(base, speed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_addresses_are_not_shown() {
        for (text, shown) in [
            ("nothing in it", "nothing in it"),
            ("redis://:hush@host:1/0 is away", "redis://<secret>@host:1/0 is away"),
            ("\"http://u:p@h\", ws://h2 and a@b", "\"http://<secret>@h\", ws://h2 and a@b"),
            ("redis://u:a@hush@h", "redis://<secret>@h"),
        ] {
            assert_eq!(without_passwords(text), shown);
        }
    }
}
