//! `[pipeline.streams.SERVICE]`: streams that one service finds under another name, so that a scenario may put
//! a service on another stream without a line of code. Names are those of `streams.rs`, without
//! `quantum:stream:`:
//!
//! ```toml
//! [pipeline.streams.portfolio_gate]
//! "apply.plan" = "harvest.proposal"
//! ```

use std::collections::BTreeMap;

use engine::{Wiring, nearest};
use serde::{Deserialize, Serialize};

use crate::chain::SERVICES;
use crate::settings::Component;
use crate::streams::{STREAMS, Stream};

/// By service, what it calls a stream and what that is in this run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Rewiring(BTreeMap<String, BTreeMap<String, String>>);

fn stream(event: &str) -> Result<&'static Stream, String> {
    let known: Vec<&str> = STREAMS.iter().map(|stream| stream.event).collect();
    let found = STREAMS.iter().find(|stream| stream.event == event);
    found.ok_or_else(|| unknown("stream", event, &known))
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("there is no {what} {name:?}; did you mean {near:?}?"),
        None => format!("there is no {what} {name:?}; there are {}", known.join(", ")),
    }
}

impl Rewiring {
    /// What a service of this wiring finds where.
    pub(crate) fn of(
        &self,
        service: &str,
        wiring: &Wiring,
    ) -> Result<BTreeMap<&'static str, &'static str>, String> {
        let mut found = BTreeMap::new();
        for (from, to) in self.0.get(service).into_iter().flatten() {
            let (from, to) = (stream(from)?, stream(to)?);
            let reads = wiring.readers.iter().any(|reader| reader.stream == from.name);
            let touches = wiring.writes.contains(&from.name) || wiring.looks.contains(&from.name);
            if !reads && !touches {
                return Err(format!(
                    "it neither reads nor writes {:?}: `qsim pipeline show` says what it does",
                    from.event
                ));
            }
            found.insert(from.name, to.name);
        }
        Ok(found)
    }
}

impl Component for Rewiring {
    fn problem(&self) -> Option<String> {
        let unknown = self.0.keys().find(|service| !SERVICES.contains(&service.as_str()))?;
        Some(self::unknown("service", unknown, SERVICES))
    }
}

#[cfg(test)]
mod tests {
    use crate::chain::chain;
    use crate::map::PipelineMap;
    use crate::{PipelineSettings, SERVICES};

    fn settings(service: &str, from: &str, to: &str) -> PipelineSettings {
        let streams = [(from.to_owned(), to.to_owned())].into();
        PipelineSettings {
            streams: super::Rewiring([(service.to_owned(), streams)].into()),
            ..PipelineSettings::default()
        }
    }

    fn problem(service: &str, from: &str, to: &str) -> String {
        match chain(&settings(service, from, to), &[]) {
            Ok(_) => panic!("a wiring that makes no sense is taken"),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn the_map_shows_the_stream_of_this_run() {
        let settings = settings("intent_bridge", "trade.intent", "ai.decision.made");
        let map = PipelineMap::of(&settings, &[]).expect("a map");
        let readers = &map.streams["quantum:stream:ai.decision.made"].readers;
        assert!(readers.iter().any(|reader| reader.starts_with("intent_bridge")), "{readers:?}");
        let readers = map.streams.get("quantum:stream:trade.intent").map(|place| &place.readers);
        assert!(!readers.into_iter().flatten().any(|r| r.starts_with("intent_bridge")));
    }

    #[test]
    fn names_that_are_none_are_refused() {
        assert!(SERVICES.contains(&"intent_bridge"));
        let text = problem("intent_brige", "trade.intent", "apply.plan");
        assert!(text.contains("\"intent_bridge\""), "{text}");
        let text = problem("intent_bridge", "trade.intend", "apply.plan");
        assert!(text.contains("[pipeline.streams.intent_bridge]"), "{text}");
        assert!(text.contains("\"trade.intent\""), "{text}");
        let text = problem("intent_bridge", "trade.closed", "apply.plan");
        assert!(text.contains("neither reads nor writes"), "{text}");
    }
}
