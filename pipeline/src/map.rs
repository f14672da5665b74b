//! The map of a pipeline: which service reads, writes, calls and asks what. It is made of the wiring that
//! services declare, and a test holds the declarations to what the services do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use engine::{Instrument, ReadMode, ServiceId, Touch, Wiring};

use crate::chain::{BadSettings, PipelineSettings, chain};

/// One service with its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedService {
    /// Its name.
    pub name: String,
    /// Its connections.
    pub wiring: Wiring,
}

/// A stream or a key with all that touch it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Services that write it, in the order of the run.
    pub writers: Vec<String>,
    /// Services that read it, with the group by which they do.
    pub readers: Vec<String>,
}

impl Place {
    /// What is odd about it, if something is.
    pub fn mark(&self) -> Option<&'static str> {
        match (self.writers.is_empty(), self.readers.is_empty()) {
            (true, false) => Some("nobody writes it"),
            (false, true) => Some("nobody reads it"),
            _ => None,
        }
    }
}

/// The map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineMap {
    /// Services that run, in the order of the run.
    pub services: Vec<MappedService>,
    /// Streams by name.
    pub streams: BTreeMap<String, Place>,
    /// Keys by pattern.
    pub keys: BTreeMap<String, Place>,
}

impl PipelineMap {
    /// Of the services that run with these settings.
    pub fn of(
        settings: &PipelineSettings,
        instruments: &[Instrument],
    ) -> Result<PipelineMap, BadSettings> {
        let members = chain(settings, instruments)?;
        let services: Vec<MappedService> = members
            .into_iter()
            .map(|member| MappedService { wiring: member.wiring(), name: member.name })
            .collect();
        let mut streams: BTreeMap<String, Place> = BTreeMap::new();
        let mut keys: BTreeMap<String, Place> = BTreeMap::new();
        for MappedService { name, wiring } in &services {
            if wiring.watches {
                // Who watches everything is the reader of nothing: the marks would hide what nobody uses.
                for stream in &wiring.writes {
                    streams.entry((*stream).to_owned()).or_default().writers.push(name.clone());
                }
                for key in &wiring.keys_written {
                    keys.entry(key.clone()).or_default().writers.push(name.clone());
                }
                continue;
            }
            for reader in &wiring.readers {
                let how = match &reader.mode {
                    ReadMode::Group { group, .. } => format!("{name} (group {group})"),
                    ReadMode::Tail { .. } => format!("{name} (tail)"),
                };
                streams.entry(reader.stream.clone()).or_default().readers.push(how);
            }
            for stream in &wiring.looks {
                let place = streams.entry((*stream).to_owned()).or_default();
                place.readers.push(format!("{name} (newest)"));
            }
            for stream in &wiring.writes {
                streams.entry((*stream).to_owned()).or_default().writers.push(name.clone());
            }
            for key in &wiring.keys_read {
                keys.entry(key.clone()).or_default().readers.push(name.clone());
            }
            for key in &wiring.keys_written {
                keys.entry(key.clone()).or_default().writers.push(name.clone());
            }
        }
        Ok(PipelineMap { services, streams, keys })
    }

    /// As text: services with their connections, then what nobody writes or nobody reads.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for MappedService { name, wiring } in &self.services {
            let _ = writeln!(out, "{name}");
            let mut line = |what: &str, names: Vec<&str>| {
                if !names.is_empty() {
                    let _ = writeln!(out, "  {what:<7} {}", names.join(", "));
                }
            };
            let market = wiring.market.names();
            line("market", market);
            line("reads", wiring.readers.iter().map(|r| short(&r.stream)).collect());
            line("looks", wiring.looks.iter().map(|stream| short(stream)).collect());
            line("writes", wiring.writes.iter().map(|stream| short(stream)).collect());
            line("gets", wiring.keys_read.iter().map(String::as_str).collect());
            line("sets", wiring.keys_written.iter().map(String::as_str).collect());
            line("calls", wiring.calls.clone());
            line("watches", if wiring.watches { vec!["all streams and keys"] } else { Vec::new() });
            let exchange = [(wiring.exchange, "requests"), (wiring.user_stream, "user stream")];
            line("venue", exchange.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect());
        }
        let odd = |places: &BTreeMap<String, Place>, out: &mut String| {
            for (name, place) in places {
                if let Some(mark) = place.mark() {
                    let who = [&place.writers[..], &place.readers[..]].concat().join(", ");
                    let _ = writeln!(out, "  {:<44} {mark} ({who})", short(name));
                }
            }
        };
        out.push_str("\nstreams that end or begin nowhere\n");
        odd(&self.streams, &mut out);
        out.push_str("\nkeys that end or begin nowhere\n");
        odd(&self.keys, &mut out);
        out
    }

    /// As a Mermaid flowchart of services, streams and calls; keys would hide them. Streams that nobody
    /// writes are red, those that nobody reads are grey.
    pub fn mermaid(&self) -> String {
        let mut out = "flowchart LR\n".to_owned();
        let (mut unwritten, mut unread) = (Vec::new(), Vec::new());
        for (at, (stream, place)) in self.streams.iter().enumerate() {
            let _ = writeln!(out, "  s{at}([\"{}\"])", short(stream));
            match (place.writers.is_empty(), place.readers.is_empty()) {
                (true, _) => unwritten.push(format!("s{at}")),
                (_, true) => unread.push(format!("s{at}")),
                _ => {}
            }
        }
        let stream_at: BTreeMap<&str, usize> =
            self.streams.keys().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        for MappedService { name, wiring } in &self.services {
            let _ = writeln!(out, "  {name}[\"{name}\"]");
            for stream in wiring.writes.iter().filter_map(|stream| stream_at.get(stream)) {
                let _ = writeln!(out, "  {name} --> s{stream}");
            }
            let read = wiring.readers.iter().map(|reader| reader.stream.as_str());
            for stream in read.filter_map(|stream| stream_at.get(stream)) {
                let _ = writeln!(out, "  s{stream} --> {name}");
            }
            for called in &wiring.calls {
                let _ = writeln!(out, "  {name} -. calls .-> {called}");
            }
            if wiring.exchange {
                let _ = writeln!(out, "  {name} ==> exchange");
            }
        }
        out.push_str("  exchange[(\"exchange\")]\n");
        for (class, style, places) in [
            ("unwritten", "fill:#fdd,stroke:#c00", unwritten),
            ("unread", "fill:#eee,stroke:#999", unread),
        ] {
            if !places.is_empty() {
                let _ = writeln!(
                    out,
                    "  classDef {class} {style}\n  class {} {class}",
                    places.join(",")
                );
            }
        }
        out
    }

    /// What services touched that their wiring does not name, in words. `names` are those of the run.
    pub fn undeclared<'a>(
        &self,
        names: &[String],
        touches: impl IntoIterator<Item = &'a Touch>,
    ) -> BTreeSet<String> {
        let name = |id: &ServiceId| names.get(usize::from(id.0)).map_or("?", String::as_str);
        let nowhere = Wiring::default();
        let wiring = |id: &ServiceId| {
            let found = self.services.iter().find(|mapped| mapped.name == name(id));
            found.map_or(&nowhere, |mapped| &mapped.wiring)
        };
        let fit = |key: &str, patterns: &[String]| patterns.iter().any(|p| fits(p, key));
        let undeclared = |touch: &Touch| -> Option<String> {
            let (id, is_declared, what) = match touch {
                Touch::KeyRead(id, key) => {
                    let known = wiring(id).watches || fit(key, &wiring(id).keys_read);
                    (id, known, format!("reads the key {key}"))
                }
                Touch::KeyWritten(id, key) => {
                    (id, fit(key, &wiring(id).keys_written), format!("writes the key {key}"))
                }
                Touch::Published(id, stream) => {
                    let known = wiring(id).writes.contains(&stream.as_str());
                    (id, known, format!("writes the stream {stream}"))
                }
                Touch::Looked(id, stream) => {
                    let known = wiring(id).watches || wiring(id).looks.contains(&stream.as_str());
                    (id, known, format!("looks at the stream {stream}"))
                }
                Touch::Called(id, called) => {
                    let called = name(called);
                    (id, wiring(id).calls.contains(&called), format!("calls {called}"))
                }
                Touch::Exchange(id) => (id, wiring(id).exchange, "asks the exchange".to_owned()),
            };
            (!is_declared).then(|| format!("{} {what}", name(id)))
        };
        touches.into_iter().filter_map(undeclared).collect()
    }
}

impl PipelineMap {
    /// What the wiring of services names and no service touched, in words.
    pub fn untouched<'a>(
        &self,
        names: &[String],
        touches: impl IntoIterator<Item = &'a Touch>,
    ) -> BTreeSet<String> {
        let touches: Vec<&Touch> = touches.into_iter().collect();
        let mut found = BTreeSet::new();
        for MappedService { name, wiring } in &self.services {
            let is_own = |id: &ServiceId| names.get(usize::from(id.0)) == Some(name);
            for pattern in &wiring.keys_read {
                let is_read = |touch: &&Touch| matches!(touch, Touch::KeyRead(id, key) if is_own(id) && fits(pattern, key));
                if !touches.iter().any(is_read) {
                    found.insert(format!("{name} reads the key {pattern}"));
                }
            }
            for pattern in &wiring.keys_written {
                let is_written = |touch: &&Touch| matches!(touch, Touch::KeyWritten(id, key) if is_own(id) && fits(pattern, key));
                if !touches.iter().any(is_written) {
                    found.insert(format!("{name} writes the key {pattern}"));
                }
            }
            for stream in &wiring.writes {
                let is_written = |touch: &&Touch| matches!(touch, Touch::Published(id, to) if is_own(id) && to == stream);
                if !touches.iter().any(is_written) {
                    found.insert(format!("{name} writes the stream {stream}"));
                }
            }
        }
        found
    }
}

/// A stream without the prefix that all have.
fn short(stream: &str) -> &str {
    stream.strip_prefix("quantum:stream:").unwrap_or(stream)
}

/// Whether a key, or a glob over keys, is one of a pattern.
fn fits(pattern: &str, key: &str) -> bool {
    match (pattern.find('{'), pattern.find('}')) {
        (Some(open), Some(close)) if open < close => {
            let (before, after) = (&pattern[..open], &pattern[close + 1..]);
            let rest = key.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            rest.is_some_and(|part| !part.is_empty())
        }
        _ => pattern == key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_their_keys() {
        assert!(fits("candles:{S}:1m", "candles:BTCUSDT:1m"));
        assert!(!fits("candles:{S}:1m", "candles:BTCUSDT:5m"));
        assert!(!fits("candles:{S}:1m", "candles::1m"));
        assert!(fits("quantum:kill", "quantum:kill"));
        assert!(!fits("quantum:kill", "quantum:killed"));
    }

    #[test]
    fn the_map_marks_what_begins_nowhere() {
        let mut settings = PipelineSettings::default();
        settings.policy_store.enabled = false;
        let map = PipelineMap::of(&settings, &[]).expect("a map");
        let policy = &map.keys["quantum:policy:current"];
        assert_eq!(policy.mark(), Some("nobody writes it"));
        assert!(
            map.text().contains("nobody writes it (trading_bot, intent_bridge"),
            "{}",
            map.text()
        );
        assert!(map.mermaid().contains("trading_bot -. calls .-> ai_engine"));
    }
}
