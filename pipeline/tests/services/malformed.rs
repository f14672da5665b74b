//! Every service is fed what nobody should write: on each stream that it reads, entries without fields, with a
//! field missing, with NaN, a number out of range, an unknown symbol or a foreign envelope; in each key that it
//! reads, a value of the wrong type. It has to refuse each with a reason and a counter, and to go on.
//!
//! The entries are made from the contracts, so that a new service, stream or field is held to this without a
//! line here.

use std::collections::BTreeMap;

use engine::{Body, ReadMode, Wiring};
use pipeline::contracts::Holds;
use pipeline::streams::{STREAMS, Stream};
use pipeline::{PipelineSettings, SERVICES, chain, keys};

use crate::bench::{Bench, instrument};

/// A value that a field of this type takes.
fn sample(kind: &str) -> &'static str {
    let kind = kind.replace(' ', "");
    let inner = kind.strip_prefix("Option<").and_then(|kind| kind.strip_suffix('>'));
    match inner.unwrap_or(&kind) {
        "Symbol" => "BTCUSDT",
        "Decimal" | "i64" | "u32" | "u64" => "1",
        "f64" => "0.5",
        "bool" | "ReduceOnly" => "true",
        "EpochSeconds" => "1770000000",
        "EpochMillis" => "1770000000000",
        "IsoTime" => "2026-02-02T02:40:00.000000",
        "CorrelationId" => "00000000-0000-4000-8000-000000000001",
        "JsonText<[f64;18]>" => "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18]",
        "JsonText<HarvestPolicy>" => {
            r#"{"mode":"swing","trail_pct":1.0,"max_time_sec":3600,"partial_close_pct":0.0}"#
        }
        "JsonText<SizeState>" => {
            r#"{"market":"ranging","confidence":"high","exposure":"low","results":"even"}"#
        }
        "JsonText<Votes>" => r#"{"BUY":1.0,"SELL":0.0,"HOLD":0.0}"#,
        "SymbolList" => "[]",
        other if other.contains("Vec<") => "[]",
        other if other.contains("JsonText<") => "{}",
        // Text; and one of a set of words, until a dead letter says which there are.
        _ => "x",
    }
}

/// What the newest dead letter of a stream complains of.
fn newest_reason(bench: &mut Bench, stream: Stream) -> String {
    let letters = bench.entries(&format!("quantum:dlq:{}", stream.event));
    let fields = letters.last().and_then(|letter| letter.body.as_ref()).expect("a body");
    let fields = fields.to_fields().into_owned();
    let reason = fields.0.iter().find(|(name, _)| &name[..] == b"dlq_reason").expect("a reason");
    String::from_utf8(reason.1.to_vec()).expect("text")
}

/// An entry that the service reads. Where a field wants one of a few words, the dead letter names them.
fn good(bench: &mut Bench, service: &str, stream: Stream) -> Vec<(&'static str, String)> {
    let fields = stream.shape.fields.iter().zip(stream.shape.kinds);
    let mut entry: Vec<_> = fields.map(|(field, kind)| (*field, sample(kind).to_owned())).collect();
    for _ in 0..=entry.len() {
        let before = bench.counter(service, "dead_letters");
        bench.publish(stream, Body::fields(&texts(&entry)));
        if bench.counter(service, "dead_letters") == before {
            return entry;
        }
        let reason = newest_reason(bench, stream);
        let learnt = reason.split_once("field \"").and_then(|(_, rest)| rest.split_once('"'));
        let words = reason.split_once(" is none of ").map(|(_, words)| words);
        let (Some((name, _)), Some(words)) = (learnt, words) else {
            panic!("{service}, {}: {reason}: say in `sample` what it takes", stream.event);
        };
        let field = entry.iter_mut().find(|(field, _)| *field == name).expect("a field");
        field.1 = words.split(", ").next().expect("a word").to_owned();
    }
    panic!("{service} reads no entry of {}", stream.event);
}

fn texts<'a>(entry: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    entry.iter().map(|(field, value)| (*field, value.as_str())).collect()
}

/// Entries that have to be dead letters, with what is wrong with each.
fn bad_entries<'a>(
    stream: Stream,
    whole: &[(&'static str, &'a str)],
) -> Vec<(String, Vec<(&'static str, &'a str)>)> {
    let with = |at: usize, value: &'static str| {
        let mut entry = whole.to_vec();
        entry[at].1 = value;
        entry
    };
    let mut bad = vec![
        ("no field that it knows".to_owned(), vec![("nothing", "1")]),
        ("a foreign envelope".to_owned(), vec![("data", "{}")]),
        ("a payload that is no JSON".to_owned(), vec![("payload", "{")]),
        ("a payload that is no object".to_owned(), vec![("payload", "[1]")]),
    ];
    for (at, (field, kind)) in stream.shape.fields.iter().zip(stream.shape.kinds).enumerate() {
        let kind = kind.replace(' ', "");
        // Absence means something for these.
        if !kind.starts_with("Option<") && !["ReduceOnly", "bool"].contains(&&kind[..]) {
            let mut entry = whole.to_vec();
            entry.remove(at);
            bad.push((format!("{field} missing"), entry));
        }
        let number = ["f64", "Decimal"].iter().any(|number| kind.contains(number));
        if number && !kind.contains("JsonText") {
            for value in ["NaN", "inf", "-inf", "1e999", "a lot"] {
                bad.push((format!("{field} is {value}"), with(at, value)));
            }
        }
        if ["u32", "u64", "i64"].iter().any(|number| kind.contains(number)) {
            for value in ["0.5", "99999999999999999999"] {
                bad.push((format!("{field} is {value}"), with(at, value)));
            }
        }
    }
    bad
}

/// A service alone, for one symbol, with the streams that it reads as a group.
fn alone(service: &str) -> (Bench, Wiring) {
    let settings = PipelineSettings::all_enabled();
    let mut bench = Bench::new(&[service], &settings, Vec::new());
    bench.run_to_ms(1);
    let members = chain(&settings, &[instrument()]).expect("a chain");
    let member = members.into_iter().find(|member| member.name == service);
    (bench, member.expect("it runs").service.wiring())
}

fn stream_of(name: &str) -> Stream {
    let found = STREAMS.iter().find(|stream| stream.name == name);
    *found.unwrap_or_else(|| panic!("{name} stands in streams.rs"))
}

fn counters(bench: &Bench, service: &str) -> BTreeMap<&'static str, u64> {
    bench.kernel.counters(bench.service(service)).cloned().unwrap_or_default()
}

#[test]
fn a_malformed_entry_is_a_dead_letter_and_the_service_goes_on() {
    let mut fed = 0;
    for service in SERVICES {
        let (mut bench, wiring) = alone(service);
        for reader in &wiring.readers {
            let stream = stream_of(&reader.stream);
            let whole = good(&mut bench, service, stream);
            for (what, entry) in bad_entries(stream, &texts(&whole)) {
                let before = bench.counter(service, "dead_letters");
                bench.publish(stream, Body::fields(&entry));
                let after = bench.counter(service, "dead_letters");
                // Each of its groups reads the entry, and refuses it.
                let groups = wiring.readers.iter().filter(|r| r.stream == reader.stream).count();
                let want = before + groups as u64;
                assert_eq!(after, want, "{service}, {}: {what}", stream.event);
                fed += 1;
            }
            if let ReadMode::Group { group, .. } = &reader.mode {
                let now = bench.kernel.now();
                let groups = bench.kernel.bus_mut().xinfo_groups(now, stream.name).expect("groups");
                let own = groups.iter().find(|info| info.name == *group).expect("its group");
                assert_eq!(
                    own.pending, 0,
                    "{service} acknowledges dead letters of {}",
                    stream.event
                );
            }
            let dead = format!("quantum:dlq:{}", stream.event);
            for letter in bench.entries(&dead) {
                let fields = letter.body.as_ref().expect("a body").to_fields().into_owned();
                let reason = fields.0.iter().find(|(name, _)| &name[..] == b"dlq_reason");
                assert!(
                    reason.is_some_and(|(_, reason)| !reason.is_empty()),
                    "{service}: a reason"
                );
            }
        }
        // It lives: its timers go on for ten minutes.
        bench.run_for_ms(600_000);
    }
    assert!(fed > 400, "only {fed} entries were made");
}

#[test]
fn an_unknown_symbol_is_counted() {
    let mut silent = Vec::new();
    for service in SERVICES {
        let (mut bench, wiring) = alone(service);
        for reader in &wiring.readers {
            let stream = stream_of(&reader.stream);
            let mut entry = good(&mut bench, service, stream);
            let Some(symbol) = entry.iter_mut().find(|(name, _)| *name == "symbol") else {
                continue;
            };
            "NOPEUSDT".clone_into(&mut symbol.1);
            // What is not for this service is none of its business.
            let harvests = ["apply_layer", "portfolio_gate"].contains(service);
            for (name, value) in &mut entry {
                match *name {
                    "executor" if harvests => "apply_layer".clone_into(value),
                    "executor" => "intent_executor".clone_into(value),
                    "source" if harvests => "harvest_proposal".clone_into(value),
                    "class" if harvests => "close".clone_into(value),
                    "action" if harvests => "FULL_CLOSE_PROPOSED".clone_into(value),
                    "decision" => "EXECUTE".clone_into(value),
                    _ => {}
                }
            }
            let before = counters(&bench, service);
            bench.publish(stream, Body::fields(&texts(&entry)));
            bench.run_for_ms(10_000);
            let after = counters(&bench, service);
            if after == before {
                silent.push(format!("{service} on {}", stream.event));
            }
        }
    }
    assert!(silent.is_empty(), "say nothing about NOPEUSDT: {silent:?}");
}

#[test]
fn a_key_of_the_wrong_type_stops_nobody() {
    for service in SERVICES {
        let (mut bench, wiring) = alone(service);
        for pattern in &wiring.keys_read {
            let key = keys::KEYS.iter().find(|key| key.pattern() == *pattern);
            let key = key.unwrap_or_else(|| panic!("{pattern} stands in keys.rs"));
            let name = if key.part.is_empty() { key.name.to_owned() } else { key.of("BTCUSDT") };
            let now = bench.kernel.now();
            bench.kernel.bus_mut().del(now, &name);
            match key.holds {
                Holds::Hash(_) | Holds::Counters => bench.set(&name, "no hash"),
                _ => bench.hset(&name, &[("no", "string")]),
            }
        }
        bench.run_for_ms(600_000);
        let restarted = bench.kernel.now();
        bench.crash(service, 1_000);
        bench.run_for_ms(600_000);
        assert!(bench.kernel.now() > restarted);
    }
}
