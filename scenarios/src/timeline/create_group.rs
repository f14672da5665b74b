//! `create_group`: a consumer group is made.

use engine::EntryId;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given, stream};

/// A consumer group is made, as an operator would make it; one that exists stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateGroup {
    /// Of which stream.
    pub stream: String,
    /// Its name.
    pub group: String,
    /// Where it begins: `$`, only what comes after; `0`, everything; or an entry's id.
    pub at: String,
    /// Whether one that exists is destroyed before.
    #[serde(default)]
    pub anew: bool,
}

impl Step for CreateGroup {
    const LASTS: Lasts = Lasts::Never;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let name = stream("stream", &self.stream)?.name;
        if self.at != "$" && self.at.parse::<EntryId>().is_err() {
            return Err(format!(
                "at = {:?}: give \"$\", \"0\" or an entry's id such as \"1769718915183-0\"",
                self.at
            ));
        }
        setting.group(name, &self.group)?;
        if self.anew {
            plan.actions
                .push((when.from, given::command(["XGROUP", "DESTROY", name, &self.group])));
        }
        let words = ["XGROUP", "CREATE", name, &self.group, &self.at, "MKSTREAM"];
        plan.actions.push((when.from, given::command(words)));
        Ok(())
    }

    fn sentence(&self) -> String {
        let anew = if self.anew { " anew" } else { "" };
        format!("group {} of {} is made{anew} at {}", self.group, self.stream, self.at)
    }
}
