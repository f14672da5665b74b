//! What lay on the bus and in the account at an instant, as far as a journal tells.

use std::collections::BTreeMap;

use engine::{
    Answer, BodyEntry, EnvelopeKind, ExchangeEvent, JournalEntry, KeyValue, MemberOf, Nanos,
    Outcome, PositionRisk, ReadMode, RecordEntry, UserEvent, Value,
};
use pipeline::contracts::{Holds, Shape};
use pipeline::keys::KEYS;
use pipeline::streams::STREAMS;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};

use super::super::keys::{Held, held};
use super::super::recording::{Kind, Recording};
use super::super::words::short;

/// Of each stream the newest entries are stated.
const ENTRIES: usize = 50;
/// Of each list the newest members.
const MEMBERS: usize = 200;

/// `[state]` just before the entry `at`, at the instant `now`; and what it cannot say.
pub(super) fn before(recording: &Recording, at: u32, now: Nanos) -> (Json, Vec<String>) {
    let shapes = shapes();
    let (mut keys, mut lacking) = (Map::new(), Vec::new());
    for number in 0..recording.writes.len() as u32 {
        let Held::Set(entry, end) = held(recording, number, at) else { continue };
        let name = recording.names.name(number);
        let Some(mut key) = key(recording, number, at, entry, &shapes) else {
            lacking.push(format!("the set {name}"));
            continue;
        };
        if let Some(end) = end {
            key.insert(
                "ttl".to_owned(),
                json!(format!("{}ms", ((end - now).0 / 1_000_000).max(1))),
            );
        }
        keys.insert(name.to_owned(), Json::Object(key));
    }
    let streams = streams(recording, at, now, &shapes);
    (json!({ "keys": keys, "streams": streams }), lacking)
}

type Shapes = BTreeMap<&'static str, Shape>;

fn shapes() -> Shapes {
    let of_keys = KEYS.iter().filter_map(|key| match key.holds {
        Holds::Hash(shape) | Holds::Json(shape) => Some(shape),
        _ => None,
    });
    let all = of_keys.chain(STREAMS.iter().map(|stream| stream.shape));
    all.map(|shape| (shape.record, shape)).collect()
}

/// The fields of a record as Redis holds them.
fn fields(record: &RecordEntry, shapes: &Shapes) -> Map<String, Json> {
    let shape = shapes.get(record.name.as_str());
    let kind = |field: &str| {
        let place = shape?.fields.iter().position(|name| *name == field)?;
        shape?.kinds.get(place).copied()
    };
    let text = |(name, value): &(String, Value)| {
        let text = match value {
            Value::Time(time) => time_text(*time, kind(name).unwrap_or_default()),
            other => other.to_string(),
        };
        (name.clone(), json!(text))
    };
    record.fields.iter().map(text).collect()
}

/// Times are written in three ways.
fn time_text(time: Nanos, kind: &str) -> String {
    if kind.contains("EpochMillis") {
        return time.millis().to_string();
    }
    if kind.contains("EpochSeconds") {
        let fraction = time.0.rem_euclid(1_000_000_000);
        let text = format!("{}.{fraction:09}", time.secs());
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    time.to_string()
}

fn key(
    recording: &Recording,
    number: u32,
    at: u32,
    newest: u32,
    shapes: &Shapes,
) -> Option<Map<String, Json>> {
    let (what, value) = match recording.entry(newest) {
        JournalEntry::Set { value: KeyValue::Text(text), .. } => ("value", json!(text)),
        JournalEntry::Set { value: KeyValue::Json(record), .. } => {
            ("json", Json::Object(fields(&record, shapes)))
        }
        JournalEntry::Set { value: KeyValue::Hash(record), .. } => {
            ("hash", Json::Object(fields(&record, shapes)))
        }
        JournalEntry::Member { of: MemberOf::Hash, .. } => {
            ("hash", Json::Object(members(recording, number, at).into_iter().rev().collect()))
        }
        JournalEntry::Member { of: MemberOf::List, .. } => {
            let members = members(recording, number, at).into_iter().take(MEMBERS);
            ("list", members.map(|(_, value)| value).collect())
        }
        _ => return None,
    };
    Some([(what.to_owned(), value)].into_iter().collect())
}

/// Fields and values that were put into a hash or a list since it was deleted last, newest first.
fn members(recording: &Recording, number: u32, at: u32) -> Vec<(String, Json)> {
    let (mut found, mut before) = (Vec::new(), at);
    while let Some(entry) = recording.newest_write(number, before) {
        match recording.entry(entry) {
            JournalEntry::Member { field, value, .. } => found.push((field, json!(value))),
            JournalEntry::Delete(_) | JournalEntry::Set { .. } => break,
            _ => {}
        }
        before = entry;
    }
    found
}

/// The newest entries of each stream that somebody reads, and how far its groups had come.
fn streams(recording: &Recording, at: u32, now: Nanos, shapes: &Shapes) -> Vec<Json> {
    let mut newest: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    let mut read: BTreeMap<(u32, u16), u64> = BTreeMap::new();
    for (place, row) in recording.rows[..at as usize].iter().enumerate() {
        let entry = place as u32;
        match row.kind {
            Kind::Publish => newest.entry(recording.place(entry)).or_default().push(entry),
            // What was delivered has been acknowledged, as far as a journal tells.
            Kind::Delivery => {
                read.insert((row.place, row.service), u64::from(row.cause));
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    for (stream, mut entries) in newest {
        let known = STREAMS.iter().any(|one| one.name == stream);
        let readers: Vec<(u16, &str)> = recording
            .wires
            .services
            .iter()
            .enumerate()
            .flat_map(|(place, wire)| {
                let own = wire.wiring.readers.iter().filter(|reader| reader.stream == stream);
                own.filter_map(move |reader| match &reader.mode {
                    ReadMode::Group { group, .. } => Some((place as u16, group.as_str())),
                    ReadMode::Tail { .. } => None,
                })
            })
            .collect();
        let looked =
            recording.wires.services.iter().any(|wire| wire.wiring.looks.contains(&stream));
        if !known || (readers.is_empty() && !looked) {
            continue;
        }
        let kept = entries.split_off(entries.len().saturating_sub(ENTRIES));
        let number = recording.names.find(stream).unwrap_or_default();
        let groups: Vec<Json> = readers
            .into_iter()
            .map(|(service, group)| {
                let last = read.get(&(number, service)).copied().unwrap_or(0);
                let done = kept.iter().filter(|entry| u64::from(**entry) <= last).count();
                json!({ "name": group, "read": done })
            })
            .collect();
        let (entries, envelope) = entries_of(recording, &kept, shapes);
        let age = kept.last().map_or(Nanos::ZERO, |last| now - recording.row(*last).time);
        let mut one = json!({
            "stream": short(stream),
            "entries": entries,
            "envelope": envelope,
            "age": format!("{}ms", (age.0 / 1_000_000).max(1)),
        });
        if !groups.is_empty() {
            one["groups"] = json!(groups);
        }
        out.push(one);
    }
    out
}

fn entries_of(
    recording: &Recording,
    kept: &[u32],
    shapes: &Shapes,
) -> (Vec<Map<String, Json>>, &'static str) {
    let mut envelope = "flat";
    let mut entries = Vec::new();
    for entry in kept {
        let JournalEntry::Publish { body, .. } = recording.entry(*entry) else { continue };
        entries.push(match body {
            BodyEntry::Raw(raw) => {
                raw.into_iter().map(|(name, text)| (name, json!(text))).collect()
            }
            BodyEntry::Record(form, record) => {
                if form != EnvelopeKind::Flat {
                    envelope = "payload";
                }
                fields(&record, shapes)
            }
        });
    }
    (entries, envelope)
}

/// Wallet and positions as the exchange told them last.
pub(super) fn account(recording: &Recording, at: u32, account: &mut Map<String, Json>) {
    let mut wallet: Option<Decimal> = None;
    let mut positions: Option<Vec<PositionRisk>> = None;
    for place in (0..at).rev() {
        if wallet.is_some() && positions.is_some() {
            break;
        }
        if !matches!(recording.row(place).kind, Kind::User | Kind::Response) {
            continue;
        }
        match recording.entry(place) {
            JournalEntry::PositionRisk { rows, .. } => {
                positions.get_or_insert(rows);
            }
            JournalEntry::Exchange(ExchangeEvent::User {
                event: UserEvent::AccountUpdate { balance: Some(balance), .. },
                ..
            }) => {
                wallet.get_or_insert(balance.wallet_balance);
            }
            JournalEntry::Exchange(ExchangeEvent::Response {
                outcome: Outcome::Done(Answer::Account(balance)),
                ..
            }) => {
                wallet.get_or_insert(balance.wallet_balance);
            }
            _ => {}
        }
    }
    if let Some(wallet) = wallet {
        account.insert("wallet".to_owned(), json!(wallet.normalize().to_string()));
    }
    let open: Vec<Json> = positions
        .into_iter()
        .flatten()
        .filter(|row| row.position_amt.0 != 0)
        .filter_map(|row| {
            let grid = recording.wires.instruments.get(usize::from(row.symbol.0))?;
            let amt = Decimal::new(row.position_amt.0, grid.qty_decimals.min(28)).normalize();
            Some(json!({
                "symbol": grid.symbol.to_string(),
                "amt": amt.to_string(),
                "entry_price": row.entry_price.normalize().to_string(),
            }))
        })
        .collect();
    if !open.is_empty() {
        account.insert("positions".to_owned(), json!(open));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_their_field_has_them() {
        let time = Nanos(1_767_242_340_250_000_000);
        assert_eq!(time_text(time, "Option<EpochSeconds>"), "1767242340.25");
        assert_eq!(time_text(time, "EpochMillis"), "1767242340250");
        assert_eq!(time_text(time, "IsoTime"), "2026-01-01T04:39:00.250Z");
    }
}
