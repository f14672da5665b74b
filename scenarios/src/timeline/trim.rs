//! `trim`: a stream is trimmed.

use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given, stream};

/// A stream is cut to its newest entries, whether they have been read or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trim {
    /// Which stream.
    pub stream: String,
    /// How many are left.
    pub to: u64,
}

impl Step for Trim {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let _ = setting;
        let name = stream("stream", &self.stream)?.name;
        let words = ["XTRIM", name, "MAXLEN", "=", &self.to.to_string()];
        plan.actions.push((when.from, given::command(words)));
        Ok(())
    }

    fn sentence(&self) -> String {
        format!("{} is trimmed to {} entries", self.stream, self.to)
    }
}
