//! `restart`: a service that is down starts again.

use engine::Action;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When};

/// A service that is down starts again, from its first state; the bus is as it was left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Which service.
    pub service: String,
}

impl Step for Restart {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let service = setting.service("service", &self.service)?;
        plan.actions.push((when.from, Action::Restart(service)));
        Ok(())
    }

    fn sentence(&self) -> String {
        format!("{} starts again", self.service)
    }
}
