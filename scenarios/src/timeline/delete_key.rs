//! `delete_key`: a key is deleted.

use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// A key, or a whole stream, is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteKey {
    /// Which key.
    pub key: String,
}

impl Step for DeleteKey {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let _ = setting;
        plan.actions.push((when.from, given::command(["DEL", self.key.as_str()])));
        Ok(())
    }

    fn sentence(&self) -> String {
        format!("{} is deleted", self.key)
    }
}
