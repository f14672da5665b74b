//! `delay_user_stream`: the user stream is late for a time.

use serde::{Deserialize, Serialize};
use sim_exchange::FaultKind;

use super::venue_faults::{self, Whom, span};
use super::{Lasts, Plan, Setting, Step, When};

/// What the user stream says comes later; its order stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DelayUserStream {
    /// By how much, such as `3s`.
    pub by: String,
}

impl Step for DelayUserStream {
    const LASTS: Lasts = Lasts::Maybe;

    fn plan(&self, when: When, setting: &Setting<'_>, plan: &mut Plan) -> Result<(), String> {
        let what = FaultKind::DelayUserStream { by: span("by", &self.by)? };
        venue_faults::add(what, Whom::default(), when, setting, plan)
    }

    fn sentence(&self) -> String {
        format!("the user stream is {} late", self.by)
    }
}
