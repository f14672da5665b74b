//! `publish`: an entry appears on a stream.

use engine::{Action, Nanos};
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, stream};
use crate::events::offset;
use crate::wire_text::{Entry, Envelope};

/// Most entries that one step may publish.
const TIMES_MAX: u32 = 100_000;

/// An entry appears on a stream, or several of them, one after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Which stream, such as `trade.intent`.
    pub stream: String,
    /// What it says. `$now` is the time of the entry, `$now_s` and `$now_ms` the same as a number since 1970,
    /// `$now-90s` is before it, `$n` counts the entries from 1.
    pub fields: Entry,
    /// The envelope in which the fields lie.
    #[serde(default)]
    pub envelope: Envelope,
    /// How many of them.
    #[serde(default = "once")]
    pub times: u32,
    /// From one to the next, such as `250ms`; at once where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
}

fn once() -> u32 {
    1
}

impl Step for Publish {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, _: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let stream = stream("stream", &self.stream)?;
        if self.times == 0 || self.times > TIMES_MAX {
            return Err(format!("times is {}: it has to be from 1 to {TIMES_MAX}", self.times));
        }
        let every = match &self.every {
            None => Nanos::ZERO,
            Some(text) => offset(text)
                .ok_or_else(|| format!("every = {text:?} is no time such as \"250ms\""))?,
        };
        for n in 0..self.times {
            let at = when.from + Nanos(every.0.saturating_mul(i64::from(n)));
            let body = self.fields.body(self.envelope, stream.event, at, n + 1)?;
            plan.actions.push((at, Action::Publish { stream: stream.name.to_owned(), body }));
        }
        Ok(())
    }

    fn sentence(&self) -> String {
        match self.times {
            1 => format!("an entry appears on {}", self.stream),
            times => format!("{times} entries appear on {}", self.stream),
        }
    }
}
