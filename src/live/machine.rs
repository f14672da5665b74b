//! What a session needs of its own machine: looked at before it begins, and by `--check`.

use std::net::{TcpListener, ToSocketAddrs as _};
use std::path::Path;

use engine::{Instrument, Nanos};
use live::binance::Finding;
use live::session::kill_file_is_there;
use scenarios::Scenario;

use super::LiveArguments;
use super::begin::Recorded;
use super::bus;
use super::journals::{journal_of, refuse_second};

/// What is found, good and bad.
pub fn findings(arguments: &LiveArguments, scenario: &Scenario) -> Vec<Finding> {
    let live = &scenario.live;
    let folder = match &arguments.journal {
        Some(path) => path.parent().unwrap_or(Path::new("")),
        None => &live.journals,
    };
    let mut findings = vec![journals(folder), services(scenario)];
    findings.extend(goes_on(arguments, scenario));
    findings.extend(live.metrics.as_deref().map(metrics));
    // A session that begins says it by itself, with the server's own words.
    let reached = arguments.check.then(|| bus::reaches(scenario)).flatten();
    findings.extend(reached.map(|(server, reached)| {
        found(server, "it answers", reached.err(), "start the server, or give another address")
    }));
    findings.extend(live.kill_file.as_deref().map(kill_file));
    findings.push(limits(scenario));
    findings
}

/// As it should be, or what is wrong, which keeps a session from beginning.
fn found(
    subject: impl Into<String>,
    should_be: &str,
    problem: Option<String>,
    change: &str,
) -> Finding {
    let (subject, should_be) = (subject.into(), should_be.to_owned());
    match problem {
        None => {
            let is = should_be.clone();
            Finding { subject, is, should_be, change: String::new(), stops: false }
        }
        Some(is) => Finding { subject, is, should_be, change: change.to_owned(), stops: true },
    }
}

/// A file is made there and goes again; where the folder is not there yet, in the one that it will lie in.
fn journals(folder: &Path) -> Finding {
    let named = |path: &&Path| !path.as_os_str().is_empty();
    let there = folder.ancestors().filter(named).find(|path| path.exists());
    let problem = tempfile::tempfile_in(there.unwrap_or(Path::new("."))).err();
    let problem = problem.map(|error| error.to_string());
    let shown = if named(&folder) { folder } else { Path::new(".") };
    let subject = format!("journals in {}", shown.display());
    let change = "make the folder writable, or name another one (live.journals)";
    found(subject, "they can be written", problem, change)
}

/// Its symbols do not matter here.
fn services(scenario: &Scenario) -> Finding {
    let instruments = scenario.symbols().into_iter().map(|symbol| Instrument {
        symbol,
        price_decimals: 0,
        qty_decimals: 0,
    });
    let problem = scenario.session(instruments.collect(), Nanos::ZERO).err();
    let problem = problem.map(|error| error.to_string());
    found("services", "they can be put together", problem, "mend the file")
}

/// What was not ended has to be readable, and of this venue and bus.
fn goes_on(arguments: &LiveArguments, scenario: &Scenario) -> Option<Finding> {
    let (journal, true) = journal_of(arguments, scenario)? else { return None };
    let subject = format!("the session of {}.partial", journal.display());
    if refuse_second(arguments, scenario).is_err() {
        let change = "end it before another one begins, or give another --journal";
        let (is, should_be) = ("it runs".to_owned(), "none runs".to_owned());
        return Some(Finding { subject, is, should_be, change: change.to_owned(), stops: false });
    }
    let problem = Recorded::open(&journal, scenario).err();
    Some(found(subject, "it goes on", problem, "see there"))
}

fn metrics(address: &str) -> Finding {
    let places = address.to_socket_addrs().map(Vec::from_iter);
    let bound = places.and_then(|places| TcpListener::bind(&places[..]));
    let problem = bound.err().map(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => "taken by another process".to_owned(),
        _ => error.to_string(),
    });
    let change = "give another port of this machine (live.metrics), or end who has it";
    found(format!("metrics at {address}"), "free", problem, change)
}

/// A session may begin with the switch on: it closes, and opens nothing.
fn kill_file(file: &Path) -> Finding {
    let subject = format!("kill file {}", file.display());
    let should_be = "not there".to_owned();
    let (is, change, stops) = match kill_file_is_there(file) {
        Ok(false) => (should_be.clone(), "", false),
        Ok(true) => ("there".to_owned(), "remove it, or nothing is opened", false),
        Err(problem) => (problem, "give a live.kill_file in a folder that is there", true),
    };
    Finding { subject, is, should_be, change: change.to_owned(), stops }
}

/// Nobody has to set a limit, and whoever has forgotten to should see it.
fn limits(scenario: &Scenario) -> Finding {
    let limits = &scenario.live.limits;
    let all = [
        ("order_notional", limits.order_notional.is_some()),
        ("position_notional", limits.position_notional.is_some()),
        ("total_notional", limits.total_notional.is_some()),
        ("orders_per_minute", limits.orders_per_minute.is_some()),
        ("orders_per_day", limits.orders_per_day.is_some()),
        ("loss", limits.loss.is_some()),
    ];
    let named = |set: bool| -> Vec<&str> {
        all.iter().filter(|(_, is)| *is == set).map(|(name, _)| *name).collect()
    };
    let (set, missing) = (named(true), named(false));
    let is = if set.is_empty() { "none".to_owned() } else { set.join(", ") };
    let change = match missing.is_empty() {
        true => String::new(),
        false => format!("nothing limits {}: see [live.limits]", missing.join(", ")),
    };
    Finding { subject: "limits".into(), is, should_be: "all".into(), change, stops: false }
}
