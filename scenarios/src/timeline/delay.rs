//! `delay`: deliveries arrive late.

use engine::OnLink;
use serde::{Deserialize, Serialize};

use super::{Lasts, Plan, Setting, Step, When, given};

/// Entries of a stream reach their readers later, in their order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// Which stream; every one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Which reader; every one without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// How much later, such as `2s`.
    pub by: String,
    /// To which share, from 0 to 1; all of them without it.
    #[serde(default = "given::all")]
    pub share: f64,
}

impl Delay {
    fn link(&self) -> given::Link<'_> {
        given::Link { stream: &self.stream, reader: &self.reader, share: self.share }
    }
}

impl Step for Delay {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = OnLink::Delay(given::span("by", &self.by)?);
        self.link().plan(what, when, setting, plan)
    }

    fn sentence(&self) -> String {
        format!("{} are {} late", self.link().words(), self.by)
    }
}
