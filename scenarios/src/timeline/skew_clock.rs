//! `skew_clock`: the clock of a service is wrong.

use engine::Action;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// The clock of a service is ahead of the true one, or behind it; its timers keep their spans.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkewClock {
    /// Which service.
    pub service: String,
    /// How far ahead, such as `1500ms`; `-2s` is behind.
    pub by: String,
}

impl Step for SkewClock {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let service = setting.service("service", &self.service)?;
        let ahead = given::signed_span("by", &self.by)?;
        plan.actions
            .push((when.from, Action::SkewClock { service, ahead, until: given::end(when) }));
        Ok(())
    }

    fn sentence(&self) -> String {
        let (by, side) = match self.by.trim().strip_prefix('-') {
            Some(by) => (by, "behind"),
            None => (self.by.as_str(), "ahead"),
        };
        format!("the clock of {} is {by} {side}", self.service)
    }
}
