//! Keys that mattered. Reads are not journaled, so for each decision these are the keys that its service
//! reads, as they were written last before it, where they name the same symbol or plan.

use std::collections::{BTreeMap, BTreeSet};

use engine::{JournalEntry, Nanos};
use serde::Serialize;

use super::causes::is_plan;
use super::chain::{Chain, Handling};
use super::naming;
use super::recording::Recording;
use super::wires::{fits, part};
use super::words;

/// A key as a decision found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyRead {
    /// Its name.
    pub key: String,
    /// Its value, or why it had none.
    pub value: String,
    /// Seconds since it was written, with the decision's time as the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<String>,
    /// Who wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writer: Option<String>,
    /// In which entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// The services whose wiring says that they read it, with the steps in which they decided.
    pub read_by: Vec<(String, usize)>,
}

/// What a key held before an entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Held {
    /// It was never written.
    Never,
    /// It had been deleted in this entry.
    Deleted(u32),
    /// It was set in this entry and had expired at this time.
    Expired(u32, Nanos),
    /// It was set in this entry and lives until then, if not for ever.
    Set(u32, Option<Nanos>),
}

/// What the key held just before the entry `before`.
pub(super) fn held(recording: &Recording, key: u32, before: u32) -> Held {
    let now = recording.rows.get(before as usize).map_or(recording.end(), |row| row.time);
    let mut expires = None;
    let mut at = before;
    while let Some(write) = recording.newest_write(key, at) {
        let time = recording.row(write).time;
        match recording.entry(write) {
            JournalEntry::Delete(_) => return Held::Deleted(write),
            JournalEntry::Expire(_, life) => {
                expires = expires.or(Some(time + life));
                at = write;
                continue;
            }
            JournalEntry::Set { life, .. } => {
                let end = expires.or(life.map(|life| time + life));
                return match end {
                    Some(end) if end <= now => Held::Expired(write, end),
                    end => Held::Set(write, end),
                };
            }
            _ => {
                return match expires {
                    Some(end) if end <= now => Held::Expired(write, end),
                    end => Held::Set(write, end),
                };
            }
        }
    }
    Held::Never
}

/// The keys of the steps that decide.
pub(super) fn keys_read(
    recording: &Recording,
    chain: &Chain<'_>,
    order: &[Handling],
) -> Vec<KeyRead> {
    let mut found: BTreeMap<(u8, String, u32), KeyRead> = BTreeMap::new();
    let symbols = symbols(recording);
    let plans: Vec<&String> = chain.ids.iter().filter(|id| is_plan(id)).collect();
    for (number, handling) in order.iter().enumerate() {
        let wire = recording.wires.services.get(usize::from(handling.1));
        let Some(wire) = wire.filter(|_| chain.decides(handling)) else {
            continue;
        };
        // Beside the way lie the permits: of those that gave them, what is about the plan and its symbol.
        let on_the_way = chain.way.contains(handling);
        if wire.wiring.watches {
            continue;
        }
        let outs = &chain.steps[handling];
        let about: BTreeSet<&str> = outs
            .iter()
            .flat_map(|out| {
                let text = recording.entry(*out).text(&recording.services);
                symbols_in(&text, &symbols, recording, *out)
            })
            .collect();
        let before = outs.first().copied().unwrap_or(handling.0);
        for pattern in &wire.wiring.keys_read {
            for (rank, key) in keys_of(recording, pattern, &about, &plans) {
                let state = recording
                    .names
                    .find(&key)
                    .map_or(Held::Never, |key| held(recording, key, handling.0));
                // What never was is worth a word only where it is about this very plan.
                if state == Held::Never && rank != 0 || rank == 2 && !on_the_way {
                    continue;
                }
                // Its own marks tell nothing that its steps do not.
                let own = match state {
                    Held::Never => wire.wiring.keys_written.iter().any(|own| fits(own, &key)),
                    Held::Deleted(entry) | Held::Expired(entry, _) | Held::Set(entry, _) => {
                        recording.row(entry).service == handling.1
                    }
                };
                if own {
                    continue;
                }
                let told = tell(recording, &key, &state, before);
                let place = (rank, key, told.entry.map_or(0, |entry| entry as u32));
                let told = found.entry(place).or_insert(told);
                let reader = (wire.name.clone(), number + 1);
                if !told.read_by.contains(&reader) {
                    told.read_by.push(reader);
                }
            }
        }
    }
    found.into_values().collect()
}

fn symbols(recording: &Recording) -> Vec<String> {
    recording.wires.instruments.iter().map(|one| one.symbol.to_string()).collect()
}

/// The symbols that an entry is about.
fn symbols_in<'s>(
    text: &str,
    symbols: &'s [String],
    recording: &Recording,
    out: u32,
) -> Vec<&'s str> {
    let ordered = match recording.entry(out) {
        JournalEntry::Submit { request, .. } => naming::symbol_of(&request),
        _ => None,
    };
    let named = symbols.iter().enumerate().filter(|(place, symbol)| {
        ordered.is_some_and(|symbol| usize::from(symbol.0) == *place)
            || text.contains(symbol.as_str())
    });
    named.map(|(_, symbol)| symbol.as_str()).collect()
}

/// The keys of a pattern that name the plan (0) or the symbol (1), or are the only ones of theirs (2).
fn keys_of(
    recording: &Recording,
    pattern: &str,
    symbols: &BTreeSet<&str>,
    plans: &[&String],
) -> Vec<(u8, String)> {
    let Some(open) = pattern.find('{') else { return vec![(2, pattern.to_owned())] };
    let Some(close) = pattern.rfind('}') else { return Vec::new() };
    let inside = &pattern[open + 1..close];
    let of = |part: &str| format!("{}{part}{}", &pattern[..open], &pattern[close + 1..]);
    match inside {
        "plan_id" => plans.iter().map(|plan| (0, of(plan))).collect(),
        "S" | "symbol" => symbols.iter().map(|symbol| (1, of(symbol))).collect(),
        _ => {
            let known = recording.names.starting(&pattern[..open]);
            let fits = known.filter_map(|(key, _)| {
                let part = part(pattern, key)?;
                let pieces: Vec<&str> = part.split(':').collect();
                let plan = plans.iter().any(|plan| pieces.contains(&plan.as_str()));
                let symbol = symbols.iter().any(|symbol| pieces.contains(symbol));
                (plan || symbol).then(|| (u8::from(!plan), key.to_owned()))
            });
            fits.take(12).collect()
        }
    }
}

fn tell(recording: &Recording, key: &str, state: &Held, before: u32) -> KeyRead {
    let now = recording.row(before).time;
    let age = |entry: u32| span(now - recording.row(entry).time);
    let (entry, value) = match *state {
        Held::Never => (None, "not there: nobody had written it".to_owned()),
        Held::Deleted(entry) => (Some(entry), "not there: it had been deleted".to_owned()),
        Held::Expired(entry, end) => {
            (Some(entry), format!("not there: it had expired {} before", span(now - end)))
        }
        Held::Set(entry, _) => {
            let value = match recording.entry(entry) {
                JournalEntry::Set { value, .. } => {
                    // The key names its symbol and its plan.
                    let known: Vec<&str> = key.split(':').collect();
                    words::key_value(&value, &known)
                }
                JournalEntry::Member { field, value, .. } => {
                    format!("{field} {}", words::cut(&value)).trim().to_owned()
                }
                other => other.text(&[]),
            };
            (Some(entry), value)
        }
    };
    KeyRead {
        key: key.to_owned(),
        value,
        age: entry.map(age),
        writer: entry.map(|entry| recording.whose(entry).to_owned()),
        entry: entry.map(u64::from),
        read_by: Vec::new(),
    }
}

/// A span in the unit that suits it.
pub(super) fn span(span: Nanos) -> String {
    let ns = span.0;
    match ns {
        _ if ns < 1_000_000 => format!("{} µs", ns / 1_000),
        _ if ns < 1_000_000_000 => format!("{} ms", ns / 1_000_000),
        _ if ns < 120_000_000_000 => format!("{:.1} s", ns as f64 / 1e9),
        _ if ns < 7_200_000_000_000 => format!("{} min", ns / 60_000_000_000),
        _ => format!("{:.1} h", ns as f64 / 3.6e12),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_the_unit_that_suits_them() {
        let told = [250_000, 20_000_000, 61_500_000_000, 600_000_000_000, 90_000_000_000_000];
        let told: Vec<String> = told.iter().map(|ns| span(Nanos(*ns))).collect();
        assert_eq!(told, ["250 µs", "20 ms", "61.5 s", "10 min", "25.0 h"]);
    }
}
