//! `flush_redis`: Redis loses its memory.

use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// Redis loses all keys, streams and groups, and stays reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlushRedis {}

impl Step for FlushRedis {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let _ = setting;
        plan.actions.push((when.from, given::command(["FLUSHALL"])));
        Ok(())
    }

    fn sentence(&self) -> String {
        "Redis is flushed".to_owned()
    }
}
