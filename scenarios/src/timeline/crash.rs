//! `crash`: a service dies.

use engine::Action;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When};

/// A service dies: it loses its memory and handles nothing. With `until` it is started again then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// Which service.
    pub service: String,
}

impl Step for Crash {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let service = setting.service("service", &self.service)?;
        plan.actions.push((when.from, Action::Crash(service)));
        plan.actions.extend(when.until.map(|until| (until, Action::Restart(service))));
        Ok(())
    }

    fn sentence(&self) -> String {
        format!("{} crashes", self.service)
    }
}
