//! What several actions take: spans, shares, links and clients of Redis.

use engine::{Action, Chance, LinkFault, Nanos, OnLink, Supervision};

use super::{Plan, Setting, When, stream};
use crate::events::offset;

/// A share of all, where a step does not say.
pub(super) fn all() -> f64 {
    1.0
}

/// A length of time, such as `1m 30s` or `250ms`.
pub(super) fn span(key: &str, text: &str) -> Result<Nanos, String> {
    offset(text).ok_or_else(|| {
        format!(
            "{key} = {text:?} is no span: give one such as \"1m 30s\" or \"250ms\" (d, h, m, s, ms)"
        )
    })
}

/// A length of time with a sign.
pub(super) fn signed_span(key: &str, text: &str) -> Result<Nanos, String> {
    match text.trim().strip_prefix('-') {
        Some(rest) => span(key, rest).map(|span| Nanos(-span.0)),
        None => span(key, text),
    }
}

/// The end of a step that may last to the end of the run.
pub(super) fn end(when: When) -> Nanos {
    when.until.unwrap_or(Nanos::NEVER)
}

/// The chance that each is hit, drawn from the step's own random stream.
pub(super) fn chance(share: f64, setting: &Setting<'_>) -> Result<Chance, String> {
    if !(share > 0.0 && share <= 1.0) {
        return Err(format!("share = {share}: give more than 0 and at most 1"));
    }
    let name = format!("fault:{}", setting.place);
    Ok(Chance::of(share, setting.scenario.seed, &name))
}

/// In a sentence: the share, unless it is all.
pub(super) fn share_words(share: f64) -> String {
    if share == 1.0 { String::new() } else { format!(" with a chance of {share}") }
}

/// A link from streams to their readers, as a step names it.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) stream: &'a Option<String>,
    pub(super) reader: &'a Option<String>,
    pub(super) share: f64,
}

impl Link<'_> {
    /// Plans a fault of the link.
    pub(super) fn plan(
        self,
        what: OnLink,
        when: When,
        setting: &Setting<'_>,
        plan: &mut Plan,
    ) -> Result<(), String> {
        let named = self.stream.as_deref().map(|name| stream("stream", name)).transpose()?;
        let reader = self.reader.as_deref();
        let reader = reader.map(|name| setting.service("reader", name)).transpose()?;
        let fault = LinkFault {
            stream: named.map(|stream| stream.name.to_owned()),
            reader,
            what,
            chance: chance(self.share, setting)?,
        };
        if !setting.reads(fault.stream.as_deref(), reader) {
            let (stream, reader) = (self.stream.as_deref(), self.reader.as_deref());
            return Err(format!(
                "{} does not read {}: `qsim pipeline map` shows who reads what",
                reader.unwrap_or("any service of this run"),
                stream.unwrap_or("any stream"),
            ));
        }
        plan.actions.push((when.from, Action::Link { fault, until: end(when) }));
        Ok(())
    }

    /// In a sentence: which, and to whom.
    pub(super) fn words(self) -> String {
        format!(
            "entries of {} on their way to {}{}",
            self.stream.as_deref().unwrap_or("every stream"),
            self.reader.as_deref().unwrap_or("every reader"),
            share_words(self.share)
        )
    }
}

/// A command of Redis that somebody sends.
pub(super) fn command<W: AsRef<[u8]>>(words: impl IntoIterator<Item = W>) -> Action {
    Action::Command(words.into_iter().map(|word| word.as_ref().to_vec()).collect())
}

/// The rules of a supervisor; systemd's own where a step does not say.
pub(super) fn supervision(
    restart: &Option<String>,
    starts: Option<u32>,
    interval: &Option<String>,
) -> Result<Supervision, String> {
    let usual = Supervision::default();
    let span_or = |key: &str, text: &Option<String>, usual| {
        text.as_deref().map_or(Ok(usual), |text| span(key, text))
    };
    let starts_max = starts.unwrap_or(usual.starts_max);
    if starts_max == 0 {
        return Err("starts = 0: give at least 1, the start that it has had".into());
    }
    Ok(Supervision {
        restart_after: span_or("restart", restart, usual.restart_after)?,
        starts_max,
        interval: span_or("interval", interval, usual.interval)?,
    })
}
