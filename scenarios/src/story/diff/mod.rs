//! Holds two journals against each other. Entries are aligned by cause, not by time or number: two entries
//! are the same where the same service did the same kind of thing at the same place for the same cause.

mod align;
mod same;
mod show;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::recording::{Kind, NONE, Recording};
use super::{Story, offset, story, words};
use align::Aligned;

/// How often entries of a service at a place are unlike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unlike {
    /// In the first journal alone.
    pub only_a: u64,
    /// In the second one alone.
    pub only_b: u64,
    /// In both, and they say something else.
    pub values: u64,
}

/// Where two journals part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parting {
    /// Since the start of the run.
    pub offset: String,
    /// What is unlike, in words.
    pub what: String,
    /// The entry of the first journal; `None` where it has none.
    pub a: Option<Side>,
    /// The entry of the second journal.
    pub b: Option<Side>,
}

/// One side of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// Its number.
    pub entry: u64,
    /// The entry, as `qsim journal` prints it.
    pub text: String,
    /// It is not there: this is what should have brought it about.
    pub absent: bool,
    /// How it came to it.
    pub story: Story,
}

/// What two journals have not in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Differences {
    /// Path and number of entries of both.
    pub journals: [(String, u64); 2],
    /// Their digests are equal: they are the same run.
    pub identical: bool,
    /// Settings of the two scenarios that differ: where, and both values.
    pub settings: Vec<(String, String, String)>,
    /// Whether both ran on the same market.
    pub same_market: bool,
    /// The first entry that is unlike.
    pub first: Option<Parting>,
    /// The first order that is unlike, if that is another one.
    pub order: Option<Parting>,
    /// Entries that are in both and say the same, but for ids and times.
    pub alike: u64,
    /// All others, by service and by stream, key or request.
    pub unlike: BTreeMap<String, BTreeMap<String, Unlike>>,
}

/// Settings are told up to this many.
const SETTINGS_MAX: usize = 40;

/// Compares two journals.
pub fn diff(a: &Recording, b: &Recording) -> Differences {
    let identical = !a.digest.is_empty() && a.digest == b.digest;
    let mut settings = Vec::new();
    let scenario = |recording: &Recording| recording.header.get("scenario").cloned();
    if let (Some(one), Some(other)) = (scenario(a), scenario(b)) {
        unlike_settings("", &one, &other, &mut settings);
    }
    let mut found = Differences {
        journals: [(a.path.clone(), a.entries()), (b.path.clone(), b.entries())],
        identical,
        settings,
        same_market: a.header.get("market") == b.header.get("market"),
        first: None,
        order: None,
        alike: 0,
        unlike: BTreeMap::new(),
    };
    if identical {
        found.alike = a.entries();
        return found;
    }
    let aligned = Aligned::of(a, b);
    let mut partings = Vec::new();
    for (entry, &other) in aligned.a.iter().enumerate() {
        let entry = entry as u32;
        if a.row(entry).kind == Kind::Market {
            continue;
        }
        match other {
            NONE => {
                found.count(a, entry).only_a += 1;
                partings.push((a.row(entry).time - a.start(), Some(entry), None));
            }
            other if same::same(a, entry, b, other) => found.alike += 1,
            other => {
                found.count(a, entry).values += 1;
                partings.push((a.row(entry).time - a.start(), Some(entry), Some(other)));
            }
        }
    }
    for (entry, other) in aligned.b.iter().enumerate() {
        let entry = entry as u32;
        if *other == NONE && b.row(entry).kind != Kind::Market {
            found.count(b, entry).only_b += 1;
            partings.push((b.row(entry).time - b.start(), None, Some(entry)));
        }
    }
    let place = |(_, a, b): &(engine::Nanos, Option<u32>, Option<u32>)| (*a).or(*b).unwrap_or(0);
    let first = partings.iter().min_by_key(|parting| (parting.0, place(parting)));
    found.first = first.map(|(at, one, other)| aligned.parting(a, b, *at, (*one, *other)));
    let is_order = |(_, one, other): &&(engine::Nanos, Option<u32>, Option<u32>)| {
        one.is_some_and(|entry| super::is_order(a, entry))
            || other.is_some_and(|entry| super::is_order(b, entry))
    };
    let order = partings.iter().filter(is_order).min_by_key(|parting| (parting.0, place(parting)));
    found.order = order
        .filter(|order| Some(*order) != first)
        .map(|(at, one, other)| aligned.parting(a, b, *at, (*one, *other)));
    found
}

impl Differences {
    /// How many entries are unlike.
    pub fn unlike_entries(&self) -> u64 {
        let all = self.unlike.values().flat_map(BTreeMap::values);
        all.map(|one| one.only_a + one.only_b + one.values).sum()
    }

    fn count(&mut self, recording: &Recording, entry: u32) -> &mut Unlike {
        let row = recording.row(entry);
        let place = recording.place(entry);
        let what = match row.kind {
            Kind::Publish => words::short(place).to_owned(),
            Kind::Delivery => format!("read of {}", words::short(place)),
            Kind::Submit => format!("request {place}"),
            Kind::Response => format!("answer {place}"),
            Kind::Call | Kind::CallOut | Kind::Reply | Kind::ReplyOut => "calls".to_owned(),
            _ => align::general(place),
        };
        let service = self.unlike.entry(recording.whose(entry).to_owned()).or_default();
        service.entry(what).or_default()
    }
}

impl Aligned {
    fn parting(
        &self,
        a: &Recording,
        b: &Recording,
        at: engine::Nanos,
        (one, other): (Option<u32>, Option<u32>),
    ) -> Parting {
        let side = |recording: &Recording, entry: u32, absent: bool| Side {
            entry: u64::from(entry),
            text: recording.text(u64::from(entry)),
            absent,
            story: story(recording, u64::from(entry)),
        };
        let what = match (one, other) {
            (Some(_), Some(_)) => "both have it, and it says something else",
            (Some(_), None) => "only the first journal has it",
            _ => "only the second journal has it",
        };
        // Of what is not there: what should have brought it about, as far as that is there.
        let instead = |of: &Recording, matches: &[u32], entry: u32| {
            let mut cause = of.row(entry).cause;
            while cause != NONE {
                match matches.get(cause as usize) {
                    Some(&found) if found != NONE => return Some(found),
                    _ => cause = of.row(cause).cause,
                }
            }
            None
        };
        let (of_a, of_b) = match (one, other) {
            (Some(one), Some(other)) => (Some(side(a, one, false)), Some(side(b, other, false))),
            (Some(one), None) => {
                let near = instead(a, &self.a, one);
                (Some(side(a, one, false)), near.map(|near| side(b, near, true)))
            }
            (None, Some(other)) => {
                let near = instead(b, &self.b, other);
                (near.map(|near| side(a, near, true)), Some(side(b, other, false)))
            }
            (None, None) => (None, None),
        };
        Parting { offset: offset(at), what: what.to_owned(), a: of_a, b: of_b }
    }
}

/// The values of two scenarios that differ, by their keys.
fn unlike_settings(at: &str, a: &Json, b: &Json, found: &mut Vec<(String, String, String)>) {
    if a == b || found.len() >= SETTINGS_MAX {
        return;
    }
    if let (Json::Object(one), Json::Object(other)) = (a, b) {
        let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for key in keys {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            let of = |table: &serde_json::Map<String, Json>| {
                table.get(key).cloned().unwrap_or(Json::Null)
            };
            unlike_settings(&at, &of(one), &of(other), found);
        }
        return;
    }
    let text = |json: &Json| match json {
        Json::Null => "absent".to_owned(),
        other => words::cut(&other.to_string()),
    };
    found.push((at.to_owned(), text(a), text(b)));
}
