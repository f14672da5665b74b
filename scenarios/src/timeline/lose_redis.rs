//! `lose_redis`: Redis cannot be reached.

use engine::Action;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// No service reaches Redis: what they ask it fails, and readers get nothing until it is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoseRedis {}

impl Step for LoseRedis {
    const LASTS: Lasts = Lasts::Always;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let _ = setting;
        plan.actions.push((when.from, Action::LoseBus { until: given::end(when) }));
        Ok(())
    }

    fn sentence(&self) -> String {
        "Redis cannot be reached".to_owned()
    }
}
