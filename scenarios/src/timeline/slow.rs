//! `slow`: a service is slow.

use engine::{Action, Nanos};
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// A service thinks longer about each message, timer and market event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// Which service.
    pub service: String,
    /// So many times as long; once without it.
    #[serde(default = "given::all")]
    pub factor: f64,
    /// And so much more, such as `50ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<String>,
}

/// More than that would leave the range of time.
const FACTOR_MAX: f64 = 1e6;

impl Step for Slow {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let service = setting.service("service", &self.service)?;
        if !(self.factor >= 0.0 && self.factor <= FACTOR_MAX) {
            return Err(format!("factor = {}: give 0 to {FACTOR_MAX}", self.factor));
        }
        let more = self.more.as_deref().map(|more| given::span("more", more)).transpose()?;
        let more = more.unwrap_or_default();
        if self.factor == 1.0 && more == Nanos::ZERO {
            return Err("it changes nothing: give `factor` or `more` or both".into());
        }
        let (factor, until) = (self.factor, given::end(when));
        plan.actions.push((when.from, Action::Slow { service, factor, more, until }));
        Ok(())
    }

    fn sentence(&self) -> String {
        let more = self.more.as_ref().map_or(String::new(), |more| format!(" and {more} more"));
        format!("{} thinks {} times as long{more}", self.service, self.factor)
    }
}
