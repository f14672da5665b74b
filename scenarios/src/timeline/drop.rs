//! `drop`: deliveries do not arrive.

use engine::OnLink;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// Entries of a stream do not reach their readers: in a group they stay pending and come back after a minute,
/// without one they are lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// Which stream; every one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Which reader; every one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// To which share, from 0 to 1; all of them without it.
    #[serde(default = "given::all")]
    pub share: f64,
}

impl Drop {
    fn link(&self) -> given::Link<'_> {
        given::Link { stream: &self.stream, reader: &self.reader, share: self.share }
    }
}

impl Step for Drop {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = OnLink::Drop;
        self.link().plan(what, when, setting, plan)
    }

    fn sentence(&self) -> String {
        format!("{} are dropped", self.link().words())
    }
}
