//! `hang`: a service hangs.

use engine::Action;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// A service handles nothing; what comes for it waits, and it catches up afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hang {
    /// Which service.
    pub service: String,
}

impl Step for Hang {
    const LASTS: Lasts = Lasts::Always;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let service = setting.service("service", &self.service)?;
        plan.actions.push((when.from, Action::Hang { service, until: given::end(when) }));
        Ok(())
    }

    fn sentence(&self) -> String {
        format!("{} hangs", self.service)
    }
}
