//! Drafts a scenario of a window of a journal: an incident becomes a file.
//!
//! A made market cannot begin in its middle: its prices follow from its beginning. So the run begins where it
//! began and ends with the window, and the services come to the window as they did. Recorded data begin with
//! the window; what lay on the bus and in the account is then stated.

mod settings;
mod state;

use engine::Nanos;
use serde_json::{Map, Value as Json, json};

use super::recording::Recording;
use crate::Scenario;
use crate::events::instant;

/// Around what the window lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Around {
    /// An offset from the start such as `4h 39m`, or a time.
    Time(String),
    /// An entry.
    Entry(u64),
}

const MINUTE: i64 = 60_000_000_000;

/// The text of a scenario file. `before` and `after` are offsets such as `2m`.
pub fn draft(
    recording: &Recording,
    around: &Around,
    before: &str,
    after: &str,
) -> Result<String, String> {
    let span = |name: &str, text: &str| {
        crate::events::offset(text)
            .ok_or_else(|| format!("{name} {text:?} is no span such as 2m or 1h 30m"))
    };
    let (before, after) = (span("--before", before)?, span("--after", after)?);
    let center = match around {
        Around::Time(text) => instant("--at", text, recording.start())?,
        Around::Entry(entry) if *entry < recording.entries() => recording.row(*entry as u32).time,
        Around::Entry(entry) => {
            return Err(format!(
                "{} has no entry {entry}: it has {}",
                recording.path,
                recording.entries()
            ));
        }
    };
    let (start, end) = (recording.start(), recording.end());
    if center < start || center > end {
        return Err(format!(
            "{center} is not in {}: it goes from {start} to {end}",
            recording.path
        ));
    }
    let Some(scenario) = &recording.wires.scenario else {
        return Err(format!(
            "{}: its header holds no scenario that this qsim can read; take the qsim that recorded it",
            recording.path
        ));
    };
    // Bars are of whole minutes.
    let from = Nanos(((center - before).max(start).0).div_euclid(MINUTE) * MINUTE);
    let until = (center + after).0.min(end.0);
    let until = Nanos((until + MINUTE - 1).div_euclid(MINUTE) * MINUTE);
    let window = (from.max(start), until);
    let text = match scenario.market.recorded {
        Some(_) => of_recorded(recording, scenario, window)?,
        None => of_made(recording, scenario, window)?,
    };
    let from = around_words(recording, around, center);
    Ok(format!("{from}{text}{}", expectation(recording, window)))
}

fn around_words(recording: &Recording, around: &Around, center: Nanos) -> String {
    let name = recording.header.pointer("/scenario/name").and_then(Json::as_str).unwrap_or("?");
    let what = match around {
        Around::Entry(entry) => format!("entry {entry}"),
        Around::Time(_) => center.to_string(),
    };
    format!(
        "# Drafted by `qsim new` around {what} of a run of {name} (digest {}).\n",
        recording.digest.get(..16).unwrap_or_default()
    )
}

/// What the window is to show, for whoever fills it in.
fn expectation(recording: &Recording, window: (Nanos, Nanos)) -> String {
    let start = recording.start();
    let (from, until) = (super::offset(window.0 - start), super::offset(window.1 - start));
    let mut out = format!(
        "\n# What must not happen again; say it and remove the marks. The window is {from} to {until} of the\n# journal. Its orders:\n"
    );
    let first = recording.first_at(window.0) as usize;
    let mut orders = 0;
    for (place, row) in recording.rows.iter().enumerate().skip(first) {
        if row.time > window.1 {
            break;
        }
        let entry = place as u32;
        if super::is_order(recording, entry) && orders < 20 {
            orders += 1;
            out.push_str(&format!(
                "#   {} {}\n",
                super::offset(row.time - start),
                super::about(recording, entry)
            ));
        }
    }
    if orders == 0 {
        out.push_str("#   none\n");
    }
    out.push_str("# protection = \"what keeps it from returning\"\n#\n");
    out.push_str("# [[expect]]\n# name = \"what must hold\"\n");
    out.push_str("# never = \"entry.error == 'safe_mode'\"\n# on = \"apply.result\"\n");
    out
}

/// The same run up to the end of the window.
fn of_made(
    recording: &Recording,
    scenario: &Scenario,
    (_, until): (Nanos, Nanos),
) -> Result<String, String> {
    let mut settings = settings::own(recording, scenario)?;
    let start = recording.start();
    let minutes = (until - start).0 / MINUTE;
    let whole = settings.clone();
    settings::keep_before(&mut settings, start, until, None);
    if let Some(market) = settings.pointer_mut("/market/synthetic").and_then(Json::as_object_mut) {
        market.insert("minutes".to_owned(), json!(minutes));
    }
    let note = "# The market is made, and its prices follow from its beginning: the run begins where the journal\n\
                # began and ends with the window, so that every decision in it is the journal's own. The bus and\n\
                # the account come to the window by themselves; [state] would say it twice.\n\n";
    let text = settings::toml(&settings)?;
    let cut = format!("{note}{text}");
    if Scenario::parse("draft.toml", &cut).is_ok() {
        return Ok(cut);
    }
    // Something in it needs the rest, such as an event that ends after the window.
    let text = settings::toml(&whole)?;
    Ok(format!(
        "{note}# It cannot be cut at the window's end, so it is as long as the journal.\n\n{text}"
    ))
}

/// The data of the window, with what there was at its beginning.
fn of_recorded(
    recording: &Recording,
    scenario: &Scenario,
    (from, until): (Nanos, Nanos),
) -> Result<String, String> {
    let mut settings = settings::own(recording, scenario)?;
    let start = recording.start();
    settings::keep_before(&mut settings, start, until, Some(from));
    let at = recording.first_at(from);
    if let Some(market) = settings.pointer_mut("/market/recorded").and_then(Json::as_object_mut) {
        // The minutes of laid events count from the beginning of the data.
        let laid = market.get("events").is_some();
        if !laid {
            market.insert("from".to_owned(), json!(from.to_string()));
        }
        market.insert("to".to_owned(), json!(until.to_string()));
        if laid {
            let note = "# Events are laid over the data, and their minutes count from its beginning: the run begins\n\
                        # where the journal began and ends with the window.\n\n";
            return Ok(format!("{note}{}", settings::toml(&settings)?));
        }
    }
    let mut notes = vec![
        "# The data begin with the window; the bus and the account are as the journal left them. What services".to_owned(),
        "# remember is not in a journal: a --before of an hour and more lets them learn it again.".to_owned(),
    ];
    if let Some(table) = settings.as_object_mut() {
        let (state, lacking) = state::before(recording, at, from);
        table.insert("state".to_owned(), state);
        notes.extend(lacking.into_iter().map(|what| format!("# Not stated: {what}")));
        let account = table.entry("account").or_insert_with(|| Json::Object(Map::new()));
        if let Some(account) = account.as_object_mut() {
            state::account(recording, at, account);
        }
    }
    Ok(format!("{}\n\n{}", notes.join("\n"), settings::toml(&settings)?))
}
