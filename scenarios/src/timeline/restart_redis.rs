//! `restart_redis`: Redis starts again with empty memory.

use engine::Action;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// Redis starts again with empty memory; with `until` nobody reaches it before that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartRedis {}

impl Step for RestartRedis {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let _ = setting;
        plan.actions.extend(when.until.map(|until| (when.from, Action::LoseBus { until })));
        plan.actions.push((when.from, given::command(["FLUSHALL"])));
        Ok(())
    }

    fn sentence(&self) -> String {
        "Redis starts again with empty memory".to_owned()
    }
}
