//! `supervise`: a supervisor starts a service again.

use engine::Action;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// From now on a supervisor starts the service again when it has died, as systemd does, until it has started too
/// often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Supervise {
    /// Which service.
    pub service: String,
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

impl Step for Supervise {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let service = setting.service("service", &self.service)?;
        let rules = given::supervision(&self.restart, self.starts, &self.interval)?;
        plan.actions.push((when.from, Action::Supervise { service, rules }));
        Ok(())
    }

    fn sentence(&self) -> String {
        format!("a supervisor starts {} again when it dies", self.service)
    }
}
