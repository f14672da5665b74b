//! `reorder`: deliveries overtake each other.

use engine::OnLink;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// Entries of a stream are overtaken by the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reorder {
    /// Which stream; every one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Which reader; every one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// If no other comes, it arrives after this time; `1s` without it.
    #[serde(default = "second")]
    pub within: String,
    /// To which share, from 0 to 1; all of them without it.
    #[serde(default = "given::all")]
    pub share: f64,
}

fn second() -> String {
    "1s".to_owned()
}

impl Reorder {
    fn link(&self) -> given::Link<'_> {
        given::Link { stream: &self.stream, reader: &self.reader, share: self.share }
    }
}

impl Step for Reorder {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = OnLink::Reorder(given::span("within", &self.within)?);
        self.link().plan(what, when, setting, plan)
    }

    fn sentence(&self) -> String {
        format!("{} are overtaken by the next one", self.link().words())
    }
}
