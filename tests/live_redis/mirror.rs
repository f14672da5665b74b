//! The embedded bus, copied to a server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use engine::{JournalEntry, KeyValue, MemberOf};
use redis::Value;

use super::redis_support::{Server, eventually};
use super::sessions::{LENGTH, Running, replays, scenario, serve};
use super::support::Folder;
use super::support::pace::steadily;
use super::support::served::entries;

/// What a journal says that the bus holds at its end; what has a life is left out, because that runs on the server's
/// own clock.
#[derive(Debug, Default)]
struct Held {
    streams: BTreeMap<String, Vec<String>>,
    keys: BTreeSet<String>,
    lives: BTreeSet<String>,
    texts: BTreeMap<String, String>,
    fields: BTreeMap<(String, String), String>,
}

fn held(journal: &Path) -> Held {
    let mut held = Held::default();
    for (_, _, entry) in entries(journal) {
        match entry {
            JournalEntry::Publish { stream, id, .. } => {
                held.streams.entry(stream).or_default().push(id.to_string());
            }
            JournalEntry::Set { key, value, life } => {
                held.texts.remove(&key);
                if let KeyValue::Text(text) = value {
                    held.texts.insert(key.clone(), text);
                }
                match life {
                    Some(_) => held.lives.insert(key.clone()),
                    None => held.lives.remove(&key),
                };
                held.keys.insert(key);
            }
            JournalEntry::Delete(key) => {
                held.keys.remove(&key);
                held.texts.remove(&key);
                held.fields.retain(|(of, _), _| *of != key);
            }
            JournalEntry::Expire(key, _) => {
                held.lives.insert(key);
            }
            JournalEntry::Member { of, key, field, value } => {
                if of == MemberOf::Hash {
                    held.fields.insert((key.clone(), field), value);
                }
                held.keys.insert(key);
            }
            _ => {}
        }
    }
    held
}

fn text(value: Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Value::SimpleString(text) => text,
        other => panic!("{other:?}"),
    }
}

fn ids(server: &Server, stream: &str) -> Vec<String> {
    let Value::Array(rows) = server.run(&format!("XRANGE {stream} - +")) else {
        panic!("{stream}")
    };
    let id = |row| match row {
        Value::Array(mut parts) => text(parts.swap_remove(0)),
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(id).collect()
}

/// Streams and keys on the server are those of the journal.
fn assert_copied(server: &Server, journal: &Path) {
    let held = held(journal);
    assert!(held.streams.len() > 10 && held.keys.len() > 20, "a session writes more: {held:?}");
    for (stream, all) in &held.streams {
        let there = ids(server, stream);
        assert!(!there.is_empty() && all.ends_with(&there), "{stream}: {all:?} and {there:?}");
        assert!(there.len() == all.len() || there.len() >= 100, "{stream}: cut to {}", there.len());
    }
    for key in held.keys.difference(&held.lives) {
        assert_eq!(server.run(&format!("EXISTS {key}")), Value::Int(1), "{key}");
        if let Some(value) = held.texts.get(key) {
            assert_eq!(&text(server.run(&format!("GET {key}"))), value, "{key}");
        }
    }
    for ((key, field), value) in &held.fields {
        if !held.lives.contains(key) {
            assert_eq!(&text(server.run(&format!("HGET {key} {field}"))), value, "{key} {field}");
        }
    }
}

fn mirror(server: &Server) -> String {
    format!("mirror = \"{}\"", server.address())
}

#[test]
fn the_copy_holds_what_the_journal_says() {
    steadily(|| {
        let folder = Folder::new();
        let server = Server::start();
        folder.file("chain.toml", scenario(2, &mirror(&server)));
        let served = serve(&folder, "chain.toml", 8);
        let mut session =
            Running::start(&folder, &served, "chain.toml", "chain", &["--for", LENGTH]);
        session.ends_well();
        assert!(session.said().contains("mirror_complete"), "{}", session.said());
        assert_copied(&server, &session.journal);
        replays(&folder, &session.journal);
    });
}

#[test]
fn a_copy_whose_server_dies_is_made_up_for() {
    steadily(|| {
        let folder = Folder::new();
        let mut server = Server::start();
        folder.file("chain.toml", scenario(2, &mirror(&server)));
        let served = serve(&folder, "chain.toml", 8);
        let mut session =
            Running::start(&folder, &served, "chain.toml", "chain", &["--for", LENGTH]);
        eventually("it copies", || matches!(server.run("DBSIZE"), Value::Int(11..)));
        server.kill();
        session.says("mirror_lost");
        server.start_again();
        session.says("mirror_back");
        session.ends_well();
        assert!(session.said().contains("mirror_complete"), "{}", session.said());
        assert_copied(&server, &session.journal);

        // One whose server does not come back ends as well, and says what is missing.
        let served = serve(&folder, "chain.toml", 8);
        let mut session =
            Running::start(&folder, &served, "chain.toml", "alone", &["--for", "80s"]);
        session.says("the session begins");
        server.kill();
        session.says("mirror_lost");
        session.ends_well();
        assert!(session.said().contains("mirror_incomplete"), "{}", session.said());
        replays(&folder, &session.journal);
    });
}
