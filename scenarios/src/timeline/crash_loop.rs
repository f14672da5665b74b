//! `crash_loop`: a service dies after each start.

use engine::{Action, Dies};
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given, stream};

/// A service dies after each start, and its supervisor starts it again until it has started too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrashLoop {
    /// Which service.
    pub service: String,
    /// So long after each start, such as `200ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Or at the first entry of this stream that reaches it; the entry stays pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_message: Option<String>,
    /// From its death to its next start, such as `100ms`, which it is without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// How often it may start within that time; 5 without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<u32>,
    /// Of the limit of starts; `10s` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
}

impl Step for CrashLoop {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let service = setting.service("service", &self.service)?;
        let rules = given::supervision(&self.restart, self.starts, &self.interval)?;
        let dies = match (&self.after, &self.at_message) {
            (Some(after), None) => Dies::After(given::span("after", after)?),
            (None, Some(name)) => {
                let stream = stream("at_message", name)?.name;
                if !setting.reads(Some(stream), Some(service)) {
                    return Err(format!("at_message: {} does not read {name}", self.service));
                }
                Dies::AtMessage(stream.to_owned())
            }
            _ => return Err("it needs one of `after` and `at_message`".into()),
        };
        let until = given::end(when);
        plan.actions.push((when.from, Action::CrashLoop { service, dies, rules, until }));
        Ok(())
    }

    fn sentence(&self) -> String {
        let dies = match (&self.after, &self.at_message) {
            (Some(after), _) => format!("{after} after each start"),
            (None, stream) => format!("at each entry of {}", stream.as_deref().unwrap_or_default()),
        };
        format!("{} dies {dies}", self.service)
    }
}
