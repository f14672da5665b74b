//! Faults of the streams: events that come twice, late or never, asked for by an admin route.
//!
//! Invariant: a fault changes what a listener hears, never the books.

use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize};

/// An event is held back for so many others at most.
const BEHIND_MAX: u32 = 1_000;

/// What a fault does to one event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StreamFaultKind {
    /// It comes twice.
    Duplicate,
    /// It comes behind so many later events of its stream, or when the faults are cleared.
    Late {
        /// So many.
        behind: u32,
    },
    /// It never comes.
    Lose,
}

/// A fault, and which events it strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamFault {
    /// What it does.
    #[serde(flatten)]
    pub what: StreamFaultKind,
    /// How many events it strikes; else all of them until the faults are cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// Only streams with this text in their name, such as `@depth`. The name of a user stream is its key.
    #[serde(default)]
    pub stream: Option<Box<str>>,
    /// Only events of this name, such as `ORDER_TRADE_UPDATE`.
    #[serde(default)]
    pub event: Option<Box<str>>,
}

#[derive(Debug)]
struct Late {
    topic: Box<str>,
    text: Utf8Bytes,
    behind: u32,
}

/// The faults that are in force, and what they hold back.
#[derive(Debug, Default)]
pub(crate) struct StreamFaults {
    faults: Vec<StreamFault>,
    held: Vec<Late>,
}

impl StreamFaults {
    pub(crate) fn add(&mut self, fault: StreamFault) -> Result<(), String> {
        if let StreamFaultKind::Late { behind } = fault.what
            && !(1..=BEHIND_MAX).contains(&behind)
        {
            return Err(format!("behind: {behind} must be 1 to {BEHIND_MAX}"));
        }
        self.faults.push(fault);
        Ok(())
    }

    pub(crate) fn list(&self) -> Vec<StreamFault> {
        self.faults.clone()
    }

    /// Ends all of them; gives what was held back, oldest first.
    pub(crate) fn clear(&mut self) -> Vec<(Box<str>, Utf8Bytes)> {
        self.faults.clear();
        self.held.drain(..).map(|late| (late.topic, late.text)).collect()
    }

    pub(crate) fn are_none(&self) -> bool {
        self.faults.is_empty() && self.held.is_empty()
    }

    fn take(&mut self, topic: &str, name: &str) -> Option<StreamFaultKind> {
        let place = self.faults.iter().position(|fault| {
            fault.stream.as_deref().is_none_or(|part| topic.contains(part))
                && fault.event.as_deref().is_none_or(|own| own == name)
        })?;
        let fault = self.faults.get_mut(place)?;
        let what = fault.what;
        if let Some(times) = &mut fault.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.faults.remove(place);
            }
        }
        Some(what)
    }

    /// What the listeners of a topic hear now that this event of it has happened.
    pub(crate) fn pass(&mut self, topic: &str, name: &str, text: Utf8Bytes) -> Vec<Utf8Bytes> {
        let what = self.take(topic, name);
        let mut heard = Vec::new();
        match what {
            None => heard.push(text.clone()),
            Some(StreamFaultKind::Duplicate) => heard.extend([text.clone(), text.clone()]),
            Some(StreamFaultKind::Late { .. } | StreamFaultKind::Lose) => {}
        }
        for late in self.held.iter_mut().filter(|late| *late.topic == *topic) {
            late.behind = late.behind.saturating_sub(1);
        }
        let ripe = self.held.extract_if(.., |late| *late.topic == *topic && late.behind == 0);
        heard.extend(ripe.map(|late| late.text));
        if let Some(StreamFaultKind::Late { behind }) = what {
            self.held.push(Late { topic: topic.into(), text, behind });
        }
        heard
    }
}
